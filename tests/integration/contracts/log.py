"""Topics as bytes: batches of any codec written, and everything read that lies in a topic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder

from docward.events.codec import Record
from docward.events.topics import Topic
from docward.runtime.kafka import record_of
from docward.runtime.rawheaders import AnyHeaderBatch, needs_any_header, read_any_header
from installation import Installation
from integration.contracts.strangers import Sent

BATCH_BYTES = 900_000
"""Of a batch that is not compressed: the topic takes little more."""
ROOM = 4 * 1024 * 1024
ZSTD = 4


@asynccontextmanager
async def producing(installation: Installation) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=installation.kafka, acks="all", max_request_size=ROOM)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def write(
    producer: AIOKafkaProducer, topic: str, records: Sequence[Sent], codec: int
) -> dict[tuple[int, int], Sent]:
    """The records where they lie, by partition and offset. They travel in as few batches as they fit into."""
    lies: dict[tuple[int, int], Sent] = {}
    for partition, group in groupby(sorted(records, key=lambda sent: sent.partition), key=lambda sent: sent.partition):
        waiting = list(group)
        while waiting:
            taken = [waiting.pop(0)]
            size = len(taken[0].value or b"")
            while waiting and size + len(waiting[0].value or b"") < BATCH_BYTES / 2:
                size += len(waiting[0].value or b"")
                taken.append(waiting.pop(0))
            batch = _batch(taken, ZSTD if size > BATCH_BYTES else codec)
            placed = await (await producer.send_batch(batch, topic, partition=partition))
            lies |= {(partition, placed.offset + index): sent for index, sent in enumerate(taken)}
    return lies


def _batch(records: Sequence[Sent], codec: int) -> BatchBuilder:
    strange = any(needs_any_header(sent.headers) for sent in records)
    batch = AnyHeaderBatch(ROOM, codec) if strange else BatchBuilder(ROOM, codec)
    for sent in records:
        assert batch.append(timestamp=None, key=sent.key, value=sent.value, headers=list(sent.headers)) is not None
    return batch


async def read(installation: Installation, topic: Topic) -> list[Record]:
    read_any_header()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=installation.kafka,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=ROOM,
    )
    await consumer.start()
    try:
        places = [TopicPartition(installation.prefix + topic.name, number) for number in range(topic.partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        found: list[Record] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for raws in (await consumer.getmany(timeout_ms=200)).values():
                found += [record_of(raw, installation.prefix) for raw in raws]
        return found
    finally:
        await consumer.stop()
