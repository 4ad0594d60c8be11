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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from docward.events.codec import Record
from docward.events.topics import Topic
from docward.runtime import batches, metrics, parking
from docward.runtime.batches import Batch, Handler, Pace
from docward.runtime.checkpoints import Checkpoints, Place
from docward.runtime.errors import DATA_ERRORS, OPERATIONAL, PERHAPS_SLOW, FencedError, StopPartitionError
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.kafka import Assignments, closed, new_consumer, positions, record_of
from docward.runtime.ownership import Ownership
from docward.runtime.parking import Parked
from docward.runtime.postgres import Connection, answers
from docward.runtime.redriving import OPERATING_CHANNEL, REDRIVE_EVERY_S, Redriver

log = structlog.get_logger()

POLL_MS = 200
AHEAD_MS = 20
"""What a broker takes to send more of a backlog; nobody waits for it."""
PART = 250
MIRROR_EVERY_S = 5.0
COMMIT_WITHIN_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
FIRST_LOOK_S, LATEST_LOOK_S = 0.05, 1.0
"""Between two reads of partitions whose positions are being taken over: with the database away that lasts."""


def _runs(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records that lie partition by partition, each partition's apart."""
    return (list(there) for _, there in groupby(records, itemgetter(0, 1)))


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
        checkpoints = Checkpoints(around.pool, delivery.consumer)
        self._ownership = Ownership(delivery.consumer, self._kafka, checkpoints)
        self._ahead: _Ahead | None = None
        self._pause = FIRST_PAUSE_S
        self._look = FIRST_LOOK_S
        self._pace = Pace(delivery.at_once, delivery.at_once)
        self._stopping = False
        self._mirror_at = 0.0
        self._settling = asyncio.Lock()
        self._redriver = Redriver(around.pool, delivery.consumer, handler, checkpoints)
        self._redrive_at = 0.0
        around.listener.on(OPERATING_CHANNEL, self._asked)
        self.name = delivery.consumer
        self.beat = time.monotonic()
        """When the loop last came round; the watchdog looks at it."""

    @property
    def joined(self) -> bool:
        """Whether it is a member of its group, and has taken over what the group gave it, be it nothing."""
        return self._ownership.joined

    @property
    def stopped(self) -> list[str]:
        """The partitions that wait for a person."""
        return self._ownership.stopped

    def owned(self, topic: str) -> dict[int, int]:
        """Partition to epoch, of what this process has taken over of a topic."""
        return {place[1]: position.epoch for place, position in self._ownership.held.items() if place[0] == topic}

    def stop(self) -> None:
        """Finish the batch in hand, then leave."""
        self._stopping = True

    async def run(self) -> None:
        while not self._stopping:
            consumer = new_consumer(self._kafka, self.name, instance=self._instance)
            self._ownership.begin(consumer)
            names = [self._kafka.topic_prefix + topic.name for topic in self._delivery.topics]
            consumer.subscribe(names, listener=Assignments(self._take_over, self._release))
            try:
                await self._consume(consumer)
            except OPERATIONAL as error:  # of the client itself: a fresh one joins the group instead
                await self._back_off(error)
            finally:
                self._ownership.end()
                await closed(consumer)
                self._ahead = None

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        """Until the loop is stopped, or has to join the group anew."""
        starting = asyncio.ensure_future(consumer.start())
        try:
            while not starting.done() and not self._stopping:
                self._waits()  # joining takes as long as the group and its broker take
                await asyncio.wait({starting}, timeout=0.5)
            if starting.done():
                starting.result()
        finally:
            starting.cancel()
        while not self._stopping:
            self.beat = time.monotonic()
            await self._come_round(consumer)
            if self._ownership.adrift():
                log.warning("assigned partitions are owned elsewhere: joining the group anew", consumer=self.name)
                return

    async def _take_over(self, partitions: Iterable[TopicPartition]) -> None:
        await self._ownership.take_over(partitions, self._back_off)
        self._redrive_at = self._mirror_at = 0.0

    async def _release(self, partitions: Iterable[TopicPartition]) -> None:
        """Wait a bounded time for the batch in hand; the fence protects what takes longer."""
        try:
            async with asyncio.timeout(5), self._settling:
                pass
        except TimeoutError:
            log.warning("partitions leave with a batch in hand", consumer=self.name)
        self._ownership.release(partitions)

    async def _come_round(self, consumer: AIOKafkaConsumer) -> None:
        ahead, self._ahead = self._ahead, None
        try:
            read = ahead.records if ahead else await self._read(consumer, POLL_MS)
        except NoOffsetForPartitionError:  # fetching began before the position was set: it is being set
            await asyncio.sleep(self._look)
            self._look = min(self._look * 2, LATEST_LOOK_S)
            return
        except OffsetOutOfRangeError as error:
            for partition in error.args[0]:
                self._ownership.stop(partition, "the log no longer holds the stored position")
            return
        self._look = FIRST_LOOK_S
        # At once: what was read before a partition was taken over may lie anywhere.
        records: list[Record] = []
        for there in _runs(read):
            expected = self._ownership.expected(there)
            if expected and self._ownership.follows(expected[0]):
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
            self._ownership.rewind()

    async def _back_off(self, error: BaseException) -> None:
        metrics.OUTAGES.labels(self.name).inc()
        log.warning("paused", consumer=self.name, error=f"{type(error).__name__}: {error}", seconds=self._pause)
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, not a secret
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
        self._waits()

    def _waits(self) -> None:
        """It stands still, and knows for what."""
        self.beat = time.monotonic()
        self._ownership.waiting()

    async def _read(self, consumer: AIOKafkaConsumer, patience_ms: int) -> list[Record]:
        """What lies there, in order per partition, partition by partition."""
        return await self._fetch(consumer, patience_ms, max_records=self._pace.at_once)

    async def _fetch(self, consumer: AIOKafkaConsumer, patience_ms: int, max_records: int) -> list[Record]:
        fetched = await consumer.getmany(timeout_ms=patience_ms, max_records=max_records)
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
                following = await self._read_on(consumer, settling)
                if following:
                    self._ahead = _Ahead(following, await self._handler.prepare(following))
        finally:
            await settling

    async def _read_on(self, consumer: AIOKafkaConsumer, settling: asyncio.Task[None]) -> list[Record]:
        """What follows, as much as a transaction takes, while another one is being settled. In parts: the database is
        sent its next statement in between."""
        found: list[Record] = []
        with contextlib.suppress(NoOffsetForPartitionError, OffsetOutOfRangeError):  # the next poll meets them
            while (room := self._pace.at_once - len(found)) > 0 and not settling.done():
                part = await self._fetch(consumer, AHEAD_MS, min(room, PART))
                if not part:
                    break
                found += part
                await asyncio.sleep(0)
        return sorted(found, key=itemgetter(0, 1))

    async def _settle(self, records: Sequence[Record], prepared: Any = None) -> None:
        """Settle the records of owned partitions; on a data error, find its record by halving."""
        partition = self._ownership.partition
        mine = [record for there in _runs(records) for record in self._ownership.expected(there)]
        if not mine:
            return
        if prepared is None or len(mine) < len(records):
            prepared = await self._handler.prepare(mine)
        try:
            await self._transact(mine, prepared)
        except FencedError:
            lost = {p for p in map(partition, mine) if not await self._ownership.holds(p)}
            await self._settle([record for record in mine if partition(record) not in lost])
        except StopPartitionError as error:
            stop = partition(error.record)
            await self._settle([r for r in mine if partition(r) != stop or r.offset < error.record.offset])
            self._ownership.stop(stop, str(error))
        except DATA_ERRORS as error:
            if len(mine) == 1:
                await self._park_alone(mine[0], error)
                return
            half = len(mine) // 2
            await self._settle(mine[:half])
            await self._settle(mine[half:])

    async def _transact(self, records: Sequence[Record], prepared: Any) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            after = {self._ownership.partition(there[-1]): there[-1] for there in _runs(records)}
            last_seq = await self._ownership.move(connection, after)
            batch = await self._batch(connection, last_seq, records)
            await self._handler.apply(prepared, batch)
            await parking.store(connection, self.name, batch.parked)
        self._moved(after, batch.parked)
        await self._handler.committed()

    async def _batch(self, connection: Connection, last_seq: Mapping[Place, int], records: Sequence[Record]) -> Batch:
        reached = {(there[0].topic, there[0].partition): there[0].offset for there in _runs(records)}
        return Batch(connection, last_seq, await parking.backlogs(connection, self.name, reached))

    async def _park_alone(self, record: Record, error: BaseException) -> None:
        after = {self._ownership.partition(record): record}
        item = parking.parked(record, "unexpected", error, blocks=True)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                last_seq = await self._ownership.move(connection, after)
                batch = await self._batch(connection, last_seq, [record])
                batch.park(item)
                await parking.store(connection, self.name, batch.parked)
        except FencedError:
            await self._ownership.holds(self._ownership.partition(record))
        except StopPartitionError as stop:
            self._ownership.stop(self._ownership.partition(record), str(stop))
        else:
            self._moved(after, [item])

    def _moved(self, past: Mapping[TopicPartition, Record], items: Sequence[Parked]) -> None:
        self._ownership.moved(past)
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

    async def _aftermath(self, consumer: AIOKafkaConsumer) -> None:
        """What is owed to others, now and then: dead letters, and positions as Kafka's own tools show them."""
        if time.monotonic() < self._mirror_at or self._stopping:
            return
        self._mirror_at = time.monotonic() + MIRROR_EVERY_S
        places = list(self._ownership.held)
        letters, version = self._delivery.dead_letters, self._delivery.service
        if await parking.mirror(self._pool, self._publisher, self.name, letters, version, places=places):
            self._mirror_at = 0.0
        # A courtesy, so whatever fails may fail; without a broker the client would try for ever.
        with contextlib.suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(COMMIT_WITHIN_S):
                if commits := self._ownership.commits():
                    await consumer.commit(commits)
                    await self._ownership.copied(commits)

    def _asked(self, consumer: str) -> None:
        if consumer in {"", self.name}:
            self._redrive_at = 0.0

    async def _redrive(self) -> None:
        """Settle what an operator has marked among the parked records, between two batches."""
        if time.monotonic() < self._redrive_at or self._stopping:
            return
        self._redrive_at = time.monotonic() + REDRIVE_EVERY_S
        async with self._settling:
            try:
                if await self._redriver.settle(self._ownership.held):
                    self._redrive_at = self._mirror_at = 0.0
            except FencedError:
                for partition in self._ownership.partitions:
                    await self._ownership.holds(partition)
