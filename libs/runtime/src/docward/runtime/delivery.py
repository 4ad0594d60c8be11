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
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
)
from aiokafka.structs import OffsetAndMetadata

from docward.events.codec import Record
from docward.events.topics import Topic
from docward.runtime import batches, metrics, parking
from docward.runtime.batches import Batch, Handler, Pace
from docward.runtime.checkpoints import Checkpoints, Place, Position
from docward.runtime.errors import DATA_ERRORS, OPERATIONAL, PERHAPS_SLOW, FencedError, StopPartitionError
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.kafka import Assignments, closed, new_consumer, positions, record_of, seek_if_owned
from docward.runtime.parking import Parked
from docward.runtime.positions import OURS, Verdict, judge, landmark, look
from docward.runtime.postgres import Connection, answers
from docward.runtime.redriving import OPERATING_CHANNEL, REDRIVE_EVERY_S, Redriver

log = structlog.get_logger()

POLL_MS = 200
MIRROR_EVERY_S = 5.0
COMMIT_WITHIN_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0


@dataclass(slots=True)
class Owned:
    """A partition that this process has taken over."""

    position: Position
    stopped: bool = False
    sought: int | None = None
    """The position that fetching was set back to, because it had run ahead."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Records that were read while others were written. What became of their partitions is looked at afterwards."""

    records: list[Record]
    prepared: Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where a loop reads, and where it keeps what it set aside."""

    consumer: str
    """Name of the group, and of the positions."""
    topics: tuple[Topic, ...]
    dead_letters: Topic
    service: str
    at_once: int = 500
    """Records of one transaction, at most."""
    looks_ahead: bool = False
    """Whether the next records of a backlog are read and prepared while those in hand are being written."""


class DeliveryLoop:
    """One consumer of a group. Run as many processes as there are partitions, at most."""

    def __init__(self, delivery: Delivery, handler: Handler, around: Infrastructure) -> None:
        self._delivery = delivery
        self._handler = handler
        self._kafka = around.settings.kafka
        self._pool = around.pool
        self._publisher = around.publisher
        self._instance = around.instance(delivery.consumer)
        self._checkpoints = Checkpoints(around.pool, delivery.consumer)
        self._consumer: AIOKafkaConsumer | None = None
        self._owned: dict[TopicPartition, Owned] = {}
        self._ahead: _Ahead | None = None
        self._whole_at = time.monotonic()
        self._pause = FIRST_PAUSE_S
        self._pace = Pace(delivery.at_once, delivery.at_once)
        self._stopping = False
        self._mirror_at = 0.0
        self._settling = asyncio.Lock()
        self._redriver = Redriver(around.pool, delivery.consumer, handler, self._checkpoints)
        self._redrive_at = 0.0
        around.listener.on(OPERATING_CHANNEL, self._asked)
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
        return {p.partition: o.position.epoch for p, o in self._owned.items() if self._place(p)[0] == topic}

    def stop(self) -> None:
        """Finish the batch in hand, then leave."""
        self._stopping = True

    async def run(self) -> None:
        while not self._stopping:
            consumer = self._consumer = new_consumer(self._kafka, self.name, instance=self._instance)
            names = [self._kafka.topic_prefix + topic.name for topic in self._delivery.topics]
            consumer.subscribe(names, listener=Assignments(self._take_over, self._release))
            try:
                await self._consume(consumer)
            except OPERATIONAL as error:  # of the client itself: a fresh one joins the group instead
                await self._back_off(error)
            finally:
                self._consumer = None  # a taking over that is under way ends with it
                await closed(consumer)
                self._owned.clear()
                self._ahead = None

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        """Until the loop is stopped, or has to join the group anew."""
        starting = asyncio.ensure_future(consumer.start())
        try:
            while not starting.done() and not self._stopping:
                self.beat = self._whole_at = time.monotonic()  # joining takes as long as the group and its broker take
                await asyncio.wait({starting}, timeout=0.5)
            if starting.done():
                starting.result()
        finally:
            starting.cancel()
        while not self._stopping:
            self.beat = time.monotonic()
            await self._come_round(consumer)
            if self._adrift(consumer):
                log.warning("assigned partitions are owned elsewhere: joining the group anew", consumer=self.name)
                return

    def _adrift(self, consumer: AIOKafkaConsumer) -> bool:
        """Whether something that is assigned to this process has long been taken over by another one.

        Whoever took it over late, without being assigned, will not settle it; and only an assignment raises an epoch.
        """
        if consumer.assignment() <= self._owned.keys():
            self._whole_at = time.monotonic()
        return time.monotonic() - self._whole_at > 2 * self._kafka.session_timeout_ms / 1000

    async def _come_round(self, consumer: AIOKafkaConsumer) -> None:
        ahead, self._ahead = self._ahead, None
        try:
            read = ahead.records if ahead else await self._read(consumer, POLL_MS)
        except NoOffsetForPartitionError:  # fetching began before the position was set: it is being set
            await asyncio.sleep(0.05)
            return
        except OffsetOutOfRangeError as error:
            for partition in error.args[0]:
                self._stop_partition(partition, "the log no longer holds the stored position")
            return
        # At once: what was read before a partition was taken over may lie anywhere.
        records: list[Record] = []
        for partition, there in groupby(read, self._partition):
            expected = [record for record in there if self._expects(record)]
            if expected and self._follows(consumer, partition, expected[0]):
                records += expected
        try:
            if records:
                prepared = ahead.prepared if ahead and records == ahead.records else None
                await self._settle_in_time(consumer, records, prepared)
            await self._aftermath(consumer)
            await self._redrive()
            self._pause = FIRST_PAUSE_S
        except OPERATIONAL as error:
            await self._back_off(error)
            self._ahead = None
            self._rewind(consumer)

    async def _read(self, consumer: AIOKafkaConsumer, patience_ms: int) -> list[Record]:
        """What lies there, in order per partition, partition by partition."""
        fetched = await consumer.getmany(timeout_ms=patience_ms, max_records=self._pace.at_once)
        prefix = self._kafka.topic_prefix
        return [record_of(raw, prefix) for partition in positions(fetched) for raw in fetched[partition]]

    async def _settle_in_time(self, consumer: AIOKafkaConsumer, records: Sequence[Record], prepared: Any) -> None:
        """Settle them; what is too much for one transaction is tried again by fewer, and one record that is too much by
        itself is parked, once the database has shown that it is not the reason."""
        started = time.monotonic()
        try:
            async with self._settling:
                await self._settle_looking_ahead(consumer, records, prepared)
        except PERHAPS_SLOW as error:
            if time.monotonic() - started < batches.SLOW_S or not await answers(self._pool):
                raise
            log.critical("too slow for a transaction", consumer=self.name, records=len(records), error=str(error))
            if not self._pace.failed(records):
                raise
            async with self._settling:
                await self._park_alone(records[0], error)
            return
        seconds = time.monotonic() - started
        self._pace.done(seconds)
        metrics.BATCH_SECONDS.labels(self.name).observe(seconds)

    async def _settle_looking_ahead(self, consumer: AIOKafkaConsumer, records: Sequence[Record], prepared: Any) -> None:
        """Settle the records; while the database writes a backlog, the next ones are read and prepared."""
        settling = asyncio.create_task(self._settle(records, prepared))
        try:
            if self._delivery.looks_ahead and len(records) > self._delivery.at_once // 2:
                with contextlib.suppress(NoOffsetForPartitionError, OffsetOutOfRangeError):  # the next poll meets them
                    if following := await self._read(consumer, 0):
                        self._ahead = _Ahead(following, await self._handler.prepare(following))
        finally:
            await settling

    async def _settle(self, records: Sequence[Record], prepared: Any = None) -> None:
        """Settle the records of owned partitions; on a data error, find its record by halving."""
        mine = [record for record in records if self._expects(record)]
        if not mine:
            return
        if prepared is None or len(mine) < len(records):
            prepared = await self._handler.prepare(mine)
        try:
            await self._transact(mine, prepared)
        except FencedError:
            lost = {p for p in map(self._partition, mine) if p not in self._owned or not await self._holds(p)}
            await self._settle([record for record in mine if self._partition(record) not in lost])
        except StopPartitionError as error:
            stop = self._partition(error.record)
            await self._settle([r for r in mine if self._partition(r) != stop or r.offset < error.record.offset])
            self._stop_partition(stop, str(error))
        except DATA_ERRORS as error:
            if len(mine) == 1:
                await self._park_alone(mine[0], error)
                return
            half = len(mine) // 2
            await self._settle(mine[:half])
            await self._settle(mine[half:])

    def _expects(self, record: Record) -> bool:
        owned = self._owned.get(self._partition(record))
        return owned is not None and not owned.stopped and record.offset >= owned.position.next_offset

    def _follows(self, consumer: AIOKafkaConsumer, partition: TopicPartition, record: Record) -> bool:
        """Whether the record is the next one of the log. Fetching that ran ahead would skip what lies between: it is
        set back, once for a position, and what is missing then is missing in the log itself.
        """
        owned = self._owned[partition]
        expected = owned.position.next_offset
        if expected in {record.offset, owned.sought}:
            return True
        owned.sought = expected
        log.warning("fetching had run ahead", consumer=self.name, partition=partition.partition, at=record.offset)
        seek_if_owned(consumer, partition, expected)
        return False

    async def _holds(self, partition: TopicPartition) -> bool:
        """Whether the position is where this process thinks it is. If not, the records in hand are not for it.

        With its own epoch on the row it is still the owner (the acknowledgement of a commit was lost, say) and goes on
        from there. With another one, the partition is somebody else's until it is assigned anew.
        """
        owned = self._owned[partition]
        position = await self._checkpoints.read(self._place(partition))
        if position == owned.position:
            return True
        if position is not None and position.epoch == owned.position.epoch:
            log.warning("position read again", consumer=self.name, partition=partition.partition, position=position)
            owned.position = position
            if self._consumer is not None:
                seek_if_owned(self._consumer, partition, position.next_offset)
            return False
        metrics.FENCES.labels(self.name).inc()
        log.warning("fenced: another process owns a partition", consumer=self.name, partition=partition.partition)
        self._owned.pop(partition, None)
        return False

    async def _transact(self, records: Sequence[Record], prepared: Any) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            after = {self._partition(record): record for record in records}
            last_seq = await self._move(connection, after)
            batch = await self._batch(connection, last_seq, records)
            await self._handler.apply(prepared, batch)
            await parking.store(connection, self.name, batch.parked)
        self._moved(after, batch.parked)
        await self._handler.committed()

    async def _batch(self, connection: Connection, last_seq: Mapping[Place, int], records: Sequence[Record]) -> Batch:
        reached = {(record.topic, record.partition): record.offset for record in reversed(records)}
        return Batch(connection, last_seq, await parking.backlogs(connection, self.name, reached))

    async def _park_alone(self, record: Record, error: BaseException) -> None:
        after = {self._partition(record): record}
        item = parking.parked(record, "unexpected", error, blocks=True)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                last_seq = await self._move(connection, after)
                batch = await self._batch(connection, last_seq, [record])
                batch.park(item)
                await parking.store(connection, self.name, batch.parked)
        except FencedError:
            await self._holds(self._partition(record))
        except StopPartitionError as stop:
            self._stop_partition(self._partition(record), str(stop))
        else:
            self._moved(after, [item])

    async def _move(self, connection: Connection, past: Mapping[TopicPartition, Record]) -> dict[Place, int]:
        """Move the positions past these records; raises FencedError when one of them is not this process's to move."""
        held = {self._place(p): owned.position for p in past if (owned := self._owned.get(p))}
        if len(held) < len(past):
            raise FencedError("a partition has left")
        after = {self._place(p): record.offset + 1 for p, record in past.items()}
        landmarks = {self._place(p): landmark(record) for p, record in past.items()}
        moved = await self._checkpoints.move(connection, held, after, landmarks)
        if len(moved) < len(past):
            raise FencedError("a position is elsewhere")
        return moved

    def _moved(self, past: Mapping[TopicPartition, Record], items: Sequence[Parked]) -> None:
        for partition, record in past.items():
            if (owned := self._owned.get(partition)) is not None:
                owned.position = Position(record.offset + 1, owned.position.epoch)
                metrics.NEXT_OFFSET.labels(self.name, *self._place(partition)).set(record.offset + 1)
        for item in items:
            self._mirror_at = 0.0
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

    async def _take_over(self, partitions: Iterable[TopicPartition]) -> None:
        assigned = positions(partitions)
        while assigned and (consumer := self._consumer) is not None:
            try:
                first = await consumer.beginning_offsets(assigned)
                taken = {p: await self._checkpoints.take_over(self._place(p), first[p]) for p in assigned}
                logs = await look(self._kafka, self.name, taken)  # last: until fenced, a predecessor may have moved on
                for partition, position in taken.items():
                    verdict = judge(position, logs[partition])
                    standing = await self._followed(partition, position, verdict)
                    if consumer is self._consumer:
                        self._begin(consumer, partition, standing, verdict.lost)
            except OPERATIONAL as error:
                await self._back_off(error)
                continue
            log.info("took over", consumer=self.name, partitions=[f"{p.topic}/{p.partition}" for p in assigned])
            return

    async def _followed(self, partition: TopicPartition, position: Position, verdict: Verdict) -> Position:
        """Where the position stands after what a tool has asked for in Kafka."""
        place = self._place(partition)
        if verdict.refused is not None:
            metrics.SET_BY_TOOL.labels(self.name, "refused").inc()
            log.critical("not followed", consumer=self.name, topic=place[0], partition=place[1], reason=verdict.refused)
        if verdict.back_to is None:
            return position
        metrics.SET_BY_TOOL.labels(self.name, "followed").inc()
        log.warning("set back by a tool", consumer=self.name, topic=place[0], partition=place[1], to=verdict.back_to)
        return await self._checkpoints.set_back(
            place, position, verdict.back_to, who="kafka", why="the group's position was set back in Kafka"
        )

    def _begin(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, position: Position, lost: str | None
    ) -> None:
        """Own the partition from its position on. In one step: nothing is fetched in between."""
        self._owned[partition] = Owned(position)
        self._redrive_at = self._mirror_at = 0.0
        metrics.STOPPED.labels(self.name, *self._place(partition)).set(0)
        seek_if_owned(consumer, partition, position.next_offset)
        if lost is not None:
            self._stop_partition(partition, lost)

    def _stop_partition(self, partition: TopicPartition, why: str) -> None:
        """Nothing jumps: the partition waits for a person, the others go on."""
        if partition in self._owned:
            self._owned[partition].stopped = True
        with contextlib.suppress(IllegalStateError):  # it has left meanwhile
            if self._consumer is not None:
                self._consumer.pause(partition)
        topic, number = self._place(partition)
        metrics.STOPPED.labels(self.name, topic, number).set(1)
        log.critical("partition stopped", consumer=self.name, topic=topic, partition=number, reason=why)

    async def _release(self, partitions: Iterable[TopicPartition]) -> None:
        """Wait a bounded time for the batch in hand; the fence protects what takes longer."""
        try:
            async with asyncio.timeout(5), self._settling:
                pass
        except TimeoutError:
            log.warning("partitions leave with a batch in hand", consumer=self.name)
        for partition in partitions:
            self._owned.pop(partition, None)

    def _rewind(self, consumer: AIOKafkaConsumer) -> None:
        for partition, owned in self._owned.items():
            if not owned.stopped:
                seek_if_owned(consumer, partition, owned.position.next_offset)

    async def _back_off(self, error: BaseException) -> None:
        metrics.OUTAGES.labels(self.name).inc()
        log.warning("paused", consumer=self.name, error=f"{type(error).__name__}: {error}", seconds=self._pause)
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, not a secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        self.beat = self._whole_at = time.monotonic()

    async def _aftermath(self, consumer: AIOKafkaConsumer) -> None:
        """What is owed to others, now and then: dead letters, and positions as Kafka's own tools show them."""
        if time.monotonic() < self._mirror_at or self._stopping:
            return
        self._mirror_at = time.monotonic() + MIRROR_EVERY_S
        places = [self._place(partition) for partition in self._owned]
        letters, version = self._delivery.dead_letters, self._delivery.service
        if await parking.mirror(self._pool, self._publisher, self.name, letters, version, places=places) == 100:
            self._mirror_at = 0.0
        commits = {
            partition: OffsetAndMetadata(owned.position.next_offset, f"{OURS}epoch={owned.position.epoch}")
            for partition, owned in self._owned.items()
            if not owned.stopped
        }
        # A courtesy, so whatever fails may fail; without a broker the client would try for ever.
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(COMMIT_WITHIN_S):
                if commits:
                    await consumer.commit(commits)

    def _asked(self, consumer: str) -> None:
        if consumer in {"", self.name}:
            self._redrive_at = 0.0

    async def _redrive(self) -> None:
        """Settle what an operator has marked among the parked records, between two batches."""
        if time.monotonic() < self._redrive_at or self._stopping:
            return
        self._redrive_at = time.monotonic() + REDRIVE_EVERY_S
        async with self._settling:
            held = {self._place(p): owned.position for p, owned in self._owned.items()}
            try:
                if await self._redriver.settle(held):
                    self._redrive_at = self._mirror_at = 0.0
            except FencedError:
                for partition in list(self._owned):
                    await self._holds(partition)

    def _partition(self, record: Record) -> TopicPartition:
        return TopicPartition(self._kafka.topic_prefix + record.topic, record.partition)

    def _place(self, partition: TopicPartition) -> Place:
        return partition.topic.removeprefix(self._kafka.topic_prefix), partition.partition
