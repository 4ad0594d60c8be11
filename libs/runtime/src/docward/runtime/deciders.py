"""The decider: commands of a topic become events in the store, exactly once, and then records of the event topic.

A command whose bytes, signature or place are wrong is parked alone, or forwarded once to where it belongs. One that
the aggregate refuses, or that repeats an id with another body, is answered by `CommandRejected`. One that makes the
aggregate fail is parked and blocks its key. A repeated command changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from docward.events.actor import Keyring
from docward.events.codec import Codec, Decoded, Encoded, Envelope, Record, verified_actor
from docward.events.errors import BadSignatureError, UndecodableError
from docward.events.messages import derived_id, uuid_text
from docward.events.topics import Topic
from docward.runtime import metrics, telemetry
from docward.runtime.aggregates import Accepted, Aggregate, Decision, JobSpec, Rejected, Request, fold
from docward.runtime.batches import BREATH, Batch
from docward.runtime.delivery import Delivery, DeliveryLoop
from docward.runtime.errors import OPERATIONAL, ConcurrentDecisionError, TooLargeError
from docward.runtime.eventstore import EventStore, NewEvent, Origin, Recorded, StoredEvent, new_events, relay_channel
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.kafka import Publisher, partition_of
from docward.runtime.parking import Parked, parked
from docward.runtime.postgres import Pool
from docward.runtime.pruning import Pruning, kept, prune_decided

log = structlog.get_logger()

RECENT_STREAMS = 4096
"""Whose state is kept in memory: an active one is not read from its first event at every command."""
FORWARDED = "docward-forwarded"
"""Header of a command that was forwarded to its partition once; it is not forwarded again."""


class _Arrival(NamedTuple):
    """A command that may be decided."""

    record: Record
    decoded: Decoded
    aggregate: Aggregate[Any]
    digest: bytes
    stream: str

    @property
    def repetition(self) -> UUID:
        """What its answer is filed under when its id was decided with another body: the first one stays as it is."""
        return derived_id("reused", self.decoded.envelope.id, self.digest.hex())


def _digest(decoded: Decoded) -> bytes:
    """Of what a command asks for. Its time is not part of it: a sender may send a command again, later."""
    said = decoded.attributes
    return hashlib.sha256(f"{said['ce_type']}\n{said['ce_subject']}\n".encode() + decoded.body).digest()


@dataclass(slots=True)
class _Stream:
    state: Any
    version: int


class DeciderHandler:
    """Decides the commands of the aggregates that share a command topic."""

    def __init__(
        self, store: EventStore, aggregates: Sequence[Aggregate[Any]], *, keyring: Keyring, publisher: Publisher
    ) -> None:
        self._store = store
        self._aggregates = {aggregate.kind: aggregate for aggregate in aggregates}
        self._codec = Codec(store.commands.types)
        self._keyring = keyring
        self._publisher = publisher
        self._recent: dict[str, _Stream] = {}
        """What recent streams came to, the latest used last. Events are never changed, so it stays true of its version,
        and whatever was appended since, here or elsewhere, is read and added. Taken out when it is used."""
        self._folded_anew: dict[str, _Stream] = {}
        """The same, until the transaction that it comes from has been committed."""
        self._appended: list[Recorded] = []
        """By that transaction."""
        self.wake = asyncio.Event()
        """Set when there may be events to relay."""

    async def prepare(self, records: Sequence[Record]) -> list[_Arrival | Parked]:
        arrivals: list[_Arrival | Parked] = []
        for number, record in enumerate(records, start=1):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            arrival = self._arrival(record)
            if arrival is None:
                arrival = await self._forward(record)
            if arrival is not None:
                arrivals.append(arrival)
        return arrivals

    def _arrival(self, record: Record) -> _Arrival | Parked | None:
        """None: it belongs to another partition and has not been forwarded."""
        try:
            decoded = self._codec.decode(record)
            verified_actor(decoded, self._keyring)
        except UndecodableError as error:
            return parked(record, "undecodable", error, blocks=False)
        except BadSignatureError as error:
            return parked(record, "bad-signature", error, blocks=False)
        envelope = decoded.envelope
        kind, _, ident = envelope.subject.partition(":")
        aggregate, key = self._aggregates.get(kind), uuid_text(envelope.key)
        if aggregate is None or ident != key:
            misfit = UndecodableError(f"subject {envelope.subject!r} does not fit the topic and the key")
            return parked(record, "undecodable", misfit, blocks=False)
        written = key.encode()
        if record.key != written or partition_of(written, self._store.commands.partitions) != record.partition:
            if any(name == FORWARDED for name, _ in record.headers):
                return parked(record, "wrong-partition", ValueError("forwarded, and wrong again"), blocks=False)
            return None
        return _Arrival(record, decoded, aggregate, _digest(decoded), envelope.subject)

    async def _forward(self, record: Record) -> Parked | None:
        """To its partition, under the key as everybody writes it; one that the topic does not take again is parked."""
        key = str(self._codec.decode(record).envelope.key).encode()
        topic = self._store.commands
        forwarded = Encoded(key, record.value or b"", (*record.headers, (FORWARDED, b"1")))
        try:
            await self._publisher.write(topic, partition_of(key, topic.partitions), [forwarded])
        except TooLargeError as error:
            return parked(record, "wrong-partition", error, blocks=False)
        metrics.RECORDS.labels(self._store.consumer, record.topic, "forwarded").inc()
        return None

    async def apply(self, prepared: list[_Arrival | Parked], batch: Batch) -> None:
        arrivals = [a for a in prepared if isinstance(a, _Arrival)]
        decided = await self._decided_before(batch, arrivals)
        known = {a.stream: self._recent.pop(a.stream, None) for a in arrivals}
        stored = await self._store.rows(batch.connection, {s: k.version if k else 0 for s, k in known.items()})
        streams: dict[str, _Stream] = {}
        self._folded_anew, self._appended = {}, []
        outcomes: Counter[str] = Counter()
        traced = telemetry.traced()
        events: list[NewEvent] = []
        jobs: list[tuple[JobSpec, Request, Origin, int]] = []
        new_ids: list[tuple[UUID, str, bytes]] = []
        for arrival in prepared:
            if isinstance(arrival, Parked):
                batch.park(arrival)
                continue
            if batch.waits(arrival.record):
                continue
            envelope = arrival.decoded.envelope
            before = decided.get(envelope.id)
            if before is not None and (before == (envelope.source, arrival.digest) or arrival.repetition in decided):
                outcomes["duplicate"] += 1
                continue
            # Where spans go nowhere, one for every command would cost more than what is done with it.
            step = _step(envelope) if traced else nullcontext(envelope.traceparent or telemetry.new_traceparent())
            with step as trace:
                try:
                    stream = streams.get(arrival.stream)
                    if stream is None:
                        stream = self._folded(arrival.aggregate, known[arrival.stream], stored[arrival.stream])
                        streams[arrival.stream] = stream
                    request, decision = self._decide(arrival, stream, reused=before is not None)
                    origin = Origin(request.command_id, envelope.correlation_id, trace)
                    events += self._recorded(arrival, request, decision, stream, origin=origin, jobs=jobs)
                except Exception as error:  # the delivery loop's: a bug parks its command
                    with _step(envelope):
                        log.exception("a command could not be decided", command=str(envelope.id), type=envelope.type)
                    batch.park(parked(arrival.record, "unexpected", error, blocks=True))
                    continue
            ident = envelope.id if before is None else arrival.repetition
            decided[ident] = (envelope.source, arrival.digest)
            new_ids.append((ident, envelope.source, arrival.digest))
            outcomes["decided"] += 1
        last_seq = {partition: seq for (_, partition), seq in batch.last_seq.items()}
        await self._remember(batch, new_ids)  # first: it tells when another process decides one of them at this moment
        self._appended = await self._store.append(batch.connection, events, last_seq)
        await self._store.add_jobs(batch.connection, jobs)
        for outcome, number in outcomes.items():
            metrics.RECORDS.labels(self._store.consumer, self._store.commands.name, outcome).inc(number)
        self._folded_anew = streams

    def _decide(self, arrival: _Arrival, stream: _Stream, *, reused: bool) -> tuple[Request, Decision]:
        envelope, command = arrival.decoded.envelope, arrival.decoded.message
        ident = arrival.repetition if reused else envelope.id
        request = Request(envelope.key, ident, envelope.time, envelope.actor, stream.version)
        if reused:
            return request, Rejected("id-reused", f"command {envelope.id} was decided with another body or sender")
        expected = getattr(command, "expected_version", None)
        if expected is not None and expected != stream.version:
            detail = f"version {expected} was expected, the current version is {stream.version}"
            return request, Rejected("version-conflict", detail)
        return request, arrival.aggregate.decide(stream.state, command, request)

    def _recorded(
        self,
        arrival: _Arrival,
        request: Request,
        decision: Decision,
        stream: _Stream,
        *,
        origin: Origin,
        jobs: list[tuple[JobSpec, Request, Origin, int]],
    ) -> list[NewEvent]:
        """The events to append; the stream and the jobs move on only with what is really recorded."""
        aggregate = arrival.aggregate
        events = new_events(aggregate, request, origin, decision, arrival.decoded.envelope.type)
        if isinstance(decision, Accepted) and events and events[0].stream_id == arrival.stream:
            stream.state = fold(aggregate, stream.state, decision.events)
            stream.version += len(events)
            jobs += [(spec, request, origin, index) for index, spec in enumerate(decision.jobs)]
        return events

    def _folded(self, aggregate: Aggregate[Any], known: _Stream | None, rows: Sequence[StoredEvent]) -> _Stream:
        """The stream as it is: what is known of it, and the events after that."""
        before = known or _Stream(aggregate.initial, 0)
        events = [self._store.event(row) for row in rows]
        return _Stream(fold(aggregate, before.state, events), before.version + len(events))

    async def _decided_before(self, batch: Batch, arrivals: Sequence[_Arrival]) -> dict[UUID, tuple[str, bytes]]:
        """By id; of an id that was decided, also what repetitions of it were filed under."""
        decided = await self._digests(batch, [a.decoded.envelope.id for a in arrivals])
        if not decided:
            return decided
        again = [a.repetition for a in arrivals if a.decoded.envelope.id in decided]
        return decided | await self._digests(batch, again)

    async def _digests(self, batch: Batch, ids: list[UUID]) -> dict[UUID, tuple[str, bytes]]:
        rows = await batch.connection.fetch("select id, source, digest from commands where id = any($1::uuid[])", ids)
        return {row["id"]: (row["source"], row["digest"]) for row in rows}

    async def _remember(self, batch: Batch, new: Sequence[tuple[UUID, str, bytes]]) -> None:
        done = await batch.connection.execute(
            """
            insert into commands (id, source, digest)
            select * from unnest($1::uuid[], $2::text[], $3::bytea[]) on conflict (id) do nothing
            """,
            [ident for ident, _, _ in new],
            [source for _, source, _ in new],
            [digest for _, _, digest in new],
        )
        if done != f"INSERT 0 {len(new)}":  # one id for two aggregates, decided elsewhere at this moment: look again
            raise ConcurrentDecisionError("a command id was decided by another process meanwhile")

    async def skip(self, records: Sequence[Record], batch: Batch) -> None:
        """A discarded command is never decided, also when its topic is read again."""
        self._folded_anew, self._appended = {}, []
        arrivals = [a for record in records if isinstance(a := self._arrival(record), _Arrival)]
        new = {a.decoded.envelope.id: (a.decoded.envelope.source, a.digest) for a in arrivals}
        decided = await self._digests(batch, list(new))
        await self._remember(batch, [(ident, *of) for ident, of in new.items() if ident not in decided])

    async def committed(self) -> None:
        self._recent |= self._folded_anew
        self._store.keep(self._appended)
        self._folded_anew, self._appended = {}, []
        while len(self._recent) > RECENT_STREAMS:
            del self._recent[next(iter(self._recent))]
        self.wake.set()


def _step(envelope: Envelope) -> AbstractContextManager[str]:
    return telemetry.step(f"decide {envelope.type}", envelope.traceparent, envelope.correlation_id)


class Relay:
    """Publishes recorded events, in order per partition, without a database lock held.

    What a predecessor, a fenced twin or a job left behind goes out the same way. An event may be published again after
    a crash, always as a run from an earlier number, never out of order at its first appearance, and never left out.
    """

    def __init__(
        self, store: EventStore, loop: DeliveryLoop, wake: asyncio.Event, *, pool: Pool, publisher: Publisher
    ) -> None:
        self._store = store
        self._loop = loop
        self._wake = wake
        self._pool = pool
        self._publisher = publisher
        self.name = f"{store.consumer}-relay"
        self.beat = time.monotonic()

    async def run(self) -> None:
        while True:
            self.beat = time.monotonic()  # an outage, too, comes round: whatever is waited for has an end
            try:
                async with asyncio.timeout(1):  # a notification can be lost with its connection
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._relay_all()
            except OPERATIONAL as error:
                log.warning("relay paused", topic=self._store.topic.name, error=str(error))
                await asyncio.sleep(0.5)
            except TooLargeError as error:  # another limit than the contract's on the topic: someone must look
                log.critical("relay stands still", topic=self._store.topic.name, error=str(error))
                await asyncio.sleep(5)

    async def _relay_all(self) -> None:
        """Until nothing is left. A partition that fails holds back no other, and is tried again a moment later."""
        going = True
        while going:
            self.beat = time.monotonic()
            owned = self._loop.owned(self._store.commands.name)
            waiting = await self._store.waiting(self._pool, owned)
            outcomes = await asyncio.gather(
                *(self._relay(partition, owned[partition], relayed) for partition, relayed in waiting.items()),
                return_exceptions=True,
            )
            for outcome in outcomes:
                if isinstance(outcome, BaseException):
                    raise outcome
            going = any(outcomes)

    async def _relay(self, partition: int, epoch: int, relayed: int) -> int:
        """How many events that were."""
        events = await self._store.unrelayed(self._pool, partition, relayed, self._publisher.signer)
        await self._publisher.write(self._store.topic, partition, [encoded for _, encoded in events])
        if not events or not await self._store.relayed(self._pool, partition, epoch, relayed, events[-1][0]):
            return 0
        metrics.RELAYED.labels(self._store.topic.name).inc(len(events))
        return len(events)


class Decider:
    """The decider of a command topic in a process: its loop, its relay and its store."""

    def __init__(
        self, name: str, aggregates: Sequence[Aggregate[Any]], around: Infrastructure, *, dead_letters: Topic
    ) -> None:
        self.store = EventStore(around.service, name, aggregates[0])
        handler = DeciderHandler(self.store, aggregates, keyring=around.keyring, publisher=around.publisher)
        delivery = Delivery(name, (self.store.commands,), dead_letters, around.version, looks_ahead=True)
        self.loop = DeliveryLoop(delivery, handler, around)
        self.relay = Relay(self.store, self.loop, handler.wake, pool=around.pool, publisher=around.publisher)
        self.wake_relay = handler.wake.set
        self.pruning = Pruning(f"{name}-pruning", partial(prune_decided, around.pool, kept(self.store.commands)))
        around.listener.on(relay_channel(around.service), lambda _: handler.wake.set())
