"""The Document aggregate, given what has happened, when it is asked for something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from docward.converter.documents import (
    APPLY_CHANGES,
    CONVERT,
    DOCUMENT,
    Document,
    RecordChanges,
    RecordConversion,
    RecordConversionFailure,
)
from docward.converter.jobs import applied
from docward.events import documents as d
from docward.events.ir import Span
from docward.events.messages import Actor, Event, ObjectRef
from docward.runtime.aggregates import Accepted, Request, fold

MIRA = Actor(subject="mira", roles=("contributor",))
OTHER = Actor(subject="otto", roles=("contributor",))
ADMIN = Actor(subject="ada", roles=("admin",))


def an_object(name: str) -> ObjectRef:
    return ObjectRef(uri=f"products/{name}", sha256="0" * 64, size=1, media_type="text/markdown")


SUBMIT = d.SubmitDocument(title="Momentum", filename="momentum.pdf", original=an_object("upload"))
EDIT = d.Edit(span=Span(start=0, end=1), original="a", replacement="b")


def asked(command: Any, *before: Event, actor: Actor = MIRA) -> Any:
    state = fold(DOCUMENT, Document(), before)
    return DOCUMENT.decide(state, command, Request(uuid4(), uuid4(), datetime.now(UTC), actor, len(before)))


def done(command: Any, *before: Event, actor: Actor = MIRA) -> tuple[Event, ...]:
    decision = asked(command, *before, actor=actor)
    assert isinstance(decision, Accepted), decision
    return (*before, *decision.events)


def state(events: tuple[Event, ...]) -> Document:
    return fold(DOCUMENT, Document(), events)


def converted(version: int) -> RecordConversion:
    return RecordConversion(
        version=version,
        markdown=an_object(f"markdown-{version}"),
        ir=an_object("ir"),
        report=an_object("report"),
        converter="1",
        sandbox="rlimit-only",
        pages=None,
        sections=1,
        characters=10,
        warnings=0,
    )


@pytest.fixture
def submitted() -> tuple[Event, ...]:
    return done(SUBMIT)


@pytest.fixture
def ready(submitted: tuple[Event, ...]) -> tuple[Event, ...]:
    return done(converted(1), *submitted)


def test_submitting_records_the_document_and_begins_its_conversion():
    decision = asked(SUBMIT)
    (event,) = decision.events
    (job,) = decision.jobs
    assert (event.owner, event.title, job.kind) == ("mira", "Momentum", CONVERT)
    assert job.payload["original"] == SUBMIT.original.model_dump(mode="json")


def test_a_document_is_submitted_once(submitted):
    assert asked(SUBMIT, *submitted).code == "already-exists"
    deleted = done(d.DeleteDocument(), *submitted)
    assert asked(SUBMIT, *deleted).code == "already-exists"


def test_submitting_needs_the_role(submitted):
    assert asked(SUBMIT, actor=Actor(subject="vera", roles=("viewer",))).code == "forbidden"


def test_only_the_owner_and_admins_change_a_document(submitted):
    command = d.EditDetails(title="Another title")
    assert asked(command, *submitted, actor=OTHER).code == "forbidden"
    assert isinstance(asked(command, *submitted, actor=ADMIN), Accepted)
    handed_over = done(d.TransferOwnership(owner="otto"), *submitted)
    assert asked(command, *handed_over).code == "forbidden"
    assert isinstance(asked(command, *handed_over, actor=OTHER), Accepted)


def test_what_is_not_given_stays(submitted):
    assert asked(d.EditDetails(), *submitted).code == "nothing-to-do"
    (event,) = asked(d.EditDetails(tags=("fx",)), *submitted).events
    assert (event.title, event.tags) == ("Momentum", ("fx",))


def test_a_revision_is_the_next_version(ready):
    revised = done(d.SubmitRevision(filename="two.pdf", original=an_object("two")), *ready)
    assert [version.number for version in state(revised).versions] == [1, 2]
    assert state(revised).latest.original == an_object("two")


def test_a_conversion_tells_the_repositories_of_that_moment(submitted):
    (event,) = asked(converted(1), *submitted).events
    assert event.repositories == state(submitted).repositories
    assert event.markdown == an_object("markdown-1")


def test_a_failed_conversion_may_be_asked_for_again(submitted):
    assert asked(d.RequestConversion(version=1), *submitted).code == "conversion-running"
    failed = done(RecordConversionFailure(1, "damaged", "why"), *submitted)
    again = asked(d.RequestConversion(version=1), *failed)
    assert [job.kind for job in again.jobs] == [CONVERT]
    assert asked(d.RequestConversion(version=2), *failed).code == "unknown-version"


def test_changes_apply_to_the_latest_converted_version_only(submitted, ready):
    changes = d.ApplyChanges(version=1, edits=(EDIT,))
    assert asked(changes, *submitted).code == "unknown-version"
    (job,) = asked(changes, *ready).jobs
    assert job.kind == APPLY_CHANGES
    revised = done(d.SubmitRevision(filename="two.pdf", original=an_object("two")), *ready)
    assert asked(changes, *revised).code == "stale-version"


def test_changes_of_a_text_that_was_converted_anew_are_refused(ready):
    changes = d.ApplyChanges(version=1, edits=(EDIT,), markdown_sha256="0" * 64)
    assert asked(changes, *ready).jobs
    again = RecordConversion(
        **{field: getattr(converted(1), field) for field in RecordConversion.__slots__}
        | {"markdown": an_object("markdown-1").model_copy(update={"sha256": "1" * 64})}
    )
    anew = done(again, *done(d.RequestConversion(version=1), *ready))
    assert asked(changes, *anew).code == "stale-text"
    assert asked(changes.model_copy(update={"markdown_sha256": None}), *anew).jobs, "of a sender that knows no hash"


def test_changes_of_the_same_words_are_refused_by_name(ready):
    first = d.Edit(span=Span(start=0, end=3), original="abc", replacement="x", finding="f1")
    second = d.Edit(span=Span(start=2, end=4), original="cd", replacement="y", finding="f2")
    refused = asked(d.ApplyChanges(version=1, edits=(second, first)), *ready)
    assert (refused.code, "f1 and f2" in refused.detail) == ("overlapping-changes", True)
    beside = second.model_copy(update={"span": Span(start=3, end=4), "original": "d"})
    assert asked(d.ApplyChanges(version=1, edits=(beside, first)), *ready).jobs


def test_applied_changes_are_converted(ready):
    asked_for = done(d.ApplyChanges(version=1, edits=(EDIT,)), *ready)
    decision = asked(RecordChanges(2, 1, an_object("changed")), *asked_for)
    assert [job.kind for job in decision.jobs] == [CONVERT]
    assert state((*asked_for, *decision.events)).latest.original == an_object("changed")


def test_a_restored_version_has_the_earlier_ones_bytes(ready):
    revised = done(d.SubmitRevision(filename="two.pdf", original=an_object("two")), *ready)
    restored = done(d.RestoreVersion(version=1), *revised)
    assert (state(restored).latest.number, state(restored).latest.original) == (3, SUBMIT.original)
    assert asked(d.RestoreVersion(version=9), *revised).code == "unknown-version"


def test_nothing_happens_after_the_end(submitted):
    deleted = done(d.DeleteDocument(), *submitted)
    for command in (d.EditDetails(title="T"), d.RestoreVersion(version=1), d.DeleteDocument(), converted(1)):
        assert asked(command, *deleted).code == "deleted"


def test_what_is_not_there_cannot_be_changed():
    assert asked(d.EditDetails(title="T")).code == "not-found"


@pytest.mark.parametrize(
    ("edits", "text"),
    [
        ([(0, 3, "one", "1")], "1 two three"),
        ([(8, 13, "three", "3"), (0, 3, "one", "1")], "1 two 3"),
        ([(13, 13, "", "!"), (13, 13, "", "?")], "one two three!?"),
        ([(0, 3, "uno", "1")], None),
        ([(0, 7, "one two", "x"), (4, 7, "two", "2")], None),
        ([(8, 99, "three", "3")], None),
    ],
)
def test_edits_stand_exactly_where_they_say_or_none_is_done(edits, text):
    made = [d.Edit(span=Span(start=s, end=e), original=was, replacement=now) for s, e, was, now in edits]
    assert applied("one two three", made) == text
