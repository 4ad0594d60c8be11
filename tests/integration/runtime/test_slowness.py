"""Batches that are too much for one transaction: the database ends the session, and fewer records are tried."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from docward.runtime import batches, metrics, postgres
from docward.runtime.deciders import Decider
from installation import Installation, until
from integration.runtime.counter import COMMANDS, COUNTER, LETTERS, Add, a_counter, adds, command, decide
from integration.runtime.world import World, a_world, running

IDLE_S = 0.4


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that ends a session after less than half a second in a transaction without a word."""
    for session in (postgres.SESSION, postgres.BY_KEY):
        monkeypatch.setitem(session, "idle_in_transaction_session_timeout", f"{int(IDLE_S * 1000)}ms")
        monkeypatch.setitem(session, "lock_timeout", f"{int(IDLE_S * 1000)}ms")
    monkeypatch.setattr(batches, "SLOW_S", IDLE_S)


@pytest.fixture
async def world(impatient: None, installation: Installation) -> AsyncIterator[World]:
    async with a_world(installation) as one:
        yield one


def deciding_slowly(world: World) -> Decider:
    def slowly(total: int, asked: Any, request: Any) -> Any:
        time.sleep(float(asked.note or 0))  # work that holds the whole process
        return decide(total, asked, request)

    return Decider("counter", [replace(COUNTER, decide=slowly)], world.around, dead_letters=LETTERS)


async def test_a_batch_that_is_too_slow_is_done_in_parts(world: World) -> None:
    counter = a_counter()
    await world.send(COMMANDS, [command(world.place, counter, Add(amount=1, note="0.04")) for _ in range(40)])
    decider = deciding_slowly(world)
    async with running(decider.loop, decider.relay, world.around.listener):
        await world.settled("counter", COMMANDS, {0: 40}, within=60)
    assert await world.parked() == []
    assert await world.pool.fetchval("select count(*) from events") == 40


async def test_a_lock_that_somebody_else_holds_is_waited_for_and_is_no_record_s_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    outages = metrics.OUTAGES.labels("counter")._value
    decider = Decider("counter", [COUNTER], world.around, dead_letters=LETTERS)
    async with running(decider.loop, decider.relay, world.around.listener):
        await until(partial(_owns, decider))
        async with world.pool.acquire() as other, other.transaction():
            await other.execute("set local idle_in_transaction_session_timeout = 0")
            await other.execute("select 1 from checkpoints for update")
            before = outages.get()
            await world.send(COMMANDS, adds(world.place, a_counter(), [1, 1]))

            async def paused() -> bool:
                return bool(outages.get() >= before + 2)

            await until(paused)
        await world.settled("counter", COMMANDS, {0: 2}, within=60)
    assert await world.parked() == []


async def _owns(decider: Decider) -> bool:
    return len(decider.loop.owned(COMMANDS.name)) == 2


async def test_a_record_that_is_too_slow_by_itself_is_parked_and_the_others_go_on(world: World) -> None:
    slow, fine = a_counter(), a_counter()
    await world.send(
        COMMANDS, [command(world.place, slow, Add(amount=1, note="0.8")), *adds(world.place, fine, [1, 1])]
    )
    decider = deciding_slowly(world)
    async with running(decider.loop, decider.relay, world.around.listener):
        await world.settled("counter", COMMANDS, {0: 3}, within=60)
    assert [(r["record_offset"], r["reason"]) for r in await world.parked()] == [(0, "unexpected")]
    assert await world.pool.fetchval("select count(*) from events") == 2
