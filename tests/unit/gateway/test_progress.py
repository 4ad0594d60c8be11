"""Progress reaches those who watch the document, is known of the command, and hostile records reach nobody."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID, uuid4

from docward.events.codec import Envelope, Record, encode
from docward.events.messages import Actor
from docward.events.progress import ProgressReported
from docward.events.topics import PROGRESS
from docward.gateway.progress import KEPT, REMEMBERED, ProgressHub
from unit.gateway.fakes import SIGNER

DOCUMENT = UUID(int=1)


def a_report(document_id: UUID = DOCUMENT, done: int = 3, command_id: UUID | None = None) -> Record:
    report = ProgressReported(document_id=document_id, version=1, stage="converting", done=done, total=9, unit="pages")
    envelope = Envelope(
        id=uuid4(),
        type=report.TYPE,
        source="/converter",
        time=datetime(2026, 10, 12, tzinfo=UTC),
        subject=f"document:{document_id}",
        key=document_id,
        correlation_id=uuid4(),
        causation_id=command_id,
        actor=Actor(subject="converter", kind="job"),
    )
    encoded = encode(envelope, report, SIGNER)
    return Record(PROGRESS.name, 0, 0, 0, encoded.key, encoded.value, encoded.headers)


def test_reports_reach_the_watchers_of_their_document() -> None:
    hub, changed = ProgressHub(), asyncio.Event()
    with hub.watching(DOCUMENT, changed) as watcher:
        hub.take(a_report(UUID(int=2)))
        assert not changed.is_set()
        hub.take(a_report())
        assert changed.is_set()
        assert [report.done for report in watcher.take()] == [3]
        assert watcher.take() == []
    hub.take(a_report())
    assert not hub._watchers


def test_a_slow_watcher_keeps_the_newest() -> None:
    hub = ProgressHub()
    with hub.watching(DOCUMENT, asyncio.Event()) as watcher:
        for done in range(KEPT + 5):
            hub.take(a_report(done=done))
        assert [report.done for report in watcher.take()] == list(range(5, KEPT + 5))


def test_the_last_report_of_a_command_is_known() -> None:
    hub, command_id = ProgressHub(), uuid4()
    assert hub.last(command_id) is None
    for done in (1, 2):
        hub.take(a_report(done=done, command_id=command_id))
        hub.take(a_report(done=9, command_id=uuid4()))
    report = hub.last(command_id)
    assert report is not None
    assert report.done == 2


def test_commands_that_have_not_reported_for_longest_are_forgotten() -> None:
    hub, first, second = ProgressHub(), uuid4(), uuid4()
    for command_id in (first, second, first, *(UUID(int=number) for number in range(REMEMBERED - 1))):
        hub.take(a_report(command_id=command_id))
    assert hub.last(first) is not None
    assert hub.last(second) is None


def test_records_that_do_not_read_are_passed_over() -> None:
    hub = ProgressHub()
    good = a_report()
    with hub.watching(DOCUMENT, asyncio.Event()) as watcher:
        for record in (
            Record(PROGRESS.name, 0, 0, 0, None, None),
            Record(PROGRESS.name, 0, 0, 0, b"\xff", b"{", (("ce_id", None), ("\udcff", b"\xff"))),
            Record(PROGRESS.name, 0, 0, 0, good.key, b"\xff\xfe", good.headers),
        ):
            hub.take(record)
        assert watcher.take() == []
