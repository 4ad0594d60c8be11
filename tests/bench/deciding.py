"""How fast commands of one partition are decided and their events published, beside bounds: the same rows, inserted.

Commands of about 500 bytes, one in five submits a document, the others edit it. Of a command's whole time, the share
that decoding and the proof of its signature take.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import asyncpg

from bench.installed import each, opened, rate, running, settled_memory
from docward.converter.documents import DOCUMENT
from docward.events.actor import Signer
from docward.events.codec import Codec, Encoded, Envelope, Record, encode, verified_actor
from docward.events.documents import EditDetails, SubmitDocument
from docward.events.messages import Actor, Command, ObjectRef, stream_id
from docward.events.topics import CONVERTER_DEAD_LETTERS, DOCUMENT_COMMANDS, DOCUMENT_EVENTS
from docward.localstack import Stack
from docward.runtime.deciders import Decider
from docward.runtime.infrastructure import DECIDING
from docward.runtime.kafka import partition_of
from installation import new_installation

PARTITION = 0
PER_DOCUMENT = 5
AT_ONCE = 500
SENDER = Actor(subject="a.quant@example.test", name="A. Quant", roles=("contributor",), groups=("indices",))
TYPES = {
    "events": "text int bigint text int uuid text int uuid timestamptz uuid uuid jsonb text bytea",
    "commands": "uuid text bytea timestamptz",
    "jobs": "uuid text uuid int jsonb uuid uuid jsonb text text int timestamptz uuid timestamptz text timestamptz"
    " timestamptz",
}
"""Of the columns, in the tables' order."""
WORDS = "This text says how the index is calculated, and who may change it when an input is late. " * 4


def commands(seed: int, number: int, signer: Signer) -> list[Encoded]:
    random = Random(seed)  # noqa: S311 -- the same in every run
    documents = [_document(random) for _ in range(number // PER_DOCUMENT)]
    return [
        _encoded(random, document, _submission(random) if turn == 0 else _change(turn), signer)
        for turn in range(PER_DOCUMENT)
        for document in documents
    ]


def _uuid(random: Random) -> UUID:
    return UUID(int=random.getrandbits(128), version=4)


def _document(random: Random) -> UUID:
    """One that lives in the partition."""
    while partition_of(str(ident := _uuid(random)).encode(), DOCUMENT_COMMANDS.partitions) != PARTITION:
        pass
    return ident


def _submission(random: Random) -> SubmitDocument:
    digest = f"{random.getrandbits(256):064x}"
    original = ObjectRef(uri=f"uploads/{digest[:32]}", sha256=digest, size=4000, media_type="text/markdown")
    return SubmitDocument(title="Index methodology", filename="index.md", original=original, description=WORDS[:150])


def _change(turn: int) -> EditDetails:
    return EditDetails(title=f"Index methodology, revised {turn} times", description=WORDS[: 250 + turn])


def _encoded(random: Random, document: UUID, message: Command, signer: Signer) -> Encoded:
    ident = _uuid(random)
    envelope = Envelope(
        id=ident,
        type=message.TYPE,
        source="/docward/gateway",
        time=datetime.fromtimestamp(1.8e9 + random.random() * 1e6, UTC),
        subject=stream_id("document", document),
        key=document,
        correlation_id=ident,
        actor=SENDER,
        traceparent=f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01",
    )
    return encode(envelope, message, signer)


async def decided(stack: Stack, folder: Path, seed: int, number: int) -> dict[str, float]:
    """Commands a second: from the record to its event on the event topic, and what the bound of it is."""
    async with (
        new_installation(stack, folder, session_timeout_ms=45_000) as place,
        opened(place, "converter", DECIDING, [DOCUMENT_COMMANDS, DOCUMENT_EVENTS, CONVERTER_DEAD_LETTERS]) as around,
    ):
        records = commands(seed, number, place.signer("gateway"))
        await around.publisher.write(DOCUMENT_COMMANDS, PARTITION, records)
        decider = Decider("converter-documents", [DOCUMENT], around, dead_letters=CONVERTER_DEAD_LETTERS)
        with settled_memory():
            async with running(decider.loop, decider.relay.run(), around.listener.run()):
                done = "select sum(least(next_offset, relayed)) from converter.checkpoints"
                speed = await rate(place, done, number)
        assert await around.pool.fetchval("select count(*) from parked") == 0
        return {"commands_per_s": speed, **await _written(place.dsn)}


async def _written(dsn: str) -> dict[str, float]:
    """Commands a second when nothing but their rows is written, in transactions of as many: inserted, and copied.

    Into tables with the same constraints and indexes, by the same driver, committed as durably, with one position moved
    in each. Easier than a decider's: the rows are at hand as the driver gave them, nothing is looked up or notified, no
    id is expected to be there, and neither a broker nor a relay shares the processors.
    """
    connection = await asyncpg.connect(dsn, server_settings={"search_path": "converter"})
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for table, order in (("events", "seq"), ("commands", "decided_at"), ("jobs", "created_at")):
        selected = await connection.fetch(f"select * from {table} order by {order}")  # noqa: S608 -- names of our own tables
        rows[table] = [tuple(row) for row in selected]
    number = len(rows["commands"])
    found = {}
    for name, write in (("bound_per_s", _insert), ("copy_bound_per_s", _copy)):
        for table in rows:
            await connection.execute(f"create table {table}_again (like {table} including all)")
        began = time.perf_counter()
        for start in range(0, number, AT_ONCE):
            async with connection.transaction():
                await connection.execute("update checkpoints set next_offset = next_offset + 500 where partition = 0")
                for table, all_rows in rows.items():
                    share = len(all_rows) / number
                    part = all_rows[round(start * share) : round((start + AT_ONCE) * share)]
                    await write(connection, table, part)
        found[name] = number / (time.perf_counter() - began)
        for table in rows:
            await connection.execute(f"drop table {table}_again")
    await connection.close()
    return found


async def _insert(connection: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    types = ", ".join(f"${n}::{each}[]" for n, each in enumerate(TYPES[table].split(), start=1))
    columns = [list(column) for column in zip(*rows, strict=True)]
    await connection.execute(f"insert into {table}_again select * from unnest({types})", *columns)  # noqa: S608 -- as above


async def _copy(connection: Any, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.copy_records_to_table(f"{table}_again", records=rows)


def costs(seed: int, number: int, signer: Signer) -> dict[str, float]:
    """Microseconds of a command that are spent on reading it, and on proving its sender."""
    codec = Codec(DOCUMENT_COMMANDS.types)
    keyring = {signer.key_id: signer.key}
    encoded = commands(seed, number, signer)
    records = [Record("document-commands", 0, n, 0, e.key, e.value, e.headers) for n, e in enumerate(encoded)]
    decoded = [codec.decode(record) for record in records[: number // 2]]
    with settled_memory():
        reading = each(number - len(decoded), lambda: [codec.decode(record) for record in records[len(decoded) :]])
        proving = each(len(decoded), lambda: [verified_actor(one, keyring) for one in decoded])
    return {"bytes": sum(e.size for e in encoded) / number, "decode_us": reading, "signature_us": proving}
