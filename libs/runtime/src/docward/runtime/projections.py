"""Projections: events become rows, and the position after them moves in the same transaction.

`project` is pure: an event in, writes out. The runtime folds the writes of a batch per row, writes them in bulk, skips
versions of a stream that were applied before, and stops a partition at a gap. So a duplicated or replayed run of
events changes nothing, and reading a topic again from its beginning gives the same rows.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog

from docward.events.actor import Keyring
from docward.events.codec import Codec, Decoded, Envelope, Record, envelope_of, verified_actor
from docward.events.errors import BadSignatureError, UndecodableError
from docward.events.messages import Command, Message, ObjectRef, Value
from docward.events.topics import Topic
from docward.runtime import metrics, telemetry
from docward.runtime.batches import BREATH, Batch
from docward.runtime.delivery import Delivery, DeliveryLoop
from docward.runtime.errors import GapError, HashMismatchError, ObjectMissingError
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.objects import ObjectStore
from docward.runtime.parking import Parked, parked
from docward.runtime.postgres import Connection
from docward.runtime.writes import Delete, Fold, Patch, Statement, Table, Upsert, Write

log = structlog.get_logger()

READ_MODEL_CHANNEL = "read_model"
NOTIFY_BYTES = 7000
AT_ONCE = 2000
"""Records of one transaction, at most: the cost of a round trip and a commit is shared by so many."""
TRACED_EACH = 50
"""Messages of a batch that have a span each, at most: spans would cost a rebuild more than its events do."""
READER_ROLE = "docward_gateway"
"""May read the views, and nothing else."""

__all__ = ["DeadLettered", "Delete", "Patch", "Position", "Projection", "ProjectionHandler", "Upsert", "Write"]


class Position(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since the epoch, of the record."""


class DeadLettered(Value):
    """A record of a dead-letter topic, as projections see it; its envelope is the original's."""

    reason: str
    error: str
    topic: str
    partition: int
    offset: int


Objects = Mapping[str, bytes | None]
"""URI to bytes; None = the object is gone, which a projection tolerates."""


@dataclass(frozen=True, slots=True)
class Projection:
    name: str
    version: int
    """Raised whenever `project` or `ddl` changes: a new version fills new tables beside the old. But for a column that
    is added at the end of `ddl`: tables that are there get it, empty."""
    topics: tuple[Topic, ...]
    ddl: str
    project: Callable[..., Iterable[Write]]
    """(envelope, message, position), and the objects when `needs` is given."""
    needs: Callable[[Message], Iterable[ObjectRef]] | None = None
    owner: str = "document_id"
    """SQL over the columns of each of its tables: the key (the aggregate's id) whose records a row was made of."""
    generation: int = 1
    """Which filling of the version's tables; the first one is made at the first start, the others by rebuilds."""
    replay: int | None = None
    """The tables of this replay, beside those of the generation."""

    @property
    def schema(self) -> str:
        return f"{self.name}_v{self.version}{self._suffix('_g')}"

    @property
    def consumer(self) -> str:
        return f"projector-{self.name}-v{self.version}{self._suffix('-g')}"

    def _suffix(self, mark: str) -> str:
        generation = f"{mark}{self.generation}" if self.generation > 1 else ""
        return generation if self.replay is None else f"{generation}{mark[0]}r{self.replay}"


class _Item(NamedTuple):
    record: Record
    envelope: Envelope
    message: Message | DeadLettered

    @property
    def position(self) -> Position:
        return Position(self.record.topic, self.record.partition, self.record.offset, self.record.timestamp)


@dataclass(slots=True)
class _Changes:
    """What a batch changes."""

    versions: dict[str, int]
    """Of the streams of the batch, as they move."""
    moved: dict[str, int] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)
    fold: Fold = field(default_factory=Fold)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(topic, outcome)"""

    def written(self) -> list[tuple[Statement, str]]:
        """What the database is sent of them."""
        return [(statement, statement.text()) for statement in self.fold.statements()]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What a batch changes where each of its streams stands as its first event of the batch expects."""

    stands: Mapping[str, int]
    changes: _Changes
    written: list[tuple[Statement, str]]


@dataclass(frozen=True, slots=True)
class _Prepared:
    items: Sequence[_Item | Parked]
    objects: Objects
    ahead: _Ahead | None = None
    """None: to be looked at one by one."""


