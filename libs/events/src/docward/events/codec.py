"""Messages to Kafka records and back: CloudEvents 1.0, binary content mode, JSON bodies.

Encoding is deterministic. Decoding never raises anything but UndecodableError, whatever the bytes, and reads every
version of a type that was ever released. A decoded command is a claim until `verified_actor` has proven its sender.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import from_json

from docward.events.actor import Keyring, Signer, Statement, claimed_actor, verify
from docward.events.errors import BadSignatureError, UndecodableError
from docward.events.messages import Actor, Message, as_uuid, uuid_text
from docward.events.upcasts import UPCASTS, Upcasts, upcast

Headers = tuple[tuple[str, bytes | None], ...]
"""Header keys that are not UTF-8 are kept by surrogate escapes, so that a record can be copied byte for byte."""

CONTENT_TYPE = b"application/json"
MAX_ATTRIBUTE = 16 * 1024
"""Bytes of one header value. Attributes are cached and logged, and a claim is read before it is proven."""
_BODY_TYPES = {"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"}
_READ = {
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_time",
    "ce_subject",
    "ce_dataversion",
    "ce_correlationid",
    "ce_causationid",
    "ce_streamversion",
    "ce_actor",
    "content-type",
    "traceparent",
}
"""Headers that are looked at, besides whatever else begins with `ce_`."""


class Record(NamedTuple):
    """A Kafka record as it lies in the log."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    """Milliseconds since the epoch, as the producer or broker set it."""
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Envelope(NamedTuple):
    """The context attributes of a message."""

    id: UUID
    type: str
    source: str
    """URI reference of the sender; (source, id) is what commands are de-duplicated by."""
    time: datetime
    subject: str
    """The stream: `document:<uuid>`."""
    key: UUID
    """The aggregate's id, the record's key."""
    correlation_id: UUID
    """The id of the message that began it all."""
    actor: Actor
    causation_id: UUID | None = None
    """The command whose decision, or whose job, produced an event; the event that a command reacts to."""
    stream_version: int | None = None
    """Events only: 1 for the first event of its stream, without gaps."""
    traceparent: str | None = None
    version: int = 1


class Decoded(NamedTuple):
    envelope: Envelope
    message: Message
    token: str | None
    """`ce_actor` as received."""
    attributes: Mapping[str, str]
    """As they stand in the headers."""
    body: bytes

    @property
    def statement(self) -> Statement:
        """What `token` must sign."""
        attributes = self.attributes
        return Statement(
            attributes["ce_id"],
            attributes["ce_source"],
            attributes["ce_subject"],
            attributes["ce_time"],
            attributes["ce_type"],
            self.body,
        )


class Encoded(NamedTuple):
    key: bytes
    value: bytes
    headers: Headers

    @property
    def size(self) -> int:
        """Bytes that count against a topic's maximum, headers included."""
        headers = sum(len(key) + len(value or b"") + 8 for key, value in self.headers)
        # The copy of a foreign record has neither key nor value where that one had none.
        return len(self.key or b"") + len(self.value or b"") + headers


def body_of(message: Message) -> bytes:
    return message.__pydantic_serializer__.to_json(message)


