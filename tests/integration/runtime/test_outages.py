"""The broker goes away and comes back: everybody waits, nothing is lost, and no process has to be started again."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from docward.localstack.servers import Server
from docward.localstack.stack import Stack
from docward.runtime.errors import BrokerUnavailableError, TooLargeError
from docward.runtime.kafka import PUBLISH_TIMEOUT_S
from docward.runtime.service import STALE_S
from installation import new_installation, started_servers, until
from integration.runtime.counter import COMMANDS, EVENTS, Added, a_counter, adds, history
from integration.runtime.world import World, a_world, deciding


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A broker that may be stopped without harm to another test."""
    with started_servers(tmp_path_factory.mktemp("own-servers")) as stack:
        yield stack


@pytest.fixture
async def world(own_servers: Stack, tmp_path: Path) -> AsyncIterator[World]:
    async with new_installation(own_servers, tmp_path) as place, a_world(place) as one:
        yield one


def the_broker(stack: Stack) -> Server:
    return next(server for name, server in stack.servers.items() if name.startswith("kafka"))


def in_order(totals: list[int]) -> list[int]:
    """First appearances; what comes again is a run from an earlier number."""
    for before, after in itertools.pairwise(totals):
        assert after <= before + 1, totals
    return list(dict.fromkeys(totals))


async def totals(world: World) -> list[int]:
    return [e.message.total for e in await world.events() if isinstance(e.message, Added)]


async def test_a_record_that_its_topic_does_not_take_is_refused_and_harms_no_later_one(world: World) -> None:
    publisher, counter = world.around.publisher, a_counter()
    first, *others = history(world.place, counter, [1, 2, 3])
    await publisher.write(EVENTS, 0, [first])
    with pytest.raises(TooLargeError):
        await publisher.write(EVENTS, 0, [type(first)(first.key, os.urandom(600_000), ()), others[0]])
    await publisher.write(EVENTS, 0, others)
    assert await totals(world) == [1, 2, 3]


async def test_while_the_broker_is_away_writes_say_so_in_bounded_time_and_order_is_kept_afterwards(
    world: World, own_servers: Stack
) -> None:
    publisher, counter = world.around.publisher, a_counter()
    run = history(world.place, counter, list(range(1, 9)))
    await publisher.write(EVENTS, 0, run[:2])
    broker = the_broker(own_servers)
    await asyncio.to_thread(broker.stop)
    for _ in range(2):
        started = time.monotonic()
        with pytest.raises(BrokerUnavailableError):
            await publisher.write(EVENTS, 0, run[2:])
        took = time.monotonic() - started
        print(f"refused after {took:.1f} s")
        assert took < PUBLISH_TIMEOUT_S + 2
    await asyncio.to_thread(broker.start)

    async def written() -> bool:
        try:
            await publisher.write(EVENTS, 0, run[2:])
        except BrokerUnavailableError:
            return False
        return True

    await until(written, within=60)
    assert in_order(await totals(world)) == list(range(1, 9))


async def test_a_process_can_end_while_the_broker_is_away(own_servers: Stack, tmp_path: Path) -> None:
    broker = the_broker(own_servers)
    async with new_installation(own_servers, tmp_path) as place, a_world(place) as one:
        await asyncio.to_thread(broker.stop)
        with pytest.raises(BrokerUnavailableError):
            await one.around.publisher.write(EVENTS, 0, history(place, a_counter(), [1]))
        started = time.monotonic()
    assert time.monotonic() - started < 8
    await asyncio.to_thread(broker.start)


async def test_a_decider_waits_for_its_broker_and_goes_on(world: World, own_servers: Stack) -> None:
    counter = a_counter()
    async with deciding(world) as decider:
        await world.send(COMMANDS, adds(world.place, counter, [1] * 20))
        await world.settled("counter", COMMANDS, {0: 5})
        broker = the_broker(own_servers)
        await asyncio.to_thread(broker.kill)
        decider.loop._mirror_at = 0.0
        gone = time.monotonic()
        oldest = 0.0
        while time.monotonic() < gone + 8:
            await asyncio.sleep(0.1)
            oldest = max(oldest, time.monotonic() - decider.loop.beat)
        print(f"the loop came round every {oldest:.1f} s at least while there was no broker")
        assert oldest < STALE_S / 3
        await asyncio.to_thread(broker.start)
        started = time.monotonic()
        await world.settled("counter", COMMANDS, {0: 20}, within=60)
        print(f"settled {time.monotonic() - started:.1f} s after the broker was back")
        await world.send(COMMANDS, adds(world.place, counter, [1] * 5))
        await world.settled("counter", COMMANDS, {0: 25}, within=60)
        await world.relayed(within=60)
    assert in_order(await totals(world)) == list(range(1, 26))
    assert await world.parked() == []