class ProjectionHandler:
    def __init__(self, projection: Projection, *, keyring: Keyring, objects: ObjectStore) -> None:
        self._projection = projection
        self._codecs = {topic.name: Codec(topic.types) for topic in projection.topics}
        self._keyring = keyring
        self._objects = objects
        self._tables: dict[str, Table] = {}

    async def prepare(self, records: Sequence[Record]) -> _Prepared:
        items: list[_Item | Parked] = []
        for number, record in enumerate(records, start=1):
            if (item := self._item(record)) is not None:
                items.append(item)
            if number % BREATH == 0:
                await asyncio.sleep(0)
        objects = await self._fetched(items)
        ahead = await self._projected(items, objects) if len(items) > TRACED_EACH else None
        return _Prepared(items, objects, ahead)

    def _item(self, record: Record) -> _Item | Parked | None:
        """None: nothing to project, by contract (a command that proves no sender; a dead letter without envelope)."""
        if record.topic.endswith("-dead-letters"):
            return _dead_letter(record)
        try:
            decoded: Decoded = self._codecs[record.topic].decode(record)
        except UndecodableError as error:
            if record.topic.endswith("-commands"):
                return None  # its decider parks it, and says so
            return parked(record, "undecodable", error, blocks=True)
        if record.topic.endswith("-commands"):
            try:
                verified_actor(decoded, self._keyring)
            except BadSignatureError:
                return None
        return _Item(record, decoded.envelope, decoded.message)

    async def _fetched(self, items: Sequence[_Item | Parked]) -> Objects:
        needs = self._projection.needs
        if needs is None:
            return {}
        refs = {
            ref.uri: ref
            for item in items
            if isinstance(item, _Item) and isinstance(item.message, Message)
            for ref in needs(item.message)
        }
        bodies = await asyncio.gather(*(self._fetch(ref) for ref in refs.values()))
        return dict(zip(refs, bodies, strict=True))

    async def _fetch(self, ref: ObjectRef) -> bytes | None:
        try:
            return await self._objects.get(ref)
        except (ObjectMissingError, HashMismatchError) as error:
            log.warning("object not there for a projection", uri=ref.uri, error=type(error).__name__)
            return None

    async def _projected(self, items: Sequence[_Item | Parked], objects: Objects) -> _Ahead | None:
        """What the items change, all of them, before it is known whether they are the next of their streams: so that
        the database has nothing to wait for. None: one of them does not project."""
        stands: dict[str, int] = {}
        changes = _Changes({})
        for number, item in enumerate(items, start=1):
            if isinstance(item, Parked):
                return None
            version, stream = item.envelope.stream_version, item.envelope.subject
            if version is not None and stream not in stands:
                stands[stream] = changes.versions[stream] = version - 1
            try:
                if self._is_next(item, changes) and self._project(item, objects, changes):
                    return None
            except GapError:
                return None
            if number % BREATH == 0:
                await asyncio.sleep(0)
        return _Ahead(stands, changes, changes.written())

    async def apply(self, prepared: _Prepared, batch: Batch) -> None:
        known = [item.envelope for item in prepared.items if isinstance(item, _Item)]
        versions = await self._versions(batch.connection, known)
        with _traced(self._projection.name, known) as each:
            ahead = prepared.ahead
            if ahead and not batch.blocked and all(versions.get(s, 0) == v for s, v in ahead.stands.items()):
                changes, written = ahead.changes, ahead.written
            else:
                changes = self._one_by_one(prepared, versions, batch, traced=each)
                written = changes.written()
        for (topic, outcome), number in changes.outcomes.items():
            metrics.RECORDS.labels(self._projection.consumer, topic, outcome).inc(number)
        await self._write(batch.connection, written)
        await self._remember(batch.connection, changes.moved)
        if notices := list(_notices(self._projection.name, changes.moved, changes.commands)):
            await batch.connection.execute(
                "select pg_notify($1, u) from unnest($2::text[]) as u", READ_MODEL_CHANNEL, notices
            )

    def _one_by_one(self, prepared: _Prepared, versions: dict[str, int], batch: Batch, *, traced: bool) -> _Changes:
        changes = _Changes(versions)
        for item in prepared.items:
            if batch.waits(item.record):
                continue
            if isinstance(item, Parked):
                batch.park(item)
            elif self._is_next(item, changes):
                with _step(item.envelope) if traced else _NO_STEP:
                    if error := self._project(item, prepared.objects, changes):
                        batch.park(self._failed(item, error))
        return changes

    def _is_next(self, item: _Item, changes: _Changes) -> bool:
        """Whether the item is to be projected; raises GapError when something before it is missing."""
        version, stream = item.envelope.stream_version, item.envelope.subject
        if version is None:
            return True
        last = changes.versions.get(stream, 0)
        if version > last + 1:
            raise GapError(item.record, f"{stream}: version {version} after {last}")
        if version <= last:
            changes.outcomes[item.record.topic, "duplicate"] += 1
        return version == last + 1

    def _project(self, item: _Item, objects: Objects, changes: _Changes) -> Exception | None:
        """Add what the item changes; or nothing, and why it cannot be projected."""
        try:
            writes = list(self._writes(item, objects))
        except Exception as error:  # noqa: BLE001 -- the delivery loop's: a bug parks its key, not the projection
            return error
        changes.fold.add(writes)
        envelope = item.envelope
        if envelope.stream_version is not None:
            changes.versions[envelope.subject] = changes.moved[envelope.subject] = envelope.stream_version
        elif isinstance(item.message, Command):
            changes.commands.append(str(envelope.id))
        changes.outcomes[item.record.topic, "projected"] += 1
        return None

    def _failed(self, item: _Item, error: Exception) -> Parked:
        with _step(item.envelope):
            about = {"projection": self._projection.name, "id": str(item.envelope.id)}
            log.error("an event could not be projected", **about, exc_info=error)
        return parked(item.record, "unexpected", error, blocks=True)

    def _writes(self, item: _Item, objects: Objects) -> Iterable[Write]:
        if self._projection.needs is None:
            return self._projection.project(item.envelope, item.message, item.position)
        return self._projection.project(item.envelope, item.message, item.position, objects)

    async def skip(self, records: Sequence[Record], batch: Batch) -> None:
        """A discarded event counts as applied, so that the next one of its stream is no gap; one without a readable
        envelope was of no stream."""
        envelopes = [envelope for record in records if (envelope := _readable(record)) is not None]
        versions = await self._versions(batch.connection, envelopes)
        moved = {}
        for envelope in envelopes:
            if envelope.stream_version == versions.get(envelope.subject, 0) + 1:
                versions[envelope.subject] = moved[envelope.subject] = envelope.stream_version
        await self._remember(batch.connection, moved)

    async def _versions(self, connection: Connection, envelopes: Iterable[Envelope]) -> dict[str, int]:
        streams = {envelope.subject for envelope in envelopes if envelope.stream_version is not None}
        rows = await connection.fetch(
            "select stream_id, version from stream_versions where projection = $1 and stream_id = any($2::text[])",
            self._projection.consumer,
            list(streams),
        )
        return {row["stream_id"]: row["version"] for row in rows}

    async def _remember(self, connection: Connection, moved: Mapping[str, int]) -> None:
        if moved:
            await connection.execute(
                """
                insert into stream_versions (projection, stream_id, version)
                select $1, u.* from unnest($2::text[], $3::int[]) as u
                on conflict (projection, stream_id) do update set version = excluded.version
                """,
                self._projection.consumer,
                list(moved),
                list(moved.values()),
            )

    async def _write(self, connection: Connection, written: Iterable[tuple[Statement, str]]) -> None:
        for statement, text in written:
            if statement.table not in self._tables:
                self._tables[statement.table] = await Table.read(connection, self._projection.schema, statement.table)
            await self._tables[statement.table].run(connection, statement, text)

    async def committed(self) -> None:
        """Whoever waits was notified by the transaction itself."""


