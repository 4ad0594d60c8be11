"""`docward projections status|rebuild|switch|rollback|drop`: read models filled anew beside the live ones.

The projector fills what is asked for; these verbs ask, look and switch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from docward.cli import codes
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, kafka, operator, until_state
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.cli.terminal import listing
from docward.runtime import generations, readmodels, switching
from docward.runtime.operating import NotPossibleError, Operator

SCHEMA = "projector"
app = typer.Typer(no_args_is_help=True, help="Rebuild read models beside the live ones, and switch between them.")

Shape = dict[str, Any]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the read model, as `status` shows it.")]
Force = Annotated[bool, typer.Option("--force", help="Even when it lags or lacks what parked records say.")]
Timeout = Annotated[float, typer.Option(help="Seconds to wait for the projector; 0: do not wait.")]


@app.command("status")
def show_status(
    *,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="All when left out.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Show every generation: how far it is, and how long it will take.

    JSON: a list of {name, version, generation, state, schema, fed, records, of, lag, parked, indexed, eta_seconds};
    state is live, filling, standby (was live), requested or dropping; fed: a projector said so lately.
    """
    with exit_codes():
        shapes = ask(_status(data_dir, name))
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
        shape = ask(_rebuild(data_dir, name, operator(why), timeout))
    _told(shape, f"{shape['schema']} is {shape['state']}: docward projections status {name}", json_output=json_output)
    if shape["state"] == "requested":
        raise typer.Exit(codes.TIMED_OUT)


@app.command("switch")
def switch_projection(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Of read models, as `status` shows them.")],
    *,
    why: Why,
    force: Force = False,
    timeout: Timeout = 120.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Let the views stand over the generation that was filled anew. Refused when it lags or has parked records.

    JSON: {schemas, seconds}, the time for which those before them were held up.
    """
    _move(data_dir, names, why, back=False, force=force, timeout=timeout, json_output=json_output)


@app.command("rollback")
def roll_back_projection(
    name: Name,
    *,
    why: Why,
    force: Force = False,
    timeout: Timeout = 120.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Switch back to the generation that was live before. JSON: as of `switch`."""
    _move(data_dir, [name], why, back=True, force=force, timeout=timeout, json_output=json_output)


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


def _move(
    data_dir: Path, names: Sequence[str], why: str, *, back: bool, force: bool, timeout: float, json_output: bool
) -> None:
    with exit_codes():
        shape = ask(_switch(data_dir, names, operator(why), back=back, force=force, timeout=timeout))
    if shape is None:
        print("{}" if json_output else "no projector has done it yet")
        raise typer.Exit(codes.TIMED_OUT)
    text = f"views stand over {', '.join(shape['schemas'])}, after {shape['seconds']:.3f} s"
    _told(shape, text, json_output=json_output)


async def _status(data_dir: Path, name: str | None) -> list[Shape]:
    async with database(data_dir, SCHEMA) as connection:
        if name is not None:
            await generations.live_one(connection, name)
        return await readmodels.statuses(connection, kafka(data_dir), name)


async def _rebuild(data_dir: Path, name: str, by: Operator, timeout: float) -> Shape:
    async with database(data_dir, SCHEMA) as connection:
        row = await generations.rebuild(connection, name, by)
        await until_state(lambda: generations.again(connection, row), lambda r: r["state"] == "fed", timeout)
        return await readmodels.status(connection, kafka(data_dir), generations.schema_of(row))


async def _switch(
    data_dir: Path, names: Sequence[str], by: Operator, *, back: bool, force: bool, timeout: float
) -> Shape | None:
    async with database(data_dir, SCHEMA) as connection:
        for name in names:
            await generations.live_one(connection, name)
        ident = await switching.ask(connection, list(dict.fromkeys(names)), by, back=back, force=force)
        row = await until_state(lambda: switching.answer(connection, ident), lambda r: r["state"] != "asked", timeout)
        if row["state"] == "refused":
            raise NotPossibleError(row["error"])
        return {"schemas": row["schemas"], "seconds": row["seconds"]} if row["state"] == "done" else None


async def _drop(data_dir: Path, schema: str, by: Operator, timeout: float) -> Shape:
    async with database(data_dir, SCHEMA) as connection:
        row = await generations.find(connection, schema)
        await generations.drop(connection, row, by)
        row = await until_state(lambda: generations.again(connection, row), lambda r: r["state"] == "dropped", timeout)
        return {"schema": schema, "state": row["state"]}


def _told(shape: Shape, text: str, *, json_output: bool) -> None:
    print(json.dumps(shape) if json_output else text)


def _table(shapes: Sequence[Shape]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("schema", "state", "fed", "records", "of", "lag", "parked", "indexes", "left"):
        right = column in {"records", "of", "lag", "parked", "left"}
        table.add_column(column, justify="right" if right else "left", no_wrap=True)
    for each in shapes:
        left = "" if each["eta_seconds"] is None else f"{each['eta_seconds']:.0f} s"
        numbers = ["" if each[key] is None else str(each[key]) for key in ("records", "of", "lag", "parked")]
        fed = "yes" if each["fed"] else "no"
        table.add_row(each["schema"], each["state"], fed, *numbers, "yes" if each["indexed"] else "later", left)
    listing(table)
