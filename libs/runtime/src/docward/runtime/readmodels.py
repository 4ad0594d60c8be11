"""Read models as whoever operates them sees them: every generation, how far it is, and how long it will take."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from docward.runtime.checkpoints import Place
from docward.runtime.generations import consumer_of, known, positions, schema_of
from docward.runtime.lag import ends_of
from docward.runtime.postgres import Connection
from docward.runtime.settings import Kafka

FED_WITHIN = timedelta(seconds=30)
"""A projector says every few seconds what it feeds."""


async def statuses(connection: Connection, kafka: Kafka, name: str | None = None) -> list[dict[str, Any]]:
    """Of every generation that is not dropped; of one read model if it is named."""
    rows = [row for row in await known(connection) if name in {None, row["name"]}]
    ends = await ends_of(kafka, {topic for row in rows for topic in row["topics"]})
    return [await _shape(connection, row, ends) for row in rows]


async def status(connection: Connection, kafka: Kafka, schema: str) -> dict[str, Any]:
    """Of the generation whose tables lie there."""
    (row,) = [row for row in await known(connection) if schema_of(row) == schema]
    return await _shape(connection, row, await ends_of(kafka, row["topics"]))


async def _shape(connection: Connection, row: Any, ends: Mapping[Place, tuple[int, int]]) -> dict[str, Any]:
    reached = await positions(connection, consumer_of(row))
    mine = {place: bounds for place, bounds in ends.items() if place[0] in row["topics"]}
    lag = sum(end - min(max(reached.get(place, first), first), end) for place, (first, end) in mine.items())
    done = sum(end - first for first, end in mine.values()) - lag
    parked = await connection.fetchval("select count(*) from parked where consumer = $1", consumer_of(row))
    state = _state(row)
    return {
        "name": row["name"],
        "version": row["version"],
        "generation": row["generation"],
        "state": state,
        "schema": schema_of(row),
        "fed": row["fed_at"] is not None and datetime.now(UTC) - row["fed_at"] < FED_WITHIN,
        "records": done,
        "of": done + lag,
        "lag": lag,
        "parked": parked,
        "indexed": row["indexed"],
        "eta_seconds": _eta(row["created_at"], done, lag) if state == "filling" else None,
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
