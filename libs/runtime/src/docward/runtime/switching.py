"""The views move over to another generation of a read model in one transaction, and can move back.

Readers never see less than before: a switch holds the live generation's positions until the other one has reached them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from docward.runtime.generations import (
    INDEX,
    LOCK,
    definition_of,
    generation_of,
    live_one,
    name_of,
    note,
    positions,
    row_of,
    shape_of,
    stand,
)
from docward.runtime.operating import NotPossibleError, Operator
from docward.runtime.postgres import Connection
from docward.runtime.projections import Projection

SWITCHES_CHANNEL = "docward_switches"
"""Notified when a switch was asked for."""
CATCH_UP_S = 2.0
"""How long a switch may hold up the live generation."""
INDEX_S = 24 * 3600.0
"""For one index; the driver knows no "as long as it takes" for a single statement."""
NEAR = 5_000
"""Records that a generation catches up with in that time; one that is further behind is not waited for."""

Row = Any
"""Of the table `projections`."""


async def build_indexes(connection: Connection, projection: Projection) -> None:
    """The secondary indexes of a generation, while it is fed. Outside of a transaction; again after an interrupt."""
    row = await row_of(connection, projection)
    if row is None or row["indexed"]:
        return
    if row["ddl_sha256"] != definition_of(projection):
        raise NotPossibleError(f"the tables of {name_of(row)} are those of another release than this command")
    path = await connection.fetchval("show search_path")
    patience = [(name, await connection.fetchval(f"show {name}")) for name in ("lock_timeout", "statement_timeout")]
    # Such an index waits for every transaction that is open: that takes as long as it takes.
    await connection.execute(
        f'set search_path to "{projection.schema}"; set lock_timeout = 0; set statement_timeout = 0'
    )
    try:
        broken = await connection.fetch(
            """
            select c.relname from pg_index i join pg_class c on c.oid = i.indexrelid
            where c.relnamespace = $1::text::regnamespace and not i.indisvalid
            """,
            projection.schema,
        )
        for each in broken:
            await connection.execute(f'drop index "{each["relname"]}"')
        for name, rest in INDEX.findall(projection.ddl):
            await connection.execute(f"create index concurrently if not exists {name}{rest}", timeout=INDEX_S)
        for table in await connection.fetch("select tablename from pg_tables where schemaname = $1", projection.schema):
            await connection.execute(f'analyze "{table["tablename"]}"')
    finally:
        await connection.execute(f"set search_path to {path}")
        for name, limit in patience:
            await connection.execute(f"set {name} = '{limit}'")
    await connection.execute(
        "update projections set indexed = true where name = $1 and version = $2 and generation = $3",
        projection.name,
        projection.version,
        projection.generation,
    )


async def switch(
    connection: Connection,
    targets: Sequence[Projection],
    projections: Sequence[Projection],
    views: str,
    operator: Operator,
    *,
    force: bool = False,
) -> float:
    """Let the views stand over other generations, of one read model or several; the seconds for which their
    predecessors were held up.

    Raises NotPossibleError, and changes nothing, when one lags behind, has parked records, or has no tables; the first
    two can be forced.
    """
    for target in targets:
        before = await live_one(connection, target.name)
        if not force and (behind := await _behind(connection, before, target)) > NEAR:
            raise NotPossibleError(f"{target.schema} is {behind} records behind {before.schema}")
        await build_indexes(connection, target)
    started = time.monotonic()
    async with connection.transaction():
        await connection.execute(LOCK)
        for target in targets:
            await _switch_one(connection, target, operator, force=force)
        rows = {row["name"]: row for row in await connection.fetch("select * from projections where live")}
        names = dict.fromkeys(projection.name for projection in projections)
        await stand(connection, [shape_of(rows[name]) for name in names], views)
    return time.monotonic() - started


async def _switch_one(connection: Connection, target: Projection, operator: Operator, *, force: bool) -> None:
    before = await live_one(connection, target.name)
    row = await row_of(connection, target)
    if row is None or row["state"] != "fed" or row["live"]:
        raise NotPossibleError(f"{target.schema} is {'live' if row and row['live'] else 'not filled'}")
    if not force:
        await _caught_up(connection, before, target)
    await _move_over(connection, before, target)
    await note(connection, "switch", target, operator, {"from": before.schema, "force": force})


async def _behind(connection: Connection, before: Projection, target: Projection) -> int:
    """How many records, of what both read."""
    there, here = await positions(connection, before.consumer), await positions(connection, target.consumer)
    return sum(max(0, offset - here.get(place, 0)) for place, offset in there.items() if _reads(target, place[0]))


def _reads(projection: Projection, topic: str) -> bool:
    return any(each.name == topic for each in projection.topics)


async def _caught_up(connection: Connection, before: Projection, target: Projection) -> None:
    """Hold the live generation where it is until the other one is there too."""
    await connection.execute(
        "select from checkpoints where consumer = $1 order by topic, partition for update", before.consumer
    )
    deadline = time.monotonic() + CATCH_UP_S
    while behind := await _behind(connection, before, target):
        if time.monotonic() > deadline:
            raise NotPossibleError(f"{target.schema} is {behind} records behind {before.schema} and does not catch up")
        await asyncio.sleep(0.02)
    parked = await connection.fetchval("select count(*) from parked where consumer = $1", target.consumer)
    if parked:
        raise NotPossibleError(f"{target.schema} lacks what {parked} parked records say")


async def _move_over(connection: Connection, before: Projection, target: Projection) -> None:
    for projection, live in ((before, False), (target, True)):
        await connection.execute(
            """
            update projections set live = $4,
                live_since = case when $4 then now() else coalesce(live_since, created_at) end
            where name = $1 and version = $2 and generation = $3
            """,
            projection.name,
            projection.version,
            projection.generation,
            live,
        )


async def predecessor(connection: Connection, name: str) -> Row:
    """The generation that was live before. Raises NotPossibleError when there is none any more."""
    row = await connection.fetchrow(
        """
        select * from projections where name = $1 and not live and state = 'fed' and live_since is not null
        order by live_since desc limit 1
        """,
        name,
    )
    if row is None:
        raise NotPossibleError(f"no earlier generation of {name} is there")
    return row


async def newest(connection: Connection, name: str) -> Row:
    """The generation that waits to become live. Raises NotPossibleError when there is none."""
    row = await connection.fetchrow(
        """
        select * from projections where name = $1 and not live and state = 'fed' and live_since is null
        order by version desc, generation desc limit 1
        """,
        name,
    )
    if row is None:
        raise NotPossibleError(f"no other generation of {name} is being filled: docward projections rebuild {name}")
    return row


async def ask(
    connection: Connection, names: Sequence[str], operator: Operator, *, back: bool = False, force: bool = False
) -> int:
    """Have a projector switch these read models, or switch one of them back; the number under which it answers."""
    async with connection.transaction():
        ident: int = await connection.fetchval(
            "insert into switches (names, back, force, who, why) values ($1, $2, $3, $4, $5) returning id",
            list(names),
            back,
            force,
            operator.who,
            operator.why,
        )
        await connection.execute("select pg_notify($1, '')", SWITCHES_CHANNEL)
    return ident


async def answer(connection: Connection, ident: int) -> Row:
    """Of the table `switches`: its state is asked, done or refused."""
    return await connection.fetchrow("select * from switches where id = $1", ident)


async def answer_next(connection: Connection, projections: Sequence[Projection], views: str) -> bool:
    """Do what was asked first, if the code of all it names is at hand; whether there was anything.

    A process that ends on its way leaves it asked, and unchanged or switched: a switch to what is live is refused.
    """
    for row in await connection.fetch("select * from switches where state = 'asked' order by id"):
        try:
            targets = await _targets(connection, row, projections)
            if None in targets:
                continue  # another release's
            found = [target for target in targets if target is not None]
            operator = Operator(row["who"], row["why"])
            seconds = await switch(connection, found, projections, views, operator, force=row["force"])
        except NotPossibleError as error:
            await _answered(connection, row, "refused", error=str(error))
        else:
            schemas = [target.schema for target in found]
            await _answered(connection, row, "done", schemas=schemas, seconds=round(seconds, 3))
        return True
    return False


async def _targets(connection: Connection, row: Row, projections: Sequence[Projection]) -> list[Projection | None]:
    find = predecessor if row["back"] else newest
    return [generation_of(await find(connection, name), projections) for name in row["names"]]


async def _answered(
    connection: Connection,
    row: Row,
    state: str,
    *,
    schemas: Sequence[str] = (),
    seconds: float | None = None,
    error: str | None = None,
) -> None:
    await connection.execute(
        "update switches set state = $2, schemas = $3, seconds = $4, error = $5 where id = $1",
        row["id"],
        state,
        list(schemas),
        seconds,
        error,
    )
