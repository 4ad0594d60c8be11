"""Whatever other systems publish: every record is decided, answered, forwarded, or set aside byte for byte.

500 records by default; `DOCWARD_FUZZ_RECORDS=10000` sends more, `DOCWARD_FUZZ_SEED` others.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

import httpx
import pytest

from docward.events.actor import Signer
from docward.events.codec import Codec, Headers, Record, verified_actor
from docward.events.errors import BadSignatureError, UndecodableError
from docward.events.messages import derived_id
from docward.events.topics import CONVERTER_DEAD_LETTERS, DOCUMENT_COMMANDS
from docward.runtime.deciders import FORWARDED, _digest
from docward.runtime.kafka import partition_of
from installation import KEYS, Installation, until
from integration.contracts.log import producing, read, write
from integration.contracts.strangers import PARTITIONS, Sent, Strangers

RECORDS = int(os.environ.get("DOCWARD_FUZZ_RECORDS", "500"))
SEED = int(os.environ.get("DOCWARD_FUZZ_SEED", "20261012"))
CODEC = Codec(DOCUMENT_COMMANDS.types)
KEYRING = {name: bytes.fromhex(key) for name, key in KEYS.items()}
Place = tuple[int, int]


def raw(headers: Headers) -> list[tuple[bytes, bytes | None]]:
    return [(key.encode("utf-8", "surrogateescape"), value) for key, value in headers]


def misplaced(record: Record) -> bool:
    """Whether it is a command, proven, that lies where it does not belong and was not forwarded."""
    with suppress(UndecodableError, BadSignatureError):
        decoded = CODEC.decode(record)
        verified_actor(decoded, KEYRING)
        key = str(decoded.envelope.key).encode()
        fits = decoded.envelope.subject == f"document:{decoded.envelope.key}"
        wrong = record.key != key or partition_of(key, PARTITIONS) != record.partition
        return fits and wrong and FORWARDED not in dict(record.headers)
    return False


def answers(record: Record) -> set[UUID]:
    """The ids under which its decision may be filed: its own, or that of an id used again with another body."""
    try:
        decoded = CODEC.decode(record)
    except UndecodableError:
        return set()
    return {decoded.envelope.id, derived_id("reused", decoded.envelope.id, _digest(decoded).hex())}


def outcome(record: Record, row: Any | None, decided: set[UUID], copies: Sequence[Record]) -> str:
    """What became of a record. `row` is where it is parked, if it is; `copies` are what the service wrote itself."""
    if row is not None:
        assert_identical(row, record)
        return str(row["reason"])
    if misplaced(record):
        assert any(is_copy(copy, record) for copy in copies), f"seed {SEED}: {record} was neither parked nor forwarded"
        return "forwarded"
    assert answers(record) & decided, f"seed {SEED}: {record} was neither parked nor decided"
    return "decided"


async def settled(installation: Installation, sent: int) -> Sequence[Record]:
    """Everything that lies in the topic, once the service's positions are behind all of it."""
    log: list[Record] = []

    async def all_settled() -> bool:
        nonlocal log
        rows = await installation.fetch("select partition, next_offset from converter.checkpoints")
        before = sum(row["next_offset"] for row in rows)
        if before < sent:
            return False
        log = await read(installation, DOCUMENT_COMMANDS)
        return before == len(log) and not await installation.fetch("select 1 from converter.parked where not mirrored")

    await until(all_settled, within=60 + RECORDS / 20, every=0.2)
    return log


async def ready(installation: Installation) -> bool:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{installation.ports['converter']}/health/ready")
        return answer.status_code == httpx.codes.OK


async def publish(installation: Installation) -> dict[Place, Sent]:
    strangers = Strangers(SEED, installation.signer("example"))
    sent: dict[Place, Sent] = {}
    topic = installation.prefix + DOCUMENT_COMMANDS.name
    async with producing(installation) as producer:
        while len(sent) < RECORDS:
            number, codec = strangers.batch(RECORDS - len(sent))
            sent |= await write(producer, topic, [strangers.record() for _ in range(number)], codec)
    return sent


