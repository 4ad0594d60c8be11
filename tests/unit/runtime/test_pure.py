"""The small pure parts: partitions, secrets in messages, chunks, sizes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from docward.events.messages import Actor, CommandRejected, Event, ObjectRef
from docward.events.topics import Topic
from docward.runtime.aggregates import Aggregate, Rejected, Request, accepted, chunked
from docward.runtime.eventstore import Origin, new_events
from docward.runtime.kafka import partition_of
from docward.runtime.parking import MESSAGE_LIMIT, redacted

KNOWN = {  # murmur2 of Kafka's Java client, from its own test of the function
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
}


@pytest.mark.parametrize(("key", "hashed"), KNOWN.items())
def test_a_key_lies_where_the_java_client_puts_it(key: bytes, hashed: int) -> None:
    for partitions in (1, 2, 6, 1000):
        assert partition_of(key, partitions) == (hashed & 0x7FFFFFFF) % partitions


@given(st.binary(max_size=60), st.integers(1, 50))
def test_a_key_lies_where_the_client_library_puts_it(key: bytes, partitions: int) -> None:
    everything = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everything, everything)


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("could not connect to postgresql://docward:hunter2@db:5432/docward", "hunter2"),
        ("password=hunter2 is wrong", "hunter2"),
        ("api_token: hunter2", "hunter2"),
        ('{"secret": "hunter2"}', "hunter2"),
    ],
)
def test_a_message_that_is_kept_tells_no_secret(message: str, secret: str) -> None:
    assert secret not in redacted(message)


@given(st.text(st.characters(), max_size=2000))
def test_a_message_that_is_kept_is_storable_text(message: str) -> None:
    kept = redacted(message + "\ud800\x00")
    assert "\x00" not in kept
    assert len(kept) <= MESSAGE_LIMIT
    kept.encode()


refs = st.builds(
    ObjectRef,
    uri=st.from_regex(r"[a-z]{1,200}", fullmatch=True),
    sha256=st.just("0" * 64),
    size=st.integers(0, 9),
    media_type=st.just("text/plain"),
)


@given(st.lists(refs, max_size=30), st.integers(1, 1500))
def test_chunks_keep_the_order_and_the_limit(items: list[ObjectRef], limit: int) -> None:
    parts = chunked(items, limit)
    assert [item for part in parts for item in part] == items
    for part in parts:
        assert part
        assert len(part) == 1 or sum(len(item.model_dump_json()) for item in part) <= limit


class Grown(Event):
    text: str


def recorded(text: str) -> list[Event]:
    topic = Topic("t", "", (Grown,), (), (), retention_ms=1, max_bytes=256 * 1024)
    aggregate: Aggregate[None] = Aggregate("thing", topic, topic, None, lambda s, _: s, lambda *_: Rejected("x", "x"))
    request = Request(UUID(int=1), uuid4(), datetime(2026, 1, 1, tzinfo=UTC), Actor(subject="a"), version=4)
    origin = Origin(request.command_id, request.command_id, None)
    events = new_events(aggregate, request, origin, accepted(Grown(text=text), Grown(text="")), "grow")
    assert [json.loads(e.body) for e in events] == [e.event.model_dump(mode="json") for e in events]
    assert [e.version for e in events] in ([5, 6], [1])
    return [e.event for e in events]


def test_an_event_that_its_topic_would_not_take_is_a_rejection() -> None:
    assert len(recorded("x" * 200_000)) == 2
    (rejection,) = recorded("x" * 256 * 1024)
    assert isinstance(rejection, CommandRejected)
    assert (rejection.code, rejection.current_version) == ("event-too-large", 4)
