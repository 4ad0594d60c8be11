"""The event store: the truth of every stream, numbered without gaps per partition, and thereby its own outbox.

Whoever appends holds the lock of the partition's checkpoint row, so `seq` has no gaps and what a reader sees up to the
highest number is final. `unique (stream_id, version)` is the arbiter between everybody who appends to a stream.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, cast
from uuid import UUID

from pydantic_core import to_json

from docward.events.actor import Signer
from docward.events.codec import Encoded, Envelope, body_of, encode_body
from docward.events.messages import Actor, CommandRejected, Event, derived_id, stream_id, uuid_text
from docward.events.upcasts import upcast
from docward.runtime.aggregates import Accepted, Aggregate, JobSpec, Rejected, Request
from docward.runtime.batches import BREATH
from docward.runtime.errors import ConcurrentDecisionError
from docward.runtime.kafka import partition_of
from docward.runtime.postgres import Connection, Pool

RELAY_BATCH, RELAY_BYTES = 1000, 4 * 1024 * 1024
"""Of events at a time: they are in memory together, and must be written in the time of one publication."""
KEPT, KEPT_BYTES = 2 * RELAY_BATCH, 4 * 1024
"""Events of a partition that stay in memory until they are relayed, at most, and what each of them may have."""
ENVELOPE_BYTES = 24 * 1024
"""Room for the headers of an event, at most: `ce_actor` alone may take 16 KiB."""


class Origin(NamedTuple):
    """Where an event or a job comes from."""

    command_id: UUID
    correlation_id: UUID
    traceparent: str | None


class NewEvent(NamedTuple):
    stream_id: str
    version: int
    request: Request
    origin: Origin
    event: Event
    body: bytes
    nth: int
    """Of the events of its command; its id follows from both."""


class Recorded(NamedTuple):
    """A row of the table `events`: the columns in its order."""

    topic: str
    partition: int
    seq: int
    stream_id: str
    version: int
    id: UUID
    type: str
    dataversion: int
    key: UUID
    time: datetime
    correlation_id: UUID
    causation_id: UUID
    actor: bytes
    """JSON."""
    traceparent: str | None
    body: bytes


class StoredEvent(NamedTuple):
    type: str
    dataversion: int
    body: bytes


class EventStore:
    """Streams of the aggregates that share a command topic, as one service keeps them."""

    def __init__(self, service: str, consumer: str, aggregate: Aggregate[Any]) -> None:
        self.service = service
        self.consumer = consumer
        self.commands = aggregate.commands
        self.topic = aggregate.events
        self._types = {cls.TYPE: cls for cls in self.topic.types}
        self._kept: dict[int, deque[Recorded]] = {}
        """Per partition, a run of the latest committed events: what is not here is read from the table."""

    def partition(self, aggregate_id: UUID) -> int:
        return partition_of(uuid_text(aggregate_id).encode(), self.topic.partitions)

    async def streams(self, connection: Connection, ids: Iterable[str]) -> dict[str, list[Event]]:
        """All events of these streams, in order; a stream without events is an empty list."""
        stored = await self.rows(connection, dict.fromkeys(ids, 0))
        return {ident: [self.event(row) for row in rows] for ident, rows in stored.items()}

    async def rows(self, connection: Connection, after: Mapping[str, int]) -> dict[str, list[StoredEvent]]:
        """The events of each stream after a version, in order.

        Not read yet: one that does not read is the trouble of its own stream only. Raises ConcurrentDecisionError when
        the event of such a version is not there: the database has gone back, and what the caller knows with it.
        """
        found: dict[str, list[StoredEvent]] = {ident: [] for ident in after}
        there = {ident for ident, version in after.items() if version == 0}
        rows = await connection.fetch(
            """
            select e.stream_id, e.version, e.type, e.dataversion, case when e.version > u.after then e.body end
            from unnest($1::text[], $2::int[]) as u (stream_id, after)
            join events e on e.stream_id = u.stream_id and e.version >= u.after
            order by e.stream_id, e.version
            """,
            list(after),
            list(after.values()),
        )
        for stream, version, *event in rows:
            if version == after[stream]:
                there.add(stream)
            else:
                found[stream].append(StoredEvent(*event))
        if len(there) < len(found):
            raise ConcurrentDecisionError("events that were read before are no longer in the store")
        return found

    def event(self, stored: StoredEvent) -> Event:
        """In its newest version."""
        cls = self._types[stored.type]
        if stored.dataversion == cls.VERSION:
            return cast("Event", cls.model_validate_json(stored.body))
        older = json.loads(stored.body)
        return cast("Event", cls.model_validate(upcast(stored.type, stored.dataversion, cls.VERSION, older)))

    async def lock(self, connection: Connection, partition: int) -> int:
        """Hold the partition's checkpoint row until the transaction ends; the number of its last event."""
        return cast(
            "int",
            await connection.fetchval(
                "select last_seq from checkpoints where consumer = $1 and topic = $2 and partition = $3 for update",
                self.consumer,
                self.commands.name,
                partition,
            ),
        )

    async def append(
        self, connection: Connection, events: Sequence[NewEvent], last_seq: Mapping[int, int]
    ) -> list[Recorded]:
        """Append under the caller's lock of the checkpoint rows of `last_seq`'s partitions."""
        if not events:
            return []
        seq = dict(last_seq)
        rows = []
        for stream, version, request, origin, event, body, nth in events:
            partition = self.partition(request.aggregate_id)
            seq[partition] += 1
            rows.append(
                Recorded(
                    self.topic.name,
                    partition,
                    seq[partition],
                    stream,
                    version,
                    derived_id(origin.command_id, request.command_id, "event", nth),
                    event.TYPE,
                    event.VERSION,
                    request.aggregate_id,
                    request.time,
                    origin.correlation_id,
                    origin.command_id,
                    _as_json(request.actor),
                    origin.traceparent,
                    body,
                )
            )
        await connection.copy_records_to_table("events", records=rows, columns=Recorded._fields)
        await connection.execute(
            """
            with numbered as (
                update checkpoints c set last_seq = u.seq from unnest($3::int[], $4::bigint[]) as u (partition, seq)
                where c.consumer = $1 and c.topic = $2 and c.partition = u.partition
            )
            select pg_notify($5, '')
            """,
            self.consumer,
            self.commands.name,
            list(seq),
            list(seq.values()),
            relay_channel(self.service),
        )
        return rows

    def keep(self, rows: Iterable[Recorded]) -> None:
        """What was appended and is committed, for the relay: it need not be read again. A partition's rows are kept in
        one run, and no large ones."""
        for row in rows:
            kept = self._kept.setdefault(row.partition, deque(maxlen=KEPT))
            if kept and kept[-1].seq + 1 != row.seq:
                kept.clear()
            if len(row.body) <= KEPT_BYTES:
                kept.append(row)

    async def add_jobs(self, connection: Connection, jobs: Sequence[tuple[JobSpec, Request, Origin, int]]) -> None:
        """The jobs of a decision, in its transaction. A job's id follows from its command: it exists once."""
        if not jobs:
            return
        rows = [
            (
                derived_id(origin.command_id, request.command_id, "job", index),
                spec.kind,
                request.aggregate_id,
                self.partition(request.aggregate_id),
                to_json(spec.payload),
                origin.command_id,
                origin.correlation_id,
                _as_json(request.actor),
                origin.traceparent,
            )
            for spec, request, origin, index in jobs
        ]
        await connection.execute(
            """
            with added as (
                insert into jobs (id, kind, aggregate_id, partition, payload, command_id, correlation_id, actor,
                    traceparent)
                select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::jsonb[], $6::uuid[],
                    $7::uuid[], $8::jsonb[], $9::text[])
                on conflict (id) do nothing
            )
            select pg_notify($10, '')
            """,
            *[list(column) for column in zip(*rows, strict=True)],
            jobs_channel(self.service),
        )

    async def waiting(self, pool: Pool, owned: Mapping[int, int]) -> dict[int, int]:
        """Owned partitions (to their epochs) with events to publish, to the last published number."""
        rows = await pool.fetch(
            """
            select c.partition, c.relayed from checkpoints c
            join unnest($3::int[], $4::bigint[]) as u (partition, epoch) using (partition, epoch)
            where c.consumer = $1 and c.topic = $2 and c.last_seq > c.relayed
            """,
            self.consumer,
            self.commands.name,
            list(owned),
            list(owned.values()),
        )
        return {row["partition"]: row["relayed"] for row in rows}

    async def unrelayed(self, pool: Pool, partition: int, relayed: int, signer: Signer) -> list[tuple[int, Encoded]]:
        """The next events to publish, in order, by number."""
        rows = self._kept_after(partition, relayed) or await self._stored_after(pool, partition, relayed)
        events = []
        for number, row in enumerate(rows, start=1):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            events.append((row.seq, encoded(self.service, row, signer)))
        return events

    def _kept_after(self, partition: int, relayed: int) -> list[Recorded]:
        kept = self._kept.get(partition, deque())
        while kept and kept[0].seq <= relayed:
            kept.popleft()
        return list(islice(kept, RELAY_BATCH)) if kept and kept[0].seq == relayed + 1 else []

    async def _stored_after(self, pool: Pool, partition: int, relayed: int) -> list[Recorded]:
        rows = await pool.fetch(
            """
            with ahead as (
                select topic, partition, seq, stream_id, version, id, type, dataversion, key, time, correlation_id,
                    causation_id, convert_to(actor::text, 'utf8'), traceparent, body
                from events where topic = $1 and partition = $2 and seq > $3 order by seq limit $4
            ), counted as (
                select *, sum(octet_length(body)) over (order by seq) - octet_length(body) as bytes_before from ahead
            )
            select * from counted where bytes_before < $5 order by seq
            """,
            self.topic.name,
            partition,
            relayed,
            RELAY_BATCH,
            RELAY_BYTES,
        )
        return [Recorded(*columns) for *columns, _ in rows]

    async def relayed(self, pool: Pool, partition: int, epoch: int, before: int, seq: int) -> bool:
        """Store that everything up to `seq` is published, and not only up to `before`.

        False when another owner has taken over, or an operator has asked for all of it again.
        """
        done = await pool.execute(
            """
            update checkpoints set relayed = $6
            where consumer = $1 and topic = $2 and partition = $3 and epoch = $4 and relayed = $5
            """,
            self.consumer,
            self.commands.name,
            partition,
            epoch,
            before,
            seq,
        )
        return bool(done == "UPDATE 1")


