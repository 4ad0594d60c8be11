"""Generations of projections: tables that are filled anew beside the live ones, which the views stand over.

What was live stays fed until it is dropped, so a switch (`switching`) can be taken back.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import structlog

from docward.runtime.operating import NotPossibleError, NotThereError, Operator
from docward.runtime.postgres import Connection, Pool
from docward.runtime.projections import READER_ROLE, Projection

log = structlog.get_logger()

GENERATIONS_CHANNEL = "docward_projections"
"""Notified when a generation was asked for, or asked to go."""

LOCK = "select pg_advisory_xact_lock(hashtext('docward-projections'))"
"""Held by whoever changes which generations there are."""
INDEX = re.compile(r"^create index (?:if not exists )?(\w+)(.*?);\n?", re.MULTILINE | re.DOTALL)
"""A secondary index in a projection's tables."""
LATER = re.compile(r"^create index if not exists (?P<name>\w+).*?;\n?", re.MULTILINE | re.DOTALL)
"""One that a later release has added to a version's tables."""
ADDED = re.compile(r"^alter table (?P<table>\w+) add column (?P<column>(?P<name>\w+) [^;]+);.*\n?", re.MULTILINE)
"""A column that a later release has added to a version's tables, nullable, at the end of their definition."""

Row = Any
"""Of the table `projections`."""


async def prepare_schemas(pool: Pool, projections: Sequence[Projection], views: str) -> None:
    """Create the tables of each projection and, over the live ones, the views. Idempotent.

    A version whose predecessor is live is filled beside it, and read only after a switch. Tables that exist under
    another definition of the same version are an error: raise the version. Only columns and indexes may be added: rows
    that are there hold null in such a column until a rebuild.
    """
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK)
        for projection in projections:
            await _prepare(connection, projection)
            await _add_columns(connection, projection)
            await _add_indexes(connection, projection)
        live = await _live(connection, projections)
        if live is None:
            log.warning("the live tables are of another version: the views stay until a switch")
        else:
            await stand(connection, live, views)


async def prepare_generation(pool: Pool, projection: Projection) -> None:
    """The tables of a generation that was asked for. Idempotent."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK)
        await _prepare(connection, projection)


async def _prepare(connection: Connection, projection: Projection) -> None:
    digest = definition_of(projection)
    known = await row_of(connection, projection)
    if known is not None and known["state"] != "requested":
        if known["ddl_sha256"] != digest:
            raise RuntimeError(f"the tables of {projection.name}@{projection.version} changed: raise its version")
        return
    first = not await connection.fetchval(
        "select exists (select from projections where name = $1 and live)", projection.name
    )
    await create_tables(connection, projection, indexed=first)
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


async def _add_columns(connection: Connection, projection: Projection) -> None:
    """To the tables of every filling of the version, and of its replays, that lack them."""
    for added in ADDED.finditer(projection.ddl):
        lacking = await connection.fetch(
            """
            select c.oid::regclass::text as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname ~ $1 and c.relname = $2 and not exists (
                select from pg_attribute a where a.attrelid = c.oid and a.attname = $3 and not a.attisdropped
            )
            """,
            rf"^{projection.schema}(_g\d+)?(_r\d+)?$",
            added["table"],
            added["name"],
        )
        for table in lacking:
            await connection.execute(f"alter table {table['name']} add column {added['column']}")


async def _add_indexes(connection: Connection, projection: Projection) -> None:
    """To the tables of every filling of the version that has its indexes; nothing is written there meanwhile."""
    path = await connection.fetchval("show search_path")
    for row in await connection.fetch(
        "select * from projections where name = $1 and version = $2 and state = 'fed' and indexed",
        projection.name,
        projection.version,
    ):
        await connection.execute(f'set local search_path to "{schema_of(row)}"')
        for index in LATER.finditer(projection.ddl):
            if await connection.fetchval("select to_regclass($1) is null", f'"{schema_of(row)}".{index["name"]}'):
                await connection.execute(index[0])
    await connection.execute(f"set local search_path to {path}")


async def create_tables(connection: Connection, projection: Projection, *, indexed: bool) -> None:
    """In the caller's transaction. Secondary indexes cost a filling more than half of its speed, and can come later."""
    path = await connection.fetchval("show search_path")
    await connection.execute(f'create schema "{projection.schema}"')
    await connection.execute(f'set local search_path to "{projection.schema}"')
    await connection.execute(projection.ddl if indexed else INDEX.sub("", projection.ddl))
    await connection.execute(f"set local search_path to {path}")


