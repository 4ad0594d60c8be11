"""Events become rows once, in order per stream; what does not fit harms nothing else and is never jumped over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from docward.events.codec import Envelope
from docward.runtime import metrics
from docward.runtime.delivery import DeliveryLoop
from docward.runtime.generations import prepare_schemas
from docward.runtime.infrastructure import PROJECTING
from docward.runtime.projections import Position, Projection, Upsert, Write, projection_loop
from installation import Installation, until
from integration.runtime.counter import EVENTS, LETTERS, Added, a_counter, event, history
from integration.runtime.world import World, a_world, running

DDL = """
create table counters (
    id uuid primary key,
    total int not null check (total <> 1313),
    note text not null
);
"""


def project(envelope: Envelope, message: object, _: Position) -> Iterable[Write]:
    if isinstance(message, Added):
        if message.note == "break":
            raise ZeroDivisionError("the projection is broken")
        yield Upsert("counters", {"id": envelope.key}, {"total": message.total, "note": message.note})


COUNTERS = Projection("counters", 1, (EVENTS,), DDL, project)
VIEWS = "create view read.totals as select id, total from counters;"


@pytest.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    async with a_projector(installation) as one:
        await prepare_schemas(one.pool, [COUNTERS], VIEWS)
        yield one


def a_projector(place: Installation, instance: str = "one") -> Any:
    return a_world(place, instance, service="projecting", migrations=PROJECTING)


@asynccontextmanager
async def projecting(world: World) -> AsyncIterator[DeliveryLoop]:
    loop = projection_loop(COUNTERS, world.around, dead_letters=LETTERS)
    async with running(loop):
        yield loop


async def settled(world: World, counts: dict[int, int]) -> None:
    await world.settled(COUNTERS.consumer, EVENTS, counts)


async def total(world: World, counter: UUID) -> int | None:
    value: int | None = await world.pool.fetchval("select total from read.totals where id = $1", counter)
    return value


async def stopped(loop: DeliveryLoop) -> list[str]:
    return loop.stopped


async def test_a_repeated_run_of_events_changes_nothing(world: World) -> None:
    counter = a_counter()
    async with projecting(world):
        await world.send(EVENTS, history(world.place, counter, [1, 2, 3, 1, 2, 3, 4]))
        await settled(world, {0: 7})
        await world.send(EVENTS, history(world.place, counter, [2]))
        await settled(world, {0: 8})
        assert await total(world, counter) == 4
    assert await world.parked(COUNTERS.consumer) == []


async def test_a_gap_stops_its_partition_after_what_came_before_it_and_no_other(world: World) -> None:
    holed, beside, elsewhere = a_counter(0), a_counter(0), a_counter(1)
    await world.send(
        EVENTS,
        history(world.place, holed, [1, 2]) + history(world.place, beside, [1]) + history(world.place, holed, [4]),
    )
    await world.send(EVENTS, history(world.place, elsewhere, [1]))
    async with projecting(world) as loop:
        await until(lambda: stopped(loop))
        assert [name.rpartition("/")[2] for name in loop.stopped] == ["0"]
        assert metrics.STOPPED.labels(COUNTERS.consumer, EVENTS.name, 0)._value.get() == 1
        await settled(world, {0: 3, 1: 1})
        await world.send(EVENTS, history(world.place, beside, [2]) + history(world.place, elsewhere, [2]))
        await settled(world, {1: 2})
        assert [await total(world, c) for c in (holed, beside, elsewhere)] == [2, 1, 2]
    assert await world.pool.fetchval("select next_offset from checkpoints where partition = 0") == 3


async def test_an_event_that_cannot_be_applied_blocks_its_key_and_no_other(world: World) -> None:
    broken, fine = a_counter(), a_counter()
    async with projecting(world):
        await world.send(
            EVENTS,
            [
                *history(world.place, broken, [1]),
                event(world.place, broken, 2, Added(amount=1, total=2, note="break")),
                *history(world.place, broken, [3]),
                *history(world.place, fine, [1, 2]),
            ],
        )
        await settled(world, {0: 5})
        await world.send(EVENTS, history(world.place, broken, [4]))
        await settled(world, {0: 6})
        assert [await total(world, broken), await total(world, fine)] == [1, 2]
    parked = await world.parked(COUNTERS.consumer)
    assert [(r["record_offset"], r["reason"]) for r in parked] == [
        (1, "unexpected"),
        (2, "behind-parked"),
        (5, "behind-parked"),
    ]


@pytest.mark.parametrize("value", [1313, 2**40, -(2**31) - 1], ids=["refused", "too-large", "too-small"])
async def test_a_value_that_the_database_refuses_is_found_among_many(world: World, value: int) -> None:
    counters = [a_counter() for _ in range(20)]
    records = [record for counter in counters for record in history(world.place, counter, [1])]
    records[7] = event(world.place, counters[7], 1, Added(amount=1, total=value))
    await world.send(EVENTS, records)
    async with projecting(world):
        await settled(world, {0: 20})
        found = [await total(world, counter) for counter in counters]
        assert found == [1] * 7 + [None] + [1] * 12
    (parked,) = await world.parked(COUNTERS.consumer)
    assert (parked["record_offset"], parked["reason"]) == (7, "unexpected")
    assert str(counters[7]) not in parked["error_message"], "the row is not repeated"


async def test_a_position_that_the_log_does_not_hold_stops_its_partition_and_jumps_nowhere(world: World) -> None:
    counter, elsewhere = a_counter(0), a_counter(1)
    async with projecting(world):
        await world.send(EVENTS, history(world.place, counter, [1]) + history(world.place, elsewhere, [1]))
        await settled(world, {0: 1, 1: 1})
    await world.pool.execute("update checkpoints set next_offset = 1000 where partition = 0")
    async with projecting(world) as loop:
        await until(lambda: stopped(loop))
        await world.send(EVENTS, history(world.place, counter, [2]) + history(world.place, elsewhere, [2]))
        await settled(world, {1: 2})
        assert [await total(world, counter), await total(world, elsewhere)] == [1, 2]
    assert await world.pool.fetchval("select next_offset from checkpoints where partition = 0") == 1000


async def test_a_mirrored_offset_ahead_of_the_stored_position_is_not_followed(world: World) -> None:
    """Positions are the database's: what a tool sets in Kafka moves nothing."""
    counter = a_counter()
    async with projecting(world) as loop:
        await world.send(EVENTS, history(world.place, counter, [1, 2, 3]))
        await settled(world, {0: 3})
        loop._mirror_at = 0.0

        async def mirrored() -> bool:
            return loop._mirror_at > 0.0

        await until(mirrored)
    await world.pool.execute("delete from stream_versions")
    await world.pool.execute("update checkpoints set next_offset = 1, landmark = null where partition = 0")
    await world.pool.execute("insert into stream_versions values ($1, $2, 1)", COUNTERS.consumer, f"counter:{counter}")
    await world.pool.execute("update counters_v1.counters set total = 1")
    async with projecting(world):
        await settled(world, {0: 3})
        assert await total(world, counter) == 3


