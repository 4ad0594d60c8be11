"""`docward projections status|rebuild|switch|rollback|drop`: read models filled anew beside the live ones.

The projector fills what is asked for; these verbs ask, look and switch.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, operator, running_stack, topic_prefix
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.projector.app import SCHEMA, views
from docward.projector.projections import PROJECTIONS
from docward.runtime import generations
from docward.runtime.operating import Operator
from docward.runtime.postgres import Connection
from docward.runtime.projections import Projection

app = typer.Typer(no_args_is_help=True, help="Rebuild read models beside the live ones, and switch between them.")
_console = Console(highlight=False, markup=False)

Shape = dict[str, Any]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the read model, as `status` shows it.")]
Force = Annotated[bool, typer.Option("--force", help="Even when it lags or lacks what parked records say.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the projector; 0: do not wait.")]
Offsets = dict[tuple[str, int], tuple[int, int]]
"""First and end offset per topic and partition."""


@app.command("status")
def show_status(
    *,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="All when left out.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Show every generation: how far it is, and how long it will take.

    JSON: a list of {name, version, generation, state, schema, records, of, lag, parked, indexed, eta_seconds}; state is
    live, filling, standby (was live, and is fed), requested, dropping or unfed (of a version this release cannot fill).
    """
    with exit_codes():
        if name is not None:
            _projection(name)
        shapes = [each for each in ask(_status(data_dir)) if name in {None, each["name"]}]
    if json_output:
        print(json.dumps(shapes))
    else:
        _table(shapes)


