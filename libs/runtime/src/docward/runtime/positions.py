"""What a stored position means in the log as it is: asked whenever a partition is taken over.

A position goes on where the record before it is the one that was read then. Where the log does not hold it, or holds
something else there, it means nothing: the partition stops, and nothing jumps. What a tool has set in Kafka while
nobody ran is followed backwards only, and only to what the log holds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from docward.events.codec import Record
from docward.runtime.checkpoints import Position
from docward.runtime.kafka import closed, record_of
from docward.runtime.rawheaders import read_any_header
from docward.runtime.settings import Kafka

LOOK_WITHIN_S, LOOK_LONGEST_S = 5.0, 30.0
"""For the broker to show a log; what takes longer is an outage, and is tried again, with more time each time."""
OURS = "pg;"
"""How the metadata begins of a position that Docward has committed; a tool that sets one leaves it empty."""


@dataclass(frozen=True, slots=True)
class Log:
    """Of a partition, as it is."""

    first: int
    end: int
    """Of the record that is written next."""
    before: bytes | None
    """The landmark of the record before the position; None: no record lies there."""
    committed: OffsetAndMetadata
    """What Kafka holds as the group's position; offset -1: nothing."""


@dataclass(frozen=True, slots=True)
class Verdict:
    lost: str | None = None
    """Why the position means nothing in this log."""
    back_to: int | None = None
    """Where a tool has set the group back to."""
    refused: str | None = None
    """What a tool has set that is not followed."""


def judge(position: Position, log: Log) -> Verdict:
    lost, asked = _lost(position, log), log.committed.offset
    if log.committed.metadata.startswith(OURS) or asked == position.next_offset:
        return Verdict(lost)
    if asked < 0:  # a process may have ended before it gave Kafka its first copy
        return Verdict(lost, refused="Kafka's copy of the position is gone" if position.copied else None)
    # Of a log that is not recognised only the whole may be read: its beginning is not known to have been.
    if log.first <= asked < position.next_offset and (lost is None or asked == log.first):
        return Verdict(back_to=asked)
    where = "ahead of the stored position" if asked > position.next_offset else "no longer in the log"
    return Verdict(lost, refused=f"offset {asked} was set, {where} {position.next_offset}")


def _lost(position: Position, log: Log) -> str | None:
    if not log.first <= position.next_offset <= log.end:
        return f"position {position.next_offset} is not in the log ({log.first} to {log.end})"
    there_or_expired = position.next_offset == log.first or log.before == position.landmark
    if position.landmark is None or there_or_expired:
        return None
    return f"the record before position {position.next_offset} is another one: the log was made anew"


def landmark(record: Record) -> bytes:
    """By which a record is recognised, wherever it came from: time, key, value and headers, byte for byte."""
    digest = hashlib.blake2b(record.timestamp.to_bytes(8, "big", signed=True), digest_size=16)
    for part in (record.key, record.value, *(p for k, v in record.headers for p in (_bytes(k), v))):
        digest.update(b"\xff" * 4 if part is None else len(part).to_bytes(4, "big"))
        digest.update(part or b"")
    return digest.digest()


def _bytes(header_key: str) -> bytes:
    return header_key.encode("utf-8", "surrogateescape")


async def look(
    kafka: Kafka, group: str, positions: Mapping[TopicPartition, Position], within_s: float = LOOK_LONGEST_S
) -> dict[TopicPartition, Log]:
    """The logs around these positions. Raises operational errors, in bounded time."""
    read_any_header()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap_servers, enable_auto_commit=False, auto_offset_reset="none"
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    try:
        async with asyncio.timeout(within_s):
            await consumer.start()
            await admin.start()
            committed = await admin.list_consumer_group_offsets(kafka.topic_prefix + group, partitions=list(positions))
            first, end = await consumer.beginning_offsets(positions), await consumer.end_offsets(positions)
            asked = {p: o.next_offset - 1 for p, o in positions.items() if first[p] < o.next_offset <= end[p]}
            found = await _landmarks(consumer, asked, kafka.topic_prefix)
    finally:
        await closed(consumer)
        await admin.close()
    return {p: Log(first[p], end[p], found.get(p), committed[p]) for p in positions}


async def _landmarks(
    consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], prefix: str
) -> dict[TopicPartition, bytes]:
    """Of the records at these offsets, of those that are there."""
    if not offsets:
        return {}
    consumer.assign(list(offsets))
    for partition, offset in offsets.items():
        consumer.seek(partition, offset)
    found: dict[TopicPartition, bytes] = {}
    waited_for = set(offsets)
    while waited_for:
        for partition, (raw, *_) in (await consumer.getmany(*waited_for, timeout_ms=200)).items():
            waited_for.discard(partition)
            if raw.offset == offsets[partition]:
                found[partition] = landmark(record_of(raw, prefix))
        waited_for -= {p for p in waited_for if await consumer.position(p) > offsets[p]}
    return found
