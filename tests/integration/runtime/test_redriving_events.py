"""Parked events are redriven in the order of their stream; a discarded one leaves no gap. Reactions redrive too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from typing import Any

import pytest

from docward.events.codec import Encoded, Envelope
from docward.runtime.generations import prepare_schemas
from docward.runtime.operating import Action, Operator, Selection, heads, mark, select_parked
from docward.runtime.projections import Position, Projection, Write, projection_loop
from docward.runtime.reactions import Outgoing, ReactionLoop
from installation import until
from integration.runtime.counter import EVENTS, LETTERS, Added, a_counter, event, history
from integration.runtime.test_projections import COUNTERS, VIEWS, a_projector, projecting, settled, total
from integration.runtime.test_reactions import FOLLOW, count_is
from integration.runtime.world import World, a_world, running


@pytest.fixture
async def projector(installation: Any) -> AsyncIterator[World]:
    async with a_projector(installation) as one:
        await prepare_schemas(one.pool, [COUNTERS], VIEWS)
        yield one


def project_all(envelope: Envelope, message: Any, position: Position) -> Iterable[Write]:
    """As after a deployment: nothing breaks it."""
    return COUNTERS.project(envelope, message.model_copy(update={"note": "mended"}), position)


def mended() -> Projection:
    return replace(COUNTERS, project=project_all)


async def ask(world: World, action: Action, *ids: int) -> None:
    schema = await world.pool.fetchval("select current_schema()")
    async with world.pool.acquire() as connection:
        rows = await select_parked(connection, schema, Selection(ids=ids or None))
        await mark(
            connection, schema, rows if ids else await heads(connection, schema, rows), action, Operator("o", "w")
        )


async def parked(world: World, consumer: str, count: int) -> list[Any]:
    async def there() -> bool:
        rows = await world.parked(consumer)
        return len(rows) == count and all(row["mirrored"] and row["action"] is None for row in rows)

    await until(there)
    return await world.parked(consumer)


def broken(world: World, counter: Any, version: int) -> Encoded:
    return event(world.place, counter, version, Added(amount=1, total=version, note="break"))


async def test_events_are_redriven_in_the_order_of_their_stream(projector: World) -> None:
    counter = a_counter()
    async with projecting(projector):
        records = [*history(projector.place, counter, [1]), broken(projector, counter, 2)]
        await projector.send(EVENTS, records + history(projector.place, counter, range(3, 200)))
        await parked(projector, COUNTERS.consumer, 198)
    async with running(projection_loop(mended(), projector.around, dead_letters=LETTERS)):
        await ask(projector, "redrive")
        await projector.send(EVENTS, history(projector.place, counter, [200]))
        await settled(projector, {0: 200})
        await parked(projector, COUNTERS.consumer, 0)
        assert await total(projector, counter) == 200


async def test_a_discarded_event_is_no_gap_and_what_queued_behind_it_follows(projector: World) -> None:
    counter = a_counter()
    async with projecting(projector):
        records = [*history(projector.place, counter, [1]), broken(projector, counter, 2)]
        await projector.send(EVENTS, records + history(projector.place, counter, [3, 4]))
        (head, *_) = await parked(projector, COUNTERS.consumer, 3)
        await ask(projector, "discard", head["id"])
        await parked(projector, COUNTERS.consumer, 0)
        await projector.send(EVENTS, history(projector.place, counter, [5]))
        await settled(projector, {0: 5})
        assert await total(projector, counter) == 5


async def test_garbage_under_a_key_is_discarded_and_the_stream_goes_on(projector: World) -> None:
    counter = a_counter()
    async with projecting(projector):
        garbage = Encoded(str(counter).encode(), b"\xff", ())
        await projector.send(EVENTS, [garbage, *history(projector.place, counter, [1, 2])])
        (head, *_) = await parked(projector, COUNTERS.consumer, 3)
        assert head["reason"] == "undecodable"
        await ask(projector, "discard", head["id"])
        await parked(projector, COUNTERS.consumer, 0)
        assert await total(projector, counter) == 2


async def test_a_gap_behind_a_parked_event_stays_parked_and_stops_nothing(projector: World) -> None:
    counter, elsewhere = a_counter(), a_counter()
    async with projecting(projector) as loop:
        records = [broken(projector, counter, 1), *history(projector.place, counter, [3])]
        await projector.send(EVENTS, records + history(projector.place, elsewhere, [1]))
        (head, _) = await parked(projector, COUNTERS.consumer, 2)
        await ask(projector, "discard", head["id"])

        async def found() -> bool:
            return [row["error_class"] for row in await projector.parked(COUNTERS.consumer)] == ["GapError"]

        await until(found)
        assert loop.stopped == []
        await projector.send(EVENTS, history(projector.place, elsewhere, [2]))
        await settled(projector, {0: 4})
        assert await total(projector, elsewhere) == 2


async def test_a_reaction_redrives_and_discards_what_it_parked(installation: Any) -> None:
    async with a_world(installation) as world:
        counter = a_counter()
        records = [event(world.place, counter, v, Added(amount=1, total=v, note="break")) for v in (1, 2, 3)]
        async with running(ReactionLoop(FOLLOW, world.around, dead_letters=LETTERS)):
            await world.send(EVENTS, records)
            rows = await parked(world, FOLLOW.name, 3)

        def react(envelope: Envelope, message: Any) -> Iterable[Outgoing]:
            if message.total == 3:
                raise ZeroDivisionError("still broken")
            return FOLLOW.react(envelope, message.model_copy(update={"note": ""}))

        mended_loop = ReactionLoop(replace(FOLLOW, react=react), world.around, dead_letters=LETTERS)
        async with running(mended_loop, world.around.listener):
            await ask(world, "discard", rows[0]["id"])
            await ask(world, "redrive", rows[1]["id"], rows[2]["id"])
            (left,) = await parked(world, FOLLOW.name, 1)
            assert (left["record_offset"], left["attempts"]) == (2, 2)
            await until(lambda: count_is(world, 1))
