"""Generations of projections: tables are filled anew beside the live ones, and the views move over in one transaction.

Readers never see less than before: a switch holds the live generation's positions until the other one has reached them.
What was live stays fed until it is dropped, so a switch can be taken back.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import structlog

from docward.runtime.operating import Operator
from docward.runtime.postgres import Connection, Pool
from docward.runtime.projections import READER_ROLE, Projection

log = structlog.get_logger()

GENERATIONS_CHANNEL = "docward_projections"
"""Notified when a generation was asked for, or asked to go."""
CATCH_UP_S = 2.0
"""How long a switch may hold up the live generation."""
NEAR = 5_000
"""Records that a generation catches up with in that time; one that is further behind is not waited for."""

_LOCK = "select pg_advisory_xact_lock(hashtext('docward-projections'))"
_INDEX = re.compile(r"^create index (\w+)(.*?);\n?", re.MULTILINE | re.DOTALL)

Row = Any
"""Of the table `projections`."""


class NotPossibleError(Exception):
    """What was asked is not possible as things are; the message says why."""


async def prepare_schemas(pool: Pool, projections: Sequence[Projection], views: str) -> None:
    """Create the tables of each projection and, over the live ones, the views. Idempotent.

    A version whose predecessor is live is filled beside it, and read only after a switch. Tables that exist under
    another definition of the same version are an error: raise the version.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK)
        for projection in projections:
            await _prepare(connection, projection)
        live = await _live(connection, projections)
        if live is None:
            log.warning("the live tables are of another version: the views stay until a switch")
        else:
            await _stand(connection, live, views)


