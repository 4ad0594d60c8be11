"""`docward replay`, and what became of it: rows of read models recomputed from their first event."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.projections import SCHEMA
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, moment, operator, until_state
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.cli.terminal import listing
from docward.runtime import replays
from docward.runtime.operating import NotThereError, Operator
from docward.runtime.replays import UNFINISHED, Action, Chosen, Point, Source

Shape = dict[str, Any]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the end; 0: do not wait. It goes on by itself.")]
Ident = Annotated[int, typer.Argument(metavar="REPLAY", help="Its number, as `replays` shows it.")]


def replay(
    name: Annotated[str, typer.Argument(metavar="PROJECTION", help="A read model, as `projections status` names it.")],
    *,
    why: Annotated[str, typer.Option("--why", help="The reason, for the audit.")] = "",
    since: Annotated[str | None, typer.Option("--from", help="An offset, or a time (RFC 3339).")] = None,
    until: Annotated[str | None, typer.Option("--to", help="The first that is not read: an offset, or a time.")] = None,
    last: Annotated[str | None, typer.Option("--last", help="Instead of --from: an age (30m, 2h, 1d).")] = None,
    topic: Annotated[str | None, typer.Option("--topic", help="Only of this topic.")] = None,
    partition: Annotated[int | None, typer.Option("--partition", min=0, help="Only of this partition.")] = None,
    keys: Annotated[list[str] | None, typer.Option("--key", help="Only this aggregate's id; may be repeated.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that the topics hold.")] = False,
    source: Annotated[Source, typer.Option("--source", help="What to recompute them from: see `verify`.")] = "topics",
    rate: Annotated[float | None, typer.Option("--rate", min=1, help="Records read a second, at most.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be touched.")] = False,
    timeout: Timeout = 600.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Recompute the rows of whatever a part of the topics touches, from its first event, beside the live rows, and
    swap them in. Live traffic goes on; no effect outside of the read model is repeated.

    JSON: {replay, name, schema, action, state, source, chosen, rate, records, of, keys, settled, touched, seconds,
    error, unsettled, who, why, asked_at, finished_at}; touched lists {topic, partition, from, to, records, streams},
    seconds is the estimate, null where nothing tells. Exit code 1 when keys could not be recomputed, 4 when it still
    runs.
    """
    with exit_codes():
        if since and last:
            raise ClientError("--last stands instead of --from", codes.USAGE)
        chosen = Chosen(topic, partition, _point(since or last), _point(until), _keys(keys))
        if not (chosen.bounded or everything):
            raise ClientError("say which: --from, --to, --last, --key, --partition, --topic, or --all", codes.USAGE)
        if not (why or dry_run):
            raise ClientError("say why: --why", codes.USAGE)
        action: Action = "survey" if dry_run else "replay"
        by = operator(why)
        shape = ask(_asked(data_dir, name, action, chosen, by, rate=rate, source=source, timeout=timeout))
    _told(shape, json_output=json_output)


def verify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the read model, as `status` shows it.")],
    *,
    why: Annotated[str, typer.Option("--why", help="The reason, for the audit.")] = "to see",
    keys: Annotated[list[str] | None, typer.Option("--key", help="Only this aggregate's id; may be repeated.")] = None,
    against: Annotated[
        Source, typer.Option("--against", help="The topics, or the event stores that published them.")
    ] = "topics",
    rate: Annotated[float | None, typer.Option("--rate", min=1, help="Records read a second, at most.")] = None,
    timeout: Timeout = 600.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Recompute every row beside the live ones and compare: which keys have rows that are not what the topics, or the
    event stores, say?

    The stores hold all events whatever became of the topics, and no commands; of a key only its events are read.
    JSON: as of `docward replay`; exit code 1 when there are any, and `unsettled` names the first 100.
    """
    with exit_codes():
        chosen = Chosen(keys=_keys(keys))
        shape = ask(_asked(data_dir, name, "verify", chosen, operator(why), rate=rate, source=against, timeout=timeout))
    _told(shape, json_output=json_output)


def list_replays(
    *,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="All when left out.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """List replays and verifications, the latest first. JSON: a list, each as of `docward replay`."""
    with exit_codes():
        shapes = ask(_listed(data_dir, name))
    if json_output:
        print(json.dumps(shapes))
        return
    for shape in shapes:
        _line(shape)


def cancel_replay(ident: Ident, *, why: Why, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """End a replay where it is: what was swapped in stays. JSON: as of `docward replay`."""
    with exit_codes():
        shape = ask(_cancelled(data_dir, ident, operator(why)))
    _told(shape, json_output=json_output)


async def _asked(
    data_dir: Path,
    name: str,
    action: Action,
    chosen: Chosen,
    by: Operator,
    *,
    rate: float | None,
    source: Source,
    timeout: float,
) -> Shape:
    async with database(data_dir, SCHEMA) as connection:
        row = await replays.ask(connection, name, action, chosen, by, rate=rate, source=source)

        async def look() -> Any:
            return await replays.get(connection, row["id"])

        row = await until_state(look, lambda found: found["state"] not in UNFINISHED, timeout)
        return await replays.shape(connection, row)


async def _listed(data_dir: Path, name: str | None) -> list[Shape]:
    async with database(data_dir, SCHEMA) as connection:
        return [await replays.shape(connection, row) for row in await replays.listed(connection, name)]


async def _cancelled(data_dir: Path, ident: int, by: Operator) -> Shape:
    async with database(data_dir, SCHEMA) as connection:
        if await replays.get(connection, ident) is None:
            raise NotThereError(f"there is no replay {ident}")
        return await replays.shape(connection, await replays.cancel(connection, ident, by))


def _point(said: str | None) -> Point | None:
    if said is not None and said.isascii() and said.isdigit():
        return int(said)
    found: datetime | None = moment(said)
    return found


def _keys(said: list[str] | None) -> tuple[UUID, ...]:
    try:
        return tuple(UUID(key) for key in said or ())
    except ValueError as error:
        raise ClientError(f"a key is the id of an aggregate, a UUID: {error}", codes.USAGE) from error


def _told(shape: Shape, *, json_output: bool) -> None:
    if json_output:
        print(json.dumps(shape))
    else:
        _print(shape)
    if shape["state"] in {"asked", "running"}:
        raise typer.Exit(codes.TIMED_OUT)
    if shape["state"] == "failed":
        raise typer.Exit(codes.FAILED)


def _line(shape: Shape) -> None:
    how = f"{shape['records']} of {shape['of']} records read, {shape['settled']} of {shape['keys']} keys"
    beside = {"verify": " against store", "replay": " from store", "survey": " from store"}[shape["action"]]
    what = f"{shape['action']} {shape['name']}{beside if shape['source'] == 'store' else ''}"
    print(f"{shape['replay']}  {what}: {shape['state']}, {how}  {shape['asked_at'][:19]}")
    if shape["error"]:
        print(f"    {shape['error']}")


def _print(shape: Shape) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("topic", "partition", "from", "to", "records", "streams"):
        table.add_column(column, justify="left" if column == "topic" else "right")
    for each in shape["touched"]:
        table.add_row(*(str(each[key]) for key in ("topic", "partition", "from", "to", "records", "streams")))
    if shape["touched"]:
        listing(table)
    if shape["action"] == "survey":
        about = "" if shape["seconds"] is None else f", about {shape['seconds']:.0f} s"
        print(f"{shape['keys']} keys, {shape['of']} records to read{about}")
        return
    _line(shape)
    for each in shape["unsettled"]:
        print(f"    {each['key']}  {each['error']}")