def encoded(service: str, row: Recorded, signer: Signer) -> Encoded:
    """The event as its service publishes it."""
    envelope = Envelope(
        row.id,
        row.type,
        f"/docward/{service}",
        row.time,
        row.stream_id,
        row.key,
        row.correlation_id,
        _as_actor(row.actor),
        row.causation_id,
        row.version,
        row.traceparent,
        row.dataversion,
    )
    return encode_body(envelope, row.body, signer)


def new_events(
    aggregate: Aggregate[Any], request: Request, origin: Origin, decision: Accepted | Rejected, command_type: str
) -> list[NewEvent]:
    """What a decision adds to the store: its events, or the rejection in the command's own stream."""
    stream = stream_id(aggregate.kind, request.aggregate_id)
    if isinstance(decision, Accepted):
        bodies = [body_of(event) for event in decision.events]
        largest = max((len(body) for body in bodies), default=0)
        if largest + ENVELOPE_BYTES <= aggregate.events.max_bytes:
            return [
                NewEvent(stream, request.version + nth, request, origin, event, body, nth)
                for nth, (event, body) in enumerate(zip(decision.events, bodies, strict=True), start=1)
            ]
        decision = Rejected("event-too-large", f"an event would have {largest} bytes, over the topic's limit")
    event = CommandRejected(
        command_id=request.command_id,
        command_type=command_type,
        code=decision.code,
        detail=decision.detail,
        stream=stream,
        current_version=request.version,
    )
    return [NewEvent(stream_id("command", request.command_id), 1, request, origin, event, body_of(event), 1)]


@lru_cache(maxsize=4096)
def _as_json(actor: Actor) -> bytes:
    return to_json(actor)


@lru_cache(maxsize=4096)
def _as_actor(text: bytes) -> Actor:
    return Actor.model_validate_json(text)


def relay_channel(service: str) -> str:
    return f"docward_{service}_relay"


def jobs_channel(service: str) -> str:
    return f"docward_{service}_jobs"
