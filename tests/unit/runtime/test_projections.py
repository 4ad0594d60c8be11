"""What a batch of a backlog changes is worked out ahead; the database is sent the same as if it were one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import pytest

from docward.events.actor import Signer
from docward.events.codec import Envelope, Record, encode
from docward.events.documents import DetailsEdited
from docward.events.messages import DOCWARD, Actor, stream_id
from docward.events.topics import DOCUMENT_EVENTS
from docward.runtime.batches import Batch
from docward.runtime.errors import GapError
from docward.runtime.limits import Backlog
from docward.runtime.projections import Position, Projection, ProjectionHandler, Upsert, Write

SIGNER = Signer("converter", b"\x01" * 32)
PLACE = (DOCUMENT_EVENTS.name, 0)
DOCUMENTS = [uuid5(DOCWARD, str(number)) for number in range(20)]
BACKLOG = [(document, version) for version in (1, 2, 3) for document in DOCUMENTS]
"""More than have a span each: five events of each of twenty documents."""


def project(envelope: Envelope, message: object, _: Position) -> Iterable[Write]:
    assert isinstance(message, DetailsEdited)
    if message.title == "break":
        raise ZeroDivisionError("the projection is broken")
    yield Upsert("titles", {"id": envelope.key}, {"title": message.title, "version": envelope.stream_version})


class Recording:
    """A connection that keeps what it is sent, and answers where streams stand."""

    def __init__(self, stands: dict[str, int]) -> None:
        self.sent: list[tuple[Any, ...]] = []
        self._stands = stands

    async def fetch(self, sql: str, *arguments: Any) -> list[dict[str, Any]]:
        if "pg_attribute" in sql:
            return [{"attname": name, "type": "text"} for name in ("id", "title", "version")]
        return [{"stream_id": s, "version": v} for s, v in self._stands.items() if s in arguments[1]]

    async def execute(self, *statement: Any) -> None:
        self.sent.append(statement)


def a_handler() -> ProjectionHandler:
    projection = Projection("titles", 1, (DOCUMENT_EVENTS,), "", project)
    return ProjectionHandler(projection, keyring={}, objects=None)  # type: ignore[arg-type]  # it needs none


def records(facts: Sequence[tuple[UUID, int]], *, broken: int = -1) -> list[Record]:
    return [
        _record(offset, *fact, "break" if offset == broken else f"title {offset}") for offset, fact in enumerate(facts)
    ]


def _record(offset: int, document: UUID, version: int, title: str) -> Record:
    message = DetailsEdited(title=title, description="", tags=())
    envelope = Envelope(
        id=uuid5(document, str(offset)),
        type=message.TYPE,
        source="/docward/converter",
        time=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
        subject=stream_id("document", document),
        key=document,
        correlation_id=document,
        actor=Actor(subject="somebody"),
        stream_version=version,
    )
    encoded = encode(envelope, message, SIGNER)
    return Record(*PLACE, offset, 0, encoded.key, encoded.value, encoded.headers)


def a_batch(stands: dict[str, int], *blocked: UUID) -> tuple[Recording, Batch]:
    connection = Recording(stands)
    backlog = Backlog()
    for document in blocked:
        backlog.waiting[str(document).encode()] += 1
    return connection, Batch(connection, {}, {PLACE: backlog})


async def both(
    read: list[Record], stands: dict[str, int], *blocked: UUID
) -> AsyncIterator[tuple[list[tuple[Any, ...]], list[tuple[int, str]]]]:
    """What the database is sent, and what is parked: worked out ahead if it can be, and one by one."""
    prepared = await a_handler().prepare(read)
    for each in (prepared, replace(prepared, ahead=None)):
        connection, batch = a_batch(stands, *blocked)
        await a_handler().apply(each, batch)
        yield connection.sent, [(item.record.offset, item.reason) for item in batch.parked]


STANDS = {stream_id("document", document): 1 for document in DOCUMENTS}


@pytest.mark.parametrize(
    ("stands", "blocked", "broken"),
    [
        pytest.param({}, (), -1, id="all of it is new"),
        pytest.param({stream_id("document", DOCUMENTS[3]): 2}, (), -1, id="some of a stream was applied before"),
        pytest.param(dict.fromkeys(STANDS, 3), (), -1, id="all of it was applied before"),
        pytest.param({}, (DOCUMENTS[5],), -1, id="a key is blocked"),
        pytest.param({}, (), 30, id="an event does not project"),
    ],
)
async def test_what_was_worked_out_ahead_is_what_comes_of_it_one_by_one(
    stands: dict[str, int], blocked: tuple[UUID, ...], broken: int
) -> None:
    ahead, one_by_one = [found async for found in both(records(BACKLOG, broken=broken), stands, *blocked)]
    assert ahead == one_by_one


async def test_a_backlog_without_incident_is_worked_out_ahead() -> None:
    prepared = await a_handler().prepare(records(BACKLOG))
    assert prepared.ahead is not None
    assert (await a_handler().prepare(records(BACKLOG[:3]))).ahead is None


async def test_a_repeated_run_within_a_batch_counts_once() -> None:
    read = records([*BACKLOG, *BACKLOG[:20]])
    ahead, one_by_one = [found async for found in both(read, {})]
    assert ahead == one_by_one
    assert f"title {len(BACKLOG)}" not in str(ahead[0])


@pytest.mark.parametrize("facts", [BACKLOG[20:], [fact for fact in BACKLOG if fact != (DOCUMENTS[0], 2)]])
async def test_a_gap_stops_whoever_looks_ahead_too(facts: list[tuple[UUID, int]]) -> None:
    prepared = await a_handler().prepare(records(facts))
    with pytest.raises(GapError):
        await a_handler().apply(prepared, a_batch({})[1])
