"""How fast the read model `documents` is filled anew from its topic, beside a bound: nothing but the upserts.

Every record of a batch changes rows of its own. Both fill a generation beside a live one, as a rebuild does, in
transactions of as many records. A third round exports a trace, and shows what that costs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from uuid import UUID

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from bench.installed import opened, rate, running, settled_memory
from docward.events.actor import Signer
from docward.events.codec import Encoded, Envelope, encode
from docward.events.documents import DetailsEdited, DocumentConverted, DocumentSubmitted, RevisionSubmitted
from docward.events.messages import Actor, Event, ObjectRef, stream_id
from docward.events.topics import DOCUMENT_EVENTS, PROJECTOR_DEAD_LETTERS
from docward.localstack import Stack
from docward.projector.app import views
from docward.projector.projections import PROJECTIONS
from docward.projector.projections.documents import DOCUMENTS
from docward.runtime.generations import prepare_generation, prepare_schemas
from docward.runtime.infrastructure import PROJECTING, Infrastructure
from docward.runtime.kafka import partition_of
from docward.runtime.postgres import Pool
from docward.runtime.projections import AT_ONCE, Position, Projection, projection_loop
from docward.runtime.writes import Fold, Statement, Table
from installation import Installation, new_installation

PER_DOCUMENT = 5
AUTHOR = Actor(subject="a.quant@example.test", name="A. Quant", roles=("contributor",), groups=("indices",))
WORDS = "This text says how the index is calculated, and who may change it when an input is late. " * 2


def history(seed: int, number: int, signer: Signer) -> dict[int, list[tuple[Envelope, Event, Encoded]]]:
    """Five events of every document, per partition in the order of the log; no document is near itself."""
    random = Random(seed)  # noqa: S311 -- the same in every run
    found: dict[int, list[tuple[Envelope, Event, Encoded]]] = {p: [] for p in range(DOCUMENT_EVENTS.partitions)}
    documents = [_uuid(random) for _ in range(number // PER_DOCUMENT)]
    for turn in range(PER_DOCUMENT):
        for document in documents:
            envelope, event = _fact(random, document, turn)
            place = partition_of(str(document).encode(), DOCUMENT_EVENTS.partitions)
            found[place].append((envelope, event, encode(envelope, event, signer)))
    return found


def _uuid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _fact(random: Random, document: UUID, turn: int) -> tuple[Envelope, Event]:
    event = _event(random, turn)
    envelope = Envelope(
        id=_uuid(random),
        type=event.TYPE,
        source="/docward/converter",
        time=datetime.fromtimestamp(1.8e9 + random.random() * 1e6, UTC),
        subject=stream_id("document", document),
        key=document,
        correlation_id=_uuid(random),
        actor=AUTHOR,
        causation_id=_uuid(random),
        stream_version=turn + 1,
        traceparent=f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01",
    )
    return envelope, event


def _event(random: Random, turn: int) -> Event:
    match turn:
        case 0:
            return DocumentSubmitted(
                title="Index methodology",
                description=WORDS[:80],
                tags=("index", f"family-{random.randrange(20)}"),
                owner=AUTHOR.subject,
                visibility="organization",
                groups=(),
                repositories=(),
                filename="index.md",
                original=_ref(random, "uploads"),
            )
        case 1 | 4:
            return DocumentConverted(
                version=1 if turn == 1 else 2,
                origin="upload" if turn == 1 else "revision",
                markdown=_ref(random, "products"),
                ir=_ref(random, "products"),
                report=_ref(random, "products"),
                repositories=(),
                converter="docward 1",
                sandbox="child",
                pages=4,
                sections=12,
                characters=9000,
            )
        case 2:
            return DetailsEdited(title="Index methodology, revised", description=WORDS[:120], tags=("index",))
    return RevisionSubmitted(version=2, filename="index.md", original=_ref(random, "uploads"), comment="as discussed")


def _ref(random: Random, folder: str) -> ObjectRef:
    digest = f"{random.getrandbits(256):064x}"
    return ObjectRef(uri=f"{folder}/{digest[:32]}", sha256=digest, size=9000, media_type="text/markdown")


async def rebuilt(stack: Stack, folder: Path, seed: int, number: int, rounds: int) -> list[dict[str, float]]:
    """Events a second of each round: rebuilt, rebuilt with a trace, and the bound."""
    async with (
        new_installation(stack, folder, session_timeout_ms=45_000) as place,
        opened(place, "projector", PROJECTING, [DOCUMENT_EVENTS, PROJECTOR_DEAD_LETTERS]) as around,
    ):
        await prepare_schemas(around.pool, PROJECTIONS, views())
        log = history(seed, number, place.signer("converter"))
        for partition, events in log.items():
            await around.publisher.write(DOCUMENT_EVENTS, partition, [encoded for _, _, encoded in events])
        found = []
        for turn in range(rounds):
            first = 2 + 3 * turn
            found.append(
                {
                    "events_per_s": await _filled(place, around, number, first),
                    "bound_per_s": await _upserted(around.pool, log, first + 1),
                    "traced_per_s": await _traced(place, around, number, first + 2),
                }
            )
        return found


async def _filled(place: Installation, around: Infrastructure, number: int, generation: int) -> float:
    projection = replace(DOCUMENTS, generation=generation)
    await prepare_generation(around.pool, projection)
    loop = projection_loop(projection, around, dead_letters=PROJECTOR_DEAD_LETTERS)
    with settled_memory():
        async with running(loop):
            done = "select sum(next_offset) from projector.checkpoints where consumer = $1"
            speed = await rate(place, done, number, projection.consumer)
    versions = await around.pool.fetchval(f"select count(*) from {projection.schema}.document_versions")  # noqa: S608 -- a name of our own
    assert versions == number // PER_DOCUMENT * 2
    await _removed(around.pool, projection)
    return speed


async def _removed(pool: Pool, projection: Projection) -> None:
    """So that every round finds the same database."""
    await pool.execute(f'drop schema "{projection.schema}" cascade')
    await pool.execute("delete from stream_versions")
    await pool.execute("vacuum stream_versions")


class _Nowhere(SpanExporter):
    """Takes spans and sends none: what a collector does with them is not the projector's cost."""

    def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002 -- the interface's
        return SpanExportResult.SUCCESS


