"""Ten times the usual rate for half a minute: what it leaves behind, how soon that is gone, what is held meanwhile.

All four services run. Commands that edit documents come from another system, over all partitions; the usual rate goes
on for a minute after the burst. Usual is a fifth of what the same installation settled a second just before: the burst
is then twice what it can do, and leaves half of itself behind. Of a higher rate more would be left than a minute has
room for, on any machine. What is left is gone when every decider, reaction and read model has done with it, as
`docward lag` tells.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import psutil  # type: ignore[import-untyped]  # ships no types

from bench.visible import PAGE
from docward.events.codec import Encoded, Envelope, encode
from docward.events.documents import EditDetails, SubmitDocument
from docward.events.messages import Actor, Command, stream_id
from docward.events.topics import DOCUMENT_COMMANDS, DOCUMENT_EVENTS
from docward.localstack import Stack
from docward.runtime.kafka import Publisher, partition_of
from docward.runtime.lag import lags
from docward.runtime.objects import ObjectStore
from installation import Installation, new_installation, until

TIMES = 10
USUAL = 0.2
"""Part of what the installation settles a second."""
DOCUMENTS = 24
WARM = 1 / 4
"""Part of the commands by which the rate is taken that go before them: caches and connections are cold."""
GONE_WITHIN_S = 60.0
MOST_MB = 256.0
GIVEN_UP_S = 300.0
TICK_S = 0.05
DECIDER = "converter-documents"
LOOK_EVERY_S = 0.5
SENDER = Actor(subject="a.system@example.test", roles=("contributor",))


@dataclass
class Sender:
    """Another system that edits its documents."""

    place: Installation
    random: Random
    sent: Counter[int] = field(default_factory=Counter)
    """Commands of each partition: nobody else sends any."""

    def __post_init__(self) -> None:
        self._publisher = Publisher(self.place.settings("example").kafka, self.place.signer("example"))
        self._documents: list[UUID] = []

    async def submit(self) -> None:
        objects = ObjectStore(self.place.objects.as_uri())
        for n in range(DOCUMENTS):
            document = self._uuid()
            page = PAGE.replace("{n}", str(n)).encode()
            original = await objects.put(f"uploads/{document}", page, "text/markdown")
            submission = SubmitDocument(title="Order sizing", filename="a.md", original=original)
            await self.send([self._encoded(document, submission)])
            self._documents.append(document)

    def edits(self, number: int) -> list[Encoded]:
        """Made beforehand: what it costs to make them is no part of the load."""
        return [
            self._encoded(self.random.choice(self._documents), EditDetails(title=f"Order sizing, revised {n} times"))
            for n in range(number)
        ]

    async def send(self, records: Sequence[Encoded]) -> None:
        there: dict[int, list[Encoded]] = {}
        for record in records:
            there.setdefault(partition_of(record.key, DOCUMENT_COMMANDS.partitions), []).append(record)
        await asyncio.gather(*(self._publisher.write(DOCUMENT_COMMANDS, p, batch) for p, batch in there.items()))
        self.sent.update({place: len(batch) for place, batch in there.items()})

    async def send_at(self, a_second: float, records: Sequence[Encoded]) -> None:
        """At an even pace, whatever becomes of them."""
        began, sent = time.perf_counter(), 0
        while sent < len(records):
            due = min(len(records), int((time.perf_counter() - began) * a_second))
            await self.send(records[sent:due])
            sent = due
            await asyncio.sleep(TICK_S)

    async def stop(self) -> None:
        await self._publisher.stop()

    def _uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def _encoded(self, document: UUID, command: Command) -> Encoded:
        ident = self._uuid()
        envelope = Envelope(
            id=ident,
            type=command.TYPE,
            source="/example",
            time=datetime.now(UTC),
            subject=stream_id("document", document),
            key=document,
            correlation_id=ident,
            actor=SENDER,
        )
        return encode(envelope, command, self.place.signer("example"))


@dataclass
class Watch:
    """What the services take and hold, looked at again and again."""

    place: Installation
    most_mb: dict[str, float] = field(default_factory=dict)

    async def look(self) -> list[dict[str, Any]]:
        connection = await asyncpg.connect(self.place.dsn)
        try:
            return await lags(connection, self.place.settings("gateway").kafka)
        finally:
            await connection.close()

    async def behind(self) -> int:
        """Records that some consumer has yet to settle, of the one that is behind most."""
        of: Counter[str] = Counter()
        for row in await self.look():
            of[row["group"]] += row["lag"]
        return max(of.values())

    async def settled(self, sent: Mapping[int, int]) -> str:
        """Waits until every consumer has done with so many commands of each partition, and with all that follows from
        them, whatever is sent meanwhile. The one that had to be waited for."""
        slowest, ends = "", {DOCUMENT_COMMANDS.name: dict(sent)}

        async def done() -> bool:
            nonlocal slowest
            rows = await self.look()
            if DOCUMENT_EVENTS.name not in ends and not _short(rows, ends, DECIDER):
                ends[DOCUMENT_EVENTS.name] = await self._recorded()
            short = _short(rows, ends)
            slowest = short[0] if short else slowest
            return DOCUMENT_EVENTS.name in ends and not short

        await until(done, within=GIVEN_UP_S, every=LOOK_EVERY_S)
        return slowest

    async def _recorded(self) -> dict[int, int]:
        """Events of each partition. None is published twice: nobody dies here."""
        rows = await self.place.fetch(
            "select partition, last_seq from converter.checkpoints where topic = $1", DOCUMENT_COMMANDS.name
        )
        return {row["partition"]: row["last_seq"] for row in rows}

    async def epochs(self) -> dict[tuple[str, str, int], int]:
        """Of every stored position: each assignment of its partition raises it."""
        rows = await self.place.fetch(
            " union all ".join(
                f"select consumer, topic, partition, epoch from {schema}.checkpoints"  # noqa: S608 -- names of our own
                for schema in ("converter", "analyzer", "projector")
            )
        )
        return {(row["consumer"], row["topic"], row["partition"]): row["epoch"] for row in rows}

    async def keep(self) -> None:
        while True:
            for service, process in self.place.running.items():
                held = psutil.Process(process.pid).memory_info().rss / 2**20
                self.most_mb[service] = max(self.most_mb.get(service, 0.0), held)
            await asyncio.sleep(LOOK_EVERY_S)


def _short(rows: Sequence[dict[str, Any]], ends: Mapping[str, Mapping[int, int]], group: str = "") -> list[str]:
    """The consumers that are not there yet, the one that is behind most first."""
    behind: Counter[str] = Counter()
    for row in rows:
        if group in {"", row["group"]} and row["topic"] in ends:
            behind[row["group"]] += max(0, ends[row["topic"]].get(row["partition"], 0) - row["next_offset"])
    return [name for name, number in behind.most_common() if number]


async def burst(stack: Stack, folder: Path, seed: int, seconds: float, backlog: int) -> dict[str, Any]:
    """A burst of so many seconds; `backlog` is the number of commands by which the installation's own rate is taken."""
    async with new_installation(stack, folder, session_timeout_ms=45_000) as place:
        place.start()
        await place.ready()
        sender, watch = Sender(place, Random(seed)), Watch(place)  # noqa: S311 -- the same in every run
        await sender.submit()
        await watch.settled(sender.sent)
        try:
            capacity = await _capacity(sender, watch, backlog)
            return {"settled_per_s": round(capacity), **await _burst(sender, watch, capacity * USUAL, seconds)}
        finally:
            await sender.stop()