async def fed(connection: Connection, projections: Sequence[Projection]) -> None:
    """Note that these are fed here, and which topics they read: whoever operates cannot know it."""
    await connection.executemany(
        """
        update projections set fed_at = now(), topics = $4 where name = $1 and version = $2 and generation = $3
        """,
        [(p.name, p.version, p.generation, [topic.name for topic in p.topics]) for p in projections],
    )


def definition_of(projection: Projection) -> str:
    """Digest of its tables without what was added to them: releases with and without a column or index share them."""
    return digest_of(LATER.sub("", ADDED.sub("", projection.ddl)))


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


async def row_of(connection: Connection, projection: Projection) -> Row:
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


async def stand(connection: Connection, live: Sequence[Projection], views: str) -> None:
    """Make the views over these tables, unless they stand there."""
    schemas = ", ".join(f'"{projection.schema}"' for projection in live)
    digest = digest_of(f"{schemas}\n{views}")
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
    return shape_of(row).schema


def consumer_of(row: Row) -> str:
    return shape_of(row).consumer


def shape_of(row: Row) -> Projection:
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


async def live_one(connection: Connection, name: str) -> Projection:
    """Raises NotThereError when there is no such read model, or its projector has never run."""
    row = await connection.fetchrow("select * from projections where name = $1 and live", name)
    if row is None:
        names = await connection.fetchval("select string_agg(name, ', ' order by name) from projections where live")
        raise NotThereError(f"no read model {name!r}; there are: {names or 'none, the projector has not run yet'}")
    return shape_of(row)


async def rebuild(connection: Connection, name: str, operator: Operator) -> Row:
    """Ask for a generation beside the live one; the projector fills it from the first record on.

    Raises NotPossibleError while another one is being filled.
    """
    async with connection.transaction():
        await connection.execute(LOCK)
        live = await live_one(connection, name)
        rows = await connection.fetch("select * from projections where name = $1 order by generation", name)
        for row in rows:
            if row["state"] in {"requested", "fed"} and not row["live"] and row["live_since"] is None:
                raise NotPossibleError(f"{name_of(row)} is being filled: switch to it, or drop it")
        version = max(row["version"] for row in rows if row["version"] >= live.version)
        asked = replace(live, version=version, generation=max(row["generation"] for row in rows) + 1)
        await connection.execute(
            """
            insert into projections (name, version, generation, live, ddl_sha256, state, indexed)
            values ($1, $2, $3, false, '', 'requested', false)
            """,
            asked.name,
            asked.version,
            asked.generation,
        )
        await note(connection, "rebuild", asked, operator)
        return await row_of(connection, asked)


async def find(connection: Connection, schema: str) -> Row:
    """The generation whose tables lie there. Raises NotThereError."""
    for row in await known(connection):
        if schema_of(row) == schema:
            return row
    raise NotThereError(f"there is no {schema}")


async def drop(connection: Connection, row: Row, operator: Operator) -> None:
    """Ask for the removal of a generation's tables. Raises NotPossibleError for the live one."""
    async with connection.transaction():
        await connection.execute(LOCK)
        changed = await connection.execute(
            """
            update projections set state = 'dropping' where name = $1 and version = $2 and generation = $3 and not live
            """,
            row["name"],
            row["version"],
            row["generation"],
        )
        if changed == "UPDATE 0":
            raise NotPossibleError(f"{name_of(row)} is live")
        await note(connection, "drop", row, operator)


async def remove(pool: Pool, row: Row) -> None:
    """Remove what a generation left, once nothing feeds it here. Whoever feeds it elsewhere is fenced. Idempotent."""
    shape = shape_of(row)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(LOCK)
        await remove_tables(connection, shape)
        await connection.execute(
            "update projections set state = 'dropped' where name = $1 and version = $2 and generation = $3",
            shape.name,
            shape.version,
            shape.generation,
        )


async def remove_tables(connection: Connection, projection: Projection) -> None:
    """With its positions and what it set aside. Idempotent."""
    await connection.execute("delete from checkpoints where consumer = $1", projection.consumer)
    await connection.execute("delete from stream_versions where projection = $1", projection.consumer)
    await connection.execute("delete from parked where consumer = $1", projection.consumer)
    await connection.execute(f'drop schema if exists "{projection.schema}" cascade')


def name_of(row: Row) -> str:
    return f"{row['name']}@{row['version']} generation {row['generation']}"


async def note(
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
