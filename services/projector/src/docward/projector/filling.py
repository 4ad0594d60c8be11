"""The loops of the projector: one per generation of each read model that is fed, started and ended while it runs.

What is asked for is a row of the table `projections`, so a rebuild goes on after whatever ended the process. The first
loop that fails ends all, with its error.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from docward.events.topics import Topic
from docward.runtime.delivery import DeliveryLoop
from docward.runtime.errors import OPERATIONAL
from docward.runtime.generations import (
    GENERATIONS_CHANNEL,
    consumer_of,
    fed,
    generation_of,
    known,
    prepare_generation,
    remove,
)
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.projections import Projection, projection_loop
from docward.runtime.service import Loop

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
"""A notification can be lost with its connection."""


class Filling:
    def __init__(self, projections: Sequence[Projection], around: Infrastructure, *, dead_letters: Topic) -> None:
        self._projections = projections
        self._around = around
        self._dead_letters = dead_letters
        self._fed: dict[str, DeliveryLoop] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self.loops: list[Loop] = [self]
        """This one, and those that it has started: for whoever watches over them."""
        self.name = "filling"
        self.beat = time.monotonic()
        around.listener.on(GENERATIONS_CHANNEL, lambda _: self._wake.set())

    @property
    def joined(self) -> bool:
        """Whether anything is fed yet."""
        return bool(self._tasks)

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def _look(self) -> None:
        """Feed what is to be fed, and remove what is to go."""
        async with self._around.pool.acquire() as connection:
            rows = await known(connection)
        feeding = []
        for row in rows:
            if row["state"] == "dropping":
                await self._leave(consumer_of(row))
                await remove(self._around.pool, row)
                continue
            projection = generation_of(row, self._projections)
            if projection is None:
                log.debug("tables of another version are not fed", name=row["name"], version=row["version"])
                continue
            if row["state"] == "requested":
                await prepare_generation(self._around.pool, projection)
            if projection.consumer not in self._fed:
                self._begin(projection)
            feeding.append(projection)
        async with self._around.pool.acquire() as connection:
            await fed(connection, feeding)
        for consumer in self._fed.keys() - {consumer_of(row) for row in rows}:
            await self._leave(consumer)  # removed by another replica

    def _begin(self, projection: Projection) -> None:
        self._fed[projection.consumer] = projection_loop(projection, self._around, dead_letters=self._dead_letters)

    async def _leave(self, consumer: str) -> None:
        loop = self._fed.pop(consumer, None)
        if loop is None:
            return
        loop.stop()
        task = self._tasks.pop(consumer, None)
        if task is not None:
            self.loops.remove(loop)
            await asyncio.wait({task}, timeout=LOOK_EVERY_S)
            task.cancel()

    async def run(self) -> None:
        try:
            while not self._stopping:
                self.beat = time.monotonic()
                self._wake.clear()
                await self._look_again()
                self._start()
                await self._wait()
            for loop in self._fed.values():  # one may have begun after the others were told
                loop.stop()
            await asyncio.gather(*self._tasks.values())
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _start(self) -> None:
        for consumer, loop in self._fed.items():
            if consumer not in self._tasks:
                self._tasks[consumer] = asyncio.create_task(loop.run(), name=consumer)
                self.loops.append(loop)

    async def _wait(self) -> None:
        """Until something was asked for, or a while has passed. Raises the error of a loop that fails."""
        waking = asyncio.create_task(self._wake.wait())
        watched = {waking, *self._tasks.values()}
        try:
            ended, _ = await asyncio.wait(watched, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()
        for task in self._tasks.values():
            if task in ended and not self._stopping:
                task.result()
                raise RuntimeError(f"{task.get_name()} has ended by itself")

    async def _look_again(self) -> None:
        try:
            await self._look()
        except OPERATIONAL as error:
            log.warning("what is to be fed cannot be read", error=f"{type(error).__name__}: {error}")