async def _capacity(sender: Sender, watch: Watch, number: int) -> float:
    """Commands a second, of a backlog that lies there."""
    for records in (sender.edits(round(number * WARM)), sender.edits(number)):
        began = time.perf_counter()
        await sender.send(records)
        await watch.settled(sender.sent)
    return number / (time.perf_counter() - began)


async def _burst(sender: Sender, watch: Watch, usual: float, seconds: float) -> dict[str, Any]:
    records = sender.edits(int(usual * TIMES * seconds))
    after = sender.edits(int(usual * GONE_WITHIN_S))
    before, keeping = await watch.epochs(), asyncio.create_task(watch.keep())
    await sender.send_at(usual * TIMES, records)
    ended, left = time.perf_counter(), await watch.behind()
    of_burst = dict(sender.sent)
    going_on = asyncio.create_task(sender.send_at(usual, after))
    try:
        slowest = await watch.settled(of_burst)
        gone = time.perf_counter() - ended
    finally:
        for task in (going_on, keeping):
            task.cancel()
        await asyncio.gather(going_on, keeping, return_exceptions=True)
    epochs = await watch.epochs()
    return {
        "usual_per_s": round(usual),
        "burst_per_s": round(usual * TIMES),
        "seconds": seconds,
        "left_behind": left,
        "gone_in_s": round(gone, 1),
        "slowest": slowest,
        "most_mb": {service: round(held) for service, held in sorted(watch.most_mb.items())},
        "rebalances": sum(epochs[place] - epoch for place, epoch in before.items()),
    }


def goals(found: dict[str, Any]) -> list[tuple[str, float, float]]:
    """What is promised of a burst: its name, what was reached, and what it may be at most."""
    return [
        ("a burst's backlog is gone in, s", found["gone_in_s"], GONE_WITHIN_S),
        *((f"{service} holds at most, MB", held, MOST_MB) for service, held in found["most_mb"].items()),
        ("partitions that changed hands", found["rebalances"], 0),
    ]
