"""How far what users see is behind: the age of the oldest acknowledged command that has no outcome yet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from chaos.history import SETTLED
from chaos.runner import Run
from docward.runtime.errors import OPERATIONAL
from installation import SERVICES

UNDER_S = 5.0
"""What users are to be kept within."""
LOOK_EVERY_S = 0.25
AWAY: tuple[type[BaseException], ...] = (*OPERATIONAL, OSError)
"""How a connection of our own fails when the database is away: the driver's bare errors, too."""


@dataclass
class Lag:
    run: Run
    seconds: float = 0.0
    worst: float = 0.0
    last_settled: float = 0.0
    """When the latest of the settled commands was acknowledged."""
    _waiting: dict[UUID, float] = field(default_factory=dict)
    _seen: int = 0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Lag]:
        watching = asyncio.create_task(self._watch())
        try:
            yield self
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def back(self, since: float, within: float) -> float:
        """Seconds from `since` until a later command is settled and the lag is small; raises TimeoutError."""
        async with asyncio.timeout(within):
            while self.last_settled < since or self.seconds > UNDER_S:
                self.run.crew.keep_up(*SERVICES)
                await asyncio.sleep(LOOK_EVERY_S)
        return time.monotonic() - since

    async def _watch(self) -> None:
        while True:
            acknowledged = list(self.run.load.acknowledged.items())[self._seen :]
            self._seen += len(acknowledged)
            self._waiting |= {ident: at for ident, at in acknowledged if isinstance(ident, UUID)}
            try:
                async with asyncio.timeout(5):
                    await self._look()
            except AWAY:  # the database is away: nobody can see anything
                pass
            self.seconds = time.monotonic() - min(self._waiting.values(), default=time.monotonic())
            self.worst = max(self.worst, self.seconds)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _look(self) -> None:
        connection = await asyncpg.connect(self.run.place.dsn, timeout=3)
        try:
            rows = await connection.fetch(
                "select operation_id from read.operations where operation_id = any($1) and status = any($2)",
                list(self._waiting),
                list(SETTLED),
            )
        finally:
            connection.terminate()
        for row in rows:
            self.last_settled = max(self.last_settled, self._waiting.pop(row["operation_id"]))
