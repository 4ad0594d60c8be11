"""What the measurements share: a service's infrastructure in this process, and how a rate is taken in steady state."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.resources.abc import Traversable
from typing import Any

import asyncpg

from docward.events.topics import Topic
from docward.runtime.infrastructure import Infrastructure, infrastructure
from docward.runtime.settings import Telemetry
from installation import Installation

WARM = 0.1
"""The part of a run that is not counted: the group is being joined, caches and connections are cold."""
LOOK_EVERY_S = 0.05
"""Looking takes from what it looks at: the same process and database."""


@asynccontextmanager
async def opened(
    place: Installation, service: str, migrations: Traversable, topics: Sequence[Topic], log_level: str = "ERROR"
) -> AsyncIterator[Infrastructure]:
    settings = place.settings("gateway").model_copy(update={"telemetry": Telemetry(log_level=log_level)})
    async with infrastructure(service, settings, schema=service, migrations=[migrations], topics=topics) as around:
        yield around


@asynccontextmanager
async def running(loop: Any, *background: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A loop with what works beside it, as in a service's process; one that fails fails the measurement."""
    async with asyncio.TaskGroup() as group:
        beside = [group.create_task(each) for each in background]
        group.create_task(loop.run())
        yield
        loop.stop()
        for task in beside:
            task.cancel()


async def rate(place: Installation, done: str, total: int, *values: Any) -> float:
    """How many a second, from the first tenth on until all are done; `done` is a query that counts them."""
    connection = await asyncpg.connect(place.dsn)
    try:
        async with asyncio.timeout(100):
            while (first := await connection.fetchval(done, *values) or 0) < total * WARM:  # noqa: ASYNC110 -- a database is asked
                await asyncio.sleep(LOOK_EVERY_S)
            began = time.perf_counter()
            while (await connection.fetchval(done, *values) or 0) < total:  # noqa: ASYNC110 -- as above
                await asyncio.sleep(LOOK_EVERY_S)
            return (total - int(first)) / (time.perf_counter() - began)
    finally:
        await connection.close()


@contextmanager
def settled_memory() -> Iterator[None]:
    """As a service runs: what lives long is not looked at by the collector."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(300_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def each(calls: int, call: Callable[[], object]) -> float:
    """Microseconds of one call out of `calls` that `call` makes."""
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) / calls * 1e6
