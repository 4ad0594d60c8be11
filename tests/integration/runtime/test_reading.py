"""How records are read from brokers that have nothing of most partitions."""

from __future__ import annotations

import asyncio
import os
import time

from aiokafka import TopicPartition

from docward.events.codec import Encoded
from docward.runtime.kafka import FETCH_BYTES, FETCH_WAIT_MS, closed, new_consumer
from integration.runtime.counter import COMMANDS
from integration.runtime.world import World

RECORD_BYTES = 200_000
ANSWERS = 5
RECORDS = ANSWERS * FETCH_BYTES // 2 // RECORD_BYTES


async def test_a_backlog_of_one_partition_does_not_wait_for_records_of_the_others(world: World) -> None:
    records = [Encoded(b"one", os.urandom(RECORD_BYTES), ()) for _ in range(RECORDS)]  # nothing that compresses
    await world.around.publisher.write(COMMANDS, 0, records)
    consumer = new_consumer(world.around.settings.kafka, "slow-reader")
    await consumer.start()
    partitions = [TopicPartition(world.place.prefix + COMMANDS.name, number) for number in range(COMMANDS.partitions)]
    consumer.assign(partitions)
    for partition in partitions:
        consumer.seek(partition, 0)
    read, waited = 0, []
    try:
        async with asyncio.timeout(60):
            while read < RECORDS:
                began = time.monotonic()
                read += sum(map(len, (await consumer.getmany(timeout_ms=1000, max_records=1)).values()))
                waited.append(time.monotonic() - began)
                await asyncio.sleep(0.012)  # longer for an answer's records than the client waits for them to be read
    finally:
        await closed(consumer)
    for_answers = sorted(waited)[1 - ANSWERS :]
    assert for_answers[0] < FETCH_WAIT_MS / 2000
