"""Reading again changes nothing, and reading anew gives the same rows."""

from __future__ import annotations

from docward.projector.app import views
from docward.projector.projections import PROJECTIONS
from docward.runtime.generations import prepare_schemas
from integration.projector import cast
from integration.projector.installation import Installation, again


async def test_every_table_has_rows_to_compare(projected: Installation) -> None:
    empty = [table for table, rows in (await projected.tables()).items() if not rows]
    assert empty == []


async def test_a_repeated_run_of_events_changes_nothing(projected: Installation) -> None:
    before = await projected.tables()
    await projected.publish(cast.the_repository()[2:7])
    await projected.publish(cast.its_analyses()[5:])
    async with projected.projecting():
        await projected.settled()
    assert await projected.tables() == before


async def test_a_replay_from_the_beginning_changes_nothing(projected: Installation) -> None:
    before = await projected.tables()
    await projected.pool.execute("update checkpoints set next_offset = 0")
    async with projected.projecting():
        await projected.settled()
    assert await projected.tables() == before


async def test_a_rebuild_equals_the_live_tables_row_by_row(projected: Installation) -> None:
    """Also where the objects of a deleted document are gone by then."""
    projected.lose("products/deleted.md")
    rebuilt = again(version=2)
    await prepare_schemas(projected.pool, [*PROJECTIONS, *rebuilt], views())
    async with projected.projecting(rebuilt):
        await projected.settled(rebuilt)
    assert await projected.tables(version=2) == await projected.tables(version=1)
    assert not any(str(cast.DELETED) in row for row in (await projected.tables(version=2))["document_texts"])