def _step(envelope: Envelope) -> AbstractContextManager[str]:
    return telemetry.step(f"project {envelope.type}", envelope.traceparent, envelope.correlation_id)


_NO_STEP = nullcontext()


@contextmanager
def _traced(projection: str, envelopes: Sequence[Envelope]) -> Iterator[bool]:
    """Whether each message gets a span of its own. The many of a backlog share one, linked to some of theirs."""
    if not telemetry.traced():
        yield False
    elif len(envelopes) <= TRACED_EACH:
        yield True
    else:
        with telemetry.linked(f"project {projection}", [e.traceparent for e in envelopes], messages=len(envelopes)):
            yield False


def _readable(record: Record) -> Envelope | None:
    try:
        return envelope_of(record)
    except UndecodableError:
        return None


def _dead_letter(record: Record) -> _Item | None:
    notes = {key: (value or b"").decode("utf-8", "replace") for key, value in record.headers if key.startswith("dlq-")}
    try:
        letter = DeadLettered(
            reason=notes["dlq-reason"],
            error=notes["dlq-error-message"],
            topic=notes["dlq-topic"],
            partition=int(notes["dlq-partition"]),
            offset=int(notes["dlq-offset"]),
        )
        envelope = envelope_of(record._replace(headers=tuple(h for h in record.headers if not h[0].startswith("dlq-"))))
    except (KeyError, ValueError, UndecodableError):
        return None
    return _Item(record, envelope._replace(stream_version=None), letter)


def _notices(projection: str, streams: Mapping[str, int], commands: Sequence[str]) -> Iterable[str]:
    """What changed, in payloads that NOTIFY takes."""
    entries: list[tuple[str, str, int]] = [("streams", stream, version) for stream, version in streams.items()]
    entries += [("commands", command, 0) for command in commands]
    per_notice = NOTIFY_BYTES // 80
    for start in range(0, len(entries), per_notice):
        part = entries[start : start + per_notice]
        yield json.dumps(
            {
                "projection": projection,
                "streams": {name: version for kind, name, version in part if kind == "streams"},
                "commands": [name for kind, name, _ in part if kind == "commands"],
            },
            separators=(",", ":"),
        )


def projection_loop(projection: Projection, around: Infrastructure, *, dead_letters: Topic) -> DeliveryLoop:
    handler = ProjectionHandler(projection, keyring=around.keyring, objects=around.objects)
    delivery = Delivery(
        projection.consumer, projection.topics, dead_letters, around.version, at_once=AT_ONCE, looks_ahead=True
    )
    return DeliveryLoop(delivery, handler, around)
