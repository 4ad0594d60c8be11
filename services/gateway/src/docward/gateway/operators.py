"""What admins may do to the system itself: the same functions as the operators' command, under a role of its own.

The gateway owns no table of another service. It acts as the database role `docward_operator`, which may read positions
and parked records and write down what is wanted; whoever owns the partition, or the projector, does it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg

from docward.events.messages import Actor
from docward.gateway.problems import ProblemError, not_found
from docward.runtime.operating import NotPossibleError, NotThereError, Operator
from docward.runtime.postgres import SESSION, Connection, connect_pool
from docward.runtime.settings import Kafka

ROLE = "docward_operator"


@dataclass(slots=True)
class Operators:
    """Connections as that role, opened when first needed: the role is made by the services' own migrations."""

    dsn: str
    kafka: Kafka
    pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Raises ProblemError 409 for what is not possible as things are, 404 for what is not there."""
        try:
            if self.pool is None:
                self.pool = await connect_pool(
                    self.dsn, name="gateway-operating", schema="projector", size=2, role=ROLE, session=SESSION
                )
            async with self.pool.acquire() as connection:
                yield connection
        except asyncpg.InvalidParameterValueError as error:  # no such role
            raise ProblemError(503, "read-model-unavailable", "The read model is being set up.") from error
        except NotThereError as error:
            raise not_found("thing") from error
        except NotPossibleError as error:
            raise ProblemError(409, "not-possible", str(error)) from error

    def close(self) -> None:
        if self.pool is not None:
            self.pool.terminate()


def operator(actor: Actor, why: str) -> Operator:
    """For the audit: who the token says."""
    return Operator(actor.subject, why)
