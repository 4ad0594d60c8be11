"""The delivery loop: records from Kafka, their effects and the position after them in one Postgres transaction.

At least once in, exactly once in effect: the position moves by compare-and-set on offset and epoch in the transaction
that stores the effects, so an owner that was replaced, however late it wakes, changes nothing. An outage pauses and
parks nothing. A record that cannot be settled is parked in the same transaction. A lost position stops its partition.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata

from docward.events.codec import Record
from docward.events.topics import Topic
from docward.runtime import metrics, parking
from docward.runtime.errors import DATA_ERRORS, OPERATIONAL, FencedError, GapError
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.kafka import Assignments, new_consumer, positions, record_of, seek_if_owned
from docward.runtime.parking import Parked
from docward.runtime.postgres import Connection

log = structlog.get_logger()

POLL_MS = 200
MIRROR_EVERY_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0

Place = tuple[str, int]
"""(topic, partition)"""


@dataclass(slots=True)
class Owned:
    """A partition that this process has taken over."""

    next_offset: int
    epoch: int
    stopped: bool = False


@dataclass(slots=True)
class Batch:
    """What a handler may use inside the transaction."""

    connection: Connection
    last_seq: Mapping[Place, int]
    """Number of the last event recorded per partition, under the lock of its checkpoint row."""
    blocked: set[tuple[str, bytes | None]]
    """(topic, key) whose records queue behind a parked one. A handler adds the keys that it blocks."""
    parked: list[Parked] = field(default_factory=list)

    def park(self, item: Parked) -> None:
        self.parked.append(item)
        if item.blocks:
            self.blocked.add((item.record.topic, item.record.key))

    def waits(self, record: Record) -> bool:
        """Whether the record's key is blocked; then it is queued behind what blocks it."""
        if (record.topic, record.key) not in self.blocked:
            return False
        self.parked.append(
            Parked(record, "behind-parked", blocks=True, error="", message="an earlier record is parked")
        )
        return True


class Handler(Protocol):
    """The effects of records. Everything it writes goes through `batch.connection`."""

    async def prepare(self, records: Sequence[Record]) -> Any:
        """Outside the transaction: decode, forward, fetch. What it returns is given to `apply`."""

    async def apply(self, prepared: Any, batch: Batch) -> None:
        """Inside the transaction that moves the positions. Raises nothing for a bad record: it parks it."""

    async def committed(self) -> None:
        """After the commit: wake whoever waits for the effects."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a loop reads, and where it keeps what it set aside."""

    consumer: str
    """Name of the group, and of the positions."""
    topics: tuple[Topic, ...]
    dead_letters: Topic
    service: str


