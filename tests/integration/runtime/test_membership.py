"""What a restart, a twin and a mistaken name do to who owns which partition."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from docward.runtime.deciders import Decider
from installation import until
from integration.runtime.counter import COMMANDS, COUNTER, LETTERS, Added, a_counter, adds
from integration.runtime.world import World, a_world, deciding, running


async def owns(decider: Decider, count: int) -> bool:
    return len(decider.loop.owned(COMMANDS.name)) == count


async def killed(world: World) -> None:
    """A process that owns everything, and then is no more: nobody says good-bye to the group."""
    decider = Decider("counter", [COUNTER], world.around, dead_letters=LETTERS)
    async with running(decider.loop, decider.relay.run()):
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


async def test_a_stop_while_the_database_is_unreachable_still_ends(world: World) -> None:
    decider = Decider("counter", [COUNTER], world.around, dead_letters=LETTERS)
    broken: Any = decider.loop._checkpoints.pool
    await broken.close()
    task = asyncio.create_task(decider.loop.run())
    counted = world.pool.is_closing()
    assert counted

    async def backs_off() -> bool:
        return decider.loop._pause > 1.0

    await until(backs_off)
    decider.loop.stop()
    await asyncio.wait_for(task, 15)
