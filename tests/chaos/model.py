"""The read models as their topics alone make them: projections applied one write at a time, in memory.

Nothing here is shared with the projection loop but the pure functions of the projections themselves: no batches, no
folding, no SQL. An event counts once, at its turn in its stream; what cannot be read counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from docward.events.actor import Keyring
from docward.events.codec import Codec, Envelope, Record, envelope_of, verified_actor
from docward.events.errors import BadSignatureError, UndecodableError
from docward.events.messages import Command, Message
from docward.runtime.projections import DeadLettered, Position, Projection
from docward.runtime.writes import Delete, Patch, Upsert, Write

Row = dict[str, Any]


@dataclass
class Tables:
    """Rows by table and key, and the key's columns of each table."""

    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    keys: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def write(self, write: Write) -> None:
        table = self.rows.setdefault(write.table, {})
        self.keys.setdefault(write.table, tuple(write.key))
        key = canonical(list(write.key.values()))
        match write:
            case Delete():
                table.pop(key, None)
            case Patch(values=values) if key in table:
                table[key].update(values)
            case Upsert(values=values) if key in table:
                table[key].update(values)
            case Upsert(values=values, initial=initial):
                table[key] = {**write.key, **initial, **values}


def projected(
    projection: Projection, records: Iterable[Record], keyring: Keyring, objects: Mapping[str, bytes]
) -> Tables:
    """What the projection makes of the records of its topics, partition by partition from the first on."""
    tables = Tables()
    versions: dict[str, int] = {}
    codecs = {topic.name: Codec(topic.types) for topic in projection.topics}
    for record in records:
        read = _read(codecs, record, keyring)
        if read is None:
            continue
        envelope, message = read
        if envelope.stream_version is not None:
            if envelope.stream_version != versions.get(envelope.subject, 0) + 1:
                continue
            versions[envelope.subject] = envelope.stream_version
        position = Position(record.topic, record.partition, record.offset, record.timestamp)
        for write in _writes(projection, envelope, message, position, objects):
            tables.write(write)
    return tables


def _writes(
    projection: Projection,
    envelope: Envelope,
    message: Message | DeadLettered,
    position: Position,
    objects: Mapping[str, bytes],
) -> Iterator[Write]:
    if projection.needs is None:
        yield from projection.project(envelope, message, position)
    elif isinstance(message, Message):
        needed = {ref.uri: objects.get(ref.uri) for ref in projection.needs(message)}
        yield from projection.project(envelope, message, position, needed)


def _read(
    codecs: Mapping[str, Codec], record: Record, keyring: Keyring
) -> tuple[Envelope, Message | DeadLettered] | None:
    try:
        if record.topic.endswith("-dead-letters"):
            return _letter(record)
        decoded = codecs[record.topic].decode(record)
        if isinstance(decoded.message, Command):
            return decoded.envelope._replace(actor=verified_actor(decoded, keyring)), decoded.message
    except (UndecodableError, BadSignatureError):
        return None
    return decoded.envelope, decoded.message


def _letter(record: Record) -> tuple[Envelope, DeadLettered]:
    notes = {key[4:]: (value or b"").decode() for key, value in record.headers if key.startswith("dlq-")}
    original = record._replace(headers=tuple(h for h in record.headers if not h[0].startswith("dlq-")))
    letter = DeadLettered(
        reason=notes["reason"],
        error=notes["error-message"],
        topic=notes["topic"],
        partition=int(notes["partition"]),
        offset=int(notes["offset"]),
    )
    return envelope_of(original)._replace(stream_version=None), letter


def as_text(tables: Tables) -> dict[str, dict[str, str]]:
    return {name: {key: canonical(row) for key, row in rows.items()} for name, rows in tables.rows.items()}


def shown(rows: Sequence[Mapping[str, Any]], key: Sequence[str], columns: Mapping[str, Row]) -> dict[str, str]:
    """Rows of a real table as text, each with the columns that the model knows of it; a row it does not know, whole."""
    found = {}
    for row in rows:
        ident = canonical([row[column] for column in key])
        known = columns.get(ident) or dict(row)  # a row of the driver iterates over its values
        found[ident] = canonical({column: row[column] for column in known})
    return found


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=_plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
