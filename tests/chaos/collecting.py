"""Reads what a run left behind: the topics from their first record, the tables, the objects."""

# ruff: noqa: S608  # names of our own schemas

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from chaos.history import History, Job, Letter, Logged, Parked, Published, Regression, Stored
from chaos.load import MARK
from chaos.model import as_text, projected, shown
from docward.analyzer.reactions import ANALYSE_CONVERTED_VERSIONS
from docward.events.codec import Codec, Headers, Record, envelope_of, timestamp, verified_actor
from docward.events.errors import BadSignatureError, UndecodableError
from docward.events.messages import derived_id
from docward.events.topics import ANALYSIS_COMMANDS, DOCUMENT_COMMANDS, POLICY_COMMANDS, PROGRESS, TOPICS, Topic
from docward.projector.projections import PROJECTIONS
from docward.runtime.kafka import partition_of, record_of
from docward.runtime.rawheaders import header_key, read_any_header
from installation import KEYS, Installation

DECIDERS = {
    DOCUMENT_COMMANDS.name: "converter-documents",
    POLICY_COMMANDS.name: "analyzer-policies",
    ANALYSIS_COMMANDS.name: "analyzer-analyses",
}
REACTION = ANALYSE_CONVERTED_VERSIONS
DECIDING = ("converter", "analyzer")
PARKING = (*DECIDING, "projector")
KEYRING = {name: bytes.fromhex(key) for name, key in KEYS.items()}

WATCH = """
create schema chaos;
create table chaos.regressions (id serial, what text, before bigint, after bigint);
create function chaos.position_fell() returns trigger language plpgsql as $$
begin
    insert into chaos.regressions (what, before, after)
    select format('%s of %s on %s/%s', n.name, old.consumer, old.topic, old.partition), n.before, n.after
    from (values ('next_offset', old.next_offset, new.next_offset), ('last_seq', old.last_seq, new.last_seq),
        ('relayed', old.relayed, new.relayed)) as n (name, before, after) where n.after < n.before;
    return null;
end $$;
create function chaos.version_fell() returns trigger language plpgsql as $$
begin
    insert into chaos.regressions (what, before, after)
    values (format('version of %s in %s', old.stream_id, old.projection), old.version, new.version);
    return null;
end $$;
create trigger fell after update on projector.stream_versions for each row
    when (new.version < old.version) execute function chaos.version_fell();
"""
WATCH_POSITIONS = """
create trigger fell after update on {schema}.checkpoints for each row
    when (new.next_offset < old.next_offset or new.last_seq < old.last_seq or new.relayed < old.relayed)
    execute function chaos.position_fell();
"""


@asynccontextmanager
async def connected(place: Installation) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(place.dsn, timeout=10)
    try:
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        yield connection
    finally:
        await connection.close()


async def watch(place: Installation) -> None:
    """From here on, write down every number that falls and may only grow. When the tables are there."""
    async with connected(place) as connection, connection.transaction():
        await connection.execute(WATCH + "".join(WATCH_POSITIONS.format(schema=schema) for schema in PARKING))


