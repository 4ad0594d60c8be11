"""The partitions that one consumer of a group owns, and where it stands in them.

Ownership begins with an assignment, which raises the partition's epoch, and ends when the assignment leaves or when the
row shows another epoch: the fence. In between positions move by compare-and-set, in the transaction of their effects. A
position that means nothing in the log stops its partition, and nothing jumps.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.structs import OffsetAndMetadata

from docward.events.codec import Record
from docward.runtime import metrics
from docward.runtime.checkpoints import Checkpoints, Place, Position
from docward.runtime.errors import OPERATIONAL, FencedError
from docward.runtime.kafka import positions, seek_if_owned
from docward.runtime.positions import LOOK_LONGEST_S, LOOK_WITHIN_S, OURS, Verdict, judge, landmark, look
from docward.runtime.postgres import Connection
from docward.runtime.settings import Kafka

log = structlog.get_logger()

PATIENCE, LONGEST_PATIENCE = 2, 32
"""Sessions for which something assigned may be owned elsewhere before the group is joined anew."""


@dataclass(slots=True)
class Owned:
    """A partition that this process has taken over."""

    position: Position
    stopped: bool = False
    copied: bool = False
    """Whether Kafka was ever given a copy of its position."""
    sought: int | None = None
    """The position that fetching was set back to, because it had run ahead."""


class Ownership:
    """Of one client at a time: `begin` with it, `end` when it is closed."""

    def __init__(self, name: str, kafka: Kafka, checkpoints: Checkpoints) -> None:
        self._name = name
        self._kafka = kafka
        self._checkpoints = checkpoints
        self._consumer: AIOKafkaConsumer | None = None
        self._owned: dict[TopicPartition, Owned] = {}
        self._whole_at = self._torn_at = time.monotonic()
        self._patience = PATIENCE
        self.joined = False
        """Whether the group has said what is this process's, be it nothing, and all of it is taken over."""

    def begin(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self.waiting()

    def end(self) -> None:
        """A taking over that is under way ends with it."""
        self._consumer = None
        self._owned.clear()
        self.joined = False

    def waiting(self) -> None:
        """For the group, or for the end of an outage: nothing that is assigned is missed meanwhile."""
        self._whole_at = time.monotonic()

    def adrift(self) -> bool:
        """Whether something that is assigned to this process has long been taken over by another one, and it is time to
        join the group anew.

        Whoever took it over late, without being assigned, will not settle it; and only an assignment raises an epoch.
        Each time it is waited for twice as long, until all has been owned for as long: on a starved machine joining
        makes others late, who take over late in their turn.
        """
        now, session = time.monotonic(), self._kafka.session_timeout_ms / 1000
        if self._consumer is None or self._consumer.assignment() <= self._owned.keys():
            self._whole_at = now
            if now - self._torn_at > self._patience * session:
                self._patience = PATIENCE
        else:
            self._torn_at = now
        if now - self._whole_at <= self._patience * session:
            return False
        self._patience = min(2 * self._patience, LONGEST_PATIENCE)
        return True

    # --- taking over, and giving back ---

    async def take_over(
        self, partitions: Iterable[TopicPartition], back_off: Callable[[BaseException], Awaitable[None]]
    ) -> None:
        """Own what was assigned, from where it stands. Insists through outages, for as long as the client is in use."""
        assigned, within_s = positions(partitions), LOOK_WITHIN_S
        while (consumer := self._consumer) is not None:
            try:
                for partition, (standing, lost) in (await self._taken(consumer, assigned, within_s)).items():
                    if consumer is self._consumer:
                        self._begin(partition, standing, lost)
            except OPERATIONAL as error:
                await back_off(error)
                within_s = min(2 * within_s, LOOK_LONGEST_S)
                continue
            self.joined = consumer is self._consumer
            log.info("took over", consumer=self._name, partitions=[f"{p.topic}/{p.partition}" for p in assigned])
            return

    async def _taken(
        self, consumer: AIOKafkaConsumer, assigned: Iterable[TopicPartition], within_s: float
    ) -> dict[TopicPartition, tuple[Position, str | None]]:
        """Where each stands, under this process's epoch, and why its position means nothing in the log, if so."""
        if not assigned:
            return {}
        first = await consumer.beginning_offsets(assigned)
        taken = {p: await self._checkpoints.take_over(self.place(p), first[p]) for p in assigned}
        logs = await look(
            self._kafka, self._name, taken, within_s
        )  # last: until fenced, a predecessor may have moved on
        verdicts = {p: judge(position, logs[p]) for p, position in taken.items()}
        return {p: (await self._followed(p, taken[p], verdict), verdict.lost) for p, verdict in verdicts.items()}

    async def _followed(self, partition: TopicPartition, position: Position, verdict: Verdict) -> Position:
        """Where the position stands after what a tool has asked for in Kafka."""
        place = self.place(partition)
        told = log.bind(consumer=self._name, topic=place[0], partition=place[1])
        if verdict.refused is not None:
            metrics.SET_BY_TOOL.labels(self._name, "refused").inc()
            told.critical("not followed", reason=verdict.refused)
        if verdict.back_to is None:
            return position
        metrics.SET_BY_TOOL.labels(self._name, "followed").inc()
        told.warning("set back by a tool", to=verdict.back_to)
        return await self._checkpoints.set_back(
            place, position, verdict.back_to, who="kafka", why="the group's position was set back in Kafka"
        )

    def _begin(self, partition: TopicPartition, position: Position, lost: str | None) -> None:
        """Own the partition from its position on. In one step: nothing is fetched in between."""
        self._owned[partition] = Owned(position, copied=position.copied)
        metrics.STOPPED.labels(self._name, *self.place(partition)).set(0)
        self._seek(partition, position.next_offset)
        if lost is not None:
            self.stop(partition, lost)

    def release(self, partitions: Iterable[TopicPartition]) -> None:
        self.joined = False
        for partition in partitions:
            self._owned.pop(partition, None)

    # --- where it stands ---

    @property
    def partitions(self) -> list[TopicPartition]:
        return list(self._owned)

    @property
    def stopped(self) -> list[str]:
        """The partitions that wait for a person."""
        return sorted(f"{p.topic}/{p.partition}" for p, owned in self._owned.items() if owned.stopped)

    @property
    def held(self) -> dict[Place, Position]:
        return {self.place(partition): owned.position for partition, owned in self._owned.items()}

    def commits(self) -> dict[TopicPartition, OffsetAndMetadata]:
        """The positions, as Kafka's own tools show them."""
        return {
            partition: OffsetAndMetadata(owned.position.next_offset, f"{OURS}epoch={owned.position.epoch}")
            for partition, owned in self._owned.items()
            if not owned.stopped
        }

    async def copied(self, partitions: Iterable[TopicPartition]) -> None:
        """Kafka was given the positions of these."""
        first = {p: owned for p in partitions if (owned := self._owned.get(p)) is not None and not owned.copied}
        if first:
            await self._checkpoints.copied(map(self.place, first))
            for owned in first.values():
                owned.copied = True

    def expected(self, records: Sequence[Record]) -> Sequence[Record]:
        """Of records of one partition, in the order of the log: those that are still this process's to settle."""
        owned = self._owned.get(self.partition(records[0]))
        if owned is None or owned.stopped:
            return []
        following = owned.position.next_offset
        return records if records[0].offset >= following else [r for r in records if r.offset >= following]

    def follows(self, record: Record) -> bool:
        """Whether an expected record is the next one of the log. Fetching that ran ahead would skip what lies between:
        it is set back, once for a position, and what is missing then is missing in the log itself.
        """
        partition = self.partition(record)
        owned = self._owned[partition]
        expected = owned.position.next_offset
        if expected in {record.offset, owned.sought}:
            return True
        owned.sought = expected
        log.warning("fetching had run ahead", consumer=self._name, partition=partition.partition, at=record.offset)
        self._seek(partition, expected)
        return False

    # --- moving on ---

    async def move(self, connection: Connection, past: Mapping[TopicPartition, Record]) -> dict[Place, int]:
        """Move the positions past these records, in the caller's transaction; the number of each one's last event.

        Raises FencedError when one of them is not this process's to move.
        """
        held = {self.place(p): owned.position for p in past if (owned := self._owned.get(p))}
        if len(held) < len(past):
            raise FencedError("a partition has left")
        after = {self.place(p): record.offset + 1 for p, record in past.items()}
        landmarks = {self.place(p): landmark(record) for p, record in past.items()}
        moved = await self._checkpoints.move(connection, held, after, landmarks)
        if len(moved) < len(past):
            raise FencedError("a position is elsewhere")
        return moved

    def moved(self, past: Mapping[TopicPartition, Record]) -> None:
        """That transaction was committed."""
        for partition, record in past.items():
            if (owned := self._owned.get(partition)) is not None:
                owned.position = Position(record.offset + 1, owned.position.epoch)
                metrics.NEXT_OFFSET.labels(self._name, *self.place(partition)).set(record.offset + 1)

    async def holds(self, partition: TopicPartition) -> bool:
        """Whether the position is where this process thinks it is. If not, the records in hand are not for it.

        With its own epoch on the row it is still the owner (the acknowledgement of a commit was lost, say) and goes on
        from there. With another one, the partition is somebody else's until it is assigned anew.
        """
        owned = self._owned.get(partition)
        if owned is None:
            return False
        position = await self._checkpoints.read(self.place(partition))
        if position == owned.position:
            return True
        if position is not None and position.epoch == owned.position.epoch:
            log.warning("position read again", consumer=self._name, partition=partition.partition, position=position)
            owned.position = position
            self._seek(partition, position.next_offset)
            return False
        metrics.FENCES.labels(self._name).inc()
        log.warning("fenced: another process owns a partition", consumer=self._name, partition=partition.partition)
        self._owned.pop(partition, None)
        return False

    def stop(self, partition: TopicPartition, why: str) -> None:
        """Nothing jumps: the partition waits for a person, the others go on."""
        if partition in self._owned:
            self._owned[partition].stopped = True
        with contextlib.suppress(IllegalStateError):  # it has left meanwhile
            if self._consumer is not None:
                self._consumer.pause(partition)
        topic, number = self.place(partition)
        metrics.STOPPED.labels(self._name, topic, number).set(1)
        log.critical("partition stopped", consumer=self._name, topic=topic, partition=number, reason=why)

    def rewind(self) -> None:
        """What was fetched and is not settled is fetched again."""
        for partition, owned in self._owned.items():
            if not owned.stopped:
                self._seek(partition, owned.position.next_offset)

    def _seek(self, partition: TopicPartition, offset: int) -> None:
        if self._consumer is not None:
            seek_if_owned(self._consumer, partition, offset)

    # --- names ---

    def partition(self, record: Record) -> TopicPartition:
        return TopicPartition(self._kafka.topic_prefix + record.topic, record.partition)

    def place(self, partition: TopicPartition) -> Place:
        return partition.topic.removeprefix(self._kafka.topic_prefix), partition.partition
