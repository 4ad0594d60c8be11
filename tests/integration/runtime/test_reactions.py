"""An event of one service becomes a command to another, under the same id however often it is delivered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from docward.events.codec import Envelope
from docward.events.messages import derived_id
from docward.runtime import reactions
from docward.runtime.limits import FAILED_IN_A_ROW
from docward.runtime.reactions import Outgoing, Reaction, ReactionLoop
from installation import until
from integration.runtime.counter import COMMANDS, EVENTS, LETTERS, Add, Added, a_counter, event, history
from integration.runtime.world import World, a_world, running


def react(envelope: Envelope, message: Any) -> Iterable[Outgoing]:
    if isinstance(message, Added):
        if message.note == "break":
            raise ZeroDivisionError("the reaction is broken")
        yield Outgoing(COMMANDS, "counter", envelope.key, Add(amount=message.total))


FOLLOW = Reaction("counting-follows", EVENTS, react)


@asynccontextmanager
async def reacting(world: World) -> AsyncIterator[ReactionLoop]:
    loop = ReactionLoop(FOLLOW, world.around, dead_letters=LETTERS)
    async with running(loop):
        yield loop


async def commands(world: World) -> list[str]:
    return [dict(record.headers)["ce_id"].decode() for record in await world.read(COMMANDS)]  # type: ignore[union-attr]


async def count_is(world: World, count: int) -> bool:
    return len(await world.read(COMMANDS)) >= count


async def test_the_same_event_gives_the_same_command(world: World) -> None:
    counter, ident = a_counter(), uuid4()
    record = event(world.place, counter, 1, Added(amount=1, total=1), ident)
    async with reacting(world):
        await world.send(EVENTS, [record, record])
        await until(lambda: count_is(world, 2))
    assert await commands(world) == [str(derived_id(FOLLOW.name, ident, 0))] * 2


async def test_a_record_that_cannot_be_reacted_to_is_parked_and_gone_past(world: World) -> None:
    counter = a_counter()
    bad = event(world.place, counter, 1, Added(amount=1, total=1))
    async with reacting(world):
        await world.send(
            EVENTS,
            [
                type(bad)(bad.key, b"{", (*bad.headers, ("reply_to", b"counter-commands"))),
                type(bad)(bad.key, bad.value, (("null", None), ("not-utf8", b"\xff"))),
                event(world.place, counter, 1, Added(amount=1, total=1, note="break")),
                *history(world.place, counter, [2]),
            ],
        )
        await until(lambda: count_is(world, 1))
        parked = await world.parked(FOLLOW.name)
        assert [(r["record_offset"], r["reason"], r["blocks"]) for r in parked] == [
            (0, "undecodable", False),
            (1, "undecodable", False),
            (2, "unexpected", False),
        ]
    letters = await world.read(LETTERS)
    assert [record.value for record in letters][:1] == [b"{"]
    assert len(letters) == 3


async def test_an_outage_pauses_and_loses_nothing(world: World) -> None:
    counter = a_counter()
    world.wire.cut = True
    async with reacting(world):
        await world.send(EVENTS, history(world.place, counter, [1, 2, 3]))

        async def refused() -> bool:
            return world.wire.refused > 1

        await until(refused)
        world.wire.cut = False
        await until(lambda: count_is(world, 3))
    assert len(set(await commands(world))) == 3
    assert await world.parked(FOLLOW.name) == []


async def test_a_reaction_that_fails_for_everything_stops_its_partition_and_goes_on_when_it_is_mended(
    world: World,
) -> None:
    """A bad release builds up a backlog; it does not empty the topic into the dead letters."""
    broken, fine = a_counter(0), a_counter(1)
    fails = [
        event(world.place, broken, version, Added(amount=1, total=version, note="break"))
        for version in range(1, FAILED_IN_A_ROW + 6)
    ]
    async with reacting(world) as loop:
        await world.send(EVENTS, fails)
        await until(lambda: is_stopped(loop))
        await world.send(EVENTS, history(world.place, fine, [1, 2]))  # their acknowledgement covers no other partition
        await until(lambda: count_is(world, 2))
    assert [row["record_offset"] for row in await world.parked(FOLLOW.name)] == list(range(FAILED_IN_A_ROW))

    mended = ReactionLoop(replace(FOLLOW, react=always_reacts), world.around, dead_letters=LETTERS)
    async with running(mended):
        await until(lambda: count_is(world, 2 + len(fails) - FAILED_IN_A_ROW))
        assert mended.stopped == []
    assert len(await world.parked(FOLLOW.name)) == FAILED_IN_A_ROW


def always_reacts(envelope: Envelope, message: Any) -> Iterable[Outgoing]:
    yield Outgoing(COMMANDS, "counter", envelope.key, Add(amount=message.total))


async def is_stopped(loop: ReactionLoop) -> bool:
    return loop.stopped == [f"{EVENTS.name}/0"]


async def test_a_replica_that_joins_meanwhile_takes_its_share_and_nothing_is_lost(world: World) -> None:
    first, second = a_counter(0), a_counter(1)
    async with reacting(world), a_world(world.place, "two") as other:
        await world.send(EVENTS, history(world.place, first, [1, 2]) + history(world.place, second, [1, 2]))
        async with reacting(other):
            await world.send(EVENTS, history(world.place, first, [3, 4]) + history(world.place, second, [3, 4]))
            await until(lambda: count_is(world, 8), within=60)
            await until(lambda: distinct(world, 8), within=60)


async def distinct(world: World, count: int) -> bool:
    return len(set(await commands(world))) == count


async def test_a_client_that_hangs_while_records_wait_is_seen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reactions, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(reactions, "REDRIVE_EVERY_S", 0.1)
    counter = a_counter()
    async with reacting(world) as loop:
        await world.send(EVENTS, history(world.place, counter, [1]))
        await until(lambda: count_is(world, 1))
        idle_since = time.monotonic()
        await until(lambda: passed(idle_since + 1.5))
        assert time.monotonic() - loop.beat < 1, "it waits for records, and would notice one"
        monkeypatch.setattr(AIOKafkaConsumer, "getone", hangs)
        await world.send(EVENTS, history(world.place, counter, [2, 3]))  # the call that waits already takes one
        await until(lambda: count_is(world, 2))
        await until(lambda: passed(loop.beat + 2))


async def passed(moment: float) -> bool:
    return time.monotonic() > moment


async def test_a_client_that_says_nothing_while_the_broker_answers_others_is_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, others = asyncio.Event(), AIOKafkaConsumer.end_offsets

    async def end_offsets(consumer: AIOKafkaConsumer, partitions: Any) -> Any:
        if consumer._group_id is None:
            return await others(consumer, partitions)
        asked.set()
        return await asyncio.Event().wait()

    monkeypatch.setattr(reactions, "LOOK_EVERY_S", 0.2)
    monkeypatch.setattr(reactions, "ACK_WITHIN_S", 2.0)
    async with reacting(world) as loop:
        await until(lambda: is_member(loop))
        monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", end_offsets)
        await asked.wait()
        beat = loop.beat
        await until(lambda: passed(beat + 6))
        assert loop.beat == beat


async def is_member(loop: ReactionLoop) -> bool:
    return loop.joined


async def hangs(*_: object) -> None:
    await asyncio.Event().wait()
