"""What is done to a running installation, drawn from a seed: deaths, freezes, outages, comings and goings, repetitions.

Each service has a tormentor of its own, so that faults of several parts meet. All of them stop when enough has been
killed or the time is over, and leave everything running.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chaos.collecting import read
from chaos.crew import TWO, Crew
from chaos.load import Load
from chaos.points import Point
from docward.events.codec import Encoded, envelope_of
from docward.events.errors import UndecodableError
from docward.events.topics import ANALYSIS_EVENTS, DOCUMENT_COMMANDS, DOCUMENT_EVENTS
from docward.localstack.servers import Server
from docward.localstack.stack import Stack
from docward.runtime.errors import OPERATIONAL
from docward.runtime.kafka import Publisher
from installation import SERVICES

SESSION_S = 6.0
"""Of the installation's consumers; what is frozen for longer has lost its partitions."""


@dataclass
class Torment:
    crew: Crew
    load: Load
    seed: str
    kills: int
    """At random, besides the deaths at points; 0: nothing happens but those."""
    seconds: float
    points: Sequence[Point] = ()
    """To come by, each once at least if there is time."""
    stack: Stack | None = None
    """Given: its servers are killed, too."""
    reached: list[Point] = field(default_factory=list)
    missed: list[Point] = field(default_factory=list)
    """Not come by in the time they were given, in all their turns."""
    done: dict[str, int] = field(default_factory=dict)
    """How often each fault was brought about."""

    async def run(self) -> None:
        self._until = time.monotonic() + self.seconds
        self._turns: dict[str, deque[tuple[Point, int]]] = {}
        async with asyncio.TaskGroup() as group:
            for service in SERVICES:
                group.create_task(self._torment(service))
            if self.stack is not None:
                group.create_task(self._servers(self.stack))
            group.create_task(self._repeat_now_and_then())

    @property
    def _over(self) -> bool:
        """Points that are left may take half as long again, so that a slow machine comes by them, too."""
        now, left = time.monotonic(), any(self._turns.values())
        if now > self._until + self.seconds / 2:
            return True
        return not left and (self.crew.kills >= self.kills or now > self._until)

    def _draw(self, name: str) -> random.Random:
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 -- to be drawn again

    def _did(self, fault: str) -> None:
        self.done[fault] = self.done.get(fault, 0) + 1

    async def _torment(self, service: str) -> None:
        draw = self._draw(service)
        points = [(point, 2) for point in self.points if point.service == service]
        draw.shuffle(points)
        turns = self._turns[service] = deque(points)
        while not self._over:
            self.crew.keep_up(service)
            if not self.kills:
                if not turns:
                    return
                await self._interrupt(draw, turns)
                continue
            await asyncio.sleep(draw.uniform(0.3, 1.5))
            chance = draw.random()
            if turns and chance < 0.85:
                await self._interrupt(draw, turns)
            elif chance > 0.93:
                await self._freeze(service, draw)
            elif chance > 0.90 and service != "gateway":
                await self._succeed(service, draw)
            elif chance > 0.86:
                await self._join_or_leave(service, draw)
            else:
                self.crew.kill(service)
                await asyncio.sleep(draw.uniform(0, 0.3))
                self.crew.start(service)
                self._did("kill -9 of a service")
        self.missed += [point for point, _ in turns]

    async def _interrupt(self, draw: random.Random, turns: deque[tuple[Point, int]]) -> None:
        point, left = turns.popleft()
        self.crew.kill(point.service)
        self.crew.start(point.service, point=replace(point, nth=draw.randint(1, 2) if self.kills and left > 1 else 1))
        if await self.crew.interrupted(point, within=15 if self.kills else 40):
            self._did("death at a point")
            self.reached.append(point)
        elif left > 1:
            turns.append((point, left - 1))
        else:
            self.missed.append(point)
        if self.crew.runs(point.service):
            self.crew.kill(point.service)
        self.crew.start(point.service)

    async def _freeze(self, service: str, draw: random.Random) -> None:
        """Longer than its session, with somebody there who takes over."""
        if service != "gateway" and not self.crew.runs(service, TWO):
            self.crew.start(service, TWO)
            await asyncio.sleep(draw.uniform(2, 3))
        self.crew.freeze(service)
        await asyncio.sleep(draw.uniform(1.2, 1.6) * SESSION_S)
        self.crew.thaw(service)
        self._did("freeze")

    async def _join_or_leave(self, service: str, draw: random.Random) -> None:
        if not self.crew.runs(service, TWO):
            self.crew.start(service, TWO)
            self._did("replica joined")
        elif draw.random() < 0.5:
            self.crew.kill(service, TWO)
            self._did("replica killed")
        else:
            await asyncio.to_thread(self.crew.stop, service, TWO)
            self._did("replica left")

    async def _succeed(self, service: str, draw: random.Random) -> None:
        """A second process of the same name takes over while the first one still runs; then the first one dies."""
        first = self.crew.succeed(service)
        await asyncio.sleep(draw.uniform(2, 4))
        self.crew.end_former(first)
        self._did("replaced while running")

    async def _servers(self, stack: Stack) -> None:
        draw = self._draw("servers")
        while not self._over:
            await asyncio.sleep(min(draw.uniform(15, 30), max(0, self._until - time.monotonic())))
            if self._over or time.monotonic() > self._until:
                return
            name = draw.choice(sorted(stack.servers))
            await asyncio.to_thread(crash, stack.servers[name])
            self.crew.kills += 1
            await asyncio.sleep(draw.uniform(0, 1))
            await asyncio.to_thread(stack.servers[name].start)
            self._did(f"crash of {name}")

    async def _repeat_now_and_then(self) -> None:
        draw = self._draw("repetitions")
        while not self._over:
            await asyncio.sleep(draw.uniform(5, 15))
            with contextlib.suppress(*OPERATIONAL):  # the broker is away: another time
                if draw.random() < 0.2:
                    await self.load.poison_events()
                else:
                    await self.repeat(draw)

    async def repeat(self, draw: random.Random, number: int = 20) -> None:
        """Publish records again that lie in their topics, byte for byte: as a relay does that was behind."""
        place = self.load.place
        publisher = Publisher(place.settings("example").kafka, place.signer("example"))
        topics = (DOCUMENT_COMMANDS, DOCUMENT_EVENTS, ANALYSIS_EVENTS)
        try:
            found = await read(place, topics)
            for topic in topics:
                records = [record for record in found[topic.name] if _readable(record)]
                for record in draw.sample(records, min(number, len(records))):
                    again = Encoded(record.key or b"", record.value or b"", record.headers)
                    await publisher.write(topic, record.partition, [again])
            self._did("records repeated")
        finally:
            await publisher.stop()

    async def make_whole(self) -> None:
        """Everything runs once, and nothing is frozen."""
        for service in SERVICES:
            if self.crew.runs(service, TWO):
                await asyncio.to_thread(self.crew.stop, service, TWO)
            self.crew.processes.pop((service, TWO), None)
            self.crew.keep_up(service)


def _readable(record: object) -> bool:
    try:
        envelope_of(record)  # type: ignore[arg-type]  # a record of a topic
    except UndecodableError:
        return False
    return True


def crash(server: Server) -> None:
    """kill -9; of Postgres its `immediate`, which ends all of its processes."""
    if server.last_signal == signal.SIGQUIT and server.pid is not None:
        os.kill(server.pid, signal.SIGQUIT)
        deadline = time.monotonic() + server.grace
        while server.running and time.monotonic() < deadline:
            time.sleep(0.02)
    server.kill()
