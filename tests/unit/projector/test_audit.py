"""The audit trail: every event once, small enough to page through."""

from __future__ import annotations

import json

import pytest

from contracts.golden import ACTOR, TYPES
from docward.events.messages import CommandRejected, Event
from docward.events.progress import ProgressReported
from docward.projector.projections import PROJECTIONS
from docward.projector.projections.audit import AUDIT, body
from docward.projector.projections.columns import plain
from unit.projector.story import DOCUMENT, command_id, only, rows, told

EVENTS = [cls.TYPE for cls in TYPES if issubclass(cls, Event) and cls is not ProgressReported]
SHORTENED = {"findings-recorded", "verdicts-recorded", "pack-imported", "analysis-completed"}


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_recorded_with_who_did_it(name: str) -> None:
    event = told(name, 3, by=5)
    row = only(rows(AUDIT, [event]), "audit")
    assert (row["stream"], row["stream_version"]) == (event.envelope.subject, event.envelope.stream_version)
    assert (row["event_id"], row["type"], row["time"]) == (event.envelope.id, name, event.envelope.time)
    assert (row["actor_subject"], row["actor_name"], row["causation_id"]) == (ACTOR.subject, ACTOR.name, command_id(5))
    assert row["topic"] == event.topic.name


@pytest.mark.parametrize("name", sorted(set(EVENTS) - SHORTENED))
def test_an_event_is_recorded_as_it_is(name: str) -> None:
    message = told(name, 3).message
    assert body(message) == plain(message)


@pytest.mark.parametrize("name", sorted(SHORTENED))
def test_long_lists_are_named_not_repeated(name: str) -> None:
    message = told(name, 3).message
    assert set(body(message)) == set(plain(message))
    assert len(json.dumps(body(message))) < len(json.dumps(plain(message)))


def test_a_rejection_stands_in_the_trail_of_its_document() -> None:
    row = only(rows(AUDIT, [told("command-rejected", by=5)]), "audit")
    assert (row["aggregate_id"], row["stream"]) == (DOCUMENT, f"command:{command_id(5)}")


@pytest.mark.parametrize("cls", [cls for cls in TYPES if issubclass(cls, Event) and cls is not ProgressReported])
def test_every_event_is_read_by_a_read_model(cls: type[Event]) -> None:
    readers = [p.name for p in PROJECTIONS if any(cls in topic.types for topic in p.topics)]
    assert "audit" in readers
    assert len(readers) > 1 or cls is CommandRejected
