"""`docward positions show|accept`: where stored positions stand in the logs, and what a person decides about one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, kafka, operator
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.cli.terminal import listing
from docward.events.topics import TOPICS
from docward.runtime import standing
from docward.runtime.checkpoints import Place
from docward.runtime.operating import Operator
from docward.runtime.standing import At

app = typer.Typer(no_args_is_help=True, help="Show where stored positions stand in the logs; accept another log.")

Shape = dict[str, Any]


@app.command("show")
def show_positions(
    group: Annotated[str | None, typer.Argument(metavar="[CONSUMER]", help="All when left out.")] = None,
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Show each stored position beside what its log holds, and whether the record before it is the one that was read.

    JSON: a list of {group, topic, partition, next_offset, epoch, first_offset, end_offset, recognised, lost, refused};
    exit code 1 when one is lost: its partition stops, or will at the next start.
    """
    with exit_codes():
        shapes = ask(_shown(data_dir, group))
        if group is not None and not shapes:
            raise ClientError(f"{group!r} has stored no position", codes.NOT_FOUND)
    if json_output:
        print(json.dumps(shapes))
    else:
        _print(shapes)
    if any(each["lost"] for each in shapes):
        raise typer.Exit(codes.FAILED)


@app.command("accept")
def accept_position(
    group: Annotated[str, typer.Argument(metavar="CONSUMER", help="As `show` names it.")],
    place: Annotated[str, typer.Argument(metavar="TOPIC/PARTITION", help="As `show` names it.")],
    at: Annotated[str, typer.Argument(metavar="OFFSET", help="The first to be read: an offset, `first` or `end`.")],
    *,
    why: Why,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Have a consumer go on from an offset of the log as it is, also of another log, also ahead: what lies between is
    then never read. Restart its service afterwards. JSON: {group, topic, partition, before, after}."""
    with exit_codes():
        where, offset = _place(place), _at(at)
        if not (dry_run or yes):
            typer.confirm(f"Have {group} read {place} from {at} on, and never what it skips?", abort=True, err=True)
        shape = ask(_accepted(data_dir, group, where, offset, operator(why), dry_run=dry_run))
    if json_output:
        print(json.dumps(shape))
    else:
        would = "would go" if dry_run else "goes"
        print(f"{group} {would} on at {shape['after']} of {place}, not {shape['before']}")


async def _shown(data_dir: Path, group: str | None) -> list[Shape]:
    async with database(data_dir) as connection:
        return await standing.standings(connection, kafka(data_dir), group)


async def _accepted(data_dir: Path, group: str, place: Place, at: At, by: Operator, *, dry_run: bool) -> Shape:
    async with database(data_dir) as connection:
        return await standing.accept(connection, kafka(data_dir), group, place, at, by=by, dry_run=dry_run)


def _place(said: str) -> Place:
    name, _, number = said.rpartition("/")
    topic = next((each for each in TOPICS if each.name == name), None)
    if topic is None or not number.isdecimal() or int(number) >= topic.partitions:
        raise ClientError(f"{said!r} is no TOPIC/PARTITION", codes.USAGE)
    return name, int(number)


def _at(said: str) -> At:
    match said:
        case "first" | "end":
            return said
        case _ if said.isascii() and said.isdigit():
            return int(said)
    raise ClientError(f"{said!r} is neither an offset nor `first` or `end`", codes.USAGE)


def _print(shapes: list[Shape]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("consumer", "place", "next offset", "log", "epoch", "record before"):
        table.add_column(column, justify="right" if column in {"next offset", "epoch"} else "left", no_wrap=True)
    for each in shapes:
        before = {True: "recognised", False: "another one", None: "unknown"}[each["recognised"]]
        numbers = (str(each["next_offset"]), f"{each['first_offset']} to {each['end_offset']}", str(each["epoch"]))
        table.add_row(each["group"], f"{each['topic']}/{each['partition']}", *numbers, before)
    listing(table)
    for each in shapes:
        for what in filter(None, (each["lost"], each["refused"])):
            print(f"{each['group']} {each['topic']}/{each['partition']}: {what}")
