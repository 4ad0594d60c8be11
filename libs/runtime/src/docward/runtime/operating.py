"""What an operator asks of a service: to show, redrive or discard parked records, to publish its events again.

Nothing is applied here. A record is marked, and the owner of its partition, woken by NOTIFY, settles it in order
(`redriving`). Who asked, when and why is recorded in the transaction of the mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from docward.runtime.eventstore import relay_channel
from docward.runtime.parking import Reason
from docward.runtime.postgres import Connection
from docward.runtime.redriving import OPERATING_CHANNEL

SCHEMAS = ("converter", "analyzer", "projector")
"""Of the services that park records."""
MOST_ATTEMPTS = 5
"""A record that failed so often fails again: it is marked only when forced."""

Action = Literal["redrive", "discard"]
Row = Any
"""Of the table `parked`."""


class NotPossibleError(Exception):
    """What was asked is not possible as things are; the message says why."""


class NotThereError(Exception):
    """There is nothing of that name."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parked records of a schema; what is None selects all."""

    ids: Sequence[int] | None = None
    consumer: str | None = None
    reason: Reason | None = None
    error_class: str | None = None
    key: bytes | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    who: str
    why: str


async def select_parked(connection: Connection, schema: str, selection: Selection, *, lock: bool = False) -> list[Row]:
    """In the order in which they were parked. A schema that is not there yet has none."""
    if await connection.fetchval("select to_regclass($1)", f"{schema}.operator_actions") is None:
        return []
    return list(
        await connection.fetch(
            f"""
            select * from {schema}.parked p
            where ($1::bigint[] is null or id = any($1)) and ($2::text is null or consumer = $2)
                and ($3::text is null or reason = $3) and ($4::text is null or error_class = $4)
                and ($5::bytea is null or key = $5) and ($6::timestamptz is null or first_failed_at >= $6)
                and ($7::timestamptz is null or first_failed_at < $7)
            order by id {"for update" if lock else ""}
            """,  # noqa: S608 -- the schema is one of SCHEMAS
            selection.ids,
            selection.consumer,
            selection.reason,
            selection.error_class,
            selection.key,
            selection.since,
            selection.until,
        )
    )


async def heads(connection: Connection, schema: str, rows: Sequence[Row]) -> list[Row]:
    """The records to redrive so that these are: each that blocks nothing, and the first of each blocked key.

    What is queued behind the first one follows it by itself.
    """
    return list(
        await connection.fetch(
            f"""
            with chosen as (select * from {schema}.parked where id = any($1::bigint[]))
            select * from (
                select p.*, row_number() over (
                    partition by p.consumer, p.topic, p.partition, p.key, p.blocks order by p.id
                ) as place
                from {schema}.parked p
                where p.blocks and exists (
                    select 1 from chosen c where c.blocks and c.consumer = p.consumer and c.topic = p.topic
                        and c.partition = p.partition and c.key is not distinct from p.key
                )
            ) first where place = 1
            union all
            select c.*, 1 from chosen c where not c.blocks
            order by id
            """,  # noqa: S608 -- as above
            [row["id"] for row in rows],
        )
    )


async def mark(connection: Connection, schema: str, rows: Sequence[Row], action: Action, operator: Operator) -> int:
    """Ask for it; how many records that were (others may have been settled meanwhile)."""
    async with connection.transaction():
        marked = await connection.fetch(
            f"""
            with marked as (
                update {schema}.parked set action = $2, asked_by = $3, asked_why = $4 where id = any($1::bigint[])
                returning *
            )
            insert into {schema}.operator_actions (who, verb, why, consumer, topic, partition, record_offset,
                record_timestamp, key)
            select $3, $2, $4, consumer, topic, partition, record_offset, record_timestamp, key from marked order by id
            returning consumer
            """,  # noqa: S608 -- as above
            [row["id"] for row in rows],
            action,
            operator.who,
            operator.why,
        )
        for consumer in {row["consumer"] for row in marked}:
            await connection.execute("select pg_notify($1, $2)", OPERATING_CHANNEL, consumer)
    return len(marked)


async def queued_behind(connection: Connection, schema: str, row: Row) -> int:
    """How many records wait for this one."""
    count: int = await connection.fetchval(
        f"""
        select count(*) from {schema}.parked where blocks and consumer = $1 and topic = $2 and partition = $3
            and key is not distinct from $4 and id > $5
        """,  # noqa: S608 -- as above
        row["consumer"],
        row["topic"],
        row["partition"],
        row["key"],
        row["id"],
    )
    return count if row["blocks"] else 0


async def republish(
    connection: Connection, schema: str, commands: str, partition: int | None, operator: Operator
) -> list[Row]:
    """Have the event store of a command topic publish all its events again; the positions concerned, of `checkpoints`.

    Readers skip what they know, by stream and version. The owner of each partition does it, in order.
    """
    async with connection.transaction():
        rows = await connection.fetch(
            f"""
            update {schema}.checkpoints set relayed = 0
            where topic = $1 and ($2::int is null or partition = $2) and last_seq > 0 returning *
            """,  # noqa: S608 -- as above
            commands,
            partition,
        )
        for row in rows:
            await connection.execute(
                f"""
                insert into {schema}.operator_actions (who, verb, why, consumer, topic, partition)
                values ($1, 'republish', $2, $3, $4, $5)
                """,  # noqa: S608 -- as above
                operator.who,
                operator.why,
                row["consumer"],
                row["topic"],
                row["partition"],
            )
        await connection.execute("select pg_notify($1, '')", relay_channel(schema))
    return list(rows)


async def unpublished(connection: Connection, schema: str, commands: str, partition: int | None) -> int:
    """How many recorded events are still to be published."""
    count: int = await connection.fetchval(
        f"""
        select coalesce(sum(last_seq - relayed), 0)::bigint from {schema}.checkpoints
        where topic = $1 and ($2::int is null or partition = $2)
        """,  # noqa: S608 -- as above
        commands,
        partition,
    )
    return count
