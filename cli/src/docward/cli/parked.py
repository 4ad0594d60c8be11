"""`docward parked list|show|redrive|discard`: the records that services set aside.

A record is named SCHEMA/ID, as `list` shows it. Redriving and discarding ask the service that parked the record; it
does it in order, and these verbs wait for the outcome.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, operator
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.events.codec import Codec
from docward.events.errors import UndecodableError
from docward.events.topics import TOPICS
from docward.runtime.operating import (
    MOST_ATTEMPTS,
    SCHEMAS,
    Action,
    Operator,
    Selection,
    heads,
    mark,
    queued_behind,
    select_parked,
)
from docward.runtime.parking import Reason, record_of_row
from docward.runtime.postgres import Connection

app = typer.Typer(no_args_is_help=True, help="List, show, redrive and discard the records that services set aside.")

Shape = dict[str, Any]
Names = Annotated[list[str] | None, typer.Argument(metavar="[SCHEMA/ID]...", help="Records, as `list` names them.")]
ReasonName = Literal["undecodable", "bad-signature", "wrong-partition", "unexpected", "behind-parked"]
OfReason = Annotated[ReasonName | None, typer.Option("--reason", help="Only those parked for this reason.")]
OfError = Annotated[str | None, typer.Option("--error-class", help="Only those of this error.")]
OfConsumer = Annotated[str | None, typer.Option("--consumer", help="Only those of this consumer.")]
OfKey = Annotated[str | None, typer.Option("--key", help="Only those of this key, the id of the aggregate.")]
Since = Annotated[str | None, typer.Option("--since", help="Parked since: a time (RFC 3339) or an age (30m, 2h, 1d).")]
Until = Annotated[str | None, typer.Option("--until", help="Parked before: a time or an age.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the outcome; 0: do not wait.")]
Force = Annotated[bool, typer.Option("--force", help=f"Also records that failed {MOST_ATTEMPTS} times and more.")]


@app.command("list")
def list_parked(
    *,
    reason: OfReason = None,
    error_class: OfError = None,
    consumer: OfConsumer = None,
    key: OfKey = None,
    since: Since = None,
    until: Until = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """List parked records, oldest first. JSON: a list of {record, consumer, topic, partition, offset, key, reason,
    error_class, error_message, attempts, blocks, action, parked_at}."""
    with exit_codes():
        selection = _selection(
            reason=reason, error_class=error_class, consumer=consumer, key=key, since=since, until=until
        )
        shapes = ask(_list(data_dir, selection))
    if json_output:
        print(json.dumps(shapes))
    else:
        _print(shapes)


@app.command("show")
def show_parked(
    name: Annotated[str, typer.Argument(metavar="SCHEMA/ID", help="As `list` names it.")],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Show a record: what it says, where it can be decoded, and its bytes. JSON: as of `list`, and {headers,
    value_base64, key_base64, message, envelope, undecodable, queued_behind}."""
    with exit_codes():
        shape = ask(_show(data_dir, name))
    print(json.dumps(shape, indent=None if json_output else 2, ensure_ascii=json_output))