@app.command("rebuild")
def rebuild_projection(
    name: Name,
    *,
    why: Why,
    timeout: Timeout = 30.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Fill a read model anew, from the first record on, beside the live one. Returns when the projector has begun.

    JSON: as of `status`.
    """
    with exit_codes():
        shape = ask(_rebuild(data_dir, _projection(name), operator(why), timeout))
    _told(shape, f"{shape['schema']} is {shape['state']}: docward projections status {name}", json_output=json_output)
    if shape["state"] == "requested":
        raise typer.Exit(codes.TIMED_OUT)


@app.command("switch")
def switch_projection(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Of read models, as `status` shows them.")],
    *,
    why: Why,
    force: Force = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Let the views stand over the generation that was filled anew. Refused when it lags or has parked records.

    JSON: {schemas, seconds}, the time for which those before them were held up.
    """
    _move(data_dir, names, why, back=False, force=force, json_output=json_output)


@app.command("rollback")
def roll_back_projection(
    name: Name,
    *,
    why: Why,
    force: Force = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Switch back to the generation that was live before. JSON: as of `switch`."""
    _move(data_dir, [name], why, back=True, force=force, json_output=json_output)


@app.command("drop")
def drop_generation(
    schema: Annotated[str, typer.Argument(metavar="SCHEMA", help="Of the generation, as `status` shows it.")],
    *,
    why: Why,
    timeout: Timeout = 30.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Remove the tables of a generation that is not live. JSON: {schema, state}."""
    with exit_codes():
        shape = ask(_drop(data_dir, schema, operator(why), timeout))
    _told(shape, f"{shape['schema']} is {shape['state']}", json_output=json_output)
    if shape["state"] != "dropped":
        raise typer.Exit(codes.TIMED_OUT)


def _move(data_dir: Path, names: Sequence[str], why: str, *, back: bool, force: bool, json_output: bool) -> None:
    with exit_codes():
        which = [_projection(name) for name in dict.fromkeys(names)]
        shape = ask(_switch(data_dir, which, operator(why), back=back, force=force))
    text = f"views stand over {', '.join(shape['schemas'])}, after {shape['seconds']:.3f} s"
    _told(shape, text, json_output=json_output)


def _projection(name: str) -> Projection:
    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    raise ClientError(f"no read model {name!r}; there are: {', '.join(p.name for p in PROJECTIONS)}", codes.NOT_FOUND)


async def _status(data_dir: Path) -> list[Shape]:
    offsets = await _offsets(data_dir)
    async with database(data_dir, SCHEMA) as connection:
        return [await _shape(connection, row, offsets) for row in await generations.known(connection)]


async def _offsets(data_dir: Path) -> Offsets:
    consumer = AIOKafkaConsumer(bootstrap_servers=running_stack(data_dir).kafka_bootstrap)
    prefix = topic_prefix()
    topics = {topic.name: topic for projection in PROJECTIONS for topic in projection.topics}
    places = {
        TopicPartition(prefix + t.name, number): (t.name, number)
        for t in topics.values()
        for number in range(t.partitions)
    }
    await consumer.start()
    try:
        first = await consumer.beginning_offsets(list(places))
        end = await consumer.end_offsets(list(places))
        return {place: (first[partition], end[partition]) for partition, place in places.items()}
    finally:
        await consumer.stop()


async def _shape(connection: Connection, row: Any, offsets: Offsets) -> Shape:
    projection = generations.generation_of(row, PROJECTIONS)
    shape: Shape = {key: row[key] for key in ("name", "version", "generation", "indexed")}
    shape["schema"] = generations.schema_of(row)
    if projection is None:
        unknown = {"records": None, "of": None, "lag": None, "parked": None, "eta_seconds": None}
        return shape | unknown | {"state": "unfed"}
    reached = await generations.positions(connection, projection.consumer)
    mine = {place: ends for place, ends in offsets.items() if place[0] in {topic.name for topic in projection.topics}}
    lag = sum(end - min(max(reached.get(place, first), first), end) for place, (first, end) in mine.items())
    total = sum(end - first for first, end in mine.values())
    parked = await connection.fetchval("select count(*) from parked where consumer = $1", projection.consumer)
    state = _state(row)
    return shape | {
        "state": state,
        "records": total - lag,
        "of": total,
        "lag": lag,
        "parked": parked,
        "eta_seconds": _eta(row["created_at"], total - lag, lag) if state == "filling" else None,
    }


def _state(row: Any) -> str:
    if row["live"]:
        return "live"
    if row["state"] != "fed":
        return str(row["state"])
    return "standby" if row["live_since"] is not None else "filling"


def _eta(began: datetime, done: int, left: int) -> float | None:
    """At the rate since it began; None: nothing to go by."""
    seconds = (datetime.now(UTC) - began).total_seconds()
    return round(left * seconds / done, 1) if done else None


async def _rebuild(data_dir: Path, projection: Projection, by: Operator, timeout: float) -> Shape:
    offsets = await _offsets(data_dir)
    async with database(data_dir, SCHEMA) as connection:
        asked = await _possible(generations.rebuild(connection, projection, by))
        row = await _until(connection, asked, "fed", timeout)
        return await _shape(connection, row, offsets)


async def _switch(data_dir: Path, which: Sequence[Projection], by: Operator, *, back: bool, force: bool) -> Shape:
    find = generations.predecessor if back else generations.newest
    async with database(data_dir, SCHEMA) as connection:
        targets = []
        for projection in which:
            row = await _possible(find(connection, projection.name))
            target = generations.generation_of(row, PROJECTIONS)
            if target is None:
                raise ClientError(f"{generations.schema_of(row)} is of another release", codes.FAILED)
            targets.append(target)
        seconds = await _possible(generations.switch(connection, targets, PROJECTIONS, views(), by, force=force))
        return {"schemas": [target.schema for target in targets], "seconds": round(seconds, 3)}


async def _drop(data_dir: Path, schema: str, by: Operator, timeout: float) -> Shape:
    async with database(data_dir, SCHEMA) as connection:
        row = next((r for r in await generations.known(connection) if generations.schema_of(r) == schema), None)
        if row is None:
            raise ClientError(f"there is no {schema}", codes.NOT_FOUND)
        await _possible(generations.drop(connection, row, by))
        row = await _until(connection, row, "dropped", timeout)
        return {"schema": schema, "state": row["state"]}


async def _until(connection: Connection, row: Any, state: str, timeout: float) -> Any:
    """The row in that state, or as it is when the time is over."""
    deadline = time.monotonic() + timeout
    while True:
        row = await generations.again(connection, row)
        if row["state"] == state or time.monotonic() > deadline:
            return row
        await asyncio.sleep(0.1)


async def _possible(step: Any) -> Any:
    try:
        return await step
    except generations.NotPossibleError as error:
        raise ClientError(str(error), codes.FAILED) from error


def _told(shape: Shape, text: str, *, json_output: bool) -> None:
    print(json.dumps(shape) if json_output else text)


def _table(shapes: Sequence[Shape]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("schema", "state", "records", "of", "lag", "parked", "indexes", "left"):
        right = column in {"records", "of", "lag", "parked", "left"}
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for each in shapes:
        left = "" if each["eta_seconds"] is None else f"{each['eta_seconds']:.0f} s"
        numbers = ["" if each[key] is None else str(each[key]) for key in ("records", "of", "lag", "parked")]
        table.add_row(each["schema"], each["state"], *numbers, "yes" if each["indexed"] else "later", left)
    _console.print(table)
