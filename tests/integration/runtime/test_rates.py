"""How fast one decider is on this machine: printed, for a person to judge. Only that all of it arrives is asserted."""

from __future__ import annotations

import asyncio
import time
from statistics import quantiles

from aiokafka import AIOKafkaConsumer, TopicPartition

from docward.events.codec import Encoded
from docward.runtime.kafka import partition_of
from integration.runtime.counter import COMMANDS, EVENTS, Add, a_counter, adds, command
from integration.runtime.world import World, deciding

BACKLOG = 3000
PER_SECOND, SECONDS = 200, 4


async def test_how_fast_a_backlog_of_one_partition_is_decided(world: World) -> None:
    counters = [a_counter() for _ in range(100)]
    records = [command(world.place, counters[n % 100], Add(amount=1, note="x" * 400)) for n in range(BACKLOG)]
    await world.around.publisher.write(COMMANDS, 0, records)
    started = time.monotonic()
    async with deciding(world):
        await world.settled("counter", COMMANDS, {0: BACKLOG}, within=60)
        decided = time.monotonic() - started
        await world.relayed()
        published = time.monotonic() - started
    print(f"\n{BACKLOG / decided:.0f} commands/s decided, {BACKLOG / published:.0f}/s published (joining included)")
    assert len(await world.events()) == BACKLOG


async def test_how_long_a_command_takes_to_its_event(world: World) -> None:
    counters = [a_counter(n % 2) for n in range(50)]
    consumer = AIOKafkaConsumer(bootstrap_servers=world.place.kafka, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(world.place.prefix + EVENTS.name, p) for p in range(EVENTS.partitions)])
    sent: dict[bytes, float] = {}
    took: list[float] = []
    total = PER_SECOND * SECONDS

    async def one(record: Encoded) -> None:
        sent[dict(record.headers)["ce_id"] or b""] = time.monotonic()
        await world.around.publisher._publisher._producer.send(  # type: ignore[attr-defined]
            world.place.prefix + COMMANDS.name,
            record.value,
            key=record.key,
            partition=partition_of(record.key, COMMANDS.partitions),
            headers=list(record.headers),
        )

    async def produce() -> None:
        begun = time.monotonic()
        for n in range(total):
            await asyncio.sleep(max(0.0, begun + n / PER_SECOND - time.monotonic()))
            await one(adds(world.place, counters[n % 50], [1])[0])

    try:
        async with deciding(world):
            producing = asyncio.create_task(produce())
            while len(took) < total:
                for raws in (await consumer.getmany(timeout_ms=50)).values():
                    arrived = time.monotonic()
                    took += [arrived - sent[dict(raw.headers)["ce_causationid"]] for raw in raws]
            await producing
    finally:
        await consumer.stop()
    steps = quantiles(took[PER_SECOND:], n=100)
    print(f"\ncommand to event at {PER_SECOND}/s: p50 {steps[49] * 1000:.0f} ms, p99 {steps[98] * 1000:.0f} ms")
