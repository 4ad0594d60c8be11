"""How fast a read model is filled anew on this machine: printed, for a person to judge. Only equality is asserted."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from docward.events.codec import Encoded
from docward.events.topics import DOCUMENT_EVENTS
from docward.localstack.stack import Stack
from docward.projector.app import views
from docward.projector.projections import PROJECTIONS
from docward.runtime import generations
from docward.runtime.kafka import partition_of
from docward.runtime.operating import Operator
from docward.runtime.projections import Projection
from docward.runtime.writes import Fold, Table, Upsert
from installation import until
from integration.projector.installation import Installation, installed
from unit.projector.story import told

EVENTS = 24_000
DOCUMENTS = next(projection for projection in PROJECTIONS if projection.name == "documents")


@pytest.fixture
async def place(servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(servers, tmp_path_factory.mktemp("objects")) as one:
        by_partition: dict[int, list[Encoded]] = {}
        for number in range(EVENTS):
            record = told("document-submitted", 1, key=UUID(int=number + 1, version=4), by=number).encoded()
            by_partition.setdefault(partition_of(record.key, DOCUMENT_EVENTS.partitions), []).append(record)
        for partition, records in by_partition.items():
            await one.around.publisher.write(DOCUMENT_EVENTS, partition, records)
            one.published[DOCUMENT_EVENTS.name, partition] = len(records)
        yield one


async def bound(place: Installation, schema: str) -> float:
    """Distinct rows of the same table a second, written in batches of as many as a poll returns."""
    (row,) = await place.pool.fetch(f"select * from {schema}.documents limit 1")  # noqa: S608 -- ours
    values = {name: value for name, value in row.items() if name != "document_id"}
    async with place.pool.acquire() as connection:
        table = await Table.read(connection, schema, "documents")
        started = time.monotonic()
        for first in range(0, EVENTS, 500):
            fold = Fold()
            keys = [UUID(int=first + number) for number in range(500)]
            fold.add(Upsert("documents", {"document_id": key}, values) for key in keys)
            async with connection.transaction():
                for statement in fold.statements():
                    await table.run(connection, statement)
        took = time.monotonic() - started
        await connection.execute(f"delete from {schema}.documents where document_id < $1", UUID(int=10**9))  # noqa: S608 -- ours
    return EVENTS / took


async def filled(place: Installation, projection: Projection) -> float:
    """Seconds from the taking over of the partitions to the last record."""
    async with place.projecting([projection]):
        await until(lambda: begun(place, projection), every=0.01)
        started = time.monotonic()
        await place.settled([projection])
        return time.monotonic() - started


async def begun(place: Installation, projection: Projection) -> bool:
    async with place.pool.acquire() as connection:
        return bool(await generations.positions(connection, projection.consumer))


async def test_how_fast_a_read_model_is_filled_anew(place: Installation) -> None:
    async with place.projecting([DOCUMENTS]):
        await place.settled([DOCUMENTS])
    async with place.pool.acquire() as connection:
        row = await generations.rebuild(connection, DOCUMENTS, Operator("a test", "to measure"))
    target = replace(DOCUMENTS, generation=row["generation"])
    await generations.prepare_generation(place.pool, target)
    took = await filled(place, target)
    limit = await bound(place, target.schema)
    async with place.pool.acquire() as connection:
        held = await generations.switch(connection, target, PROJECTIONS, views(), Operator("a test", "to measure"))
    print(
        f"\nrebuild {EVENTS / took:.0f} events/s, {EVENTS / took / limit:.2f} of the same rows written"
        f" ({limit:.0f}/s); the switch held the live one up for {held * 1000:.0f} ms"
    )
    assert len(await place.view("documents")) == EVENTS
