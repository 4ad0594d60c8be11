"""How fast a read model is filled anew on this machine: printed, for a person to judge. Only equality is asserted."""

from __future__ import annotations

import time
from dataclasses import replace
from uuid import UUID

from docward.projector.app import SCHEMA, views
from docward.projector.projections import PROJECTIONS
from docward.runtime import generations, switching
from docward.runtime.operating import Operator
from docward.runtime.postgres import Pool, connect_pool
from docward.runtime.writes import Fold, Table, Upsert
from installation import Installation, until
from integration.cli.test_projections import a_log

EVENTS = 12_000
BY = Operator("a test", "to measure")
DOCUMENTS = next(projection for projection in PROJECTIONS if projection.name == "documents")


async def bound(pool: Pool, schema: str) -> float:
    """Rows a second: other rows of the same shape, written by the same statements in batches of as many."""
    row = await pool.fetchrow(f"select * from {schema}.documents limit 1")  # noqa: S608 -- ours
    values = {name: value for name, value in row.items() if name != "document_id"}
    async with pool.acquire() as connection:
        table = await Table.read(connection, schema, "documents")
        started = time.monotonic()
        for first in range(0, EVENTS, 2000):
            fold = Fold()
            keys = [UUID(int=first + number) for number in range(2000)]  # of no document: without a version
            fold.add(Upsert("documents", {"document_id": key}, values) for key in keys)
            async with connection.transaction():
                for statement in fold.statements():
                    await table.run(connection, statement, statement.text())
        took = time.monotonic() - started
        await connection.execute(f"delete from {schema}.documents where document_id < $1", UUID(int=10**9))  # noqa: S608 -- ours
    return EVENTS / took


async def test_how_fast_a_read_model_is_filled_anew(installation: Installation) -> None:
    installation.start("projector")
    await installation.ready()
    await a_log(installation, EVENTS)
    async with await connect_pool(installation.dsn, name="operator", schema=SCHEMA, size=2) as pool:

        async def read(consumer: str) -> int:
            async with pool.acquire() as connection:
                return sum((await generations.positions(connection, consumer)).values())

        async def all_read(*consumers: str) -> bool:
            return all([await read(consumer) == EVENTS for consumer in consumers])

        reading = [p.consumer for p in PROJECTIONS if "document-events" in {topic.name for topic in p.topics}]
        await until(lambda: all_read(*reading), within=120)
        async with pool.acquire() as connection:
            row = await generations.rebuild(connection, DOCUMENTS.name, BY)
        target = replace(DOCUMENTS, generation=row["generation"])
        await until(lambda: read(target.consumer), every=0.01)
        started, already = time.monotonic(), await read(target.consumer)
        await until(lambda: all_read(target.consumer), every=0.02, within=120)
        rate = (EVENTS - already) / (time.monotonic() - started)
        limit = await bound(pool, target.schema)
        async with pool.acquire() as connection:
            held = await switching.switch(connection, [target], PROJECTIONS, views(), BY)
        assert await pool.fetchval("select count(*) from read.documents") == EVENTS
    print(
        f"\nrebuild {rate:.0f} events/s, {rate / limit:.2f} of rows written alone ({limit:.0f}/s);"
        f" the live one was held up for {held * 1000:.0f} ms by the switch"
    )
