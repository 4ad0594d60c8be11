"""Parked records as whoever operates sees them: named SCHEMA/ID, shown with what they say, redriven and discarded."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from docward.events.codec import Codec
from docward.events.errors import UndecodableError
from docward.events.topics import TOPICS
from docward.runtime.operating import (
    MOST_ATTEMPTS,
    SCHEMAS,
    Action,
    NotThereError,
    Operator,
    Selection,
    heads,
    mark,
    queued_behind,
    select_parked,
)
from docward.runtime.parking import record_of_row
from docward.runtime.postgres import Connection

Shape = dict[str, Any]
Named = Mapping[str, list[int] | None]
"""Ids by schema; None: all that the selection leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be done, and how."""

    action: Action
    by: Operator
    limit: int | None = None
    rate: float | None = None
    force: bool = False
    dry_run: bool = False
    timeout: float = 0


def named(names: Sequence[str] | None) -> dict[str, list[int] | None]:
    """The records of these names, as SCHEMA/ID; of none: every record. Raises ValueError for what names no record."""
    if not names:
        return dict.fromkeys(SCHEMAS)
    chosen: dict[str, list[int] | None] = {}
    for name in names:
        schema, _, ident = name.partition("/")
        if schema not in SCHEMAS or not (ident.isascii() and ident.isdigit() and len(ident) < 19):
            raise ValueError(f"{name!r} names no record: SCHEMA/ID, as in converter/12")
        ids = chosen.setdefault(schema, [])
        if ids is not None:
            ids.append(int(ident))
    return chosen


async def listed(connection: Connection, selection: Selection) -> list[Shape]:
    """Oldest first, schema by schema."""
    return [shape(schema, row) for schema in SCHEMAS for row in await select_parked(connection, schema, selection)]


async def shown(connection: Connection, name: str) -> Shape:
    """With what it says, where that can be decoded, and its bytes. Raises NotThereError."""
    ((schema, ids),) = named([name]).items()
    rows = await select_parked(connection, schema, Selection(ids=ids))
    if not rows:
        raise NotThereError(f"{name} is not parked")
    behind = await queued_behind(connection, schema, rows[0])
    return shape(schema, rows[0]) | _content(rows[0]) | {"queued_behind": behind}


async def act(connection: Connection, chosen: Named, selection: Selection, asked: Asked) -> list[Shape]:
    """Ask the owners of these records for it, and wait; each record with its `outcome`: redriven, discarded,
    parked-again, waiting, too-many-attempts or dry-run. Raises NotThereError, before anything was asked."""
    outcomes: list[Shape] = []
    marked: list[tuple[str, Any]] = []
    for schema, ids in chosen.items():
        rows = await select_parked(connection, schema, replace(selection, ids=ids))
        if ids is not None and (missing := set(ids) - {row["id"] for row in rows}):
            raise NotThereError(f"not parked: {', '.join(f'{schema}/{each}' for each in sorted(missing))}")
        if asked.action == "redrive":
            rows = await heads(connection, schema, rows)
        marked += [(schema, row) for row in rows]
    for schema, row in marked[: asked.limit]:
        outcomes.append(shape(schema, row) | {"outcome": await _ask_for(connection, schema, row, asked)})
    await _wait(connection, outcomes, asked)
    return outcomes


async def _ask_for(connection: Connection, schema: str, row: Any, asked: Asked) -> str:
    if row["attempts"] >= MOST_ATTEMPTS and not asked.force:
        return "too-many-attempts"
    if asked.dry_run:
        return "dry-run"
    if asked.rate:
        await asyncio.sleep(1 / asked.rate)
    await mark(connection, schema, [row], asked.action, asked.by)
    return "waiting"


async def _wait(connection: Connection, outcomes: list[Shape], asked: Asked) -> None:
    """Until each is settled, or the time is over."""
    deadline = time.monotonic() + asked.timeout
    done = "redriven" if asked.action == "redrive" else "discarded"
    while waiting := [each for each in outcomes if each["outcome"] == "waiting"]:
        for each in waiting:
            schema, _, ident = each["record"].partition("/")
            rows = await select_parked(connection, schema, Selection(ids=[int(ident)]))
            if not rows:
                each["outcome"] = done
            elif rows[0]["action"] is None:
                each.update(shape(schema, rows[0]) | {"outcome": "parked-again"})
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.1)


def shape(schema: str, row: Any) -> Shape:
    return {
        "record": f"{schema}/{row['id']}",
        "consumer": row["consumer"],
        "topic": row["topic"],
        "partition": row["partition"],
        "offset": row["record_offset"],
        "key": None if row["key"] is None else row["key"].decode("utf-8", "backslashreplace"),
        "reason": row["reason"],
        "error_class": row["error_class"],
        "error_message": row["error_message"],
        "attempts": row["attempts"],
        "blocks": row["blocks"],
        "action": row["action"],
        "parked_at": row["first_failed_at"].isoformat(),
    }


def _content(row: Any) -> Shape:
    record = record_of_row(row)
    content: Shape = {
        "headers": {
            key: None if value is None else value.decode("utf-8", "backslashreplace") for key, value in record.headers
        },
        "key_base64": None if record.key is None else base64.b64encode(record.key).decode(),
        "value_base64": None if record.value is None else base64.b64encode(record.value).decode(),
        "message": None,
        "envelope": None,
        "undecodable": None,
    }
    types = next((topic.types for topic in TOPICS if topic.name == record.topic), ())
    try:
        decoded = Codec(types).decode(record)
    except UndecodableError as error:
        return content | {"undecodable": str(error)}
    envelope = decoded.envelope
    return content | {
        "message": decoded.message.model_dump(mode="json"),
        "envelope": {
            "id": str(envelope.id),
            "type": envelope.type,
            "subject": envelope.subject,
            "time": envelope.time.isoformat(),
            "source": envelope.source,
            "stream_version": envelope.stream_version,
            "correlation_id": str(envelope.correlation_id),
        },
    }
