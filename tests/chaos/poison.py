"""One key of a thousand cannot be projected: the others must not notice, and it loses nothing by it.

Turns without and with a spoilt projection take place one after the other, in this process, on the same events at the
same pace. What is compared is the time from sending an event until whoever waits for its row is told.
"""

# ruff: noqa: S608  # names of our own schemas

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg

from bench.installed import opened, running, settled_memory
from chaos.history import Violation
from chaos.outcome import Figure, Outcome
from chaos.runner import Ground
from docward.events.codec import Encoded, Envelope, encode, envelope_of
from docward.events.documents import DetailsEdited, DocumentSubmitted
from docward.events.messages import Actor, Event, Message, ObjectRef, stream_id
from docward.events.topics import DOCUMENT_EVENTS, PROJECTOR_DEAD_LETTERS
from docward.projector.app import views
from docward.projector.projections import PROJECTIONS
from docward.projector.projections.documents import DOCUMENTS
from docward.runtime.generations import prepare_schemas
from docward.runtime.infrastructure import PROJECTING, Infrastructure
from docward.runtime.kafka import partition_of
from docward.runtime.operating import Operator, Selection, heads, mark, select_parked
from docward.runtime.parking import record_of_row
from docward.runtime.projections import READ_MODEL_CHANNEL, Position, Projection, Write, projection_loop
from installation import until

KEYS = 1000
HOT = 0.05
"""Part of the events that are of the poisoned key."""
A_SECOND = 400
TICK_S = 0.01
AUTHOR = Actor(subject="chaos", roles=("contributor",))
OPERATOR = Operator("chaos", "the projection is mended")
Fact = tuple[str, int]
"""(stream, version)"""
Rows = dict[str, list[str]]
"""Of each table, as text."""


@dataclass
class Turn:
    seed: str
    seconds: float
    spoilt: bool
    lags: list[float] = field(default_factory=list)
    """Of the other keys' events, in seconds."""
    parked: list[int] = field(default_factory=list)
    """Versions of the poisoned key, in the order in which they were set aside."""
    rows: Rows = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 -- to be drawn again
        self._keys = [UUID(int=self._random.getrandbits(128), version=4) for _ in range(KEYS)]
        self._versions = dict.fromkeys(self._keys, 0)
        self._sent: dict[Fact, float] = {}
        self._waiting: dict[str, list[int]] = {}
        """Of each stream, the versions that nobody has been told of."""

    @property
    def poisoned(self) -> UUID:
        return self._keys[0]

    def project(self, envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:
        if envelope.key == self.poisoned and isinstance(message, DetailsEdited):
            raise ZeroDivisionError("the projection is spoilt")
        return DOCUMENTS.project(envelope, message, position)  # type: ignore[return-value]  # a generator

    async def happen(self, ground: Ground, name: str) -> None:
        topics = [DOCUMENT_EVENTS, PROJECTOR_DEAD_LETTERS]
        async with ground.place(name) as place, opened(place, "projector", PROJECTING, topics, "CRITICAL") as around:
            self._signer = place.signer("converter")
            await prepare_schemas(around.pool, PROJECTIONS, views())
            projection = replace(DOCUMENTS, project=self.project) if self.spoilt else DOCUMENTS
            async with self._told(place.dsn), _projecting(projection, around):
                await self._send(around, [self._next(key) for key in self._keys])
                await until(lambda: self._all_told(but=None))
                self.lags.clear()
                with settled_memory():
                    await self._load(around)
                    await until(lambda: self._all_told(but=self.poisoned if self.spoilt else None))
            if self.spoilt:
                self.parked = await _parked(around, self._versions[self.poisoned] - 1)
                async with _projecting(DOCUMENTS, around):
                    await _redriven(around)
            self.rows = await _rows(around)

    async def _load(self, around: Infrastructure) -> None:
        """At an even pace, whatever becomes of it."""
        began = time.perf_counter()
        sent, number = 0, int(A_SECOND * self.seconds)
        while sent < number:
            due = min(number, int((time.perf_counter() - began) * A_SECOND)) - sent
            await self._send(around, [self._next(self._drawn()) for _ in range(due)])
            sent += due
            await asyncio.sleep(TICK_S)

    def _drawn(self) -> UUID:
        return self.poisoned if self._random.random() < HOT else self._random.choice(self._keys[1:])

    def _next(self, key: UUID) -> tuple[UUID, Encoded]:
        self._versions[key] += 1
        version = self._versions[key]
        envelope = Envelope(
            id=UUID(int=self._random.getrandbits(128), version=4),
            type=_event(version).TYPE,
            source="/chaos",
            time=datetime(2026, 1, 2, tzinfo=UTC),
            subject=stream_id("document", key),
            key=key,
            correlation_id=key,
            actor=AUTHOR,
            stream_version=version,
        )
        self._sent[envelope.subject, version] = time.perf_counter()
        self._waiting.setdefault(envelope.subject, []).append(version)
        return key, encode(envelope, _event(version), self._signer)

    async def _send(self, around: Infrastructure, records: list[tuple[UUID, Encoded]]) -> None:
        places: dict[int, list[Encoded]] = {}
        for key, encoded in records:
            places.setdefault(partition_of(str(key).encode(), DOCUMENT_EVENTS.partitions), []).append(encoded)
        writes = (around.publisher.write(DOCUMENT_EVENTS, place, batch) for place, batch in places.items())
        await asyncio.gather(*writes)

    @asynccontextmanager
    async def _told(self, dsn: str) -> AsyncIterator[None]:
        connection = await asyncpg.connect(dsn)
        try:
            await connection.add_listener(READ_MODEL_CHANNEL, self._hear)
            yield
        finally:
            await connection.close()

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: Any) -> None:
        now = time.perf_counter()
        for stream, version in json.loads(payload)["streams"].items():
            waiting = self._waiting.get(stream, [])
            told = [each for each in waiting if each <= version]
            self._waiting[stream] = [each for each in waiting if each > version]
            if stream != stream_id("document", self.poisoned):
                self.lags += [now - self._sent[stream, each] for each in told]

    async def _all_told(self, but: UUID | None) -> bool:
        exempt = but and stream_id("document", but)
        return not any(versions for stream, versions in self._waiting.items() if stream != exempt)


