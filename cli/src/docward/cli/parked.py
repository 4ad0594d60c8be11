"""`docward parked list|show|redrive|discard`: the records that services set aside.

A record is named SCHEMA/ID, as `list` shows it. Redriving and discarding ask the service that parked the record; it
does it in order, and these verbs wait for the outcome.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, moment, operator
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.runtime import setaside
from docward.runtime.operating import MOST_ATTEMPTS, Selection
from docward.runtime.parking import Reason
from docward.runtime.setaside import Asked, Named

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
        asked = Asked(
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
        asked = Asked(action="discard", by=operator(why), dry_run=dry_run, timeout=timeout, force=True)
        _told(ask(_act(data_dir, chosen, Selection(), asked)), json_output=json_output)


async def _list(data_dir: Path, selection: Selection) -> list[Shape]:
    async with database(data_dir) as connection:
        return await setaside.listed(connection, selection)


async def _show(data_dir: Path, name: str) -> Shape:
    _chosen([name], everything=False)
    async with database(data_dir) as connection:
        return await setaside.shown(connection, name)


async def _act(data_dir: Path, chosen: Named, selection: Selection, asked: Asked) -> list[Shape]:
    async with database(data_dir) as connection:
        return await setaside.act(connection, chosen, selection, asked)


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


def _chosen(names: Sequence[str] | None, *, everything: bool) -> Named:
    if not names and not everything:
        raise ClientError("say which: SCHEMA/ID, a filter, or --all", codes.USAGE)
    try:
        return setaside.named(names)
    except ValueError as error:
        raise ClientError(str(error), codes.USAGE) from error


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
        since=moment(since),
        until=moment(until),
    )
