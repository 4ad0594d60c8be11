"""The operators' verbs about topics: `topics`, `lag` and `republish`."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from rich.console import Console
from rich.table import Table

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, operator, running_stack, topic_prefix
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.events.topics import TOPICS, Topic
from docward.runtime import operating
from docward.runtime.operating import Operator


def topics(*, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show every topic. JSON: a list of {topic, partitions, records, retention_ms, max_bytes, about}; records is null
    for a topic that is not there."""
    with exit_codes():
        rows = ask(_topics(*_broker(data_dir)))
    if json_output:
        print(json.dumps(rows))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("topic", "partitions", "records", "kept", "about"):
        table.add_column(column, justify="right" if column in {"partitions", "records"} else "left")
    for row in rows:
        kept = "for ever" if row["retention_ms"] == -1 else f"{row['retention_ms'] // 3_600_000} h"
        records = "missing" if row["records"] is None else str(row["records"])
        table.add_row(row["topic"], str(row["partitions"]), records, kept, row["about"])
    Console(highlight=False).print(table)


def lag(*, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show how many records each consumer has yet to read, per partition, as of its position in Kafka (which is a copy
    of the stored one, a few seconds old). JSON: a list of {group, topic, partition, next_offset, end_offset, lag}."""
    with exit_codes():
        rows = ask(_lag(*_broker(data_dir)))
    if json_output:
        print(json.dumps(rows))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("group", "topic", "partition", "next offset", "end offset", "lag"):
        table.add_column(column, justify="left" if column in {"group", "topic"} else "right")
    for row in rows:
        table.add_row(*(str(row[key]) for key in ("group", "topic", "partition", "next_offset", "end_offset", "lag")))
    Console(highlight=False).print(table)


def republish(
    name: Annotated[str, typer.Argument(metavar="TOPIC", help="An event topic.")],
    *,
    why: Why,
    partition: Annotated[int | None, typer.Option(min=0, help="Only this one.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait until all are published; 0: do not wait.")] = 300.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Publish all events of a topic again, from the event store, behind what the topic holds. Readers skip what they
    know. JSON: {topic, partitions, events, unpublished}; exit code 4 when not all are published in time."""
    with exit_codes():
        topic = next((each for each in TOPICS if each.name == name and name.endswith("-events")), None)
        if topic is None:
            raise ClientError(f"{name!r} is no event topic", codes.NOT_FOUND)
        if partition is not None and partition >= topic.partitions:
            raise ClientError(f"{name} has partitions 0 to {topic.partitions - 1}", codes.USAGE)
        if not yes:
            typer.confirm(f"Publish everything that {name} ever held again?", abort=True, err=True)
        shape = ask(_republish(data_dir, topic, partition, operator(why), timeout))
    if json_output:
        print(json.dumps(shape))
    else:
        print(
            f"{name}: {shape['events']} events of {len(shape['partitions'])} partitions, {shape['unpublished']} to go"
        )
    if shape["unpublished"]:
        raise typer.Exit(codes.TIMED_OUT)


async def _republish(
    data_dir: Path, topic: Topic, partition: int | None, by: Operator, timeout: float
) -> dict[str, Any]:
    (schema,) = topic.producers
    commands = topic.name.removesuffix("-events") + "-commands"
    async with database(data_dir) as connection:
        rows = await operating.republish(connection, schema, commands, partition, by)
        deadline = time.monotonic() + timeout
        while True:
            left = await operating.unpublished(connection, schema, commands, partition)
            if not left or time.monotonic() > deadline:
                return {
                    "topic": topic.name,
                    "partitions": sorted(row["partition"] for row in rows),
                    "events": sum(row["last_seq"] for row in rows),
                    "unpublished": left,
                }
            await asyncio.sleep(0.1)


def _broker(data_dir: Path) -> tuple[str, str]:
    """Bootstrap servers and topic prefix: of the environment, or of the local stack."""
    return running_stack(data_dir).kafka_bootstrap, topic_prefix()


async def _topics(bootstrap: str, prefix: str) -> list[dict[str, Any]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        there = await consumer.topics()
        rows = []
        for topic in TOPICS:
            name = prefix + topic.name
            records = None
            if name in there:
                partitions = [TopicPartition(name, number) for number in range(topic.partitions)]
                first = await consumer.beginning_offsets(partitions)
                end = await consumer.end_offsets(partitions)
                records = sum(end[p] - first[p] for p in partitions)
            rows.append(
                {
                    "topic": name,
                    "partitions": topic.partitions,
                    "records": records,
                    "retention_ms": topic.retention_ms,
                    "max_bytes": topic.max_bytes,
                    "about": topic.about,
                }
            )
        return rows
    finally:
        await consumer.stop()


async def _lag(bootstrap: str, prefix: str) -> list[dict[str, Any]]:
    ours = {prefix + topic.name for topic in TOPICS}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await consumer.start()
    try:
        rows = []
        for group in sorted({group for group, *_ in await admin.list_consumer_groups()}):
            offsets = await admin.list_consumer_group_offsets(group)
            places = sorted((p for p in offsets if p.topic in ours), key=lambda p: (p.topic, p.partition))
            end = await consumer.end_offsets(places) if places else {}
            rows += [
                {
                    "group": group,
                    "topic": place.topic,
                    "partition": place.partition,
                    "next_offset": offsets[place].offset,
                    "end_offset": end[place],
                    "lag": end[place] - offsets[place].offset,
                }
                for place in places
            ]
        return rows
    finally:
        await consumer.stop()
        await admin.close()
