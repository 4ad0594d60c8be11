"""Replays: the rows of some keys, recomputed from their first event beside the live ones, and swapped in.

What a replay touches is found first (`surveying`), then recomputed and swapped (`beside`). So live traffic of the same
streams is neither lost nor applied twice. Deciders, jobs and reactions read nothing of it: no effect is repeated.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from docward.events.codec import Record
from docward.runtime import generations, replays
from docward.runtime.beside import Beside, EndedError
from docward.runtime.checkpoints import Checkpoints
from docward.runtime.errors import OPERATIONAL, FencedError
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.kafka import reading
from docward.runtime.operating import NotPossibleError, Operator
from docward.runtime.parking import record_of_row
from docward.runtime.postgres import Connection
from docward.runtime.projections import Projection, ProjectionHandler
from docward.runtime.replays import REPLAYS_CHANNEL, UNFINISHED
from docward.runtime.retelling import Retold
from docward.runtime.surveying import Log

log = structlog.get_logger()

LOOK_EVERY_S = 5.0
"""A notification can be lost with its connection."""
LONGEST_PAUSE_S = 10.0

_MINE = "select pg_try_advisory_lock(hashtext('docward-replays'))"
_ANYBODYS = "select pg_advisory_unlock(hashtext('docward-replays'))"


class Recomputing:
    """One of them works, in whichever replica of the projector; one replay at a time."""

    def __init__(self, projections: Sequence[Projection], around: Infrastructure) -> None:
        self._projections = projections
        self._around = around
        self._pool = around.pool
        self._wake = asyncio.Event()
        self._stopping = False
        self._pause = 0.2
        self.name = "recomputing"
        self.beat = time.monotonic()
        around.listener.on(REPLAYS_CHANNEL, lambda _: self._wake.set())

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()

    async def run(self) -> None:
        while not self._stopping:
            self.beat = time.monotonic()
            self._wake.clear()
            try:
                await self._look()
                self._pause = 0.2
            except FencedError as error:
                log.warning("a replay is done elsewhere", error=str(error))
            except OPERATIONAL as error:
                log.warning("a replay is paused", error=f"{type(error).__name__}: {error}", seconds=self._pause)
                await self._sleep(self._pause)
                self._pause = min(self._pause * 2, LONGEST_PAUSE_S)
                continue
            await self._sleep(LOOK_EVERY_S)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    async def _look(self) -> None:
        """Do what was asked, unless another replica is at it."""
        if not await self._pool.fetchval("select exists (select from replays where state = any($1))", UNFINISHED):
            return
        async with self._pool.acquire() as connection:
            if not await connection.fetchval(_MINE):
                return
            try:
                while not self._stopping and (row := await self._next(connection)) is not None:
                    self.beat = time.monotonic()
                    await self._do(row)
            finally:
                if not connection.is_closed():
                    await connection.execute(_ANYBODYS)

    async def _next(self, connection: Connection) -> Any:
        rows = await connection.fetch("select * from replays where state = any($1) order by id", UNFINISHED)
        known = (row for row in rows if row["state"] == "cancelling" or self._projection(row) is not None)
        return next(known, None)

    def _projection(self, row: Any) -> Projection | None:
        return generations.generation_of(row, self._projections)

    async def _do(self, row: Any) -> None:
        beside = replace(generations.shape_of(row), replay=row["id"])
        try:
            if row["state"] == "cancelling":
                await self._end(row, beside, "cancelled")
                return
            log.info("replay", replay=row["id"], projection=row["name"], action=row["action"])
            await self._recompute(row)
        except EndedError:
            log.info("replay is left", replay=row["id"])
        except NotPossibleError as error:
            log.warning("replay failed", replay=row["id"], error=str(error))
            await self._end(row, beside, "failed", str(error))

    async def _recompute(self, row: Any) -> None:
        live = self._projection(row)
        if live is None:
            raise NotPossibleError(f"{row['name']}@{row['version']} is of another release")
        beside = replace(live, replay=row["id"])
        kafka = self._around.settings.kafka
        async with reading(kafka) as consumer:
            begin = partial(Retold, signer=self._around.publisher.signer) if row["source"] == "store" else Beside
            run = begin(
                row=row,
                live=live,
                beside=beside,
                handler=ProjectionHandler(beside, keyring=self._around.keyring, objects=self._around.objects),
                log=Log(consumer, kafka.topic_prefix, live.topics),
                pool=self._pool,
                checkpoints=Checkpoints(self._pool, beside.consumer),
                discarded=await self._discarded(live),
                come_round=self._come_round,
            )
            if row["state"] == "asked" or run.verifies:  # what is compared is compared from the beginning
                await self._survey(run)
            if row["action"] == "survey":
                return
            for partition in await run.resume():
                await run.settle(partition)
        await self._end(row, beside, "done")

    def _come_round(self) -> None:
        self.beat = time.monotonic()
        if self._stopping:
            raise EndedError

    async def _discarded(self, live: Projection) -> list[Record]:
        rows = await self._pool.fetch(
            "select * from operator_actions where verb = 'discarded' and consumer = $1", live.consumer
        )
        return [record_of_row(row) for row in rows]

    async def _survey(self, run: Beside) -> None:
        survey = await run.survey()
        pairs = [(partition, key) for partition, keys in survey.keys.items() for key in sorted(keys)]
        state = "done" if run.row["action"] == "survey" else "running"
        async with self._pool.acquire() as connection, connection.transaction():
            asked = await connection.fetchval(
                """
                update replays set state = $2, surveyed = $3, seconds = $4, total = $5, keys = $6, records = 0,
                    settled = 0, finished_at = case when $2 = 'done' then now() end
                where id = $1 and state in ('asked', 'running') returning id
                """,
                run.ident,
                state,
                [part.shape() for part in survey.touched],
                survey.seconds and round(survey.seconds, 1),
                survey.total,
                len(pairs),
            )
            if asked is None:
                raise EndedError
            if state == "done":
                return
            await _clear(connection, run.ident, run.beside)
            await generations.create_tables(connection, run.beside, indexed=False)
            await connection.execute(
                "insert into replay_keys select $1, u.* from unnest($2::int[], $3::uuid[]) as u",
                run.ident,
                [partition for partition, _ in pairs],
                [key for _, key in pairs],
            )
            # What is applied must be recomputed, also where the topic holds nothing of it.
            await connection.execute(
                """
                insert into replay_streams select $1, k.partition, k.key, v.stream_id from stream_versions v
                join replay_keys k on k.replay = $1 and k.key::text = split_part(v.stream_id, ':', 2)
                where v.projection = $2 on conflict do nothing
                """,
                run.ident,
                run.live.consumer,
            )

    async def _end(self, row: Any, beside: Projection, state: str, error: str | None = None) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            counts = dict(
                await connection.fetch(
                    "select state, count(*) from replay_keys where replay = $1 group by state", row["id"]
                )
            )
            if state == "done" and (unsettled := counts.get("failed", 0) + counts.get("differs", 0)):
                what = "cannot be recomputed" if row["action"] == "replay" else "are not what the topics say"
                state, error = "failed", f"{unsettled} keys {what}"
            if state != "failed":
                await connection.execute("delete from replay_keys where replay = $1", row["id"])
            else:
                await connection.execute(
                    "delete from replay_keys where replay = $1 and state not in ('failed', 'differs')", row["id"]
                )
            await connection.execute("delete from replay_streams where replay = $1", row["id"])
            await generations.remove_tables(connection, beside)
            await connection.execute(
                "update replays set state = $2, error = $3, finished_at = now() where id = $1", row["id"], state, error
            )
            details = {"replay": row["id"], "name": row["name"], "state": state, "keys": counts}
            await replays.note(connection, f"{row['action']} ended", details, Operator(row["who"], row["why"]))


async def _clear(connection: Connection, ident: int, beside: Projection) -> None:
    await connection.execute("delete from replay_keys where replay = $1", ident)
    await connection.execute("delete from replay_streams where replay = $1", ident)
    await generations.remove_tables(connection, beside)
