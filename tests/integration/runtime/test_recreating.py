"""A lost topic is made anew from the event store, and a read model of it is filled anew: the walk of the runbook."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from docward.runtime import generations, switching
from docward.runtime.kafka import ensure_topics
from docward.runtime.operating import Operator, republish
from docward.runtime.projections import projection_loop
from installation import Installation, until
from integration.runtime.counter import COMMANDS, EVENTS, LETTERS, TOPICS, a_counter, adds
from integration.runtime.test_projections import COUNTERS, VIEWS, a_projector, projecting
from integration.runtime.world import World, a_world, deciding, running

BY = Operator("an operator", "the topic was recreated")


async def recreated(world: World) -> None:
    """With Kafka's own tools, and by the services at their start."""
    await world.place.delete_topic(EVENTS.name)
    await ensure_topics(world.around.settings.kafka, TOPICS)


async def test_a_lost_topic_is_made_anew_and_a_read_model_filled_from_it(installation: Installation) -> None:
    counters = [a_counter(0), a_counter(1)]
    async with a_world(installation) as world, a_projector(installation) as projector:
        await generations.prepare_schemas(projector.pool, [COUNTERS], VIEWS)
        async with deciding(world), projecting(projector):
            for counter in counters:
                await world.send(COMMANDS, adds(installation, counter, [1, 2, 3]))
            await projector.settled(COUNTERS.consumer, EVENTS, {0: 3, 1: 3})
        await recreated(world)

        async with projecting(projector) as loop:

            async def alarmed() -> bool:
                return len(loop.stopped) == EVENTS.partitions

            await until(alarmed)

        async with deciding(world):
            async with world.pool.acquire() as connection:
                assert len(await republish(connection, "counting", COMMANDS.name, None, BY)) == EVENTS.partitions
            await world.relayed()
        assert len(await world.read(EVENTS)) == 6

        async with projector.pool.acquire() as connection:
            row = await generations.rebuild(connection, COUNTERS.name, BY)
        target = replace(COUNTERS, generation=row["generation"])
        await generations.prepare_generation(projector.pool, target)
        async with running(projection_loop(target, projector.around, dead_letters=LETTERS)) as _:
            await projector.settled(target.consumer, EVENTS, {0: 3, 1: 3})
            assert await totals(projector, target.schema) == await totals(projector, COUNTERS.schema)
            async with projector.pool.acquire() as connection:
                await switching.switch(connection, [target], [COUNTERS], VIEWS, BY, force=True)
        assert await projector.pool.fetchval("select sum(total) from read.totals") == 12


async def totals(world: World, schema: str) -> list[Any]:
    return [tuple(row) for row in await world.pool.fetch(f"select id, total from {schema}.counters order by id")]  # noqa: S608 -- ours