async def _traced(place: Installation, around: Infrastructure, number: int, generation: int) -> float:
    with _spans():
        return await _filled(place, around, number, generation)


@contextmanager
def _spans() -> Iterator[None]:
    """As with an OTLP endpoint. The provider of a process is set once: here it is taken back after the round."""
    before = trace._TRACER_PROVIDER
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(_Nowhere()))
    trace._TRACER_PROVIDER = provider
    try:
        yield
    finally:
        provider.shutdown()
        trace._TRACER_PROVIDER = before


async def _upserted(pool: Pool, log: dict[int, list[tuple[Envelope, Event, Encoded]]], generation: int) -> float:
    """Events a second when their rows are at hand, as values, and nothing is done but writing them: the same bulk
    statements, stream versions and position, one durable transaction for as many records, no secondary indexes.
    """
    projection = replace(DOCUMENTS, generation=generation)
    await prepare_generation(pool, projection)
    async with pool.acquire() as connection:
        batches = [_rows(part) for part in _parts(log)]
        tables = {
            name: await Table.read(connection, projection.schema, name)
            for name in {statement.table for _, statements in batches for statement in statements}
        }
        began = time.perf_counter()
        for versions, statements in batches:
            async with connection.transaction():
                await connection.execute("update checkpoints set next_offset = next_offset + 1 where partition = 0")
                for statement in statements:
                    await tables[statement.table].run(connection, statement, statement.text())
                await connection.execute(
                    """
                    insert into stream_versions select 'bound', u.* from unnest($1::text[], $2::int[]) as u
                    on conflict (projection, stream_id) do update set version = excluded.version
                    """,
                    list(versions),
                    list(versions.values()),
                )
        seconds = time.perf_counter() - began
    await _removed(pool, projection)
    return sum(map(len, log.values())) / seconds


def _parts(log: dict[int, list[tuple[Envelope, Event, Encoded]]]) -> Iterator[Sequence[tuple[Envelope, Event]]]:
    for events in log.values():
        for start in range(0, len(events), AT_ONCE):
            yield [(envelope, event) for envelope, event, _ in events[start : start + AT_ONCE]]


def _rows(part: Sequence[tuple[Envelope, Event]]) -> tuple[dict[str, int], list[Statement]]:
    fold = Fold()
    for envelope, event in part:
        fold.add(DOCUMENTS.project(envelope, event, Position(DOCUMENT_EVENTS.name, 0, 0, 0)))
    versions = {envelope.subject: envelope.stream_version or 0 for envelope, _ in part}
    assert len(versions) == len(part), "a batch changes a document twice: the bound would be of fewer rows"
    return versions, list(fold.statements())
