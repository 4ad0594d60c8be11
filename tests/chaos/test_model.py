"""The in-memory read model takes every event once and in turn, as the real one has to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from chaos.load import ACTOR
from chaos.model import as_text, projected, shown
from docward.events.actor import Signer
from docward.events.codec import Envelope, Record, encode
from docward.events.documents import DetailsEdited, DocumentSubmitted
from docward.events.messages import DOCWARD, Event, ObjectRef
from docward.projector.projections.documents import DOCUMENTS

KEY = UUID(int=1)
SIGNER = Signer("converter", b"c" * 32)
ORIGINAL = ObjectRef(uri="uploads/1", sha256="0" * 64, size=1, media_type="text/markdown")
SUBMITTED = DocumentSubmitted(
    title="one",
    description="",
    tags=(),
    owner="a",
    visibility="organization",
    groups=(),
    repositories=(),
    filename="a.md",
    original=ORIGINAL,
)


def edited(title: str) -> Event:
    return DetailsEdited(title=title, description="", tags=())


def log(*events: tuple[int, Event]) -> list[Record]:
    records = []
    for offset, (version, event) in enumerate(events):
        envelope = Envelope(
            id=uuid5(DOCWARD, str(version)),
            type=event.TYPE,
            source="/docward/converter",
            time=datetime(2026, 1, 1, tzinfo=UTC),
            subject=f"document:{KEY}",
            key=KEY,
            correlation_id=KEY,
            actor=ACTOR,
            stream_version=version,
        )
        record = encode(envelope, event, SIGNER)
        records.append(Record("document-events", 0, offset, 0, record.key, record.value, record.headers))
    return records


def title(records: Sequence[Record]) -> str:
    (row,) = projected(DOCUMENTS, records, {}, {}).rows["documents"].values()
    return str(row["title"])


def test_an_event_that_comes_again_changes_nothing() -> None:
    assert title(log((1, SUBMITTED), (2, edited("two")), (3, edited("three")), (2, edited("two")))) == "three"


def test_an_event_that_comes_too_early_waits_for_its_turn() -> None:
    assert title(log((1, SUBMITTED), (3, edited("three")), (2, edited("two")))) == "two"


def test_what_cannot_be_read_counts_for_nothing() -> None:
    garbage = Record("document-events", 0, 9, 0, b"key", b"\xff", ())
    assert title([garbage, *log((1, SUBMITTED))]) == "one"


class DriversRow(dict[str, object]):
    """Iterates over its values, as the database driver's rows do."""

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())


def test_a_row_of_the_table_is_compared_by_what_the_model_knows_of_it() -> None:
    tables = projected(DOCUMENTS, log((1, SUBMITTED)), {}, {})
    (row,) = tables.rows["documents"].values()
    known, key = tables.rows["documents"], tables.keys["documents"]
    should = as_text(tables)["documents"]
    assert shown([{**row, "generated": 1}], key, known) == should
    assert shown([{**row, "title": "stale"}], key, known) != should
    assert shown([DriversRow({**row, "document_id": UUID(int=2)})], key, known).keys() != should.keys()
