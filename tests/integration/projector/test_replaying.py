"""Rows that are wrong are recomputed from their first event, while events of the same streams keep coming."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from docward.events.topics import CONVERTER_DEAD_LETTERS, DOCUMENT_EVENTS
from docward.projector.projections import PROJECTIONS
from docward.runtime import generations, replays
from docward.runtime.kafka import partition_of
from docward.runtime.operating import NotPossibleError, Operator
from docward.runtime.projections import Projection
from docward.runtime.recomputing import Recomputing
from docward.runtime.replays import Action, Chosen
from installation import until
from integration.projector import cast
from integration.projector.installation import TABLES, Installation
from integration.projector.test_generations import filling, rebuilt, rows
from unit.projector.story import DOCUMENT, REPOSITORY, told

BY = Operator("an operator", "to see")
DOCUMENTS = next(projection for projection in PROJECTIONS if projection.name == "documents")
OF_KEY = {"audit": "aggregate_id", "repositories": "repository_id"}
WHOLE = Chosen()
PARTITION = partition_of(str(DOCUMENT).encode(), DOCUMENT_EVENTS.partitions)


@asynccontextmanager
async def recomputing(place: Installation, projections: Sequence[Projection] = PROJECTIONS) -> AsyncIterator[None]:
    one = Recomputing(projections, place.around)
    task = asyncio.create_task(one.run())
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        one.stop()
        await asyncio.wait_for(task, 15)


async def asked(
    place: Installation, name: str, action: Action = "replay", chosen: Chosen = WHOLE, rate: float | None = None
) -> int:
    async with place.pool.acquire() as connection:
        return int((await replays.ask(connection, name, action, chosen, BY, rate=rate))["id"])


async def seen(place: Installation, ident: int) -> dict[str, Any]:
    async with place.pool.acquire() as connection:
        return await replays.shape(connection, await replays.get(connection, ident))


async def ended(place: Installation, ident: int) -> dict[str, Any]:
    async def over() -> bool:
        return (await seen(place, ident))["state"] not in replays.UNFINISHED

    await until(over)
    return await seen(place, ident)


async def replayed(place: Installation, name: str, action: Action = "replay", chosen: Chosen = WHOLE) -> dict[str, Any]:
    return await ended(place, await asked(place, name, action, chosen))


async def spoil(place: Installation, name: str, key: UUID) -> None:
    """The first table's rows of the key are gone, those of the others say something else."""
    column = OF_KEY.get(name, "document_id")
    first, *others = TABLES[name]
    await place.pool.execute(f"delete from {name}_v1.{first} where {column} = $1", key)  # noqa: S608 -- of tests
    for table in others:
        number = await place.pool.fetchval(
            """
            select attname from pg_attribute a join pg_index i on i.indrelid = a.attrelid and i.indisprimary
            where a.attrelid = $1::regclass and attnum > 0 and attnum <> all(i.indkey)
                and atttypid in ('timestamptz'::regtype, 'integer'::regtype) order by atttypid desc limit 1
            """,
            f"{name}_v1.{table}",
        )
        if number is None:
            number = "change"
        value = {"change": "'removed'"}.get(number, "'epoch'" if number.endswith("_at") else "4711")
        await place.pool.execute(f"update {name}_v1.{table} set {number} = {value} where {column} = $1", key)  # noqa: S608 -- of tests


async def everything(place: Installation) -> None:
    await place.publish(cast.commands())
    await place.publish(cast.the_repository())
    await place.publish(cast.its_analyses())
    await place.publish(cast.asked())


async def nothing_is_left(place: Installation) -> None:
    assert await place.pool.fetch("select nspname from pg_namespace where nspname ~ '_r[0-9]+$'") == []
    for table, column in (("stream_versions", "projection"), ("checkpoints", "consumer")):
        assert await place.pool.fetchval(f"select count(*) from {table} where {column} ~ '-r[0-9]+$'") == 0  # noqa: S608 -- of tests
    assert await place.pool.fetchval("select count(*) from replay_streams") == 0


async def test_rows_that_were_spoilt_are_found_and_become_what_they_were(place: Installation) -> None:
    await everything(place)
    keys = (DOCUMENT, REPOSITORY)
    async with filling(place), recomputing(place):
        await place.settled()
        before = await place.tables()
        for name in TABLES.keys() - {"operations"}:
            for key in keys:
                await spoil(place, name, key)
            assert await place.tables() != before, name
            found = await replayed(place, name, "verify")
            assert {each["state"] for each in found["unsettled"]} == {"differs"}, (name, found)
            assert {UUID(each["key"]) for each in found["unsettled"]} <= set(keys), (name, found)
            found = await replayed(place, name, chosen=Chosen(keys=keys))
            assert (found["state"], found["settled"]) == ("done", 2), (name, found)
            assert await place.tables() == before, name
            assert (await replayed(place, name, "verify"))["state"] == "done"
    await nothing_is_left(place)


