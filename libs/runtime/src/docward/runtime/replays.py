"""What an operator asks of read models beyond filling them anew: which rows to recompute, and what became of it.

A part of the topics, or keys, are chosen; the keys that it touches are recomputed from their first event beside the
live rows, and swapped in (`recomputing`). Whatever is asked is a row: it goes on after whatever ended a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from docward.events.topics import TOPICS
from docward.runtime.generations import live_one, schema_of
from docward.runtime.operating import NotPossibleError, Operator
from docward.runtime.postgres import Connection

REPLAYS_CHANNEL = "docward_replays"
"""Notified when something was asked for, or is no longer wanted."""
UNFINISHED = ("asked", "running", "cancelling")

Action = Literal["survey", "replay", "verify"]
"""What is wanted: only what would be touched, the rows recomputed and swapped in, or recomputed and compared."""
Source = Literal["topics", "store"]
"""What rows are recomputed from: the topics as they are, or the event stores that published them."""
Point = int | datetime
"""Of a log: an offset, or the first record of that time or later."""
Row = Any
"""Of the table `replays`."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which part of the topics is read to find the keys; what is left out bounds nothing."""

    topic: str | None = None
    partition: int | None = None
    since: Point | None = None
    until: Point | None = None
    """The first that is not read."""
    keys: Sequence[UUID] = field(default=())

    @property
    def bounded(self) -> bool:
        return self != Chosen()

    @property
    def of_log(self) -> bool:
        """Whether a part of the topics is chosen, not only keys."""
        return replace(self, keys=()) != Chosen()

    def stored(self) -> dict[str, Any]:
        return {
            "topic": self.topic,
            "partition": self.partition,
            "since": _stored(self.since),
            "until": _stored(self.until),
            "keys": [str(key) for key in self.keys],
        }

    @classmethod
    def read(cls, stored: dict[str, Any]) -> Chosen:
        keys = tuple(UUID(key) for key in stored["keys"])
        return cls(stored["topic"], stored["partition"], _point(stored["since"]), _point(stored["until"]), keys)


def _stored(point: Point | None) -> int | str | None:
    return point.isoformat() if isinstance(point, datetime) else point


def _point(stored: int | str | None) -> Point | None:
    return datetime.fromisoformat(stored) if isinstance(stored, str) else stored


async def ask(
    connection: Connection,
    name: str,
    action: Action,
    chosen: Chosen,
    operator: Operator,
    *,
    rate: float | None = None,
    source: Source = "topics",
) -> Row:
    """Ask for it, of the live generation; `rate` is of records read a second. A projector does it, one at a time.

    Raises NotPossibleError for what no projector could do.
    """
    live = await live_one(connection, name)
    topics = await connection.fetchval("select topics from projections where name = $1 and live", name)
    _require_possible(name, topics, chosen)
    async with connection.transaction():
        row = await connection.fetchrow(
            """
            insert into replays (name, version, generation, action, chosen, rate, who, why, source)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning *
            """,
            live.name,
            live.version,
            live.generation,
            action,
            chosen.stored(),
            rate,
            operator.who,
            operator.why,
            source,
        )
        if action != "survey":
            details = {"replay": row["id"], "name": name, "source": source, **chosen.stored()}
            await note(connection, action, details, operator)
        await connection.execute("select pg_notify($1, '')", REPLAYS_CHANNEL)
    return row


def _require_possible(name: str, topics: Sequence[str], chosen: Chosen) -> None:
    if not topics:
        raise NotPossibleError(f"{name} was never fed: no projector of this release has run")
    if chosen.topic is not None and chosen.topic not in topics:
        raise NotPossibleError(f"{name} reads no {chosen.topic}; it reads {', '.join(topics)}")
    partitions = {number for topic in TOPICS if topic.name in topics for number in range(topic.partitions)}
    if chosen.partition is not None and chosen.partition not in partitions:
        raise NotPossibleError(f"there is no partition {chosen.partition}: they are 0 to {max(partitions)}")
    match chosen.since, chosen.until:
        case (int() as since, int() as until) | (datetime() as since, datetime() as until) if until <= since:  # type: ignore[operator]
            raise NotPossibleError(f"nothing lies from {since} to {until}")
    offsets = isinstance(chosen.since, int) or isinstance(chosen.until, int)
    if offsets and chosen.topic is None and len(topics) > 1:
        raise NotPossibleError(f"{name} reads {', '.join(topics)}: say of which topic the offsets are")


async def note(connection: Connection, verb: str, details: dict[str, Any], operator: Operator) -> None:
    """For the audit."""
    await connection.execute(
        "insert into operator_actions (who, verb, why, details) values ($1, $2, $3, $4)",
        operator.who,
        verb,
        operator.why,
        details,
    )


async def get(connection: Connection, ident: int) -> Row | None:
    return await connection.fetchrow("select * from replays where id = $1", ident)


async def listed(connection: Connection, name: str | None, limit: int = 50) -> list[Row]:
    """The latest first."""
    return list(
        await connection.fetch(
            "select * from replays where $1::text is null or name = $1 order by id desc limit $2", name, limit
        )
    )


async def cancel(connection: Connection, ident: int, operator: Operator) -> Row:
    """End it where it is: what was swapped in stays. Raises NotPossibleError when it is over, or there is none."""
    async with connection.transaction():
        row = await connection.fetchrow(
            """
            update replays set state = 'cancelling'
            where id = $1 and state in ('asked', 'running') returning *
            """,
            ident,
        )
        if row is None:
            raise NotPossibleError(f"replay {ident} does not run")
        await note(connection, "cancel", {"replay": ident, "name": row["name"]}, operator)
        await connection.execute("select pg_notify($1, '')", REPLAYS_CHANNEL)
    return row


async def unsettled(connection: Connection, ident: int, limit: int = 100) -> list[Row]:
    """The keys whose rows could not be recomputed, or are not what they should be, and why."""
    return list(
        await connection.fetch(
            """
            select partition, key, state, error from replay_keys
            where replay = $1 and state in ('failed', 'differs') order by partition, key limit $2
            """,
            ident,
            limit,
        )
    )


async def shape(connection: Connection, row: Row) -> dict[str, Any]:
    """A replay as operators see it, here and over HTTP."""
    began, ended = row["asked_at"], row["finished_at"]
    return {
        "replay": row["id"],
        "name": row["name"],
        "schema": schema_of(row),
        "action": row["action"],
        "state": row["state"],
        "source": row["source"],
        "chosen": row["chosen"],
        "rate": row["rate"],
        "records": row["records"],
        "of": row["total"],
        "keys": row["keys"],
        "settled": row["settled"],
        "touched": row["surveyed"],
        "seconds": row["seconds"],
        "error": row["error"],
        "who": row["who"],
        "why": row["why"],
        "asked_at": began.isoformat(),
        "finished_at": ended and ended.isoformat(),
        "unsettled": [
            {"partition": each["partition"], "key": str(each["key"]), "state": each["state"], "error": each["error"]}
            for each in await unsettled(connection, row["id"])
        ],
    }


def utc(said: datetime) -> datetime:
    """A time without a zone is UTC."""
    return said if said.tzinfo else said.replace(tzinfo=UTC)
