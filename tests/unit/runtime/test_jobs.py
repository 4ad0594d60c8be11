"""A pool is watched worker by worker."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from docward.runtime.jobs import JobPool


class _Database:
    """Has no jobs, and never answers who asks first."""

    def __init__(self) -> None:
        self.asked = 0
        self.asked_again = asyncio.Event()

    async def fetchrow(self, *_: Any) -> None:
        self.asked += 1
        if self.asked == 1:
            await asyncio.Event().wait()
        if self.asked > 5:
            self.asked_again.set()


async def test_a_worker_that_is_frozen_is_not_covered_by_the_others() -> None:
    database = _Database()
    pool = JobPool(
        [], pool=database, concurrency=2, report=lambda _: _report, wake_relay=lambda: None, look_every_s=0.01
    )
    running = asyncio.create_task(pool.run())
    begun = time.monotonic()
    async with asyncio.timeout(10):
        await database.asked_again.wait()
    assert begun <= pool.beat < time.monotonic() - 0.03
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _report(stage: str, done: int, total: int, unit: str) -> None: ...
