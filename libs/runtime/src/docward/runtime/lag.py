"""How far every consumer is behind the end of its topics: in records, and in seconds.

Deciders and projections store their positions in Postgres, and these are taken; reactions commit theirs to Kafka.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from docward.events.topics import TOPICS
from docward.runtime.checkpoints import Place
from docward.runtime.kafka import reading
from docward.runtime.operating import SCHEMAS
from docward.runtime.positions import OURS
from docward.runtime.postgres import Connection
from docward.runtime.settings import Kafka

PARTITIONS = {topic.name: topic.partitions for topic in TOPICS}


async def lags(connection: Connection, kafka: Kafka) -> list[dict[str, Any]]:
    """Of every consumer and partition: `lag` in records, and `seconds` since the first of them was written."""
    positions = {**await _committed(kafka), **await _checkpoints(connection)}
    places = sorted({place for _, place in positions})
    async with reading(kafka) as consumer:
        ends = await _ends(consumer, kafka.topic_prefix, places)
        waiting = {(place, at) for (_, place), (at, _) in positions.items() if at < ends[place][1]}
        written = await _written(consumer, kafka.topic_prefix, {place: ends[place][0] for place in places}, waiting)
    now = time.time() * 1000
    return [
        {
            "group": consumer_name,
            "topic": place[0],
            "partition": place[1],
            "next_offset": at,
            "end_offset": ends[place][1],
            "lag": max(0, ends[place][1] - at),
            "seconds": round(max(0.0, now - written.get((place, at), now)) / 1000, 3),
            "stored": stored,
        }
        for (consumer_name, place), (at, stored) in sorted(positions.items())
    ]


async def ends_of(kafka: Kafka, topics: Iterable[str]) -> dict[Place, tuple[int, int]]:
    """First offset, and the one after the last, of every partition of these topics."""
    places = [(topic, number) for topic in sorted(set(topics)) for number in range(PARTITIONS[topic])]
    if not places:
        return {}
    async with reading(kafka) as consumer:
        return await _ends(consumer, kafka.topic_prefix, places)


async def _ends(consumer: AIOKafkaConsumer, prefix: str, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
    there = {place: TopicPartition(prefix + place[0], place[1]) for place in places}
    first = await consumer.beginning_offsets(list(there.values()))
    end = await consumer.end_offsets(list(there.values()))
    return {place: (first[partition], end[partition]) for place, partition in there.items()}


async def _checkpoints(connection: Connection) -> dict[tuple[str, Place], tuple[int, str]]:
    found = {}
    for schema in SCHEMAS:
        if await connection.fetchval("select to_regclass($1)", f"{schema}.checkpoints") is None:
            continue
        rows = await connection.fetch(f"select consumer, topic, partition, next_offset from {schema}.checkpoints")  # noqa: S608 -- one of SCHEMAS
        for row in rows:
            if row["topic"] in PARTITIONS:
                found[row["consumer"], (row["topic"], row["partition"])] = (row["next_offset"], "postgres")
    return found


async def _committed(kafka: Kafka) -> dict[tuple[str, Place], tuple[int, str]]:
    """Of the groups of this installation that keep their positions there."""
    prefix = kafka.topic_prefix
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers, request_timeout_ms=10_000)
    await admin.start()
    try:
        groups = sorted({group for group, *_ in await admin.list_consumer_groups() if group.startswith(prefix)})
        found = {}
        for group in groups:
            for partition, committed in (await admin.list_consumer_group_offsets(group)).items():
                place = (partition.topic.removeprefix(prefix), partition.partition)
                if committed.metadata.startswith(OURS):  # a copy: of what was dropped, one that stays behind
                    continue
                if partition.topic.startswith(prefix) and place[0] in PARTITIONS and committed.offset >= 0:
                    found[group.removeprefix(prefix), place] = (committed.offset, "kafka")
        return found
    finally:
        await admin.close()


async def _written(
    consumer: AIOKafkaConsumer, prefix: str, first: Mapping[Place, int], waiting: Iterable[tuple[Place, int]]
) -> dict[tuple[Place, int], int]:
    """When the record at each of these positions was written; milliseconds since the epoch."""
    found: dict[tuple[Place, int], int] = {}
    for place, at in sorted(waiting):
        partition = TopicPartition(prefix + place[0], place[1])
        consumer.assign([partition])
        consumer.seek(partition, max(at, first[place]))
        records = (await consumer.getmany(timeout_ms=1000, max_records=1)).get(partition, ())
        for record in records:
            found[place, at] = record.timestamp
    return found