@app.command("redrive")
def redrive_parked(
    names: Names = None,
    *,
    why: Why,
    everything: Annotated[bool, typer.Option("--all", help="All that the filters leave.")] = False,
    reason: OfReason = None,
    error_class: OfError = None,
    consumer: OfConsumer = None,
    key: OfKey = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many keys and lone records.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.1, help="Keys and lone records a second.")] = None,
    force: Force = False,
    dry_run: DryRun = False,
    timeout: Timeout = 30.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Have records processed again, key by key from its first parked record on. What queued behind follows.

    JSON: a list of {record, outcome, ...} as of `list`; outcome is redriven, parked-again, waiting, too-many-attempts
    or dry-run. Exit code 1 when one was parked again or was refused, 4 when one still waits.
    """
    with exit_codes():
        selection = _selection(
            reason=reason, error_class=error_class, consumer=consumer, key=key, since=since, until=until
        )
        chosen = _chosen(names, everything=everything or selection != Selection())
        asked = _Asked(
            action="redrive", by=operator(why), limit=limit, rate=rate, force=force, dry_run=dry_run, timeout=timeout
        )
        _told(ask(_act(data_dir, chosen, selection, asked)), json_output=json_output)


@app.command("discard")
def discard_parked(
    names: Annotated[list[str], typer.Argument(metavar="SCHEMA/ID...", help="Records, as `list` names them.")],
    *,
    why: Why,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    timeout: Timeout = 30.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Give records up: they have no effect, ever. What queued behind follows; the bytes stay in the audit.

    Of an event, the read model that parked it goes on without what it says, until it is rebuilt. JSON: as of `redrive`,
    with the outcome discarded.
    """
    with exit_codes():
        chosen = _chosen(names, everything=False)
        if not (dry_run or yes):
            typer.confirm(f"Discard {len(names)} records for ever?", abort=True, err=True)
        asked = _Asked(action="discard", by=operator(why), dry_run=dry_run, timeout=timeout, force=True)
        _told(ask(_act(data_dir, chosen, Selection(), asked)), json_output=json_output)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is to be done, and how."""

    action: Action
    by: Operator
    limit: int | None = None
    rate: float | None = None
    force: bool = False
    dry_run: bool = False
    timeout: float = 0


async def _list(data_dir: Path, selection: Selection) -> list[Shape]:
    async with database(data_dir) as connection:
        return [_shape(schema, row) for schema in SCHEMAS for row in await select_parked(connection, schema, selection)]


async def _show(data_dir: Path, name: str) -> Shape:
    ((schema, ids),) = _chosen([name], everything=False).items()
    async with database(data_dir) as connection:
        rows = await select_parked(connection, schema, Selection(ids=ids))
        if not rows:
            raise ClientError(f"{name} is not parked", codes.NOT_FOUND)
        return (
            _shape(schema, rows[0])
            | _content(rows[0])
            | {"queued_behind": await queued_behind(connection, schema, rows[0])}
        )


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


async def _act(data_dir: Path, chosen: dict[str, list[int] | None], selection: Selection, asked: _Asked) -> list[Shape]:
    async with database(data_dir) as connection:
        outcomes: list[Shape] = []
        marked: list[tuple[str, Any]] = []
        for schema, ids in chosen.items():
            rows = await select_parked(connection, schema, replace(selection, ids=ids))
            if ids is not None and (missing := set(ids) - {row["id"] for row in rows}):
                raise ClientError(
                    f"not parked: {', '.join(f'{schema}/{each}' for each in sorted(missing))}", codes.NOT_FOUND
                )
            if asked.action == "redrive":
                rows = await heads(connection, schema, rows)
            marked += [(schema, row) for row in rows]
        for schema, row in marked[: asked.limit]:
            outcomes.append(_shape(schema, row) | {"outcome": await _ask_for(connection, schema, row, asked)})
        await _wait(connection, outcomes, asked)
        return outcomes


async def _ask_for(connection: Connection, schema: str, row: Any, asked: _Asked) -> str:
    if row["attempts"] >= MOST_ATTEMPTS and not asked.force:
        return "too-many-attempts"
    if asked.dry_run:
        return "dry-run"
    if asked.rate:
        await asyncio.sleep(1 / asked.rate)
    await mark(connection, schema, [row], asked.action, asked.by)
    return "waiting"


async def _wait(connection: Connection, outcomes: list[Shape], asked: _Asked) -> None:
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
                each.update(_shape(schema, rows[0]) | {"outcome": "parked-again"})
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.1)


def _told(outcomes: Sequence[Shape], *, json_output: bool) -> None:
    if json_output:
        print(json.dumps(outcomes))
    else:
        _print(outcomes)
    found = {each["outcome"] for each in outcomes}
    if found & {"parked-again", "too-many-attempts"}:
        raise typer.Exit(codes.FAILED)
    if "waiting" in found:
        raise typer.Exit(codes.TIMED_OUT)


def _print(shapes: Sequence[Shape]) -> None:
    """A few lines each: nothing that is copied from here is ever cut off."""
    if not shapes:
        print("nothing is parked")
    for each in shapes:
        asked = f", {each['action']} asked" if each["action"] else ""
        outcome = f"  {each['outcome']}" if "outcome" in each else ""
        place = f"{each['topic']}/{each['partition']}@{each['offset']}"
        print(
            f"{each['record']}{outcome}  {each['reason']}{asked}, tried {each['attempts']}×, {each['parked_at'][:19]}"
        )
        print(f"    {each['consumer']}  {place}  key {_plain(str(each['key']))}")
        if each["error_class"]:
            print(f"    {each['error_class']}: {_plain(each['error_message'])}")


def _plain(text: str) -> str:
    """What a stranger wrote moves no cursor."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shape(schema: str, row: Any) -> Shape:
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


def _chosen(names: Sequence[str] | None, *, everything: bool) -> dict[str, list[int] | None]:
    """Ids by schema; None: all that the filters leave."""
    if not names:
        if not everything:
            raise ClientError("say which: SCHEMA/ID, a filter, or --all", codes.USAGE)
        return dict.fromkeys(SCHEMAS)
    chosen: dict[str, list[int] | None] = {}
    for name in names:
        schema, _, ident = name.partition("/")
        if schema not in SCHEMAS or not (ident.isascii() and ident.isdigit()):
            raise ClientError(f"{name!r} names no record: SCHEMA/ID, as in converter/12", codes.USAGE)
        ids = chosen.setdefault(schema, [])
        if ids is not None:
            ids.append(int(ident))
    return chosen


def _selection(
    *,
    reason: Reason | None,
    error_class: str | None,
    consumer: str | None,
    key: str | None,
    since: str | None,
    until: str | None,
) -> Selection:
    return Selection(
        consumer=consumer,
        reason=reason,
        error_class=error_class,
        key=None if key is None else key.encode(),
        since=_time(since),
        until=_time(until),
    )


def _time(said: str | None) -> datetime | None:
    """A time, or an age."""
    if said is None:
        return None
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if said[:-1].isdigit() and said[-1] in units:
        return datetime.now(UTC) - timedelta(**{units[said[-1]]: int(said[:-1])})
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        raise ClientError(f"{said!r} is neither a time (RFC 3339) nor an age (30m, 2h, 1d)", codes.USAGE) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
