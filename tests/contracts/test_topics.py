"""TOPICS is whole: every type travels, every topic has its place, its sizes and its keeping."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from contracts.golden import NEWEST, TYPES, schema
from docward.events.messages import Command, Event
from docward.events.topics import DAY_MS, FOREVER, KIB, PROGRESS, TOPICS, Topic

COMMANDS = [topic for topic in TOPICS if topic.name.endswith("-commands")]
EVENTS = [topic for topic in TOPICS if topic.name.endswith("-events")]
DEAD_LETTERS = [topic for topic in TOPICS if topic.name.endswith("-dead-letters")]
SERVICES = {"gateway", "converter", "analyzer", "projector"}
ENVELOPE = 24 * KIB
"""Room for key and headers: `ce_actor` has at most 16 KiB."""

LISTS_WITHOUT_LIMIT = {
    "submit-document",  # groups and repositories, as many as there are
    "assign-repositories",
    "share-with-groups",
    "apply-changes",  # as many edits as the version has findings
    "request-analysis",
    "request-suite-analysis",
    "add-policy",
    "edit-policy",
    "import-pack",  # recorded in chunks
    "remove-policy",  # names what must exist, so what is longer than any name is rejected
    "accept-finding",
    "modify-finding",
    "reject-finding",
    "reopen-finding",
    "answer-findings",
}
"""Commands whose schema does not bound them: the event's size is checked before it is stored."""


def by_name(topic: Topic) -> str:
    return topic.name


def test_topics_are_commands_events_dead_letters_and_progress() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)
    assert {*COMMANDS, *EVENTS, *DEAD_LETTERS, PROGRESS} == set(TOPICS)


@pytest.mark.parametrize("topic", TOPICS, ids=by_name)
def test_a_topic_is_complete(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", topic.name)
    assert topic.partitions == 6
    assert topic.cleanup_policy == "delete"
    assert topic.about
    assert topic.producers
    assert set(topic.consumers) <= SERVICES
    assert topic.consumers or topic.name == "projector-dead-letters"  # nobody may feed on their own dead letters
    assert len(set(topic.types)) == len(topic.types)


@pytest.mark.parametrize("topic", COMMANDS, ids=by_name)
def test_a_command_topic_carries_commands_for_two_weeks(topic: Topic) -> None:
    assert all(issubclass(cls, Command) for cls in topic.types)
    assert topic.retention_ms == 14 * DAY_MS


@pytest.mark.parametrize("topic", EVENTS, ids=by_name)
def test_an_event_topic_keeps_everything(topic: Topic) -> None:
    assert all(issubclass(cls, Event) for cls in topic.types)
    assert topic.retention_ms == FOREVER
    assert topic.max_bytes == 256 * KIB
    assert "command-rejected" in {cls.TYPE for cls in topic.types}
    assert topic.name.replace("-events", "-commands") in {commands.name for commands in COMMANDS}


@pytest.mark.parametrize("topic", TOPICS, ids=by_name)
def test_what_forgets_forgets_soon_after_its_retention(topic: Topic) -> None:
    if topic.retention_ms == FOREVER:
        assert topic.segment_ms is None
    else:
        assert topic.segment_ms is not None
        assert 4 * 60_000 < topic.segment_ms <= min(DAY_MS, topic.retention_ms / 10)


@pytest.mark.parametrize("topic", DEAD_LETTERS, ids=by_name)
def test_dead_letters_hold_any_record_of_their_service_with_its_reason(topic: Topic) -> None:
    service = topic.name.removesuffix("-dead-letters")
    largest = max(source.max_bytes for source in TOPICS if service in source.consumers and source not in DEAD_LETTERS)
    assert topic.max_bytes == largest + 64 * KIB
    assert topic.producers == (service,)
    assert topic.types == ()


def test_every_consuming_service_has_a_place_for_what_it_sets_aside() -> None:
    # the gateway reads progress only: telemetry is skipped, not parked
    readers = {service for topic in TOPICS if topic is not PROGRESS for service in topic.consumers}
    assert {topic.name for topic in DEAD_LETTERS} == {f"{service}-dead-letters" for service in readers}


def test_a_type_but_the_rejection_travels_on_one_topic() -> None:
    for cls in TYPES:
        expected = len(EVENTS) if cls.TYPE == "command-rejected" else 1
        assert sum(cls in topic.types for topic in TOPICS) == expected


def test_wire_names_are_unique() -> None:
    assert len({cls.TYPE for cls in TYPES}) == len(TYPES) == len(NEWEST)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", cls.TYPE) for cls in TYPES)


def largest(described: dict[str, Any], root: dict[str, Any]) -> float:
    """Bytes of the longest JSON that the schema allows, every character escaped (six bytes); inf: no bound."""
    match described:
        case {"$ref": str(name)}:
            size = largest(root["$defs"][name.rpartition("/")[2]], root)
        case {"anyOf": list(ways)}:
            size = max(largest(way, root) for way in ways)
        case {"enum": list(values)}:
            size = max(len(str(value)) + 2 for value in values)
        case {"type": "object", "properties": dict(fields)}:
            size = 2 + sum(len(key) + 4 + largest(item, root) for key, item in fields.items())
        case {"type": "array", "maxItems": int(count), "items": dict(item)}:
            size = 2 + count * (largest(item, root) + 1)
        case {"type": "string", "maxLength": int(length)}:
            size = 2 + 6 * length
        case {"type": "string", "format": "uuid"} | {"type": "string", "pattern": "^[0-9a-f]{64}$"}:
            size = 2 + 64
        case {"type": "integer", "maximum": _} | {"type": "null" | "boolean"}:
            size = 20
        case _:
            size = math.inf
    return size


@pytest.mark.parametrize("topic", COMMANDS, ids=by_name)
def test_the_largest_command_that_its_schema_allows_fits_as_command_and_as_event(topic: Topic) -> None:
    bound = {cls.TYPE: largest(root := schema(f"{cls.TYPE}.v{cls.VERSION}"), root) for cls in topic.types}
    assert {name for name, size in bound.items() if math.isinf(size)} == LISTS_WITHOUT_LIMIT & set(bound)
    assert all(size + ENVELOPE <= 256 * KIB for size in bound.values() if not math.isinf(size))
