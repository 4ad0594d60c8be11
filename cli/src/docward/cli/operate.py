"""The operators' verbs about topics: `topics`, `lag` and `republish`."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # not in its list of names
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)
from rich.table import Table

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.servers import Why, ask, database, kafka, operator
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.cli.terminal import listing
from docward.events.topics import TOPICS, Topic
from docward.runtime import operating
from docward.runtime.kafka import ensure_topics
from docward.runtime.lag import lags
from docward.runtime.operating import Operator
from docward.runtime.settings import Kafka
from docward.runtime.topics import described, differences

topics = typer.Typer(invoke_without_command=True, help="Show topics, compare them with their declaration, create them.")


@topics.callback()
def show_topics(context: typer.Context, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show every topic. JSON: a list of {topic, partitions, records, retention_ms, max_bytes, about}; records is null
    for a topic that is not there."""
    if context.invoked_subcommand is not None:
        return
    with exit_codes():
        rows = ask(described(kafka(data_dir)))
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
    listing(table)


@topics.command("diff")
def compare_topics(*, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show where topics differ from their declaration. JSON: a list of {topic, setting, is, should, applicable}; exit
    code 1 when there is a difference."""
    with exit_codes():
        found = ask(differences(kafka(data_dir)))
    _differences(found, json_output=json_output)
    if found:
        raise typer.Exit(codes.FAILED)


@topics.command("apply")
def apply_topics(*, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Create missing topics, and set what differs. Partitions never change: keys would move away from their order.

    JSON: as of `diff`, what differed before; exit code 1 when something is left that cannot be applied.
    """
    with exit_codes():
        found = ask(differences(kafka(data_dir)))
        ask(_apply(kafka(data_dir), found))
        left = ask(differences(kafka(data_dir)))
    _differences(found, json_output=json_output)
    if left:
        raise typer.Exit(codes.FAILED)


def _differences(found: list[dict[str, Any]], *, json_output: bool) -> None:
    if json_output:
        print(json.dumps(found))
        return
    for each in found:
        hint = "" if each["applicable"] else "  (never changed: growth is another generation of the topic)"
        print(f"{each['topic']}: {each['setting']} is {each['is']}, should be {each['should']}{hint}")
    if not found:
        print("every topic is as it is declared")


def lag(*, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show how far each consumer is behind, per partition: in records, and in seconds since the first of them came.

    JSON: a list of {group, topic, partition, next_offset, end_offset, lag, seconds, stored}; stored: where its position
    is, postgres or kafka.
    """
    with exit_codes():
        rows = ask(_lag(data_dir))
    if json_output:
        print(json.dumps(rows))
        return
    columns = {"group": "group", "topic": "topic", "partition": "partition", "next_offset": "next offset"}
    columns |= {"end_offset": "end offset", "lag": "lag", "seconds": "seconds"}
    table = Table(box=None, pad_edge=False)
    for key, column in columns.items():
        table.add_column(column, justify="left" if key in {"group", "topic"} else "right")
    for row in rows:
        table.add_row(*(str(row[key]) for key in columns))
    listing(table)


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


async def _apply(servers: Kafka, found: list[dict[str, Any]]) -> None:
    """Create what is missing and set what differs, each setting by itself: whatever else was set stays."""
    await ensure_topics(servers, TOPICS)
    wanted: dict[str, dict[str, str]] = {}
    for each in found:
        if each["applicable"] and each["setting"] != "exists":
            wanted.setdefault(each["topic"], {})[each["setting"]] = each["should"]
    if wanted:
        await asyncio.to_thread(_set, servers, wanted)


def _set(servers: Kafka, wanted: dict[str, dict[str, str]]) -> None:
    """aiokafka's admin knows only the call that resets what it is not told."""
    admin = AdminClient({"bootstrap.servers": servers.bootstrap_servers})
    resources = [
        ConfigResource(
            ConfigResource.Type.TOPIC,
            topic,
            incremental_configs=[
                ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
                for name, value in settings.items()
            ],
        )
        for topic, settings in wanted.items()
    ]
    for answer in admin.incremental_alter_configs(resources, request_timeout=10).values():
        try:
            answer.result(15)
        except KafkaException as error:
            raise ClientError(f"the broker refuses: {error}", codes.FAILED) from error


async def _lag(data_dir: Path) -> list[dict[str, Any]]:
    async with database(data_dir) as connection:
        return await lags(connection, kafka(data_dir))
