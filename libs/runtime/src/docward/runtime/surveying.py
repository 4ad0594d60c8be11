"""Which keys a part of some topics touches: read from the log as it is, without a position of its own."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from docward.events.topics import Topic
from docward.runtime.checkpoints import Place
from docward.runtime.kafka import partition_of
from docward.runtime.replays import Chosen, Point

AT_ONCE = 2_000
Batch = tuple[Sequence[Any], int]


@dataclass(slots=True)
class Touched:
    """What was found in the chosen part of a partition."""

    topic: str
    partition: int
    since: int
    until: int
    """The first offset that was not read."""
    records: int = 0
    streams: set[str] = field(default_factory=set)
    keys: set[UUID] = field(default_factory=set)

    def shape(self) -> dict[str, Any]:
        return {
            "topic": self.topic,
            "partition": self.partition,
            "from": self.since,
            "to": self.until,
            "records": self.records,
            "streams": len(self.streams),
        }


@dataclass(frozen=True, slots=True)
class Survey:
    touched: Sequence[Touched]
    keys: Mapping[int, set[UUID]]
    """By partition."""
    total: int
    """Records that are read to recompute the keys: of topics, all of their partitions."""
    seconds: float | None
    """What reading them takes, going by what the survey took; None: nothing tells."""


class Log:
    """The topics of a projection, as one consumer of no group reads them."""

    def __init__(self, consumer: AIOKafkaConsumer, prefix: str, topics: Sequence[Topic]) -> None:
        self._consumer = consumer
        self.prefix = prefix
        self._topics = topics
        # All at once, and none is fetched: what is assigned one by one is looked for among the brokers each time.
        everywhere = [self.at(place) for place in self.places()]
        consumer.assign(everywhere)
        for partition in everywhere:
            consumer.seek(partition, 0)
        consumer.pause(*everywhere)

    async def records(self, place: Place, since: int, until: int, at_once: int = AT_ONCE) -> AsyncIterator[Batch]:
        """What lies there, in order: raw records, and the offset after the last that was looked at."""
        partition = self.at(place)
        self._consumer.seek(partition, since)
        self._consumer.resume(partition)
        reached = since
        try:
            while reached < until:
                fetched = await self._consumer.getmany(partition, timeout_ms=200, max_records=at_once)
                reached = min(await self._consumer.position(partition), until)
                yield [raw for raw in fetched.get(partition, ()) if raw.offset < until], reached
        finally:
            self._consumer.pause(partition)

    def places(self, partition: int | None = None) -> list[Place]:
        """In the order in which their positions are locked."""
        return sorted(
            (topic.name, number)
            for topic in self._topics
            for number in range(topic.partitions)
            if partition in {None, number}
        )

    def at(self, place: Place) -> TopicPartition:
        return TopicPartition(self.prefix + place[0], place[1])

    def partition_of(self, key: UUID) -> int:
        """Where the records of an aggregate lie, in each of the topics."""
        return partition_of(str(key).encode(), self._topics[0].partitions)

    def by_partition(self, keys: Iterable[UUID]) -> dict[int, set[UUID]]:
        found: dict[int, set[UUID]] = {}
        for key in keys:
            found.setdefault(self.partition_of(key), set()).add(key)
        return found

    async def ends(self, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
        """First offset, and the one after the last."""
        there = {place: self.at(place) for place in places}
        first = await self._consumer.beginning_offsets(list(there.values()))
        end = await self._consumer.end_offsets(list(there.values()))
        return {place: (first[partition], end[partition]) for place, partition in there.items()}

    async def survey(self, chosen: Chosen, rate: float | None) -> Survey:
        """Raises nothing for what it does not understand: a record without the id of an aggregate touches nothing."""
        started = time.monotonic()
        ends = await self.ends(self.places())
        parts = await self._parts(chosen, ends)
        keys = self.by_partition(chosen.keys)
        wanted = set(chosen.keys)
        for part in parts:
            await self._read(part, wanted)
            if part.keys:
                keys[part.partition] = keys.get(part.partition, set()) | part.keys
        read = sum(part.until - part.since for part in parts)
        total = _held(ends, keys)
        speed = read / max(time.monotonic() - started, 0.001)
        seconds = total / min(rate or speed, speed) if speed else 0.0
        return Survey([part for part in parts if part.records], keys, total, seconds)

    async def known(self, keys: Iterable[UUID]) -> Survey:
        """Of keys that need not be looked for: nothing is read."""
        found = self.by_partition(keys)
        return Survey([], found, _held(await self.ends(self.places()), found), None)

    async def _parts(self, chosen: Chosen, ends: Mapping[Place, tuple[int, int]]) -> list[Touched]:
        within = {self.partition_of(key) for key in chosen.keys}
        found = []
        for place, (first, end) in ends.items():
            topic, number = place
            if chosen.topic not in {None, topic} or chosen.partition not in {None, number}:
                continue
            if within and number not in within:
                continue
            since = min(max(await self._offset(place, chosen.since, first, end), first), end)
            until = min(max(await self._offset(place, chosen.until, end, end), since), end)
            found.append(Touched(topic, number, since, until))
        return found

    async def _offset(self, place: Place, point: Point | None, otherwise: int, end: int) -> int:
        if point is None:
            return otherwise
        if isinstance(point, int):
            return point
        partition = self.at(place)
        found = (await self._consumer.offsets_for_times({partition: _milliseconds(point)}))[partition]
        return end if found is None else int(found.offset)

    async def _read(self, part: Touched, wanted: set[UUID]) -> None:
        async for raws, _ in self.records((part.topic, part.partition), part.since, part.until):
            for raw in raws:
                key = key_of(raw.key)
                if key is not None and (not wanted or key in wanted):
                    part.records += 1
                    part.streams.add(_stream(raw.headers) or str(key))
                    part.keys.add(key)


def _held(ends: Mapping[Place, tuple[int, int]], partitions: Collection[int]) -> int:
    """Records of these partitions, in all topics."""
    return sum(end - first for (_, number), (first, end) in ends.items() if number in partitions)


def key_of(raw: bytes | None) -> UUID | None:
    """The aggregate's id; None: nobody's who follows the contracts."""
    if raw is None or len(raw) != 36:
        return None
    try:
        return UUID(raw.decode("ascii"))
    except ValueError:
        return None


def _stream(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    subject = next((value for name, value in headers if name == "ce_subject"), None)
    return subject.decode("utf-8", "replace") if subject else None


def _milliseconds(moment: datetime) -> int:
    return int(moment.astimezone(UTC).timestamp() * 1000)
