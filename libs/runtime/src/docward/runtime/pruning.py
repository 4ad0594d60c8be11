"""What has been kept long enough is deleted by its owner, a little at a time, and never what is still needed.

A command's id must be known for as long as the command can be read again. Kafka deletes whole segments, so a record may
lie in its topic for a week longer than the topic's retention says; twice the retention is past that. A job is kept as
long as its command: a job's id follows from it, and a closed row keeps the job from being done twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from docward.events.topics import Topic
from docward.runtime.errors import OPERATIONAL
from docward.runtime.postgres import Pool

log = structlog.get_logger()

EVERY_S = 3600.0
AT_ONCE = 1000
"""Rows of one transaction: it holds up nobody."""
BEAT_S = 1.0


class Pruning:
    """Calls `prune` now and then, and again at once for as long as there is more than it deletes at a time."""

    def __init__(self, name: str, prune: Callable[[], Awaitable[int]], *, every_s: float = EVERY_S) -> None:
        self._prune = prune
        self._every = every_s
        self.name = name
        self.beat = time.monotonic()

    async def run(self) -> None:
        while True:
            await self._once()
            ended = time.monotonic()
            while (passed := time.monotonic() - ended) < self._every:
                self.beat = time.monotonic()
                await asyncio.sleep(min(BEAT_S, self._every - passed))

    async def _once(self) -> None:
        pruned = 0
        try:
            while more := await self._prune():
                self.beat = time.monotonic()
                pruned += more
        except OPERATIONAL as error:  # an outage: the next time is as good
            log.warning("not pruned", pruning=self.name, error=f"{type(error).__name__}: {error}")
        if pruned:
            log.info("pruned", pruning=self.name, rows=pruned)


def kept(topic: Topic) -> timedelta:
    """How long the ids of a topic's commands are kept."""
    return 2 * timedelta(milliseconds=topic.retention_ms)


async def prune_decided(pool: Pool, keep: timedelta) -> int:
    """Delete ids of commands, and done jobs, that are older; how many rows that were. 0: nothing is left to delete.

    Replicas may do it at once: each leaves alone what another one has in hand.
    """
    pruned: int = await pool.fetchval(
        """
        with ids as (
            select id from commands where decided_at < now() - $1::interval
            order by decided_at limit $2 for update skip locked
        ), done as (
            select id from jobs where state = 'done' and done_at < now() - $1::interval
            order by done_at limit $2 for update skip locked
        ), without_ids as (
            delete from commands c using ids where c.id = ids.id returning 1
        ), without_jobs as (
            delete from jobs j using done where j.id = done.id returning 1
        )
        select (select count(*) from without_ids) + (select count(*) from without_jobs)
        """,
        keep,
        AT_ONCE,
    )
    return pruned
