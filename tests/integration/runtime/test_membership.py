"""What a restart, a twin and a mistaken name do to who owns which partition."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

from aiokafka import TopicPartition

from docward.runtime.checkpoints import Checkpoints, Position
from docward.runtime.deciders import Decider
from docward.runtime.generations import prepare_schemas
from docward.runtime.service import unready
from installation import Installation, until
from integration.runtime.counter import COMMANDS, COUNTER, EVENTS, LETTERS, Added, a_counter, adds, history
from integration.runtime.test_projections import COUNTERS, VIEWS, a_projector, projecting
from integration.runtime.world import World, a_world, deciding, running


async def owns(decider: Decider, count: int) -> bool:
    return len(decider.loop.owned(COMMANDS.name)) == count


async def killed(world: World) -> None:
    """A process that owns everything, and then is no more: nobody says good-bye to the group."""
    decider = Decider("counter", [COUNTER], world.around, dead_letters=LETTERS)
    async with running(decider.loop, decider.relay):
        await until(lambda: owns(decider, 2))


async def test_a_replica_that_is_started_again_has_its_partitions_back_before_its_session_would_have_ended(
    world: World,
) -> None:
    await killed(world)
    started = time.monotonic()
    async with a_world(world.place) as again, deciding(again) as decider:
        await until(lambda: owns(decider, 2))
        took = time.monotonic() - started
    print(f"partitions back after {took:.2f} s (session {world.place.session_timeout_ms} ms)")
    assert took < world.place.session_timeout_ms / 1000


async def test_two_processes_of_one_name_take_turns_at_most_and_have_every_effect_once(world: World) -> None:
    """A mistake of whoever deploys: it costs rest, not correctness."""
    counter = a_counter()
    async with a_world(world.place) as twin, deciding(world) as one:
        await world.send(COMMANDS, adds(world.place, counter, [1] * 5))
        await until(lambda: owns(one, 2))
        async with deciding(twin) as other:
            await until(lambda: owns(other, 2))
            await world.send(COMMANDS, adds(world.place, counter, [1] * 5))
            await world.settled("counter", COMMANDS, {0: 10}, within=60)
        await world.send(COMMANDS, adds(world.place, counter, [1] * 5))
        await world.settled("counter", COMMANDS, {0: 15}, within=60)
        await world.relayed()
    found = [e.message.total for e in await world.events() if isinstance(e.message, Added)]
    assert list(dict.fromkeys(found)) == list(range(1, 16))


async def test_a_replica_that_gets_no_partition_is_a_member_and_ready(world: World) -> None:
    async with AsyncExitStack() as stack:
        loops = []
        for name in ("one", "two", "three"):  # the topic has two partitions
            replica = await stack.enter_async_context(a_world(world.place, name))
            loops.append((await stack.enter_async_context(deciding(replica))).loop)

        async def all_joined() -> bool:
            return sorted(len(loop.owned(COMMANDS.name)) for loop in loops) == [0, 1, 1] and not unready(loops)

        await until(all_joined, within=60)
        idle = next(loop for loop in loops if not loop.owned(COMMANDS.name))
        assert idle.joined
    assert unready([idle]) == {"counter": "is not in its group"}


async def test_a_stop_while_the_database_is_unreachable_still_ends(world: World) -> None:
    decider = Decider("counter", [COUNTER], world.around, dead_letters=LETTERS)
    broken: Any = decider.loop._ownership._checkpoints.pool
    await broken.close()
    task = asyncio.create_task(decider.loop.run())
    counted = world.pool.is_closing()
    assert counted

    async def backs_off() -> bool:
        return decider.loop._pause > 1.0

    await until(backs_off)
    decider.loop.stop()
    await asyncio.wait_for(task, 15)


async def test_a_replaced_owner_that_waited_for_the_lock_moves_nothing(world: World) -> None:
    """It read the row before its successor's commit; what counts is what stands there after it."""
    place = (COMMANDS.name, 0)
    checkpoints = Checkpoints(world.pool, "counter")
    held = await checkpoints.take_over(place, first=0)
    async with world.pool.acquire() as successor, world.pool.acquire() as replaced:
        transaction = successor.transaction()
        await transaction.start()
        await successor.execute("update checkpoints set epoch = epoch + 1")
        async with replaced.transaction():
            moving = asyncio.create_task(checkpoints.move(replaced, {place: held}, {place: 7}, {}))
            await until(lambda: waits_for_a_lock(world))
            await transaction.commit()
            assert await moving == {}
    assert await checkpoints.read(place) == Position(0, held.epoch + 1)


async def waits_for_a_lock(world: World) -> bool:
    return bool(await world.place.fetch("select 1 from pg_locks where not granted"))


async def test_fetching_that_ran_ahead_is_set_back_and_skips_nothing(world: World) -> None:
    counter = a_counter()
    async with deciding(world) as decider:
        await until(lambda: owns(decider, 2))
        partition = TopicPartition(world.place.prefix + COMMANDS.name, 0)
        consumer = decider.loop._ownership._consumer
        assert consumer is not None
        consumer.pause(partition)
        await world.send(COMMANDS, adds(world.place, counter, [1, 2, 3, 4, 5]))
        consumer.seek(partition, 3)
        consumer.resume(partition)
        await world.settled("counter", COMMANDS, {0: 5})
        await world.relayed()
    added = [event.message.amount for event in await world.events() if isinstance(event.message, Added)]
    assert added == [1, 2, 3, 4, 5]


async def test_two_projectors_of_one_name_leave_nothing_out_and_stop_nowhere(installation: Installation) -> None:
    async with a_projector(installation) as one, a_projector(installation) as twin:
        await prepare_schemas(one.pool, [COUNTERS], VIEWS)
        counters = [a_counter(number % 2) for number in range(10)]
        async with projecting(one) as first, projecting(twin) as second:
            for version in range(1, 13):
                await one.send(EVENTS, [r for c in counters for r in history(installation, c, [version])])
                await asyncio.sleep(0.3)
            await one.settled(COUNTERS.consumer, EVENTS, {0: 60, 1: 60}, within=60)
            assert (first.stopped, second.stopped) == ([], [])
        rows = await one.pool.fetch("select total from read.totals")
    assert [row["total"] for row in rows] == [12] * 10
