"""Whether what the gateway needs answers: its readiness, and the beat by which its watchdog knows that it lives."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import asyncpg

from docward.runtime.errors import OPERATIONAL

EVERY_SECONDS = 2.0
ANSWERS_WITHIN_SECONDS = 3.0


class Monitor:
    """Looks again and again; never ends by itself."""

    name = "monitor"

    def __init__(self, pool: asyncpg.Pool, bootstrap_servers: str) -> None:
        self._pool = pool
        self._brokers = [server.strip().rpartition(":") for server in bootstrap_servers.split(",")]
        self._stopping = asyncio.Event()
        self._problems: dict[str, str] = {"monitor": "has not looked yet"}
        self.beat = time.monotonic()

    def problems(self) -> dict[str, str]:
        return dict(self._problems)

    async def run(self) -> None:
        while not self._stopping.is_set():
            self.beat = time.monotonic()
            self._problems = await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._stopping.wait()

    def stop(self) -> None:
        self._stopping.set()

    async def _look(self) -> dict[str, str]:
        database, broker = await asyncio.gather(self._database(), self._broker())
        found = {"database": database, "broker": broker}
        return {name: problem for name, problem in found.items() if problem is not None}

    async def _database(self) -> str | None:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
                exists = await self._pool.fetchval("select to_regclass('read.documents') is not null")
        except OPERATIONAL:
            return "does not answer"
        return None if exists else "has no read model yet"

    async def _broker(self) -> str | None:
        for host, _, port in self._brokers:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(ANSWERS_WITHIN_SECONDS):
                    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                writer.close()
                return None
        return "cannot be reached"