async def test_no_record_of_a_stranger_is_lost_and_none_stops_the_service(installation: Installation) -> None:
    installation.start("converter")
    await installation.ready("converter")
    sent = await publish(installation)
    log = {(record.partition, record.offset): record for record in await settled(installation, len(sent))}
    assert len(sent) == RECORDS
    assert await ready(installation)
    for place, each in sent.items():
        assert (log[place].key, log[place].value, raw(log[place].headers)) == (each.key, each.value, raw(each.headers))

    rows = await installation.fetch("select * from converter.parked")
    parked = {(row["partition"], row["record_offset"]): row for row in rows}
    decided = {row["id"] for row in await installation.fetch("select id from converter.commands")}
    copies = [record for place, record in log.items() if place not in sent]
    outcomes = Counter(outcome(record, parked.get(place), decided, copies) for place, record in log.items())
    assert sum(outcomes.values()) == len(sent) + outcomes["forwarded"] == len(log)
    assert set(outcomes) == {"undecodable", "bad-signature", "wrong-partition", "forwarded", "decided"}
    await assert_answered(installation)
    await assert_mirrored(installation, parked)
    print(f"foreign publishers: {len(sent)} sent, {dict(outcomes)}")


def assert_identical(row: Any, record: Record) -> None:
    headers = list(zip(row["header_keys"], row["header_values"], strict=True))
    assert (row["key"], row["value"], headers) == (record.key, record.value, raw(record.headers))
    assert row["record_timestamp"] == record.timestamp
    assert not row["blocks"]


def is_copy(copy: Record, record: Record) -> bool:
    return copy.value == record.value and raw(copy.headers) == [*raw(record.headers), (FORWARDED.encode(), b"1")]


async def assert_answered(installation: Installation) -> None:
    """Every decided command led to events, rejections among them; each stream is whole."""
    unanswered = await installation.fetch(
        "select id from converter.commands where id not in (select causation_id from converter.events)"
    )
    assert unanswered == []
    gaps = await installation.fetch(
        "select stream_id from converter.events group by stream_id having max(version) <> count(*) or min(version) <> 1"
    )
    assert gaps == []


async def assert_mirrored(installation: Installation, parked: dict[Place, Any]) -> None:
    """The dead-letter topic holds every parked record as it was, with the reason behind its own headers."""
    letters = await read(installation, CONVERTER_DEAD_LETTERS)
    seen = set()
    for letter in letters:
        headers = raw(letter.headers)
        start = headers.index((b"dlq-topic", DOCUMENT_COMMANDS.name.encode()))
        notes = dict(headers[start:])
        place = int(notes[b"dlq-partition"] or b""), int(notes[b"dlq-offset"] or b"")
        row = parked[place]
        assert (letter.key, letter.value) == (row["key"], row["value"])
        assert headers[:start] == list(zip(row["header_keys"], row["header_values"], strict=True))
        assert notes[b"dlq-reason"] == row["reason"].encode()
        seen.add(place)
    assert seen == set(parked)


def lying(sent: Sent, offset: int = 0) -> Record:
    return Record(DOCUMENT_COMMANDS.name, sent.partition, offset, 0, sent.key, sent.value, sent.headers)


def test_a_record_that_was_skipped_is_seen() -> None:
    strangers = Strangers(SEED, Signer("example", KEYRING["example"]))
    for make in (strangers.noise, strangers.right, strangers.misplaced, strangers.forged):
        with pytest.raises(AssertionError):
            outcome(lying(make()), None, set(), [])


def test_a_record_that_was_parked_otherwise_than_it_lies_is_seen() -> None:
    record = lying(Strangers(SEED, Signer("example", KEYRING["example"])).right())
    row: dict[str, Any] = {
        "key": record.key,
        "value": record.value,
        "header_keys": [key for key, _ in raw(record.headers)],
        "header_values": [value for _, value in raw(record.headers)],
        "record_timestamp": 0,
        "blocks": False,
        "reason": "bad-signature",
    }
    assert outcome(record, row, set(), []) == "bad-signature"
    for change in ({"key": None}, {"value": b"{}"}, {"header_values": [*row["header_values"][:-1], None]}):
        with pytest.raises(AssertionError):
            outcome(record, row | change, set(), [])
