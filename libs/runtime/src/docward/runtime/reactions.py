"""Reactions: events of one service become commands to another. Stateless; ids follow from the event's id.

The command is acknowledged before the event's position is committed, so a crash repeats it under the same id, and its
decider ignores the repetition. FastStream carries the records; what it would decide about acknowledging, parsing and
topics is decided here.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from docward.events.codec import Codec, Envelope, Record
from docward.events.errors import UndecodableError
from docward.events.messages import Command, derived_id, stream_id
from docward.events.topics import Topic
from docward.runtime import metrics, parking, telemetry
from docward.runtime.batches import Batch
from docward.runtime.checkpoints import Place
from docward.runtime.errors import OPERATIONAL, TooLargeError, TooManyParkedError
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.kafka import FETCH_BYTES, Assignments, reading, record_of
from docward.runtime.rawheaders import read_any_header
from docward.runtime.redriving import OPERATING_CHANNEL, REDRIVE_EVERY_S, close, park_again

log = structlog.get_logger()

ACK_WITHIN_S = 10.0
LOOK_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A command to another aggregate."""

    topic: Topic
    kind: str
    aggregate_id: UUID
    command: Command


@dataclass(frozen=True, slots=True)
class Reaction:
    name: str
    """Its consumer group, and a part of the ids of its commands: it is never changed."""
    topic: Topic
    react: Callable[[Envelope, Any], Iterable[Outgoing]]
    """Pure."""