async def test_rows_that_no_record_speaks_of_are_found_and_go(place: Installation) -> None:
    stranger = UUID(int=7, version=4)
    async with filling(place), recomputing(place):
        await place.settled()
        before = await place.tables()
        await place.pool.execute("insert into search_v1.document_texts values ($1, 7, 'made up')", stranger)
        await place.pool.execute("insert into search_v1.document_texts values ($1, 99, 'made up')", DOCUMENT)
        found = await replayed(place, "search", "verify")
        assert {each["key"] for each in found["unsettled"]} == {str(stranger), str(DOCUMENT)}
        assert (await replayed(place, "search", chosen=Chosen(keys=(stranger, DOCUMENT))))["state"] == "done"
        assert await place.tables() == before


async def test_operations_keep_what_the_topics_say_no_longer(place: Installation) -> None:
    await everything(place)
    await place.set_aside(CONVERTER_DEAD_LETTERS, told("make-private", by=7))
    async with filling(place), recomputing(place):
        await place.settled()
        before = await place.tables()
        forgotten = UUID(int=0xF0, version=4)
        await place.pool.execute(
            "insert into operations_v1.operations (operation_id, type, accepted_at, aggregate_id, progress)"
            " values ($1, 'edit-details', 'epoch', $2, 'running')",
            forgotten,
            DOCUMENT,
        )
        await place.pool.execute("update operations_v1.operations set progress = 'failed', last_event = 'made up'")
        await place.pool.execute("delete from operations_v1.operations where result_version = 2")
        assert len((await replayed(place, "operations", "verify"))["unsettled"]) > 1
        found = await replayed(place, "operations")
        assert found["state"] == "done", found
        row = await place.pool.fetchrow(
            "delete from operations_v1.operations where operation_id = $1 returning *", forgotten
        )
        assert (row["type"], row["progress"]) == ("edit-details", "failed"), "nothing that a topic holds speaks of it"
        after = await place.tables()
        led = "select operation_id from operations_v1.operations where result_stream is null"
        unled = {str(row["operation_id"]) for row in await place.pool.fetch(led)}
        for now, then in ((after["operations"], before["operations"]), (before["operations"], after["operations"])):
            assert {row for row in now if row[1:37] not in unled} <= set(then)


async def test_live_events_of_the_same_streams_are_neither_lost_nor_applied_twice(place: Installation) -> None:
    """Documents are edited without a pause while they are recomputed again and again."""
    edited = [UUID(int=0xED17 + number, version=4) for number in range(6)]
    await place.publish(told("document-submitted", 1, key=key) for key in edited)
    over = asyncio.Event()

    async def edit() -> int:
        version = 1
        while not over.is_set():
            version += 1
            await place.publish(told("details-edited", version, key=key, title=f"Title {version}") for key in edited)
        return version

    async with filling(place), recomputing(place):
        await place.settled()
        editing = asyncio.create_task(edit())
        for _ in range(12):
            for key in edited:
                await spoil(place, "documents", key)
            assert (await replayed(place, "documents", chosen=Chosen(keys=edited)))["state"] == "done"
        over.set()
        last = await editing
        await place.settled()
        assert last > 12
        assert (await replayed(place, "documents", chosen=Chosen(keys=edited)))["state"] == "done"
        target = await rebuilt(place)
        assert await rows(place, target) == await rows(place, DOCUMENTS)
        await place.publish(told("details-edited", last + 1, key=key, title="The last") for key in edited)
        await place.settled([*PROJECTIONS, target])
        titles = await place.pool.fetch("select title from documents_v1.documents where document_id = any($1)", edited)
        assert {row["title"] for row in titles} == {"The last"}
        assert await rows(place, target) == await rows(place, DOCUMENTS)
        assert await place.pool.fetchval("select count(*) from parked") == 0


async def test_a_replay_goes_on_where_it_was_interrupted(place: Installation) -> None:
    async with filling(place):
        await place.settled()
        before = await place.tables()
        await spoil(place, "documents", DOCUMENT)
        async with recomputing(place):
            ident = await asked(place, "documents", rate=5)

            async def on_its_way() -> bool:
                return int((await seen(place, ident))["records"]) > 2

            await until(on_its_way)
        half = await seen(place, ident)
        assert half["state"] == "running"
        assert 0 < half["records"] < half["of"]
        await place.pool.execute("update replays set rate = null")
        async with recomputing(place):
            found = await ended(place, ident)
        assert (found["state"], found["records"]) == ("done", half["of"]), "nothing is read twice"
        assert await place.tables() == before
    await nothing_is_left(place)


