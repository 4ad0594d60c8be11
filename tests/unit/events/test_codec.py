"""What is encoded decodes to the same, for every text that JSON can carry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docward.events.actor import Signer
from docward.events.analyses import FindingsRecorded, RejectFinding
from docward.events.codec import (
    Codec,
    Encoded,
    Envelope,
    Record,
    body_of,
    encode,
    encode_body,
    envelope_of,
    timestamp,
    verified_actor,
)
from docward.events.documents import ApplyChanges, DetailsEdited, DocumentConverted, Edit, SubmitDocument
from docward.events.findings import Finding, Quote
from docward.events.ir import Span
from docward.events.messages import Actor, CommandRejected, Message, ObjectRef, RepositoryRef
from docward.events.topics import message_types

SIGNER = Signer("gateway", b"a key of the tests, 32 bytes long")
CODEC = Codec(message_types())


def text(most: int = 40, least: int = 0) -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=least, max_size=most)


numbers = st.integers(1, 2**31 - 1)
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
uris = st.sampled_from(["uploads/018f6b2e-0000-7000-8000-000000000001", "products/1/2/document.md", "A/b_c-1.json"])
refs = st.builds(ObjectRef, uri=uris, sha256=hashes, size=st.integers(0, 2**63 - 1), media_type=text(least=1))
repositories = st.builds(RepositoryRef, repository_id=st.uuids(), release=st.none() | numbers)
spans = st.builds(Span, start=st.integers(0, 10**9), end=st.integers(0, 10**9))
edits = st.builds(Edit, span=spans, original=text(), replacement=text(), finding=st.none() | text())
quotes = st.builds(Quote, text=text(), span=spans, section=st.none() | text(), page=st.none() | numbers)
found = st.builds(
    Finding,
    fingerprint=text(least=1),
    family=st.just("CON"),
    category=st.just("inconsistent-content"),
    severity=st.sampled_from(["critical", "high", "medium", "low", "info"]),
    title=text(),
    explanation=text(),
    quotes=st.lists(quotes, max_size=2).map(tuple),
    confidence=st.floats(0, 1),
    origin=text(),
)
MESSAGES: tuple[st.SearchStrategy[Message], ...] = (
    st.builds(
        SubmitDocument,
        title=text(255, 1).filter(str.strip),
        filename=text(255, 1),
        original=refs,
        tags=st.lists(text(50, 1), max_size=3).map(tuple),
        repositories=st.lists(repositories, max_size=2).map(tuple),
        expected_version=st.none() | st.integers(0, 2**31 - 1),
    ),
    st.builds(ApplyChanges, version=numbers, edits=st.lists(edits, min_size=1, max_size=3).map(tuple)),
    st.builds(RejectFinding, fingerprint=text(), reason=text(least=1)),
    st.builds(DetailsEdited, title=text(), description=text(200), tags=st.lists(text(), max_size=3).map(tuple)),
    st.builds(
        DocumentConverted,
        version=numbers,
        origin=st.sampled_from(["upload", "revision", "changes", "restore"]),
        markdown=refs,
        ir=refs,
        report=refs,
        repositories=st.lists(repositories, max_size=2).map(tuple),
        converter=text(),
        sandbox=text(),
    ),
    st.builds(
        FindingsRecorded,
        analysis_id=st.uuids(),
        version=numbers,
        chunk=numbers,
        chunks=numbers,
        findings=st.lists(found, max_size=2).map(tuple),
    ),
    st.builds(
        CommandRejected,
        command_id=st.uuids(),
        command_type=text(),
        code=text(),
        detail=text(200),
        stream=text(),
        current_version=st.integers(0, 2**31 - 1),
    ),
)
actors = st.builds(
    Actor,
    subject=text(least=1),
    name=text(),
    kind=st.sampled_from(["user", "service", "job"]),
    roles=st.lists(text(), max_size=3).map(tuple),
    groups=st.lists(text(), max_size=3).map(tuple),
)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001  # naive bounds


@st.composite
def envelopes(draw: st.DrawFn, cls: type[Message]) -> Envelope:
    key = draw(st.uuids())
    return Envelope(
        id=draw(st.uuids()),
        type=cls.TYPE,
        source=draw(text(least=1)),
        time=draw(times),
        subject=f"document:{key}",
        key=key,
        correlation_id=draw(st.uuids()),
        actor=draw(actors),
        causation_id=draw(st.none() | st.uuids()),
        stream_version=draw(st.none() | numbers),
        traceparent=draw(st.none() | st.just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")),
        version=cls.VERSION,
    )


def arrived(encoded: Encoded) -> Record:
    return Record("document-commands", 0, 0, 0, encoded.key, encoded.value, encoded.headers)


@given(data=st.data(), message=st.one_of(MESSAGES))
def test_a_message_survives_the_wire(data: st.DataObject, message: Message) -> None:
    envelope = data.draw(envelopes(type(message)))
    decoded = CODEC.decode(arrived(encode(envelope, message, SIGNER)))
    assert decoded.message == message
    assert decoded.envelope == envelope
    assert decoded.envelope.time == envelope.time
    assert verified_actor(decoded, {"gateway": SIGNER.key}) == envelope.actor


@given(data=st.data(), message=st.one_of(MESSAGES))
def test_encoding_is_deterministic_and_stable_through_decoding(data: st.DataObject, message: Message) -> None:
    envelope = data.draw(envelopes(type(message)))
    once = encode(envelope, message, SIGNER)
    decoded = CODEC.decode(arrived(once))
    assert encode(decoded.envelope, decoded.message, SIGNER) == once == encode(envelope, message, SIGNER)
    assert encode_body(envelope, body_of(message), SIGNER) == once


@given(times)
def test_a_time_is_written_in_utc_to_the_microsecond(time: datetime) -> None:
    written = timestamp(time)
    assert datetime.fromisoformat(written) == time
    assert len(written) == 27
    assert written.endswith("Z")


def test_equal_times_of_different_zones_are_written_alike() -> None:
    berlin = datetime(2026, 10, 12, 10, 31, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(berlin) == timestamp(berlin.astimezone(UTC)) == "2026-10-12T08:31:00.000000Z"


def test_the_size_counts_key_body_and_headers(envelope: Envelope, message: SubmitDocument) -> None:
    encoded = encode(envelope, message, SIGNER)
    names = sum(len(name) + len(value or b"") for name, value in encoded.headers)
    assert encoded.size >= len(encoded.key) + len(encoded.value) + names


def test_the_copy_of_a_record_without_key_or_value_has_a_size() -> None:
    key: Any = None
    value: Any = None
    assert Encoded(key, value, (("x", None), ("y", b"12"))).size == 1 + 8 + 3 + 8


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
def test_json_may_say_that_it_is_utf_8(record: Callable[..., Record], content_type: str) -> None:
    assert CODEC.decode(record({"content-type": content_type.encode()}))


def test_a_record_without_key_is_read_by_its_subject(record: Callable[..., Record], envelope: Envelope) -> None:
    assert CODEC.decode(record(key=None)).envelope.key == envelope.key
    assert CODEC.decode(record(key=b"")).envelope.key == envelope.key


def test_what_a_foreign_sender_may_leave_out(record: Callable[..., Record], envelope: Envelope) -> None:
    left = CODEC.decode(record({"ce_dataversion": None, "ce_correlationid": None, "traceparent": None})).envelope
    assert left == envelope._replace(version=1, correlation_id=envelope.id, traceparent=None)


@pytest.mark.parametrize("text", [b"nonsense", b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", b"0" * 16_000, b""])
def test_a_trace_context_that_is_none_is_left_out(record: Callable[..., Record], text: bytes) -> None:
    assert CODEC.decode(record({"traceparent": text})).envelope.traceparent is None


def test_a_backslash_before_u0000_is_text(
    record_of: Callable[[Envelope, Message], Record], envelope: Envelope, message: SubmitDocument
) -> None:
    spelled = message.model_copy(update={"description": r"NUL is written \u0000 in JSON"})
    assert CODEC.decode(record_of(envelope, spelled)).message == spelled


def test_the_envelope_alone_needs_no_body(record: Callable[..., Record], envelope: Envelope) -> None:
    assert envelope_of(record(value=b"\xff")) == envelope


def test_ids_on_the_wire_are_read_whatever_their_case(record: Callable[..., Record], envelope: Envelope) -> None:
    upper = str(envelope.id).upper().encode()
    assert CODEC.decode(record({"ce_id": upper})).envelope.id == UUID(str(envelope.id))