async def prepare_generation(pool: Pool, projection: Projection) -> None:
    """The tables of a generation that was asked for. Idempotent."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK)
        await _prepare(connection, projection)


async def _prepare(connection: Connection, projection: Projection) -> None:
    digest = _digest(projection.ddl)
    known = await _row(connection, projection)
    if known is not None and known["state"] != "requested":
        if known["ddl_sha256"] != digest:
            raise RuntimeError(f"the tables of {projection.name}@{projection.version} changed: raise its version")
        return
    first = not await connection.fetchval(
        "select exists (select from projections where name = $1 and live)", projection.name
    )
    path = await connection.fetchval("show search_path")
    await connection.execute(f'create schema "{projection.schema}"')
    await connection.execute(f'set local search_path to "{projection.schema}"')
    # Secondary indexes cost a rebuild more than half of its speed: they come before the switch.
    await connection.execute(projection.ddl if first else _INDEX.sub("", projection.ddl))
    await connection.execute(f"set local search_path to {path}")
    await connection.execute(
        """
        insert into projections (name, version, generation, live, ddl_sha256, state, indexed, live_since)
        values ($1, $2, $3, $4, $5, 'fed', $4, case when $4 then now() end)
        on conflict (name, version, generation) do update set ddl_sha256 = $5, state = 'fed', indexed = $4
        """,
        projection.name,
        projection.version,
        projection.generation,
        first,
        digest,
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def _row(connection: Connection, projection: Projection) -> Row:
    return await connection.fetchrow(
        "select * from projections where name = $1 and version = $2 and generation = $3",
        projection.name,
        projection.version,
        projection.generation,
    )


async def _live(connection: Connection, projections: Sequence[Projection]) -> list[Projection] | None:
    """The live generation of each; None when one of them is of a version that is not among them."""
    rows = await connection.fetch("select * from projections where live")
    live = {row["name"]: row for row in rows}
    known = {(projection.name, projection.version): projection for projection in projections}
    found = []
    for name in dict.fromkeys(projection.name for projection in projections):
        projection = known.get((name, live[name]["version"]))
        if projection is None:
            return None
        found.append(replace(projection, generation=live[name]["generation"]))
    return found


async def _stand(connection: Connection, live: Sequence[Projection], views: str) -> None:
    """Make the views over these tables, unless they stand there."""
    schemas = ", ".join(f'"{projection.schema}"' for projection in live)
    digest = _digest(f"{schemas}\n{views}")
    if await connection.fetchval("select sha256 from migrations where name = 'views'") == digest:
        return
    await _ensure_reader(connection)
    path = await connection.fetchval("show search_path")
    await connection.execute(f"set local search_path to {schemas}")
    # Dropping the views would lock one after the other, and deadlock with a query that reads several of them. A schema
    # is renamed without a lock on what it holds; whoever has found the old views finishes with them.
    await connection.execute("drop schema if exists read_before cascade")
    if await connection.fetchval("select to_regnamespace('read') is not null"):
        await connection.execute("alter schema read rename to read_before")
    await connection.execute("create schema read")
    await connection.execute(views)
    await connection.execute(f"set local search_path to {path}")
    await connection.execute(f"grant usage on schema read to {READER_ROLE}")
    await connection.execute(f"grant select on all tables in schema read to {READER_ROLE}")
    await connection.execute(
        "insert into migrations values ('views', $1) on conflict (name) do update set sha256 = excluded.sha256",
        digest,
    )


async def _ensure_reader(connection: Connection) -> None:
    """The role that may read the views, and nothing else. Roles belong to the cluster: others may create it too."""
    with contextlib.suppress(asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        async with connection.transaction():
            await connection.execute(f"create role {READER_ROLE} nologin")


async def known(connection: Connection) -> list[Row]:
    """Every generation that is not dropped."""
    return list(
        await connection.fetch("select * from projections where state <> 'dropped' order by name, version, generation")
    )


def schema_of(row: Row) -> str:
    """Where its tables lie, whoever can fill them."""
    return _shape(row).schema


def consumer_of(row: Row) -> str:
    return _shape(row).consumer


def _shape(row: Row) -> Projection:
    return Projection(row["name"], row["version"], (), "", lambda: (), generation=row["generation"])


def generation_of(row: Row, projections: Sequence[Projection]) -> Projection | None:
    """What fills it; None: the code of its version is not at hand."""
    for projection in projections:
        if (projection.name, projection.version) == (row["name"], row["version"]):
            return replace(projection, generation=row["generation"])
    return None


async def positions(connection: Connection, consumer: str) -> dict[tuple[str, int], int]:
    rows = await connection.fetch("select topic, partition, next_offset from checkpoints where consumer = $1", consumer)
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def again(connection: Connection, row: Row) -> Row:
    """The same row, as it stands."""
    return await connection.fetchrow(
        "select * from projections where name = $1 and version = $2 and generation = $3",
        row["name"],
        row["version"],
        row["generation"],
    )


async def rebuild(connection: Connection, projection: Projection, operator: Operator) -> Row:
    """Ask for a generation beside the live one; the projector fills it from the first record on.

    Raises NotPossibleError while another one is being filled.
    """
    async with connection.transaction():
        await connection.execute(_LOCK)
        rows = await connection.fetch("select * from projections where name = $1 order by generation", projection.name)
        if not any(row["live"] for row in rows):
            raise NotPossibleError(f"{projection.name} has no live generation: the projector has not run yet")
        for row in rows:
            if row["state"] in {"requested", "fed"} and not row["live"] and row["live_since"] is None:
                raise NotPossibleError(f"{_name(row)} is being filled: switch to it, or drop it")
        asked = replace(projection, generation=max(row["generation"] for row in rows) + 1)
        await connection.execute(
            """
            insert into projections (name, version, generation, live, ddl_sha256, state, indexed)
            values ($1, $2, $3, false, '', 'requested', false)
            """,
            asked.name,
            asked.version,
            asked.generation,
        )
        await _note(connection, "rebuild", asked, operator)
        return await _row(connection, asked)


async def build_indexes(connection: Connection, projection: Projection) -> None:
    """The secondary indexes of a generation, while it is fed. Outside of a transaction; again after an interrupt."""
    row = await _row(connection, projection)
    if row is None or row["indexed"]:
        return
    if row["ddl_sha256"] != _digest(projection.ddl):
        raise NotPossibleError(f"the tables of {_name(row)} are those of another release than this command")
    path = await connection.fetchval("show search_path")
    patience = await connection.fetchval("show lock_timeout")
    # Such an index waits for every transaction that is open: that takes as long as it takes.
    await connection.execute(f'set search_path to "{projection.schema}"; set lock_timeout = 0')
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
        for name, rest in _INDEX.findall(projection.ddl):
            await connection.execute(f"create index concurrently if not exists {name}{rest}")
        for table in await connection.fetch("select tablename from pg_tables where schemaname = $1", projection.schema):
            await connection.execute(f'analyze "{table["tablename"]}"')
    finally:
        await connection.execute(f"set search_path to {path}; set lock_timeout = '{patience}'")
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
        before = await _live_one(connection, target.name)
        if not force and (behind := await _behind(connection, before, target)) > NEAR:
            raise NotPossibleError(f"{target.schema} is {behind} records behind {before.schema}")
        await build_indexes(connection, target)
    started = time.monotonic()
    async with connection.transaction():
        await connection.execute(_LOCK)
        for target in targets:
            await _switch_one(connection, target, operator, force=force)
        rows = {row["name"]: row for row in await connection.fetch("select * from projections where live")}
        names = dict.fromkeys(projection.name for projection in projections)
        await _stand(connection, [_shape(rows[name]) for name in names], views)
    return time.monotonic() - started


async def _switch_one(connection: Connection, target: Projection, operator: Operator, *, force: bool) -> None:
    before = await _live_one(connection, target.name)
    row = await _row(connection, target)
    if row is None or row["state"] != "fed" or row["live"]:
        raise NotPossibleError(f"{target.schema} is {'live' if row and row['live'] else 'not filled'}")
    if not force:
        await _caught_up(connection, before, target)
    await _move_over(connection, before, target)
    await _note(connection, "switch", target, operator, {"from": before.schema, "force": force})


async def _live_one(connection: Connection, name: str) -> Projection:
    row = await connection.fetchrow("select * from projections where name = $1 and live", name)
    if row is None:
        raise NotPossibleError(f"{name} has no live generation: the projector has not run yet")
    return _shape(row)


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


async def drop(connection: Connection, row: Row, operator: Operator) -> None:
    """Ask for the removal of a generation's tables. Raises NotPossibleError for the live one."""
    async with connection.transaction():
        await connection.execute(_LOCK)
        changed = await connection.execute(
            """
            update projections set state = 'dropping' where name = $1 and version = $2 and generation = $3 and not live
            """,
            row["name"],
            row["version"],
            row["generation"],
        )
        if changed == "UPDATE 0":
            raise NotPossibleError(f"{_name(row)} is live")
        await _note(connection, "drop", row, operator)