class DeliveryLoop:
    """One consumer of a group. Run as many processes as there are partitions, at most."""

    def __init__(self, delivery: Delivery, handler: Handler, around: Infrastructure) -> None:
        self._delivery = delivery
        self._handler = handler
        self._kafka = around.settings.kafka
        self._pool = around.pool
        self._publisher = around.publisher
        self._instance = around.instance(delivery.consumer)
        self._owned: dict[TopicPartition, Owned] = {}
        self._pause = FIRST_PAUSE_S
        self._stopping = False
        self._mirror_at = 0.0
        self._settling = asyncio.Lock()
        self.name = delivery.consumer
        self.beat = time.monotonic()
        """When the loop last came round; the watchdog looks at it."""

    @property
    def assigned(self) -> bool:
        return bool(self._owned)

    @property
    def stopped(self) -> list[str]:
        """The partitions that wait for a person."""
        return sorted(f"{p.topic}/{p.partition}" for p, owned in self._owned.items() if owned.stopped)

    def owned(self, topic: str) -> dict[int, int]:
        """Partition to epoch, of what this process has taken over of a topic."""
        prefix = self._kafka.topic_prefix
        return {p.partition: o.epoch for p, o in self._owned.items() if p.topic.removeprefix(prefix) == topic}

    def stop(self) -> None:
        """Finish the batch in hand, then leave the group."""
        self._stopping = True

    async def run(self) -> None:
        consumer = new_consumer(self._kafka, self.name, instance=self._instance)
        names = [self._kafka.topic_prefix + topic.name for topic in self._delivery.topics]

        async def assigned(partitions: Iterable[TopicPartition]) -> None:
            await self._take_over(consumer, partitions)

        consumer.subscribe(names, listener=Assignments(assigned, self._release))
        await self._started(consumer)
        try:
            while not self._stopping:
                self.beat = time.monotonic()
                await self._come_round(consumer)
        finally:
            await consumer.stop()

    async def _started(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                await consumer.start()
            except OPERATIONAL as error:
                await self._back_off(error)
            else:
                return

    async def _come_round(self, consumer: AIOKafkaConsumer) -> None:
        try:
            fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=500)
            records = [
                record_of(raw, self._kafka.topic_prefix) for place in positions(fetched) for raw in fetched[place]
            ]
            if records:
                started = time.monotonic()
                async with self._settling:
                    await self._settle(records)
                metrics.BATCH_SECONDS.labels(self.name).observe(time.monotonic() - started)
            await self._aftermath(consumer)
            self._pause = FIRST_PAUSE_S
        except NoOffsetForPartitionError:  # fetching began before the position was set: it is being set
            await asyncio.sleep(0.05)
        except OffsetOutOfRangeError as error:
            for place in error.args[0]:
                self._stop_partition(place, "the log no longer holds the stored position")
        except OPERATIONAL as error:
            await self._back_off(error)
            self._rewind(consumer)

    async def _settle(self, records: Sequence[Record]) -> None:
        """Settle the records of owned partitions; on a data error, find its record by halving."""
        mine = [record for record in records if self._expects(record)]
        if not mine:
            return
        prepared = await self._handler.prepare(mine)
        try:
            await self._transact(mine, prepared)
        except FencedError:
            metrics.FENCES.labels(self.name).inc()
            log.warning("fenced: another process owns a partition of this batch", consumer=self.name)
            await self._settle(mine)  # without the partitions that were found to be lost
        except GapError as error:
            self._stop_partition(self._place(error.record), str(error))
            await self._settle(mine)  # without the partition that was stopped
        except DATA_ERRORS as error:
            if len(mine) == 1:
                await self._park_alone(mine[0], error)
                return
            half = len(mine) // 2
            await self._settle(mine[:half])
            await self._settle(mine[half:])

    def _expects(self, record: Record) -> bool:
        owned = self._owned.get(self._place(record))
        return owned is not None and not owned.stopped and record.offset >= owned.next_offset

    async def _transact(self, records: Sequence[Record], prepared: Any) -> None:
        after: dict[TopicPartition, int] = {}
        for record in records:
            after[self._place(record)] = record.offset + 1
        async with self._pool.acquire() as connection, connection.transaction():
            last_seq = await self._move(connection, after)
            batch = Batch(connection, last_seq, await parking.blocked_keys(connection, self.name))
            await self._handler.apply(prepared, batch)
            await parking.store(connection, self.name, batch.parked)
        self._moved(after)
        for item in batch.parked:
            metrics.PARKED.labels(self.name, item.record.topic, item.reason).inc()
            log.warning(
                "record parked",
                consumer=self.name,
                topic=item.record.topic,
                partition=item.record.partition,
                offset=item.record.offset,
                reason=item.reason,
                error=item.message,
            )
        if batch.parked:
            self._mirror_at = 0.0
        await self._handler.committed()

    async def _park_alone(self, record: Record, error: BaseException) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            after = {self._place(record): record.offset + 1}
            await self._move(connection, after)
            item = parking.parked(record, "unexpected", error, blocks=True)
            await parking.store(connection, self.name, [item])
        self._moved(after)
        self._mirror_at = 0.0
        metrics.PARKED.labels(self.name, record.topic, item.reason).inc()

    async def _move(self, connection: Connection, after: Mapping[TopicPartition, int]) -> dict[Place, int]:
        """Move the positions by compare-and-set, in one order for everybody; the last event numbers under the lock."""
        places = positions(after)
        owned = [self._owned[place] for place in places]
        topics = [place.topic.removeprefix(self._kafka.topic_prefix) for place in places]
        rows = await connection.fetch(
            """
            with claim as (
                select * from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
                    as u (topic, partition, next_offset, epoch, after)
            ), held as (
                select c.topic, c.partition from checkpoints c join claim u using (topic, partition)
                where c.consumer = $1 order by c.topic, c.partition for update of c
            )
            update checkpoints c set next_offset = u.after
            from claim u join held using (topic, partition)
            where c.consumer = $1 and c.topic = u.topic and c.partition = u.partition
                and c.next_offset = u.next_offset and c.epoch = u.epoch
            returning c.topic, c.partition, c.last_seq
            """,
            self.name,
            topics,
            [place.partition for place in places],
            [o.next_offset for o in owned],
            [o.epoch for o in owned],
            [after[place] for place in places],
        )
        moved = {(row["topic"], row["partition"]): row["last_seq"] for row in rows}
        lost = [p for p, topic in zip(places, topics, strict=True) if (topic, p.partition) not in moved]
        if lost:
            for place in lost:  # until it is assigned anew, it is somebody else's
                del self._owned[place]
            raise FencedError(str(lost))
        return moved

    def _moved(self, after: Mapping[TopicPartition, int]) -> None:
        for place, offset in after.items():
            if place in self._owned:
                self._owned[place].next_offset = offset
                metrics.NEXT_OFFSET.labels(self.name, place.topic, place.partition).set(offset)

    async def _take_over(self, consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        places = positions(partitions)
        while True:
            try:
                first = await consumer.beginning_offsets(places)
                end = await consumer.end_offsets(places)
                for place in places:
                    self._owned[place] = await self._raise_epoch(place, first[place])
                break
            except OPERATIONAL as error:
                await self._back_off(error)
        for place in places:
            owned = self._owned[place]
            metrics.STOPPED.labels(self.name, place.topic, place.partition).set(0)
            if first[place] <= owned.next_offset <= end[place]:
                consumer.seek(place, owned.next_offset)
            else:
                consumer.seek(place, end[place])
                self._stop_partition(
                    place, f"position {owned.next_offset} is not in the log ({first[place]} to {end[place]})"
                )
        log.info("took over", consumer=self.name, partitions=[f"{p.topic}/{p.partition}" for p in places])

    def _stop_partition(self, place: TopicPartition, why: str) -> None:
        """Nothing jumps: the partition waits for a person, the others go on."""
        if place in self._owned:
            self._owned[place].stopped = True
        metrics.STOPPED.labels(self.name, place.topic, place.partition).set(1)
        log.critical("partition stopped", consumer=self.name, topic=place.topic, partition=place.partition, reason=why)

    async def _raise_epoch(self, place: TopicPartition, first: int) -> Owned:
        row = await self._pool.fetchrow(
            """
            insert into checkpoints (consumer, topic, partition, next_offset, epoch) values ($1, $2, $3, $4, 1)
            on conflict (consumer, topic, partition) do update set epoch = checkpoints.epoch + 1
            returning next_offset, epoch
            """,
            self.name,
            place.topic.removeprefix(self._kafka.topic_prefix),
            place.partition,
            first,
        )
        return Owned(row["next_offset"], row["epoch"])

    async def _release(self, partitions: Iterable[TopicPartition]) -> None:
        """Wait a bounded time for the batch in hand; the fence protects what takes longer."""
        try:
            async with asyncio.timeout(5), self._settling:
                pass
        except TimeoutError:
            log.warning("partitions leave with a batch in hand", consumer=self.name)
        for place in partitions:
            self._owned.pop(place, None)

    def _rewind(self, consumer: AIOKafkaConsumer) -> None:
        for place, owned in self._owned.items():
            if not owned.stopped:
                seek_if_owned(consumer, place, owned.next_offset)

    async def _back_off(self, error: BaseException) -> None:
        metrics.OUTAGES.labels(self.name).inc()
        log.warning("paused", consumer=self.name, error=f"{type(error).__name__}: {error}", seconds=self._pause)
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, not a secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        self.beat = time.monotonic()

    async def _aftermath(self, consumer: AIOKafkaConsumer) -> None:
        """What is owed to others, now and then: dead letters, and positions as Kafka's own tools show them."""
        if time.monotonic() < self._mirror_at or self._stopping:
            return
        self._mirror_at = time.monotonic() + MIRROR_EVERY_S
        version = self._delivery.service
        if await parking.mirror(self._pool, self._publisher, self.name, self._delivery.dead_letters, version) == 100:
            self._mirror_at = 0.0
        commits = {
            place: OffsetAndMetadata(owned.next_offset, f"pg;epoch={owned.epoch}")
            for place, owned in self._owned.items()
            if not owned.stopped
        }
        with contextlib.suppress(CommitFailedError):  # a courtesy: the group is being formed anew
            if commits:
                await consumer.commit(commits)

    def _place(self, record: Record) -> TopicPartition:
        return TopicPartition(self._kafka.topic_prefix + record.topic, record.partition)