def timestamp(time: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return utc.isoformat(timespec="microseconds")[:-6] + "Z"


def encode(envelope: Envelope, message: Message, signer: Signer) -> Encoded:
    return encode_body(envelope, body_of(message), signer)


def encode_body(envelope: Envelope, body: bytes, signer: Signer) -> Encoded:
    """The record of a message whose body is already JSON."""
    # Taken apart once: by name, a part of a tuple costs as much as what is done with it.
    ident, name, source, moment, subject, key, correlation, actor, causation, stream_version, trace, version = envelope
    ident_text, time = uuid_text(ident), timestamp(moment)
    token = signer.sign(actor, Statement(ident_text, source, subject, time, name, body))
    headers: list[tuple[str, bytes | None]] = [
        ("ce_specversion", b"1.0"),
        ("ce_id", ident_text.encode()),
        ("ce_type", name.encode()),
        ("ce_source", source.encode()),
        ("ce_time", time.encode()),
        ("ce_subject", subject.encode()),
        ("ce_dataversion", b"%d" % version),
        ("ce_correlationid", uuid_text(correlation).encode()),
        ("ce_actor", token.encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if causation is not None:
        headers.append(("ce_causationid", uuid_text(causation).encode()))
    if stream_version is not None:
        headers.append(("ce_streamversion", b"%d" % stream_version))
    if trace is not None:
        headers.append(("traceparent", trace.encode()))
    return Encoded(uuid_text(key).encode(), body, tuple(headers))


class Codec:
    """Reads the records of the given types."""

    def __init__(self, types: Iterable[type[Message]], upcasts: Upcasts = UPCASTS) -> None:
        self._types = {cls.TYPE: cls for cls in types}
        self._upcasts = upcasts

    def decode(self, record: Record) -> Decoded:
        """The message in the record, in its newest version. Raises UndecodableError."""
        headers = _attributes(record.headers)
        if headers.get("ce_specversion") != "1.0":
            raise UndecodableError("ce_specversion is not 1.0")
        if headers.get("content-type", "").lower() not in _BODY_TYPES:
            raise UndecodableError("content-type is not application/json")
        envelope = _envelope(record, headers)
        return Decoded(
            envelope, self._message(envelope, record.value), headers.get("ce_actor"), headers, record.value or b""
        )

    def _message(self, envelope: Envelope, body: bytes | None) -> Message:
        cls = self._types.get(envelope.type)
        if cls is None:
            raise UndecodableError(f"type {envelope.type!r} is not carried here")
        if not 1 <= envelope.version <= cls.VERSION:
            raise UndecodableError(f"version {envelope.version} of {envelope.type!r} is unknown")
        if body is None:
            raise UndecodableError("the record has no body")
        try:
            if holds_nul(body):
                raise UndecodableError("the body holds a NUL character")
            if envelope.version == cls.VERSION:
                message: Message = cls.__pydantic_validator__.validate_json(body)
                return message
            older = upcast(envelope.type, envelope.version, cls.VERSION, from_json(body), self._upcasts)
            return cls.model_validate(older)
        except ValidationError as error:
            raise UndecodableError(_said(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UndecodableError(f"the body does not read as {envelope.type!r}: {type(error).__name__}") from error


def envelope_of(record: Record) -> Envelope:
    """Only the envelope, for readers that do not need the body. Raises UndecodableError."""
    return _envelope(record, _attributes(record.headers))


def verified_actor(decoded: Decoded, keyring: Keyring) -> Actor:
    """The proven sender of a decoded record. Raises BadSignatureError."""
    if decoded.token is None:
        raise BadSignatureError("ce_actor is missing")
    return verify(decoded.token, decoded.statement, keyring)


def _attributes(headers: Headers) -> dict[str, str]:
    """The attributes by name; of those that Docward reads, none twice, null, too long or other than UTF-8 text."""
    try:
        found = {key: value.decode() for key, value in headers}  # type: ignore[union-attr]  # null is no attribute, below
        text = "".join(found.values())
        plain = len(found) == len(headers) and found.keys() <= _READ and "\x00" not in text
        if plain and len(text) <= MAX_ATTRIBUTE // 4:  # together shorter than one may be, at four bytes a character
            return found
    except (AttributeError, UnicodeDecodeError):
        pass
    return _one_by_one((key, value) for key, value in headers if key in _READ or key.startswith("ce_"))


def _one_by_one(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """The same, naming the first that is at fault."""
    found: dict[str, str] = {}
    for key, value in headers:
        if key in found:
            raise UndecodableError(f"header {key!r} occurs twice")
        if value is None:
            raise UndecodableError(f"header {key!r} is null")
        if len(value) > MAX_ATTRIBUTE:
            raise UndecodableError(f"header {key!r} is longer than {MAX_ATTRIBUTE} bytes")
        if b"\x00" in value:
            raise UndecodableError(f"header {key!r} holds a NUL character")
        try:
            found[key] = value.decode()
        except UnicodeDecodeError as error:
            raise UndecodableError(f"header {key!r} is not UTF-8") from error
    return found


def _envelope(record: Record, headers: dict[str, str]) -> Envelope:
    try:
        subject = headers["ce_subject"]
        token = headers.get("ce_actor")
        stream_version = headers.get("ce_streamversion")
        causation = headers.get("ce_causationid")
        ident = as_uuid(headers["ce_id"])
        return Envelope(
            ident,
            headers["ce_type"],
            headers["ce_source"],
            _time(headers["ce_time"]),
            subject,
            as_uuid(record.key.decode()) if record.key else _aggregate(subject),
            as_uuid(headers["ce_correlationid"]) if "ce_correlationid" in headers else ident,
            claimed_actor(token) if token else _ANONYMOUS,
            as_uuid(causation) if causation else None,
            int(stream_version) if stream_version else None,
            trace_context(headers.get("traceparent")),
            int(headers.get("ce_dataversion", "1")),
        )
    except KeyError as error:
        raise UndecodableError(f"header {error.args[0]!r} is missing") from error
    except BadSignatureError as error:
        raise UndecodableError(str(error)) from error
    except (ValueError, OverflowError) as error:
        raise UndecodableError(f"an attribute does not read: {error}") from error


_TRACE_CONTEXT = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def trace_context(text: str | None) -> str | None:
    """`text` if it is a W3C trace context. One that is none breaks a trace, no message; nobody signs it."""
    return text if _TRACE_CONTEXT.fullmatch(text or "") else None


_ANONYMOUS = Actor(subject="anonymous")


def _aggregate(subject: str) -> UUID:
    """A record without key still says whom it is for: it is forwarded to the partition where that aggregate lives."""
    return as_uuid(subject.partition(":")[2])


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("ce_time has no offset from UTC")
    return time if time.tzinfo is UTC else time.astimezone(UTC)


def holds_nul(body: bytes) -> bool:
    """Whether a text of a JSON body, a name included, holds a NUL character, which the database refuses."""
    return b"\\u0000" in body and _nul_in(from_json(body))


def _nul_in(value: Any) -> bool:
    match value:
        case str():
            return "\x00" in value
        case dict():
            return any(_nul_in(key) or _nul_in(item) for key, item in value.items())
        case list():
            return any(_nul_in(item) for item in value)
    return False


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:200]  # names in the body are the sender's, of any length
    return f"body: {place or '(whole)'}: {first['msg'][:200]}"
