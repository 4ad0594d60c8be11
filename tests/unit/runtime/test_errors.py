"""What is waited out, and what is a mistake."""

from __future__ import annotations

import errno
import socket

import asyncpg
import pytest
from aiokafka.errors import KafkaConnectionError

from docward.runtime.errors import OPERATIONAL, is_outage
from docward.runtime.postgres import connect


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        BrokenPipeError(errno.EPIPE, "broken"),
        TimeoutError(),
        socket.gaierror(socket.EAI_AGAIN, "no name server"),
        OSError(errno.ENOSPC, "no space left"),
        OSError(errno.EIO, "input/output error"),
        OSError(errno.EMFILE, "too many open files"),
        OSError(errno.EHOSTUNREACH, "no route"),
        BlockingIOError(errno.EAGAIN, "no further process"),
        KafkaConnectionError(),
        asyncpg.CannotConnectNowError("starting"),
    ],
    ids=repr,
)
def test_an_outage_is_waited_out(error: BaseException) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "no such file"),
        PermissionError(errno.EACCES, "permission denied"),
        IsADirectoryError(errno.EISDIR, "is a directory"),
        OSError(errno.EINVAL, "invalid argument"),
        OSError("without a number"),
        asyncpg.DataError("out of range"),
        asyncpg.exceptions._base.DataError("a value that the driver refuses, which it also calls a misuse"),
        ValueError("a bug"),
    ],
    ids=repr,
)
def test_a_mistake_is_none(error: BaseException) -> None:
    assert not is_outage(error)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1,127.0.0.2", "/nowhere"])
async def test_a_database_that_nobody_can_connect_to_is_an_outage_however_the_system_says_it(host: str) -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        with pytest.raises(OPERATIONAL):
            await connect(host=host.split(","), port=port, user="nobody", database="none", timeout=5)
