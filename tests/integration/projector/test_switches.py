"""Whoever does the switches comes round while the database works for it, and not when it hangs by itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from docward.projector import switches
from docward.projector.app import views
from docward.projector.projections import PROJECTIONS
from docward.projector.switches import Switches
from docward.runtime.postgres import Connection
from installation import until
from integration.projector.installation import Installation

LONG_S = 4.0


@asynccontextmanager
async def switching(place: Installation) -> AsyncIterator[Switches]:
    loop = Switches(PROJECTIONS, views(), place.around)
    task = asyncio.create_task(loop.run())
    try:
        yield loop
    finally:
        loop.stop()
        await asyncio.wait_for(task, 15)


async def passed(moment: float) -> bool:
    return time.monotonic() > moment


async def test_it_comes_round_while_the_database_works_for_long(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def works(connection: Connection, *_: object) -> bool:
        begun.set()
        await connection.execute("select pg_sleep(60)")
        return False

    monkeypatch.setattr(switches, "answer_next", works)
    async with switching(place) as loop:
        await begun.wait()
        ends = time.monotonic() + LONG_S
        await until(lambda: passed(ends))
        assert time.monotonic() - loop.beat < LONG_S / 2


async def test_it_does_not_come_round_when_it_hangs(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = asyncio.Event()

    async def hangs(*_: object) -> bool:
        begun.set()
        await asyncio.Event().wait()
        return False

    monkeypatch.setattr(switches, "answer_next", hangs)
    async with switching(place) as loop:
        await begun.wait()
        ends = time.monotonic() + LONG_S
        await until(lambda: passed(ends))
        assert time.monotonic() - loop.beat > LONG_S / 2
