"""Operations: the same row whatever topic is read first, and one outcome per command."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.golden import ACTOR, TYPES
from docward.events.messages import Command, CommandRejected, Event
from docward.events.progress import ProgressReported
from docward.projector.projections.operations import OPERATIONS
from docward.runtime.projections import DeadLettered
from unit.projector.story import ANALYSIS, DOCUMENT, Told, command_id, only, rows, told, writes

COMMANDS = [cls.TYPE for cls in TYPES if issubclass(cls, Command)]
EVENTS = [
    cls.TYPE for cls in TYPES if issubclass(cls, Event) and not issubclass(cls, CommandRejected | ProgressReported)
]


def dead_letter(message: Told) -> Told:
    """The record of a message, as it is read from the dead-letter topic."""
    letter = DeadLettered(reason="unexpected", error="it broke", topic=message.topic.name, partition=3, offset=7)
    return Told(message.envelope._replace(stream_version=None), letter)


def operation(*messages: Told) -> dict[str, object]:
    return only(rows(OPERATIONS, messages), "operations")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_an_operation_before_its_decision(name: str) -> None:
    command = told(name, by=5)
    row = operation(command)
    assert (row["operation_id"], row["type"], row["stream"]) == (command_id(5), name, command.envelope.subject)
    assert (row["actor_subject"], row["accepted_at"]) == (ACTOR.subject, command.envelope.time)
    assert "progress" not in row


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_tells_its_command_how_far_it_is(name: str) -> None:
    event = told(name, 3, by=5)
    row = operation(event)
    assert (row["operation_id"], row["last_event"]) == (command_id(5), name)
    assert (row["result_stream"], row["result_stream_version"]) == (event.envelope.subject, 3)
    assert row["progress"] in {"running", "succeeded", "failed"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["document-submitted", "document-converted"], "succeeded"),
        (["document-submitted", "conversion-failed"], "failed"),
        (["revision-submitted", "document-converted"], "succeeded"),
        (["changes-requested", "changes-applied"], "running"),
        (["changes-requested", "changes-applied", "document-converted"], "succeeded"),
        (["conversion-requested"], "running"),
        (["version-restored"], "running"),
        (["export-requested"], "running"),
        (["export-requested", "document-exported"], "succeeded"),
        (["analysis-requested", "findings-recorded", "verdicts-recorded"], "running"),
        (["analysis-requested", "findings-recorded", "verdicts-recorded", "analysis-completed"], "succeeded"),
        (["analysis-requested", "analysis-failed"], "failed"),
        (["repository-created", "pack-imported"], "succeeded"),
        (["repository-created", "pack-imported", "release-published"], "succeeded"),
        (["details-edited"], "succeeded"),
        (["analysis-cancelled"], "succeeded"),
        (["document-deleted"], "succeeded"),
    ],
)
def test_a_command_ends_with_the_event_that_ends_its_work(events: list[str], expected: str) -> None:
    row = operation(*(told(name, number) for number, name in enumerate(events, 1)))
    assert row["progress"] == expected


def test_results_name_what_was_made() -> None:
    submitted = operation(told("document-submitted", 1))
    assert (submitted["result_aggregate_id"], submitted["result_version"]) == (DOCUMENT, 1)
    analysed = operation(told("analysis-requested", 1))
    assert (analysed["result_analysis_id"], analysed["result_version"]) == (ANALYSIS, 1)


def test_a_failure_says_why() -> None:
    row = operation(told("conversion-failed", 2, reason="encrypted", detail="It is locked."))
    assert (row["failure_reason"], row["failure_detail"]) == ("encrypted", "It is locked.")


def test_a_rejection_belongs_to_the_command_it_names() -> None:
    row = operation(told("command-rejected", by=9, code="version-conflict", current_version=4))
    assert (row["operation_id"], row["rejected_code"], row["rejected_current_version"]) == (
        command_id(9),
        "version-conflict",
        4,
    )


def test_a_pack_in_several_events_is_imported_with_the_last_one() -> None:
    first, last = (told("pack-imported", 2 + chunk, chunk=chunk, chunks=2) for chunk in (1, 2))
    assert operation(first)["progress"] == "running"
    assert operation(first, last)["progress"] == "succeeded"


def test_work_whose_outcome_could_not_be_recorded_has_failed() -> None:
    rejection = told("command-rejected", by=9, code="event-too-large")
    of_job = Told(rejection.envelope._replace(causation_id=command_id(1)), rejection.message)
    row = operation(told("document-submitted", 1), of_job)
    assert (row["operation_id"], row["progress"], row["failure_reason"]) == (command_id(1), "failed", "event-too-large")


def test_a_command_that_was_set_aside_says_where() -> None:
    row = operation(dead_letter(told("edit-details")))
    assert (row["parked_reason"], row["parked_partition"], row["parked_offset"]) == ("unexpected", 3, 7)


def test_an_event_that_was_set_aside_is_nobodys_operation() -> None:
    assert writes(OPERATIONS, dead_letter(told("document-converted", 2))) == []


def test_an_event_without_a_cause_is_nobodys_operation() -> None:
    event = told("document-converted", 2)
    assert writes(OPERATIONS, Told(event.envelope._replace(causation_id=None), event.message)) == []


CAST = [
    told("submit-document", by=1),
    dead_letter(told("submit-document", by=1)),
    told("document-submitted", 1, by=1),
    told("document-converted", 2, by=1),
    told("edit-details", by=2),
    told("command-rejected", by=2),
]


def test_a_row_does_not_depend_on_which_topic_is_read_first() -> None:
    by_topic: dict[str, list[Told]] = {}
    for message in CAST:
        by_topic.setdefault(message.topic.name, []).append(message)
    orders = [[m for topic in order for m in by_topic[topic]] for order in permutations(by_topic)]
    first, *others = [rows(OPERATIONS, order)["operations"] for order in orders]
    assert all(other == first for other in others)


@given(st.permutations(range(len(CAST))))
def test_a_row_does_not_depend_on_how_topics_interleave(order: list[int]) -> None:
    kept = [i for i in order if i not in (2, 3)]
    at = order.index(2) if order.index(2) < len(kept) else 0
    interleaved = [*kept[:at], 2, *kept[at : at + 1], 3, *kept[at + 1 :]]  # events of one stream stay in order
    assert rows(OPERATIONS, [CAST[i] for i in interleaved]) == rows(OPERATIONS, CAST)
