"""What may go wrong around a message, by what is done about it.

`OPERATIONAL` lists the errors of an outage: they pause and retry, and park nothing. Everything else that a handler
raises is unexpected: its record is parked. `FencedError` means that another process owns the partition. An `OSError` is
an outage only where the system says that it lacks something (`OUTAGES_OF_THE_SYSTEM`): a file that is missing or closed
to us is a mistake, and trying again would hide it.
"""

from __future__ import annotations

import errno
import socket

import asyncpg
from aiokafka.errors import KafkaError

from docward.events.codec import Record


class FencedError(Exception):
    """Another process has taken over: nothing was changed."""


class StopPartitionError(Exception):
    """What comes before the record is settled, and the partition waits for a person there."""

    def __init__(self, record: Record, message: str) -> None:
        super().__init__(message)
        self.record = record


class GapError(StopPartitionError):
    """An event's stream version is not the next one: something between is missing."""


class TooManyParkedError(StopPartitionError):
    """So much of the partition is parked that a bad deployment is likelier than bad records."""


class ConcurrentDecisionError(Exception):
    """Another process has decided a command of the same id since the batch was begun: begin it again."""


class BrokerUnavailableError(Exception):
    """The broker did not acknowledge in time; whether the record was written is unknown."""


class DatabaseUnreachableError(Exception):
    """No connection could be made to the database."""


class ObjectStoreUnavailableError(Exception):
    """The object store cannot be reached."""


class ObjectMissingError(Exception):
    """Nothing is stored under the reference."""


class HashMismatchError(Exception):
    """What is stored under the reference has another hash or size than the reference says."""


class TooLargeError(Exception):
    """The bytes exceed the limit."""


OPERATIONAL: tuple[type[BaseException], ...] = (
    ConnectionError,
    TimeoutError,
    socket.gaierror,
    ConcurrentDecisionError,
    BrokerUnavailableError,
    DatabaseUnreachableError,
    ObjectStoreUnavailableError,
    KafkaError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a query begun between the server's goodbye and the end of the connection
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InsufficientResourcesError,
    asyncpg.QueryCanceledError,
)

OUTAGES_OF_THE_SYSTEM = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EIO,
        errno.EROFS,  # what a file system becomes after errors of its device
        errno.ESTALE,
        errno.EMFILE,
        errno.ENFILE,
        errno.EAGAIN,  # no further process
        errno.ENOMEM,
        errno.ENOBUFS,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    }
)
"""Disk, descriptors, processes, memory, network: gone for a while, and no fault of what is being done."""

PERHAPS_SLOW: tuple[type[BaseException], ...] = (
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.QueryCanceledError,
)
"""How a transaction ends that does too much: by a timeout, or with its session. So does one in an outage."""

DATA_ERRORS: tuple[type[BaseException], ...] = (
    asyncpg.DataError,
    asyncpg.exceptions._base.DataError,  # noqa: SLF001 -- the driver refuses a value itself; no public name, and an InterfaceError
    asyncpg.IntegrityConstraintViolationError,
    UnicodeEncodeError,  # text that is no UTF-8
)
"""SQLSTATE classes 22 and 23: one record of the batch is at fault; the batch is bisected to find it.

To be caught before OPERATIONAL: the driver counts its own kind among the misuses of its connection.
"""


def is_outage(error: BaseException) -> bool:
    """Whether trying again later is all that can be done about it, and all that need be."""
    if isinstance(error, OPERATIONAL):
        return not isinstance(error, DATA_ERRORS)
    return isinstance(error, OSError) and error.errno in OUTAGES_OF_THE_SYSTEM
