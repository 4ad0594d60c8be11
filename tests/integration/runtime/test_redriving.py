"""Marked records are settled in order, once, by the owner of their partition; what fails again stays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from docward.runtime.deciders import Decider
from docward.runtime.errors import FencedError
from docward.runtime.operating import Operator, Selection, heads, mark, republish, select_parked, unpublished
from installation import until
from integration.runtime.counter import COMMANDS, COUNTER, EVENTS, LETTERS, Add, Added, Break, a_counter, adds, command
from integration.runtime.world import World, deciding, running

OPERATOR = Operator("an operator", "the defect is mended")
SCHEMA = "counting"


def mended(world: World) -> Decider:
    """As after a deployment: what broke it adds nothing."""

    def decide(total: int, message: Any, request: Any) -> Any:
        return COUNTER.decide(total, Add(amount=0, note="mended") if isinstance(message, Break) else message, request)

    return Decider("counter", [replace(COUNTER, decide=decide)], world.around, dead_letters=LETTERS)


async def ask(world: World, action: Any, selection: Selection | None = None, *, exactly: bool = False) -> int:
    connection = await asyncpg.connect(world.place.dsn)
    try:
        rows = await select_parked(connection, SCHEMA, selection or Selection())
        return await mark(
            connection, SCHEMA, rows if exactly else await heads(connection, SCHEMA, rows), action, OPERATOR
        )
    finally:
        await connection.close()


async def parked(world: World, number: int) -> list[Any]:
    async def there() -> bool:
        rows = await world.parked()
        return len(rows) == number and all(row["mirrored"] and row["action"] is None for row in rows)

    await until(there)
    return await world.parked()


async def amounts(world: World, subject: str) -> list[int]:
    await world.relayed()
    return [
        decoded.message.amount
        for decoded in await world.events()
        if decoded.envelope.subject == subject and isinstance(decoded.message, Added)
    ]


async def actions(world: World) -> list[tuple[str, str, int]]:
    rows = await world.pool.fetch("select * from operator_actions order by id")
    return [(row["who"], row["verb"], row["record_offset"]) for row in rows]


async def test_a_key_is_redriven_in_order_with_what_queued_behind_and_nothing_overtakes(world: World) -> None:
    broken, fine = a_counter(), a_counter()
    records = [*adds(world.place, broken, [1]), command(world.place, broken, Break())]
    records += [*adds(world.place, broken, [2, 3]), *adds(world.place, fine, [7])]
    async with deciding(world):
        await world.send(COMMANDS, records)
        await parked(world, 3)
    decider = mended(world)
    async with running(decider.loop, decider.relay, world.around.listener):
        await ask(world, "redrive")
        await world.send(COMMANDS, adds(world.place, broken, [4]))
        await parked(world, 0)
        await world.settled("counter", COMMANDS, {0: 6})
        assert await amounts(world, f"counter:{broken}") == [1, 0, 2, 3, 4]
        assert await amounts(world, f"counter:{fine}") == [7]
    assert (await actions(world))[:4] == [
        (OPERATOR.who, "redrive", 1),
        (OPERATOR.who, "redriven", 1),
        ("docward", "redriven", 2),
        ("docward", "redriven", 3),
    ]


async def test_a_record_that_fails_again_stays_with_one_attempt_more_and_its_queue_with_it(world: World) -> None:
    broken = a_counter()
    async with deciding(world):
        await world.send(COMMANDS, [command(world.place, broken, Break()), *adds(world.place, broken, [1, 2])])
        await parked(world, 3)
        await ask(world, "redrive")

        async def tried_again() -> bool:
            return [row["attempts"] for row in await world.parked()] == [2, 1, 1]

        await until(tried_again)
        rows = await parked(world, 3)
        assert [row["reason"] for row in rows] == ["unexpected", "behind-parked", "behind-parked"]
        assert await amounts(world, f"counter:{broken}") == []
    letters = await world.read(LETTERS)
    assert [dict(letter.headers)["dlq-attempts"] for letter in letters] == [b"1", b"1", b"1", b"2"]


async def test_a_discarded_command_is_never_decided_and_unblocks_its_key(world: World) -> None:
    broken = a_counter()
    async with deciding(world):
        await world.send(COMMANDS, [command(world.place, broken, Break()), *adds(world.place, broken, [1, 2])])
        (head, *_) = await parked(world, 3)
        await ask(world, "discard", Selection(ids=[head["id"]]), exactly=True)
        await parked(world, 0)
        assert await amounts(world, f"counter:{broken}") == [1, 2]
    (kept,) = await world.pool.fetch("select * from operator_actions where verb = 'discarded'")
    assert (kept["key"], kept["value"]) == (head["key"], head["value"])


async def test_a_discard_in_the_queue_waits_for_its_turn(world: World) -> None:
    broken = a_counter()
    async with deciding(world):
        await world.send(COMMANDS, [command(world.place, broken, Break()), *adds(world.place, broken, [1, 2])])
        rows = await parked(world, 3)
        await ask(world, "discard", Selection(ids=[rows[1]["id"]]), exactly=True)
    decider = mended(world)
    async with running(decider.loop, decider.relay, world.around.listener):
        assert len(await world.parked()) == 3
        await ask(world, "redrive", Selection(ids=[rows[0]["id"]]))
        await parked(world, 0)
        assert await amounts(world, f"counter:{broken}") == [0, 2]


async def test_what_parked_alone_is_redriven_alone(world: World) -> None:
    """An unknown key's command, once its key is known; another one stays."""
    counter = a_counter()
    stranger = world.around.keyring.pop("gateway")  # type: ignore[attr-defined]  # a dict
    async with deciding(world):
        await world.send(COMMANDS, adds(world.place, counter, [1, 2]))
        rows = await parked(world, 2)
        assert {row["reason"] for row in rows} == {"bad-signature"}
        world.around.keyring["gateway"] = stranger  # type: ignore[index]  # as above
        await world.send(COMMANDS, adds(world.place, counter, [3]))
        await ask(world, "redrive", Selection(ids=[rows[1]["id"]]))
        await parked(world, 1)
        assert await amounts(world, f"counter:{counter}") == [3, 2]