async def test_rows_and_position_move_together_or_not_at_all(world: World) -> None:
    counter = a_counter()
    async with projecting(world):
        for first in range(1, 31, 3):
            await world.send(EVENTS, history(world.place, counter, range(first, first + 3)))
            await world.place.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
                " and pid <> pg_backend_pid() and application_name = 'projecting'"
            )
        await settled(world, {0: 30})
        assert await total(world, counter) == 30
    assert await world.parked(COUNTERS.consumer) == []


async def test_two_replicas_share_the_partitions_and_take_over_from_each_other(world: World) -> None:
    counters = [a_counter(0), a_counter(1)]

    async def send(first: int) -> None:
        for counter in counters:
            await world.send(EVENTS, history(world.place, counter, range(first, first + 10)))

    async with a_projector(world.place, "two") as other, projecting(world) as one:
        await send(1)
        async with projecting(other) as two:

            async def shared() -> bool:
                return len(one.owned(EVENTS.name)) == len(two.owned(EVENTS.name)) == 1

            await until(shared, within=60)
            await send(11)
            await settled(world, {0: 20, 1: 20})
        await send(21)  # the other has ended without a word: its session runs out
        await settled(world, {0: 30, 1: 30})
        assert [await total(world, counter) for counter in counters] == [30, 30]
    assert await world.parked(COUNTERS.consumer) == []


async def test_a_log_that_loses_the_position_while_it_is_read_stops_its_partition_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    counter, elsewhere = a_counter(0), a_counter(1)
    async with projecting(world) as loop:
        await world.send(EVENTS, history(world.place, counter, [1]) + history(world.place, elsewhere, [1]))
        await settled(world, {0: 1, 1: 1})
        partition = next(p for p in loop._ownership.partitions if p.partition == 0)
        consumer = loop._ownership._consumer
        assert consumer is not None
        consumer.seek(partition, 1000)  # where the log holds nothing, as after a topic that was made anew
        await until(lambda: stopped(loop))
        await world.send(EVENTS, history(world.place, counter, [2]))
        for version in range(2, 6):
            await world.send(EVENTS, history(world.place, elsewhere, [version]))
            await settled(world, {1: version})
        assert await total(world, counter) == 1
    assert capsys.readouterr().out.count("partition stopped") == 1
