"""Where stored positions stand in the logs as they are, and the one way to move one past what it has not read.

An owner judges a position only when it takes the partition over. Here the same judgement is told at any time, without
taking anything over; and a person, who has decided what to do about a position that means nothing, says so.
"""

from __future__ import annotations

from typing import Any, Literal

from aiokafka import TopicPartition

from docward.runtime.checkpoints import Place, Position, set_position
from docward.runtime.lag import PARTITIONS, ends_of
from docward.runtime.operating import SCHEMAS, NotPossibleError, NotThereError, Operator
from docward.runtime.positions import judge, look
from docward.runtime.postgres import Connection
from docward.runtime.settings import Kafka

At = int | Literal["first", "end"]
Held = dict[tuple[str, Place], Position]


async def standings(connection: Connection, kafka: Kafka, group: str | None = None) -> list[dict[str, Any]]:
    """Of every stored position, or those of one consumer: what the log holds there, and why the position means nothing
    in it, if so (`lost`), or what a tool has set that is not followed (`refused`)."""
    found = []
    for schema in SCHEMAS:
        held = await _held(connection, schema)
        for consumer in sorted({name for name, _ in held if group in {None, name}}):
            mine = {place: position for (name, place), position in held.items() if name == consumer}
            found += [{"group": consumer, **each} for each in await _judged(kafka, consumer, mine)]
    return found


async def accept(
    connection: Connection, kafka: Kafka, group: str, place: Place, at: At, *, by: Operator, dry_run: bool = False
) -> dict[str, Any]:
    """Have it go on from there in the log as it is: {group, topic, partition, before, after}. What lies between is not
    read, if the way is forward; the service takes the position up at its next start, under another epoch.

    Raises NotThereError for a position that is not stored, NotPossibleError for an offset that the log does not hold.
    """
    for schema in SCHEMAS:
        position = (await _held(connection, schema)).get((group, place))
        if position is not None:
            break
    else:
        raise NotThereError(f"{group} has no stored position of {place[0]}/{place[1]}")
    first, end = (await ends_of(kafka, [place[0]]))[place]
    after = {"first": first, "end": end}[at] if isinstance(at, str) else at
    if not first <= after <= end:
        raise NotPossibleError(f"{place[0]}/{place[1]} holds no offset {after}: {first} to {end}")
    if not dry_run:
        async with connection.transaction():
            await connection.execute("select set_config('search_path', $1, true)", schema)
            await connection.fetchrow(
                "select 1 from checkpoints where consumer = $1 and topic = $2 and partition = $3 for update",
                group,
                *place,
            )
            await set_position(connection, group, place, after, who=by.who, why=by.why)
    names = {"group": group, "topic": place[0], "partition": place[1]}
    return {**names, "before": position.next_offset, "after": after}


async def _held(connection: Connection, schema: str) -> Held:
    if await connection.fetchval("select to_regclass($1)", f"{schema}.checkpoints") is None:
        return {}
    rows = await connection.fetch(
        f"select consumer, topic, partition, next_offset, epoch, landmark, copied from {schema}.checkpoints"  # noqa: S608 -- one of SCHEMAS
    )
    return {
        (row["consumer"], (row["topic"], row["partition"])): Position(
            row["next_offset"], row["epoch"], row["landmark"], row["copied"]
        )
        for row in rows
        if row["topic"] in PARTITIONS
    }


async def _judged(kafka: Kafka, group: str, held: dict[Place, Position]) -> list[dict[str, Any]]:
    partitions = {TopicPartition(kafka.topic_prefix + topic, number): (topic, number) for topic, number in held}
    logs = await look(kafka, group, {partition: held[place] for partition, place in partitions.items()})
    shapes = []
    for partition, place in sorted(partitions.items(), key=lambda item: item[1]):
        position, log = held[place], logs[partition]
        verdict = judge(position, log)
        shapes.append(
            {
                "topic": place[0],
                "partition": place[1],
                "next_offset": position.next_offset,
                "epoch": position.epoch,
                "first_offset": log.first,
                "end_offset": log.end,
                "recognised": None
                if position.landmark is None or log.before is None
                else log.before == position.landmark,
                "lost": verdict.lost,
                "refused": verdict.refused,
            }
        )
    return shapes