async def test_a_command_that_was_decided_before_does_nothing_when_it_is_redriven(world: World) -> None:
    counter = a_counter()
    (once,) = adds(world.place, counter, [5])
    stranger = world.around.keyring.pop("gateway")  # type: ignore[attr-defined]  # as above
    async with deciding(world):
        await world.send(COMMANDS, [once])
        await parked(world, 1)
        world.around.keyring["gateway"] = stranger  # type: ignore[index]  # as above
        await world.send(COMMANDS, [once])
        await world.settled("counter", COMMANDS, {0: 2})
        await ask(world, "redrive")
        await parked(world, 0)
        assert await amounts(world, f"counter:{counter}") == [5]


async def test_a_long_queue_is_settled_in_order_over_several_transactions(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docward.runtime.redriving.AT_ONCE", 7)
    broken, other = a_counter(), a_counter()
    wanted = list(range(1, 41))
    async with deciding(world):
        await world.send(COMMANDS, [command(world.place, each, Break()) for each in (broken, other)])
        for amount in wanted:
            await world.send(COMMANDS, adds(world.place, broken, [amount]) + adds(world.place, other, [amount]))
        await parked(world, 82)
    decider = mended(world)
    async with running(decider.loop, decider.relay, world.around.listener):
        await ask(world, "redrive")
        await parked(world, 0)
        assert await amounts(world, f"counter:{broken}") == [0, *wanted]
        assert await amounts(world, f"counter:{other}") == [0, *wanted]


async def test_all_events_of_a_partition_are_published_again_behind_what_its_topic_holds(world: World) -> None:
    here, elsewhere = a_counter(0), a_counter(1)
    async with deciding(world):
        await world.send(COMMANDS, adds(world.place, here, [1, 2, 3]) + adds(world.place, elsewhere, [4]))
        await world.settled("counter", COMMANDS, {0: 3, 1: 1})
        await world.relayed()
        before = await world.read(EVENTS)
        async with world.pool.acquire() as connection:
            (row,) = await republish(connection, SCHEMA, COMMANDS.name, 0, OPERATOR)
        assert row["last_seq"] == 3
        await world.relayed()
        assert await unpublished(world.pool, SCHEMA, COMMANDS.name, None) == 0
    after = await world.read(EVENTS)
    assert [(r.key, r.value) for r in after if r.partition == 0] == [(r.key, r.value) for r in before[:3]] * 2
    assert [r for r in after if r.partition == 1] == before[3:]


async def test_an_owner_that_was_replaced_redrives_nothing(world: World) -> None:
    counter = a_counter()
    async with deciding(world):
        await world.send(COMMANDS, [command(world.place, counter, Break())])
        await parked(world, 1)
    await ask(world, "redrive")
    decider = mended(world)
    here = (COMMANDS.name, 0)
    position = await decider.loop._ownership._checkpoints.read(here)
    assert position is not None
    for stale in (replace(position, epoch=position.epoch - 1), replace(position, next_offset=0)):
        with pytest.raises(FencedError):
            await decider.loop._redriver.settle({here: stale})
    assert len(await world.parked()) == 1
    assert await world.pool.fetchval("select count(*) from events") == 0
    assert await decider.loop._redriver.settle({here: position})
    assert await world.parked() == []


async def test_records_of_two_logs_at_one_offset_have_their_own_fates(world: World) -> None:
    """The topic was made anew and accepted: another record lies where one is parked already."""
    old, new = a_counter(), a_counter()
    async with deciding(world):
        await world.send(COMMANDS, [command(world.place, old, Break())])
        await parked(world, 1)
    await world.pool.execute("update parked set record_timestamp = record_timestamp - 1000")
    await world.pool.execute("update checkpoints set next_offset = 0, landmark = null")
    await world.pool.execute("delete from commands")
    other = command(world.place, new, Break())
    await world.pool.execute(
        """
        insert into parked (consumer, topic, partition, record_offset, record_timestamp, key, value, header_keys,
            header_values, reason, blocks, error_class, error_message, attempts, first_failed_at, mirrored)
        select consumer, topic, partition, record_offset, record_timestamp + 500, $1, $2, $3, $4, reason, blocks,
            error_class, error_message, attempts, first_failed_at, true from parked
        """,
        other.key,
        other.value,
        [key.encode() for key, _ in other.headers],
        [value for _, value in other.headers],
    )
    await world.pool.execute("update checkpoints set next_offset = 1")

    def decide(total: int, message: Any, request: Any) -> Any:
        if request.aggregate_id == new:
            raise ArithmeticError("still broken")
        return COUNTER.decide(total, Add(amount=5), request)

    decider = Decider("counter", [replace(COUNTER, decide=decide)], world.around, dead_letters=LETTERS)
    async with running(decider.loop, decider.relay, world.around.listener):
        await ask(world, "redrive")
        (left,) = await parked(world, 1)
    assert (left["key"], left["attempts"]) == (other.key, 2)
    redriven = await world.pool.fetch("select key, record_timestamp from operator_actions where verb = 'redriven'")
    assert [(row["key"], row["record_timestamp"] < left["record_timestamp"]) for row in redriven] == [
        (str(old).encode(), True)
    ]