def _event(version: int) -> Event:
    if version > 1:
        return DetailsEdited(title=f"title {version}", description="", tags=())
    original = ObjectRef(uri="uploads/one", sha256="0" * 64, size=1, media_type="text/markdown")
    return DocumentSubmitted(
        title="title 1",
        description="",
        tags=(),
        owner=AUTHOR.subject,
        visibility="organization",
        groups=(),
        repositories=(),
        filename="strategy.md",
        original=original,
    )


@asynccontextmanager
async def _projecting(projection: Projection, around: Infrastructure) -> AsyncIterator[None]:
    loop = projection_loop(projection, around, dead_letters=PROJECTOR_DEAD_LETTERS)
    async with running(loop):
        yield


async def _parked(around: Infrastructure, expected: int) -> list[int]:
    """Versions in the order of the log, each once, when all of them are there."""

    async def there() -> list[Any]:
        rows = await around.pool.fetch("select * from parked order by record_offset")
        return list(rows) if len(rows) >= expected else []

    envelopes = [envelope_of(record_of_row(row)) for row in await until(there)]
    return [envelope.stream_version or 0 for envelope in envelopes]


async def _redriven(around: Infrastructure) -> None:
    async with around.pool.acquire() as connection:
        rows = await select_parked(connection, "projector", Selection())
        await mark(connection, "projector", await heads(connection, "projector", rows), "redrive", OPERATOR)

    async def none_left() -> bool:
        return not await around.pool.fetchval("select count(*) from parked")

    await until(none_left, within=60)


async def _rows(around: Infrastructure) -> Rows:
    found = {}
    for (table,) in await around.pool.fetch("select tablename from pg_tables where schemaname = $1", DOCUMENTS.schema):
        rows = await around.pool.fetch(f'select t::text from "{DOCUMENTS.schema}"."{table}" t')
        found[table] = sorted(text for (text,) in rows)
    return found


async def poison(ground: Ground) -> Outcome:
    started = time.monotonic()
    clean: list[float] = []
    beside: list[float] = []
    violations: list[Violation] = []
    counted = {"events": 0, "parked": 0}
    for number in range(ground.form.poisoned):
        one, other = (Turn(f"{ground.seed}/poison/{number}", ground.form.paced_s, spoilt) for spoilt in (False, True))
        for turn in (one, other) if number % 2 == 0 else (other, one):
            await turn.happen(ground, f"poison {number} {'spoilt' if turn.spoilt else 'clean'}")
        clean += one.lags
        beside += other.lags
        violations += _violations(one, other)
        counted["events"] += len(one.lags) + len(other.lags)
        counted["parked"] += len(other.parked)
    return Outcome(violations, counted=counted, figures=_figures(clean, beside), seconds=time.monotonic() - started)


def _violations(clean: Turn, spoilt: Turn) -> list[Violation]:
    found = []
    expected = list(range(2, len(spoilt.parked) + 2))
    if sorted(spoilt.parked) != expected:
        found.append(Violation("lost", f"of the poisoned key {len(spoilt.parked)} events were parked, with a hole"))
    elif spoilt.parked != expected:
        found.append(Violation("reordered", "events of the poisoned key were parked out of order"))
    differing = [table for table, rows in clean.rows.items() if rows != spoilt.rows[table]]
    found += [Violation("lost", f"after the redrive {table} is not as in the clean run") for table in differing]
    return found


def _figures(clean: list[float], beside: list[float]) -> list[Figure]:
    usual, disturbed = _p99(clean), _p99(beside)
    return [
        Figure("p99 lag, no key poisoned", 1000 * usual, "ms"),
        Figure(f"p99 lag of the other {KEYS - 1} beside a poisoned one", 1000 * disturbed, "ms"),
        Figure("p99 lag beside a poisoned key, in clean ones", disturbed / usual, most=1.2),
    ]


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