async def test_a_replay_that_is_cancelled_leaves_the_rows_and_nothing_else(place: Installation) -> None:
    async with filling(place), recomputing(place):
        await place.settled()
        before = await place.tables()
        ident = await asked(place, "documents", rate=2)

        async def running() -> bool:
            return bool((await seen(place, ident))["state"] == "running")

        await until(running)
        async with place.pool.acquire() as connection:
            await replays.cancel(connection, ident, BY)
        assert (await ended(place, ident))["state"] == "cancelled"
        assert await place.tables() == before
    await nothing_is_left(place)


async def test_a_survey_says_what_a_part_of_the_topic_touches(place: Installation) -> None:
    async with filling(place), recomputing(place):
        await place.settled()
        whole = await replayed(place, "documents", "survey")
        published = sum(number for (topic, _), number in place.published.items() if topic == DOCUMENT_EVENTS.name)
        assert sum(each["records"] for each in whole["touched"]) == whole["of"] == published
        at = datetime.now(UTC)
        await place.publish(
            cast.the_document(dict.fromkeys(("version-1", "version-3", "version-4"), await place.store("x", "y")))[-1:]
        )
        late = await replayed(place, "documents", "survey", Chosen(since=at))
        (part,) = late["touched"]
        end = place.published[DOCUMENT_EVENTS.name, PARTITION]
        assert part == {
            "topic": "document-events",
            "partition": PARTITION,
            "from": end - 1,
            "to": end,
            "records": 1,
            "streams": 1,
        }
        assert (late["keys"], late["of"]) == (1, end), "all of its partition is read to recompute it"
        by_offset = Chosen(topic="document-events", partition=PARTITION, since=end - 1, until=end)
        assert (await replayed(place, "documents", "survey", by_offset))["touched"] == [part]
        early = await replayed(place, "documents", "survey", Chosen(until=at - timedelta(days=1)))
        assert (early["touched"], early["keys"]) == ([], 0)
        assert await place.pool.fetchval("select count(*) from replay_keys") == 0


async def test_what_no_projector_could_do_is_not_asked_for(place: Installation) -> None:
    async with filling(place):
        await place.settled()
    for name, chosen, why in (
        ("documents", Chosen(topic="policy-events"), "reads no policy-events"),
        ("audit", Chosen(since=3), "say of which topic"),
    ):
        with pytest.raises(NotPossibleError, match=why):
            await asked(place, name, chosen=chosen)


async def test_what_was_set_aside_is_applied_by_a_replay_once_it_can_be(place: Installation) -> None:
    """After the defect is mended: the rows equal a clean run, and the key goes on."""

    def fails(envelope: Any, message: Any, position: Any) -> Any:
        if envelope.key == DOCUMENT and envelope.stream_version == 3:
            raise KeyError("a defect")
        return DOCUMENTS.project(envelope, message, position)

    broken = replace(DOCUMENTS, project=fails)
    async with place.projecting([broken]):
        await place.settled([broken])
    assert await place.pool.fetchval("select count(*) from parked where blocks") > 1
    async with recomputing(place, [broken]):
        await place.pool.execute("update projections set topics = '{document-events}'")
        found = await replayed(place, "documents", chosen=Chosen(keys=(DOCUMENT,)))
        assert found["state"] == "done", "recomputed as far as it is applied"
        assert await place.pool.fetchval("select count(*) from parked where action is not null") == 0
    async with filling(place), recomputing(place):
        await place.settled()
        found = await replayed(place, "documents", chosen=Chosen(keys=(DOCUMENT,)))
        assert found["state"] == "done"

        async def free() -> bool:
            return bool(await place.pool.fetchval("select count(*) from parked") == 0)

        await until(free)
        target = await rebuilt(place)
        assert await rows(place, target) == await rows(place, DOCUMENTS)


async def test_rows_whose_first_events_the_topic_lacks_are_left_alone(place: Installation) -> None:
    async with filling(place), recomputing(place):
        await place.settled()
        before = await place.tables()
        admin = AIOKafkaAdminClient(bootstrap_servers=place.around.settings.kafka.bootstrap_servers)
        await admin.start()
        partition = TopicPartition(place.around.settings.kafka.topic_prefix + DOCUMENT_EVENTS.name, PARTITION)
        await admin.delete_records({partition: RecordsToDelete(before_offset=2)})
        await admin.close()
        found = await replayed(place, "documents")
        assert found["state"] == "failed"
        (lost,) = [each for each in found["unsettled"] if each["key"] == str(DOCUMENT)]
        assert "version 3 after 0" in lost["error"]
        assert await place.tables() == before
        assert (await generations_known(place)) == len(PROJECTIONS)


async def generations_known(place: Installation) -> int:
    async with place.pool.acquire() as connection:
        return len(await generations.known(connection))