async def read(place: Installation, topics: Iterable[Topic]) -> dict[str, list[Record]]:
    """Everything in the topics, partition by partition."""
    read_any_header()
    consumer = AIOKafkaConsumer(bootstrap_servers=place.kafka, auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        await consumer.start()
        places = [TopicPartition(place.prefix + t.name, p) for t in topics for p in range(t.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: dict[str, list[Record]] = {topic.name: [] for topic in topics}
        while any([await consumer.position(each) < ends[each] for each in places if ends[each]]):
            for raws in (await consumer.getmany(timeout_ms=200, max_records=5000)).values():
                for raw in raws:
                    record = record_of(raw, place.prefix)
                    found[record.topic].append(record)
        return {name: sorted(records, key=lambda r: (r.partition, r.offset)) for name, records in found.items()}
    finally:
        await consumer.stop()


async def open_work(place: Installation) -> list[str]:
    """What is still under way, in words; empty: the system is at rest."""
    ends = await _ends(place)
    at = {(REACTION.name, REACTION.topic.name, partition): to for partition, to in (await _committed(place)).items()}
    numbers: dict[str, int] = {}
    async with connected(place) as connection:
        for schema in PARKING:
            for row in await connection.fetch(f"select * from {schema}.checkpoints"):
                at[row["consumer"], row["topic"], row["partition"]] = row["next_offset"]
                numbers[f"events of {row['consumer']}/{row['partition']} to relay"] = row["last_seq"] - row["relayed"]
            mirrored = await connection.fetchval(f"select count(*) from {schema}.parked where not mirrored")
            numbers[f"records of {schema} to mirror"] = mirrored
        for schema in DECIDING:
            jobs = await connection.fetchval(f"select count(*) from {schema}.jobs where state <> 'done'")
            numbers[f"jobs of {schema}"] = jobs
    for consumer, topic in _subscriptions():
        for partition in range(6):
            lag = ends[topic, partition] - at.get((consumer, topic, partition), 0)
            numbers[f"records of {topic}/{partition} for {consumer}"] = lag
    return [f"{number} {what}" for what, number in numbers.items() if number > 0]


def _subscriptions() -> Iterator[tuple[str, str]]:
    for topic, consumer in DECIDERS.items():
        yield consumer, topic
    for projection in PROJECTIONS:
        for each in projection.topics:
            yield projection.consumer, each.name
    yield REACTION.name, REACTION.topic.name


async def _ends(place: Installation) -> dict[tuple[str, int], int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=place.kafka)
    try:
        await consumer.start()
        places = [TopicPartition(place.prefix + t.name, p) for t in TOPICS for p in range(t.partitions)]
        ends = await consumer.end_offsets(places)
        return {(each.topic.removeprefix(place.prefix), each.partition): end for each, end in ends.items()}
    finally:
        await consumer.stop()


async def _committed(place: Installation) -> dict[int, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=place.kafka)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(place.prefix + REACTION.name)
        return {each.partition: found.offset for each, found in offsets.items()}
    finally:
        await admin.close()


async def collect(place: Installation, acknowledged: Sequence[UUID | str]) -> History:
    """The facts of a system at rest."""
    topics = await read(place, [topic for topic in TOPICS if topic is not PROGRESS])
    objects = _objects(place)
    commands = [logged for name in DECIDERS for logged in _logged(topics[name])]
    commands_at = {record.place: record.command for record in commands}
    async with connected(place) as connection:
        return History(
            acknowledged=acknowledged,
            commands=commands,
            stored=[event for schema in DECIDING for event in await _stored(connection, schema)],
            published=[each for name in topics if name.endswith("-events") for each in _published(topics[name])],
            foreign=[each for name in topics if name.endswith("-events") for each in _foreign(topics[name])],
            parked=[item for schema in PARKING for item in await _parked(connection, schema, commands_at)],
            letters=[_letter(r) for name in topics if name.endswith("-dead-letters") for r in topics[name]],
            jobs=[job for schema in DECIDING for job in await _jobs(connection, schema)],
            owed=dict(_owed(topics[REACTION.topic.name])),
            operations=dict(await connection.fetch("select operation_id, status from read.operations")),
            objects={uri: hashlib.sha256(data).hexdigest() for uri, data in objects.items()},
            regressions=[
                Regression(row["what"], row["before"], row["after"])
                for row in await connection.fetch("select * from chaos.regressions order by id")
            ],
            **await _read_models(connection, topics, objects),
        )


def _digest(key: bytes | None, value: bytes | None, headers: Headers) -> str:
    return hashlib.sha256(repr((key, value, headers)).encode("utf-8", "backslashreplace")).hexdigest()


def _logged(records: Sequence[Record]) -> Iterator[Logged]:
    codecs = {topic.name: Codec(topic.types) for topic in TOPICS}
    for record in records:
        command, home = None, True
        try:
            decoded = codecs[record.topic].decode(record)
            verified_actor(decoded, KEYRING)
            command = decoded.envelope.id
            home = partition_of(str(decoded.envelope.key).encode(), 6) == record.partition
        except (UndecodableError, BadSignatureError):
            pass
        mark = next((value for key, value in record.headers if key == MARK), None)
        yield Logged(
            _place(record),
            _digest(record.key, record.value, record.headers),
            command,
            mark=mark.decode() if mark else None,
            home=home,
            consumer=DECIDERS[record.topic],
        )


def _place(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


async def _stored(connection: asyncpg.Connection, schema: str) -> list[Stored]:
    return [
        Stored(
            topic=row["topic"],
            partition=row["partition"],
            seq=row["seq"],
            stream=row["stream_id"],
            version=row["version"],
            id=row["id"],
            type=row["type"],
            digest=_said(timestamp(row["time"]), row["body"]),
            causation=row["causation_id"],
            refs=tuple(_refs(json.loads(row["body"]))),
        )
        for row in await connection.fetch(f"select * from {schema}.events")
    ]


def _said(time: str, body: bytes) -> str:
    return hashlib.sha256(time.encode() + b"\n" + body).hexdigest()


def _refs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if {"uri", "sha256", "size"} <= value.keys():
            yield value["uri"], value["sha256"]
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def _published(records: Sequence[Record]) -> Iterator[Published]:
    for record in records:
        try:
            envelope = envelope_of(record)
        except UndecodableError:
            continue
        said = _said(timestamp(envelope.time), record.value or b"")
        yield Published(_place(record), envelope.subject, envelope.stream_version or 0, envelope.id, said)


def _foreign(records: Sequence[Record]) -> Iterator[tuple[str, tuple[str, int, int], str]]:
    for record in records:
        try:
            envelope_of(record)
        except UndecodableError:
            readers = [p.consumer for p in PROJECTIONS if record.topic in {topic.name for topic in p.topics}]
            readers += [REACTION.name] if record.topic == REACTION.topic.name else []
            for consumer in readers:
                yield consumer, _place(record), _digest(record.key, record.value, record.headers)


async def _parked(
    connection: asyncpg.Connection, schema: str, commands: Mapping[tuple[str, int, int], UUID | None]
) -> list[Parked]:
    found = []
    for row in await connection.fetch(f"select * from {schema}.parked order by id"):
        headers = zip(map(header_key, row["header_keys"]), row["header_values"], strict=True)
        place = (row["topic"], row["partition"], row["record_offset"])
        digest = _digest(row["key"], row["value"], tuple(headers))
        command = commands.get(place) if row["consumer"] == DECIDERS.get(row["topic"]) else None
        found.append(Parked(row["consumer"], place, digest, command))
    return found


def _letter(record: Record) -> Letter:
    notes = {key: (value or b"").decode() for key, value in record.headers if key.startswith("dlq-")}
    original = tuple(header for header in record.headers if not header[0].startswith("dlq-"))
    place = (notes["dlq-topic"], int(notes["dlq-partition"]), int(notes["dlq-offset"]))
    return Letter(notes["dlq-group"], place, _digest(record.key, record.value, original))


async def _jobs(connection: asyncpg.Connection, schema: str) -> list[Job]:
    return [
        Job(
            row["id"],
            row["command_id"],
            row["state"],
            None if row["last_error"] else derived_id(row["command_id"], derived_id(row["id"], "complete"), "event", 1),
        )
        for row in await connection.fetch(f"select * from {schema}.jobs")
    ]


def _owed(records: Sequence[Record]) -> Iterator[tuple[UUID, UUID]]:
    codec = Codec(REACTION.topic.types)
    for record in records:
        try:
            decoded = codec.decode(record)
        except UndecodableError:
            continue
        for index, _ in enumerate(REACTION.react(decoded.envelope, decoded.message)):
            yield decoded.envelope.id, derived_id(REACTION.name, decoded.envelope.id, index)


def _objects(place: Installation) -> dict[str, bytes]:
    root = place.objects
    files = (path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".partial-"))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


async def _read_models(
    connection: asyncpg.Connection, topics: Mapping[str, Sequence[Record]], objects: Mapping[str, bytes]
) -> dict[str, Any]:
    """The tables as they are, and as they should be."""
    are: dict[str, dict[str, str]] = {}
    should: dict[str, dict[str, str]] = {}
    for projection in PROJECTIONS:
        records = [record for topic in projection.topics for record in topics[topic.name]]
        tables = projected(projection, records, KEYRING, objects)
        names = await connection.fetch("select tablename from pg_tables where schemaname = $1", projection.schema)
        for (name,) in names:
            rows = await connection.fetch(f'select * from "{projection.schema}"."{name}"')
            key = tables.keys.get(name) or [column for row in rows[:1] for column in row.keys()]  # noqa: SIM118 -- a row's keys are its columns
            are[f"{projection.schema}.{name}"] = shown(rows, key, tables.rows.get(name, {}))
        for name, found in as_text(tables).items():
            should[f"{projection.schema}.{name}"] = found
    return {"shown": are, "projected": should}
