"""Rows of some keys, recomputed in tables beside those of a generation: compared with them, or put in their place.

Everything runs in the caller's transaction, which holds the generation's positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from docward.events.topics import FOREVER
from docward.runtime.postgres import Connection
from docward.runtime.projections import Projection


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    columns: tuple[str, ...]
    """Without those that Postgres generates."""
    key: tuple[str, ...]


def forgets(projection: Projection) -> bool:
    """Whether one of its topics does not keep everything: then what it says no longer is kept in the rows alone."""
    return any(topic.retention_ms != FOREVER for topic in projection.topics)


async def tables(connection: Connection, schema: str) -> list[Table]:
    rows = await connection.fetch(
        """
        select c.relname as name,
            array_agg(a.attname::text order by a.attnum) filter (where a.attgenerated = '') as columns,
            array_agg(a.attname::text order by a.attnum) filter (where a.attnum = any(i.indkey)) as key
        from pg_class c
        join pg_index i on i.indrelid = c.oid and i.indisprimary
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = $1::text::regnamespace and c.relkind = 'r' group by c.relname order by c.relname
        """,
        f'"{schema}"',
    )
    return [Table(row["name"], tuple(row["columns"]), tuple(row["key"])) for row in rows]


async def swap(connection: Connection, live: Projection, beside: Projection, keys: Sequence[UUID]) -> None:
    """Put the recomputed rows of these keys in the place of what there is.

    Where topics forget, nothing is removed: what they still say is written over what is there.
    """
    for table in await tables(connection, live.schema):
        here, there = f'"{live.schema}"."{table.name}"', f'"{beside.schema}"."{table.name}"'
        columns = ", ".join(table.columns)
        of_keys = f"({live.owner}) = any($1::uuid[])"
        conflict = ""
        if forgets(live):
            sets = ", ".join(f"{c} = coalesce(excluded.{c}, t.{c})" for c in table.columns if c not in table.key)
            conflict = f" on conflict ({', '.join(table.key)}) do update set {sets}"
        else:
            await connection.execute(f"delete from {here} where {of_keys}", list(keys))  # noqa: S608 -- names of our own tables
        await connection.execute(
            f"insert into {here} as t ({columns}) select {columns} from {there} where {of_keys}{conflict}",  # noqa: S608 -- as above
            list(keys),
        )


async def different(
    connection: Connection, live: Projection, beside: Projection, keys: Sequence[UUID]
) -> dict[UUID, set[str]]:
    """Which of these keys have rows that are not the recomputed ones, to the tables in which they lie."""
    found: dict[UUID, set[str]] = {}
    for table in await tables(connection, live.schema):
        query = _unlike(live, beside, table) if forgets(live) else _checksums(live, beside, table)
        for row in await connection.fetch(query, list(keys)):
            found.setdefault(row["owner"], set()).add(table.name)
    return found


def _checksums(live: Projection, beside: Projection, table: Table) -> str:
    """Keys whose rows, taken together, are not the same."""
    order = ", ".join(f"t.{c}" for c in table.key)

    def summed(schema: str) -> str:
        return (
            f"select ({live.owner}) as owner, md5(string_agg(md5(t::text), '' order by {order})) as sum "  # noqa: S608 -- as above
            f'from "{schema}"."{table.name}" t where ({live.owner}) = any($1::uuid[]) group by 1'
        )

    return (
        f"select coalesce(a.owner, b.owner) as owner from ({summed(live.schema)}) a "  # noqa: S608 -- as above
        f"full join ({summed(beside.schema)}) b on a.owner = b.owner where a.sum is distinct from b.sum"
    )


def _unlike(live: Projection, beside: Projection, table: Table) -> str:
    """Keys with a row that says something else than what the topics still say."""
    match = " and ".join(f"a.{c} = b.{c}" for c in table.key)
    says = " or ".join(f"(b.{c} is not null and a.{c} is distinct from b.{c})" for c in table.columns)
    return (
        f"select distinct b.owner from (select *, ({live.owner}) as owner from "  # noqa: S608 -- as above
        f'"{beside.schema}"."{table.name}" t where ({live.owner}) = any($1::uuid[])) b '
        f'left join "{live.schema}"."{table.name}" a on {match} where {says}'
    )


async def strays(connection: Connection, live: Projection, replay: int) -> dict[UUID, set[str]]:
    """Keys that have rows, and are not among those of the replay."""
    found: dict[UUID, set[str]] = {}
    for table in await tables(connection, live.schema):
        rows = await connection.fetch(
            f"""
            select distinct ({live.owner}) as owner from "{live.schema}"."{table.name}" t
            where not exists (select from replay_keys k where k.replay = $1 and k.key = ({live.owner}))
            """,  # noqa: S608 -- as above
            replay,
        )
        for row in rows:
            if row["owner"] is not None:
                found.setdefault(row["owner"], set()).add(table.name)
    return found


async def behind(
    connection: Connection, live: Projection, beside: Projection, partition: int, keys: Sequence[UUID]
) -> dict[UUID, str]:
    """Keys with a stream that was not recomputed as far as it is applied, to the first such stream."""
    rows = await connection.fetch(
        """
        select distinct on (s.key) s.key, s.stream_id, l.version as applied, coalesce(b.version, 0) as recomputed
        from replay_streams s
        join stream_versions l on l.projection = $1 and l.stream_id = s.stream_id
        left join stream_versions b on b.projection = $2 and b.stream_id = s.stream_id
        where s.replay = $3 and s.partition = $4 and s.key = any($5::uuid[]) and l.version > coalesce(b.version, 0)
        order by s.key, s.stream_id
        """,
        live.consumer,
        beside.consumer,
        beside.replay,
        partition,
        list(keys),
    )
    return {
        row["key"]: f"{row['stream_id']} is applied to version {row['applied']}, recomputed to {row['recomputed']}"
        for row in rows
    }


async def move_versions(
    connection: Connection, live: Projection, beside: Projection, partition: int, keys: Iterable[UUID]
) -> None:
    """The streams of these keys stand where their rows do."""
    await connection.execute(
        """
        insert into stream_versions (projection, stream_id, version)
        select $1, b.stream_id, b.version from stream_versions b
        join replay_streams s on s.stream_id = b.stream_id and s.replay = $3
        where b.projection = $2 and s.partition = $4 and s.key = any($5::uuid[])
        on conflict (projection, stream_id) do update set version = excluded.version
        """,
        live.consumer,
        beside.consumer,
        beside.replay,
        partition,
        list(keys),
    )
