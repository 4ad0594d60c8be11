"""Switches that operators asked for, done one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

import structlog

from docward.runtime.errors import OPERATIONAL
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.projections import Projection
from docward.runtime.switching import SWITCHES_CHANNEL, answer_next

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
"""A notification can be lost with its connection."""


class Switches:
    """One of them works, in whichever replica can fill what is to be switched."""

    def __init__(self, projections: Sequence[Projection], views: str, around: Infrastructure) -> None:
        self._projections = projections
        self._views = views
        self._pool = around.pool
        self._wake = asyncio.Event()
        self._stopping = False
        self._backend: int | None = None
        """The database's process that works for it."""
        self.name = "switching"
        self.beat = time.monotonic()
        around.listener.on(SWITCHES_CHANNEL, lambda _: self._wake.set())

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            await self._patiently()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()

    async def _patiently(self) -> None:
        """Building indexes takes as long as it takes: this loop comes round while the database is at it."""
        self.beat = time.monotonic()
        work = asyncio.create_task(self._answer())
        try:
            while not work.done() and not self._stopping:
                await asyncio.wait({work}, timeout=1)
                if await self._is_at_work():
                    self.beat = time.monotonic()
            if work.done():
                work.result()
        except OPERATIONAL as error:
            log.warning("switches cannot be read or done", error=f"{type(error).__name__}: {error}")
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _is_at_work(self) -> bool:
        """Whether the database runs a statement for it; a process that hangs between two of them does nothing."""
        state = await self._pool.fetchval("select state from pg_stat_activity where pid = $1", self._backend)
        return bool(state == "active")

    async def _answer(self) -> None:
        async with self._pool.acquire() as connection:
            self._backend = connection.get_server_pid()
            if not await connection.fetchval("select pg_try_advisory_lock(hashtext('docward-switches'))"):
                return
            # Released with the connection: giving it back to the pool ends whatever it held.
            while await answer_next(connection, self._projections, self._views):
                pass
