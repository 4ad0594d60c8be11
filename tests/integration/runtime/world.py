"""Processes of the roles inside a test: each with connections of its own, and a way to cut them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from docward.events.actor import Signer
from docward.events.codec import Codec, Decoded, Encoded, Envelope, Record
from docward.events.messages import Message
from docward.events.topics import Topic
from docward.runtime.deciders import Decider
from docward.runtime.errors import OPERATIONAL, BrokerUnavailableError
from docward.runtime.infrastructure import DECIDING, Infrastructure, infrastructure
from docward.runtime.kafka import Publisher, partition_of, record_of
from docward.runtime.postgres import Pool
from docward.runtime.rawheaders import read_any_header
from installation import Installation, until
from integration.runtime.counter import COUNTER, EVENTS, LETTERS, TOPICS

SERVICE = "counting"


class Wire:
    """A publisher that can be cut off from its broker."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.cut = False
        self.refused = 0
        self.hangs = False
        """Never an answer, and never an error: what no client should do."""

    @property
    def signer(self) -> Signer:
        return self._publisher.signer

    async def write(self, topic: Topic, partition: int, records: Sequence[Encoded]) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.cut:
            self.refused += 1
            raise BrokerUnavailableError("the wire is cut")
        await self._publisher.write(topic, partition, records)

    async def publish(self, topic: Topic, envelope: Envelope, message: Message) -> None:
        if self.cut:
            self.refused += 1
            raise BrokerUnavailableError("the wire is cut")
        await self._publisher.publish(topic, envelope, message)


@dataclass
class World:
    """One process' surroundings, and eyes on the servers."""

    place: Installation
    around: Infrastructure
    wire: Wire

    @property
    def pool(self) -> Pool:
        return self.around.pool

    async def send(self, topic: Topic, records: Sequence[Encoded], partition: int | None = None) -> None:
        """Each to the partition of its key, or all to the given one."""
        for record in records:
            where = partition_of(record.key, topic.partitions) if partition is None else partition
            await self.around.publisher._publisher.write(topic, where, [record])  # type: ignore[attr-defined]

    async def read(self, topic: Topic) -> list[Record]:
        """Everything that lies in the topic, partition by partition."""
        read_any_header()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.place.kafka, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        try:
            places = [TopicPartition(self.place.prefix + topic.name, p) for p in range(topic.partitions)]
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            found: list[Record] = []
            while any([await consumer.position(place) < ends[place] for place in places]):
                for raws in (await consumer.getmany(timeout_ms=200)).values():
                    found += [record_of(raw, self.place.prefix) for raw in raws]
            return sorted(found, key=lambda r: (r.partition, r.offset))
        finally:
            await consumer.stop()

    async def events(self) -> list[Decoded]:
        codec = Codec(EVENTS.types)
        return [codec.decode(record) for record in await self.read(EVENTS)]

    async def settled(self, consumer: str, topic: Topic, counts: dict[int, int], within: float = 30) -> None:
        """Until the consumer's positions are there."""

        async def there() -> bool:
            try:
                rows = await self.pool.fetch(
                    "select partition, next_offset from checkpoints where consumer = $1 and topic = $2",
                    consumer,
                    topic.name,
                )
            except OPERATIONAL:  # a test cuts connections, this one's too
                return False
            found = {row["partition"]: row["next_offset"] for row in rows}
            return all(found.get(partition, 0) >= count for partition, count in counts.items())

        await until(there, within=within)

    async def relayed(self, consumer: str = "counter", within: float = 30) -> None:
        async def all_out() -> bool:
            return not await self.pool.fetchval(
                "select count(*) from checkpoints where consumer = $1 and relayed < last_seq", consumer
            )

        await until(all_out, within=within)

    async def parked(self, consumer: str = "counter") -> list[Any]:
        return list(await self.pool.fetch("select * from parked where consumer = $1 order by id", consumer))


@asynccontextmanager
async def a_world(
    place: Installation, instance: str = "one", service: str = SERVICE, migrations: Traversable = DECIDING
) -> AsyncIterator[World]:
    settings = place.settings("analyzer").model_copy(update={"instance": instance})
    async with infrastructure(service, settings, schema=service, migrations=[migrations], topics=TOPICS) as around:
        wire = Wire(around.publisher)
        yield World(place, replace(around, publisher=wire), wire)  # type: ignore[arg-type]  # stands in for it


@asynccontextmanager
async def running(loop: Any, *background: Any) -> AsyncIterator[asyncio.Task[None]]:
    """The loop, until the block ends: then it finishes what it has in hand."""
    async with AsyncExitStack() as stack:
        extra = [asyncio.create_task(each.run()) for each in background]
        for task in extra:
            stack.push_async_callback(_ended, task)
        task = asyncio.create_task(loop.run())
        stack.push_async_callback(_ended, task)
        yield task
        loop.stop()
        await asyncio.wait_for(task, 15)
        for each in extra:
            assert not each.done() or each.cancelled(), each.exception()


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def deciding(world: World) -> AsyncIterator[Decider]:
    decider = Decider("counter", [COUNTER], world.around, dead_letters=LETTERS)
    async with running(decider.loop, decider.relay, world.around.listener):
        yield decider