async def remove(pool: Pool, row: Row) -> None:
    """Remove what a generation left, once nothing feeds it here. Whoever feeds it elsewhere is fenced. Idempotent."""
    shape = _shape(row)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(_LOCK)
        await connection.execute("delete from checkpoints where consumer = $1", shape.consumer)
        await connection.execute("delete from stream_versions where projection = $1", shape.consumer)
        await connection.execute("delete from parked where consumer = $1", shape.consumer)
        await connection.execute(f'drop schema if exists "{shape.schema}" cascade')
        await connection.execute(
            "update projections set state = 'dropped' where name = $1 and version = $2 and generation = $3",
            shape.name,
            shape.version,
            shape.generation,
        )


def _name(row: Row) -> str:
    return f"{row['name']}@{row['version']} generation {row['generation']}"


async def _note(
    connection: Connection, verb: str, of: Any, operator: Operator, more: Mapping[str, Any] | None = None
) -> None:
    """For the audit, and for the projector to look."""
    if isinstance(of, Projection):
        of = {"name": of.name, "version": of.version, "generation": of.generation}
    details = {key: of[key] for key in ("name", "version", "generation")} | dict(more or {})
    await connection.execute(
        "insert into operator_actions (who, verb, why, details) values ($1, $2, $3, $4)",
        operator.who,
        verb,
        operator.why,
        details,
    )
    await connection.execute("select pg_notify($1, '')", GENERATIONS_CHANNEL)
