"""What is old enough goes, a little at a time; what may still be needed stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from docward.runtime import pruning
from docward.runtime.pruning import Pruning, kept, prune_decided
from installation import until
from integration.runtime.counter import COMMANDS, Ask, a_counter, command
from integration.runtime.world import World, deciding

KEEP = kept(COMMANDS)


async def left(world: World) -> tuple[int, int]:
    """Ids of commands, and jobs."""
    found = await world.pool.fetchrow("select (select count(*) from commands), (select count(*) from jobs)")
    return found[0], found[1]


async def test_ids_and_done_jobs_are_deleted_when_their_commands_can_no_longer_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "AT_ONCE", 3)
    counter, idents = a_counter(), [uuid4() for _ in range(20)]
    sent = [command(world.place, counter, Ask(), ident=ident) for ident in idents]
    async with deciding(world):
        await world.send(COMMANDS, sent)
        await world.settled("counter", COMMANDS, {0: 20})
        await world.pool.execute(
            "update commands set decided_at = now() - $1::interval where id = any($2)",
            KEEP + timedelta(minutes=1),
            idents[:16],
        )
        await world.pool.execute(  # the first one's job is as old, and is still waited for
            """
            update jobs j set state = 'done', done_at = c.decided_at from commands c
            where c.id = j.command_id and c.id <> $1
            """,
            idents[0],
        )
        task = asyncio.create_task(Pruning("pruning", lambda: prune_decided(world.pool, KEEP)).run())
        await until(lambda: are_left(world, ids=4, jobs=5))
        task.cancel()
        await world.send(COMMANDS, sent[16:])
        await world.settled("counter", COMMANDS, {0: 24})
        assert await left(world) == (4, 5)


async def are_left(world: World, *, ids: int, jobs: int) -> bool:
    return await left(world) == (ids, jobs)


async def test_replicas_may_prune_at_once(world: World) -> None:
    await world.pool.execute(
        """
        insert into commands (id, source, digest, decided_at)
        select gen_random_uuid(), 'tests', '', now() - $1::interval - interval '1 day' from generate_series(1, 3000)
        """,
        KEEP,
    )

    async def prune() -> int:
        return sum([more async for more in _all(world)])

    assert sum(await asyncio.gather(prune(), prune(), prune())) == 3000
    assert await left(world) == (0, 0)


async def _all(world: World) -> AsyncIterator[int]:
    while more := await prune_decided(world.pool, KEEP):
        yield more


async def test_an_outage_is_waited_out(world: World) -> None:
    tried: list[int] = []

    async def prune() -> int:
        tried.append(1)
        raise asyncpg.CannotConnectNowError("starting")

    async def again() -> bool:
        return len(tried) > 2

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(Pruning("pruning", prune, every_s=0.01).run())
        await until(again)
        task.cancel()
