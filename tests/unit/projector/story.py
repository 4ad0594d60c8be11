"""For the projector's tests: golden messages with what matters changed, and the rows that a projection leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from contracts.golden import ACTOR, SIGNER, TYPES, example
from docward.events.codec import Codec, Encoded, Envelope, encode
from docward.events.messages import Actor, Command, CommandRejected, Message, derived_id
from docward.events.topics import CONVERTER_DEAD_LETTERS, TOPICS, Topic
from docward.runtime.projections import DeadLettered, Delete, Position, Projection, Upsert, Write

START = datetime(2026, 10, 12, 8, 0, tzinfo=UTC)
DOCUMENT = UUID(example("document-submitted.v1").key)
REPOSITORY = UUID(example("pack-imported.v1").key)
ANALYSIS = UUID(example("analysis-requested.v1").body["analysis_id"])
CODEC = Codec(TYPES)
CLASSES = {cls.TYPE: cls for cls in TYPES}

Row = dict[str, Any]
Tables = dict[str, dict[tuple[Any, ...], Row]]


@dataclass(frozen=True, slots=True)
class Told:
    """One message, as it lies in its topic."""

    envelope: Envelope
    message: Any
    """A message, or a dead letter."""

    @property
    def topic(self) -> Topic:
        if isinstance(self.message, DeadLettered):
            return CONVERTER_DEAD_LETTERS
        carriers = [t for t in TOPICS if type(self.message) in t.types]
        if len(carriers) == 1:
            return carriers[0]
        assert isinstance(self.message, CommandRejected)  # it goes where its aggregate's events go
        about = self.message.stream.partition("-" if self.message.stream.startswith("policy") else ":")[0]
        return next(topic for topic in carriers if topic.name == f"{about}-events")

    def position(self, offset: int = 0) -> Position:
        return Position(self.topic.name, 0, offset, int(self.envelope.time.timestamp() * 1000))

    def encoded(self) -> Encoded:
        return encode(self.envelope, self.message, SIGNER)


@lru_cache
def _golden(name: str) -> tuple[Envelope, Message]:
    decoded = CODEC.decode(example(f"{name}.v1").record())
    return decoded.envelope, decoded.message


def command_id(number: int) -> UUID:
    return UUID(int=number, version=4)


def told(
    name: str,
    stream_version: int | None = None,
    /,
    *,
    minute: int = 0,
    by: int = 1,
    key: UUID | None = None,
    actor: Actor = ACTOR,
    **body: Any,
) -> Told:
    """The golden message of that name; for an event its version in the stream and the number of its command.

    `body` overrides fields of the message, `key` the aggregate it is about.
    """
    golden, message = _golden(name)
    aggregate = key or golden.key
    subject = f"{golden.subject.partition(':')[0]}:{aggregate}"
    is_command = isinstance(message, Command)
    if name == "command-rejected":
        body = {"command_id": str(command_id(by)), **body}
        subject = f"command:{body['command_id']}"
        stream_version = 1
    envelope = golden._replace(
        id=command_id(by) if is_command else derived_id(subject, stream_version),
        time=START + timedelta(minutes=minute or (stream_version or 0)),
        subject=subject,
        key=aggregate,
        correlation_id=command_id(by),
        causation_id=None if is_command else command_id(by),
        stream_version=None if is_command else stream_version,
        actor=actor,
    )
    changed = CLASSES[name].model_validate({**message.model_dump(mode="json"), **body}) if body else message
    return Told(envelope, changed)


def writes(projection: Projection, message: Told, objects: Mapping[str, bytes | None] | None = None) -> list[Write]:
    arguments = [message.envelope, message.message, message.position()]
    return list(projection.project(*arguments, *([objects or {}] if projection.needs else [])))


def rows(projection: Projection, messages: Iterable[Told], objects: Mapping[str, bytes | None] | None = None) -> Tables:
    """The tables that a projection leaves after these messages, one by one: what its writes mean."""
    tables: Tables = {}
    for message in messages:
        for write in writes(projection, message, objects):
            table = tables.setdefault(write.table, {})
            key = tuple(write.key.values())
            if isinstance(write, Delete):
                table.pop(key, None)
            elif isinstance(write, Upsert):
                before = table.get(key, {**write.key, **write.initial})
                table[key] = {**before, **write.values}
            elif key in table:
                table[key] = {**table[key], **write.values}
    return tables


def only(tables: Tables, table: str) -> Row:
    """The one row of a table."""
    (row,) = tables[table].values()
    return row
