"""Postgres stops with `immediate`, as in a crash: under live traffic, and in the middle of rebuilds."""

# ruff: noqa: S608  # names of our own schemas

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from chaos.collecting import connected
from chaos.faults import crash
from chaos.history import Violation
from chaos.lag import AWAY, Lag
from chaos.mutants import SMALL_BATCHES
from chaos.outcome import Figure, Outcome
from chaos.runner import Ground, Run
from docward.projector.projections import PROJECTIONS
from docward.runtime.generations import consumer_of, drop, known, positions, rebuild, schema_of
from docward.runtime.operating import Operator
from installation import until

OPERATOR = Operator("chaos", "to see it crash")


async def crashes(ground: Ground) -> Outcome:
    async with ground.run("crashes", mutant=SMALL_BATCHES) as run:
        draw = random.Random(f"{ground.seed}/crashes")  # noqa: S311 -- to be drawn again
        longest = await _under_traffic(run, draw)
        await run.unload()
        await run.rest()
        interrupted = 0
        differing: list[str] = []
        for _ in range(ground.form.crashes):
            interrupted += await _in_a_rebuild(run)
            differing += await _differing(run)
            await _dropped(run)
        outcome = await run.concluded()
    outcome.faults = {"crashes under traffic": ground.form.crashes, "in a rebuild": ground.form.crashes}
    outcome.figures = [
        Figure("longest time until a later command was settled", longest, "s"),
        Figure("read models that were half filled at a crash", interrupted),
    ]
    outcome.violations += [Violation("duplicated", f"rebuilt over a crash: {table} differs") for table in differing]
    if not interrupted:
        outcome.violations.append(Violation("unmet", "no crash fell into a rebuild"))
    return outcome


async def _under_traffic(run: Run, draw: random.Random) -> float:
    longest = 0.0
    async with Lag(run).watched() as lag:
        for _ in range(run.ground.form.crashes):
            await lag.back(time.monotonic(), within=60)
            await asyncio.sleep(draw.uniform(0, 1))
            await _crash(run)
            longest = max(longest, await lag.back(time.monotonic(), within=60))
    return longest


async def _crash(run: Run) -> None:
    postgres = run.ground.stack.servers["postgres"]
    await asyncio.to_thread(crash, postgres)
    await asyncio.to_thread(postgres.start)


async def _in_a_rebuild(run: Run) -> int:
    """Rebuild all read models; how many of them were half filled when Postgres crashed."""
    async with _projector(run) as connection:
        for projection in PROJECTIONS:
            await rebuild(connection, projection.name, OPERATOR)
    half = await until(lambda: _half_filled(run), within=60, every=0.02)
    await _crash(run)  # at once: a moment later they may be full
    await until(lambda: _filled(run), within=120)
    return half


@asynccontextmanager
async def _projector(run: Run) -> AsyncIterator[asyncpg.Connection]:
    async with connected(run.place) as connection:
        await connection.execute("set search_path to projector")
        yield connection


async def _fillings(run: Run) -> list[tuple[int, int]]:
    """Of each generation that is filled: the records it has read, and how many there are."""
    found = []
    async with _projector(run) as connection:
        rows = await known(connection)
        live = {row["name"]: await positions(connection, consumer_of(row)) for row in rows if row["live"]}
        for row in rows:
            if not row["live"]:
                read = sum((await positions(connection, consumer_of(row))).values())
                found.append((read if row["state"] == "fed" else 0, sum(live[row["name"]].values())))
    return found


async def _half_filled(run: Run) -> int:
    return sum(0 < read < there for read, there in await _fillings(run))


async def _filled(run: Run) -> bool:
    run.crew.keep_up("projector")
    try:
        fillings = await _fillings(run)
    except AWAY:
        return False
    return len(fillings) == len(PROJECTIONS) and all(read == there for read, there in fillings)


async def _differing(run: Run) -> list[str]:
    """The tables whose rebuilt rows are not the live ones, and how many rows that are."""
    tables: dict[str, dict[str, Counter[str]]] = {}
    async with _projector(run) as connection:
        for row in await known(connection):
            schema = schema_of(row)
            for (table,) in await connection.fetch("select tablename from pg_tables where schemaname = $1", schema):
                rows = await connection.fetch(f'select t::text from "{schema}"."{table}" t')
                tables.setdefault(f"{row['name']}.{table}", {})[schema] = Counter(text for (text,) in rows)
    differing = []
    for table, (one, other) in ((table, tuple(found.values())) for table, found in tables.items()):
        if one != other:
            differing.append(f"{table} ({(one - other).total()} and {(other - one).total()} rows)")
    return differing


async def _dropped(run: Run) -> None:
    async with _projector(run) as connection:
        for row in await known(connection):
            if not row["live"]:
                await drop(connection, row, OPERATOR)

    async def gone() -> bool:
        async with _projector(run) as connection:
            return all(row["live"] for row in await known(connection))

    await until(gone, within=60)
