"""A read model is filled anew beside the live one, and readers notice the switch by nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import asyncpg
import pytest

from docward.events.messages import ObjectRef
from docward.events.topics import PROJECTOR_DEAD_LETTERS
from docward.projector.app import views
from docward.projector.filling import Filling
from docward.projector.projections import PROJECTIONS
from docward.runtime import generations, switching
from docward.runtime.operating import NotPossibleError, Operator
from docward.runtime.projections import Projection
from installation import until
from integration.projector import cast
from integration.projector.conftest import TEXTS
from integration.projector.installation import TABLES, Installation
from unit.projector.story import Told

BY = Operator("an operator", "to see")
DOCUMENTS = next(projection for projection in PROJECTIONS if projection.name == "documents")


def the_last_event() -> list[Told]:
    """Of the document; the fixture leaves it out."""
    gone = dict.fromkeys(TEXTS, ObjectRef(uri="gone", sha256="0" * 64, size=1, media_type="text/markdown"))
    return cast.the_document(gone)[-1:]


@asynccontextmanager
async def filling(place: Installation) -> AsyncIterator[Filling]:
    """The projector runs."""
    one = Filling(PROJECTIONS, place.around, dead_letters=PROJECTOR_DEAD_LETTERS)
    tasks = [asyncio.create_task(one.run()), asyncio.create_task(place.around.listener.run())]
    try:
        yield one
    finally:
        for loop in list(one.loops):
            loop.stop()
        await asyncio.wait_for(tasks[0], 15)
        tasks[1].cancel()
        await asyncio.gather(tasks[1], return_exceptions=True)


@asynccontextmanager
async def operating(place: Installation) -> AsyncIterator[asyncpg.Connection]:
    async with place.pool.acquire() as connection:
        yield connection


async def rebuilt(place: Installation) -> Projection:
    """Ask for it, and wait until it is where the topics end."""
    async with operating(place) as connection:
        row = await generations.rebuild(connection, DOCUMENTS.name, BY)
    target = replace(DOCUMENTS, generation=row["generation"])
    await place.settled([target])
    return target


async def switch(place: Installation, target: Projection, **options: Any) -> float:
    async with operating(place) as connection:
        return await switching.switch(connection, [target], PROJECTIONS, views(), BY, **options)


async def rows(place: Installation, projection: Projection) -> dict[str, list[str]]:
    found = {}
    for table in TABLES["documents"]:
        texts = await place.pool.fetch(f"select t::text as row from {projection.schema}.{table} t")  # noqa: S608 -- ours
        found[table] = sorted(row["row"] for row in texts)
    return found


@dataclass
class Reader:
    """Reads the view as the gateway does, without a pause, and counts what it sees."""

    place: Installation
    reads: int = 0
    counts: list[int] = field(default_factory=list)

    async def run(self) -> None:
        connection = await asyncpg.connect(self.place.around.settings.postgres.dsn.get_secret_value())
        try:
            await connection.execute("set search_path to read; set role docward_gateway")
            while True:
                self.counts.append(await connection.fetchval("select count(*) from documents"))
                await connection.fetch("select * from document_versions")
                await connection.fetch("select 1 from operations, documents, audit, findings, analyses limit 1")
                self.reads += 1
        finally:
            await connection.close()


@asynccontextmanager
async def reading(place: Installation, readers: int = 4) -> AsyncIterator[list[Reader]]:
    """A failed read fails the test."""
    those = [Reader(place) for _ in range(readers)]
    tasks = [asyncio.create_task(reader.run()) for reader in those]
    yield those
    for task in tasks:
        assert not task.done(), task.exception()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_rebuild_equals_the_live_one_and_readers_notice_no_switch(place: Installation) -> None:
    async with filling(place):
        await place.settled()
        async with reading(place) as readers:
            target = await rebuilt(place)
            assert target.schema == "documents_v1_g2"
            assert await rows(place, target) == await rows(place, DOCUMENTS)
            assert any((await rows(place, target)).values())
            for to in [target, DOCUMENTS] * 5 + [target]:
                before = [reader.reads for reader in readers]
                assert await switch(place, to) < 1
                await until(lambda before=before: read_more(readers, before))  # type: ignore[misc]  # a default binds it
        assert all(counts == sorted(counts) and len(set(counts)) == 1 for counts in (r.counts for r in readers))
        before_it = await rows(place, DOCUMENTS)
        await place.publish(the_last_event())
        await place.settled([*PROJECTIONS, target])
        assert await rows(place, target) == await rows(place, DOCUMENTS) != before_it, "the one before stays fed"


async def read_more(readers: list[Reader], before: list[int]) -> bool:
    return all(reader.reads > count + 1 for reader, count in zip(readers, before, strict=True))


async def test_secondary_indexes_are_there_before_the_switch(place: Installation) -> None:
    async def indexes(schema: str) -> list[str]:
        found = await place.pool.fetch("select indexname from pg_indexes where schemaname = $1 order by 1", schema)
        return [row["indexname"] for row in found]

    async with filling(place):
        await place.settled()
        target = await rebuilt(place)
        assert len(await indexes(target.schema)) < len(await indexes(DOCUMENTS.schema))
        await switch(place, target)
        assert await indexes(target.schema) == await indexes(DOCUMENTS.schema)


async def test_a_generation_that_lags_or_lacks_something_is_not_switched_to_unless_forced(place: Installation) -> None:
    async with filling(place):
        await place.settled()
        target = await rebuilt(place)
    await place.pool.execute("update checkpoints set next_offset = 0 where consumer = $1", target.consumer)
    with pytest.raises(NotPossibleError, match="behind"):
        await switch(place, target)
    async with filling(place):
        await place.settled([target])
    await place.pool.execute(
        """
        insert into parked (consumer, topic, partition, record_offset, record_timestamp, header_keys, header_values,
            reason, blocks, error_class, error_message, attempts, first_failed_at)
        values ($1, 'document-events', 0, 0, 0, '{}', '{}', 'unexpected', true, '', '', 1, now())
        """,
        target.consumer,
    )
    with pytest.raises(NotPossibleError, match="1 parked"):
        await switch(place, target)
    assert await place.pool.fetchval("select generation from projections where name = 'documents' and live") == 1
    await switch(place, target, force=True)
    assert await place.pool.fetchval("select generation from projections where name = 'documents' and live") == 2


async def test_a_dropped_generation_leaves_nothing_and_its_number_is_not_used_again(place: Installation) -> None:
    async with filling(place) as projector:
        await place.settled()
        await rebuilt(place)
        async with operating(place) as connection:
            with pytest.raises(NotPossibleError, match="being filled"):
                await generations.rebuild(connection, DOCUMENTS.name, BY)
            (row,) = [r for r in await generations.known(connection) if r["generation"] == 2]
            await generations.drop(connection, row, BY)

        async def dropped() -> bool:
            state = await place.pool.fetchval("select state from projections where generation = 2")
            return bool(state == "dropped")

        await until(dropped)
        assert await place.pool.fetchval("select to_regnamespace('documents_v1_g2')") is None
        assert await place.pool.fetchval("select count(*) from checkpoints where consumer like '%-g2'") == 0
        assert len(projector.loops) == len(PROJECTIONS) + 1
        assert (await rebuilt(place)).schema == "documents_v1_g3"
        async with operating(place) as connection:
            live = (await generations.known(connection))[0]
            with pytest.raises(NotPossibleError, match="is live"):
                await generations.drop(connection, live, BY)
    verbs = await place.pool.fetch("select verb from projector.operator_actions order by id")
    assert [row["verb"] for row in verbs] == ["rebuild", "drop", "rebuild"]


async def test_a_new_version_is_filled_beside_the_live_one(place: Installation) -> None:
    async with filling(place):
        await place.settled()
    following = replace(DOCUMENTS, version=2)
    code = [following if p.name == "documents" else p for p in PROJECTIONS]
    await generations.prepare_schemas(place.pool, code, views())
    live = "select version from projections where name = 'documents' and live"
    assert await place.pool.fetchval(live) == 1
    assert len(await place.view("documents")) > 0
    async with place.projecting([following]):
        await place.settled([following])
        async with operating(place) as connection:
            row = await switching.newest(connection, "documents")
            target = generations.generation_of(row, code)
            assert target == following
            await switching.switch(connection, [following], code, views(), BY)
    assert await place.pool.fetchval(live) == 2
    assert await rows(place, following) == await rows(place, DOCUMENTS)
    async with operating(place) as connection:
        (earlier,) = [r for r in await generations.known(connection) if r["name"] == "documents" and not r["live"]]
        await generations.drop(connection, earlier, BY)
    await Filling(code, place.around, dead_letters=PROJECTOR_DEAD_LETTERS)._look()
    assert await place.pool.fetchval("select to_regnamespace('documents_v1')") is None, "nothing here could fill it"


async def test_tables_of_an_earlier_release_get_the_column_added_since_and_a_rebuild_fills_it(
    place: Installation,
) -> None:
    async with filling(place):
        await place.settled()
        beside = await rebuilt(place)
    await place.pool.execute("drop schema read cascade; delete from migrations where name = 'views'")
    for schema in (DOCUMENTS.schema, beside.schema):
        await place.pool.execute(f"alter table {schema}.document_versions drop column partial")
    await generations.prepare_schemas(place.pool, PROJECTIONS, views())
    converted = "select partial from read.document_versions where status = 'converted'"
    assert {row["partial"] for row in await place.pool.fetch(converted)} == {None}
    async with filling(place), operating(place) as connection:
        await generations.drop(connection, await generations.find(connection, beside.schema), BY)
        await switch(place, await rebuilt(place))
    assert {row["partial"] for row in await place.pool.fetch(converted)} == {False}


async def test_an_earlier_release_starts_on_tables_that_have_a_column_more_and_on_no_others(
    place: Installation,
) -> None:
    def release(ddl: str) -> list[Projection]:
        return [replace(p, ddl=ddl) if p.name == "documents" else p for p in PROJECTIONS]

    before = generations.ADDED.sub("", DOCUMENTS.ddl)
    assert before != DOCUMENTS.ddl
    await generations.prepare_schemas(place.pool, release(before), views())
    with pytest.raises(RuntimeError, match="raise its version"):
        await generations.prepare_schemas(place.pool, release(before.replace("warnings", "alarms")), views())


async def test_an_index_that_a_release_adds_is_built_on_the_tables_that_are_there(place: Installation) -> None:
    verdicts = next(projection for projection in PROJECTIONS if projection.name == "verdicts")
    there = "select count(*) from pg_indexes where indexname = 'verdicts_by_document'"
    assert await place.pool.fetchval(there) == 1
    await place.pool.execute(f"drop index {verdicts.schema}.verdicts_by_document")
    for _ in range(2):
        await generations.prepare_schemas(place.pool, PROJECTIONS, views())
        assert await place.pool.fetchval(there) == 1
    assert "verdicts_by_document" not in generations.LATER.sub("", verdicts.ddl)


async def test_several_read_models_are_switched_to_at_once_or_not_at_all(place: Installation) -> None:
    search = next(projection for projection in PROJECTIONS if projection.name == "search")
    async with filling(place):
        await place.settled()
        documents = await rebuilt(place)
        later = replace(search, generation=2)
        async with operating(place) as connection:
            with pytest.raises(NotPossibleError, match="not filled"):
                await switching.switch(connection, [documents, later], PROJECTIONS, views(), BY)
            live = "select array_agg(distinct generation) from projections where live"
            assert await place.pool.fetchval(live) == [1]
            await generations.rebuild(connection, search.name, BY)
            await place.settled([later])
            await switching.switch(connection, [documents, later], PROJECTIONS, views(), BY)
            assert await place.pool.fetchval(live) == [1, 2]