class ReactionLoop:
    """Consumes the reaction's topic, one record at a time."""

    def __init__(self, reaction: Reaction, around: Infrastructure, *, dead_letters: Topic) -> None:
        self._reaction = reaction
        self._around = around
        self._dead_letters = dead_letters
        self._service = around.service
        self._kafka = around.settings.kafka
        self._pool = around.pool
        self._publisher = around.publisher
        self._codec = Codec(reaction.topic.types)
        self._stop = asyncio.Event()
        self._busy_since: float | None = None
        self._came_round = self._consumed = time.monotonic()
        self._stopped: set[Place] = set()
        self._failure: Exception | None = None
        self.joined = False
        """Whether its group has said what is this replica's, be it nothing: without, it is not ready."""
        self._asked = asyncio.Event()
        around.listener.on(OPERATING_CHANNEL, lambda _: self._asked.set())
        self.name = reaction.name

    @property
    def beat(self) -> float:
        """Of what is slowest: settling the record in hand, fetching the next one while there is one, or looking for
        what is to be redriven."""
        return min(self._busy_since or self._consumed, self._came_round)

    @property
    def stopped(self) -> list[str]:
        """The partitions that wait for a person."""
        return sorted(f"{topic}/{partition}" for topic, partition in self._stopped)

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        read_any_header()
        broker = KafkaBroker(
            self._kafka.bootstrap_servers.split(","),  # unlike aiokafka, FastStream takes a text for one address
            allow_auto_create_topics=False,
            ack_policy=AckPolicy.MANUAL,
            logger=None,
            graceful_timeout=2.0,
        )
        subscriber = broker.subscriber(
            self._kafka.topic_prefix + self._reaction.topic.name,
            group_id=self._kafka.topic_prefix + self._reaction.name,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            group_instance_id=self._around.instance(self.name),
            session_timeout_ms=self._kafka.session_timeout_ms,
            fetch_max_bytes=FETCH_BYTES,
            listener=Assignments(self._assigned, self._revoked),
            parser=_parse,
            decoder=_undecoded,
        )
        subscriber(self._receive)
        await self._start(broker)
        beside = [asyncio.create_task(self._redrive()), asyncio.create_task(self._watch(cast("Any", subscriber)))]
        for task in beside:
            task.add_done_callback(lambda _: self._stop.set())
        try:
            await self._stop.wait()
        finally:
            ended = [task for task in beside if not task.cancel()]
            await broker.stop()
        for task in ended:
            task.result()
        if self._failure is not None:
            raise self._failure

    async def _start(self, broker: KafkaBroker) -> None:
        while not self._stop.is_set():
            self._came_round = self._consumed = time.monotonic()
            try:
                await broker.start()
            except OPERATIONAL as error:
                log.warning("reaction cannot start yet", reaction=self.name, error=str(error))
                await asyncio.sleep(random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, not a secret
            else:
                return

    async def _watch(self, subscriber: Any) -> None:
        """FastStream's own loop says nothing while no record comes, be it that there is none or that it hangs. It hangs
        where a record lies behind a position that stands still, and where its client says nothing while the broker
        answers another one."""
        before: dict[TopicPartition, int] = {}
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            waiting = await self._behind(cast("AIOKafkaConsumer", subscriber.consumer))
            if waiting is None:
                continue
            if waiting.items().isdisjoint(before.items()):
                self._consumed = time.monotonic()
            before = waiting

    async def _behind(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, int] | None:
        """Where there is something to read; None: the client alone does not know."""
        try:
            async with asyncio.timeout(ACK_WITHIN_S):
                return await _waiting(consumer)
        except OPERATIONAL as error:
            unknown = error
        try:
            async with asyncio.timeout(ACK_WITHIN_S), reading(self._kafka) as other:
                await other.end_offsets([TopicPartition(self._kafka.topic_prefix + self._reaction.topic.name, 0)])
        except OPERATIONAL:
            return {}  # everybody waits for the broker
        log.warning("the client of a reaction does not answer", reaction=self.name, error=str(unknown))
        return None

    async def _assigned(self, _: Iterable[TopicPartition]) -> None:
        self.joined = True
        self._stopped.clear()  # what stopped is tried again by whoever gets it

    async def _revoked(self, _: Iterable[TopicPartition]) -> None:
        self.joined = False

    async def _receive(self, message: KafkaMessage) -> None:
        """Settle one record and acknowledge it. Never returns before that: the next acknowledgement would cover it."""
        self._busy_since = time.monotonic()
        try:
            await self._insist(message)
        except Exception as error:  # noqa: BLE001 -- the delivery loop's: FastStream would go on past the record
            self._failure = error
            self._stop.set()
            await asyncio.Event().wait()  # until the process ends; the record is read again
        finally:
            self._busy_since = None
            self._consumed = time.monotonic()

    async def _insist(self, message: KafkaMessage) -> None:
        record = record_of(message.raw_message, self._kafka.topic_prefix)
        pause = 0.2
        while True:
            try:
                await self._settle(record)
                async with asyncio.timeout(ACK_WITHIN_S):  # without a broker the client would try for ever
                    return await message.ack()
            except TooManyParkedError as error:
                return self._stop_partition(message, error)
            except OPERATIONAL as error:  # an outage is not poison: wait, with this record in hand
                metrics.OUTAGES.labels(self.name).inc()
                log.warning("reaction paused", reaction=self.name, error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 -- jitter, not a secret
                pause = min(pause * 2, 10.0)
                self._busy_since = time.monotonic()

    def _stop_partition(self, message: KafkaMessage, error: TooManyParkedError) -> None:
        """Read no further there. Set back first: an acknowledgement of another partition's record covers this one's
        position too."""
        consumer, record = cast("AIOKafkaConsumer", message.consumer), error.record
        partition = TopicPartition(self._kafka.topic_prefix + record.topic, record.partition)
        consumer.seek(partition, record.offset)
        consumer.pause(partition)
        place = (record.topic, record.partition)
        self._stopped.add(place)
        metrics.STOPPED.labels(self.name, *place).set(1)
        log.critical("partition stopped", consumer=self.name, topic=place[0], partition=place[1], reason=str(error))

    async def _settle(self, record: Record) -> None:
        item = await self._attempt(record)
        if item is not None:
            await self._park(item)

    async def _attempt(self, record: Record) -> parking.Parked | None:
        """React to it; what to set aside, where that cannot be done."""
        try:
            decoded = self._codec.decode(record)
            outgoing = list(self._reaction.react(decoded.envelope, decoded.message))
        except UndecodableError as error:
            return parking.parked(record, "undecodable", error, blocks=False)
        except Exception as error:  # the delivery loop's: order does not matter to a reaction, so it goes on
            log.exception("a reaction failed", reaction=self.name, offset=record.offset)
            return parking.parked(record, "unexpected", error, blocks=False)
        event = decoded.envelope
        for index, out in enumerate(outgoing):
            with telemetry.step(f"react {out.command.TYPE}", event.traceparent, event.correlation_id) as trace:
                try:
                    await self._publisher.publish(out.topic, self._envelope(event, out, index, trace), out.command)
                except TooLargeError as error:
                    return parking.parked(record, "unexpected", error, blocks=False)
        metrics.RECORDS.labels(self.name, record.topic, "reacted" if outgoing else "ignored").inc()
        return None

    def _envelope(self, event: Envelope, out: Outgoing, index: int, traceparent: str) -> Envelope:
        return Envelope(
            id=derived_id(self._reaction.name, event.id, index),
            type=out.command.TYPE,
            source=f"/docward/{self._service}",
            time=event.time,
            subject=stream_id(out.kind, out.aggregate_id),
            key=out.aggregate_id,
            correlation_id=event.correlation_id,
            causation_id=event.id,
            actor=event.actor,
            traceparent=traceparent,
            version=out.command.VERSION,
        )

    async def _park(self, item: parking.Parked) -> None:
        """Raises TooManyParkedError, by the same limits as wherever records are parked; then it is not."""
        record = item.record
        reached = {(record.topic, record.partition): record.offset}
        async with self._pool.acquire() as connection, connection.transaction():
            batch = Batch(connection, {}, await parking.backlogs(connection, self.name, reached))
            batch.park(item)
            await parking.store(connection, self.name, batch.parked)
        metrics.PARKED.labels(self.name, item.record.topic, item.reason).inc()
        await self._mirror()

    async def _mirror(self) -> None:
        await parking.mirror(self._pool, self._publisher, self.name, self._dead_letters, self._around.version)

    async def _redrive(self) -> None:
        """Settle what an operator has marked among the parked records: any replica does, in any order."""
        while True:
            self._came_round = time.monotonic()
            try:
                async with asyncio.timeout(REDRIVE_EVERY_S):  # a notification can be lost with its connection
                    await self._asked.wait()
            except TimeoutError:
                pass
            self._asked.clear()
            try:
                await self._mirror()
                while await self._redrive_one():
                    self._came_round = time.monotonic()
            except OPERATIONAL as error:
                log.warning("redriving paused", reaction=self.name, error=f"{type(error).__name__}: {error}")

    async def _redrive_one(self) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                """
                select * from parked where consumer = $1 and action is not null and mirrored
                order by id for update skip locked limit 1
                """,
                self.name,
            )
            if row is None:
                return False
            item = await self._attempt(parking.record_of_row(row)) if row["action"] == "redrive" else None
            if item is None:
                await close(connection, [row])
            else:
                await park_again(connection, [(row, item)])
        log.warning(
            "parked record settled", reaction=self.name, offset=row["record_offset"], error=item and item.message
        )
        return True


async def _waiting(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int]:
    """The positions of the client behind which there is something to read."""
    mine = consumer.assignment() - consumer.paused()
    ends = await consumer.end_offsets(mine) if mine else {}
    at = {partition: await consumer.position(partition) for partition in ends if partition in consumer.assignment()}
    return {partition: offset for partition, offset in at.items() if offset < ends[partition]}


async def _parse(raw: Any, parse: Any) -> Any:
    """Never raises, whatever the headers hold; a `reply_to` among them redirects nothing."""
    message = await parse(dataclasses.replace(raw, headers=()))
    message.raw_message = raw
    return message


async def _undecoded(message: Any) -> bytes:
    body: bytes = message.body
    return body
