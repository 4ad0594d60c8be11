"""The job pool: slow work, leased to one worker at a time, finished by an internal command in one transaction.

A decider writes the job's row in the transaction of the event that intends it. Any replica leases it, works, stores its
products put-if-absent, and completes it: the internal command is decided, its events are appended and the row is closed
together, or, when the lease has gone to another worker, not at all. So a job has one outcome, and nobody can forge it.
Work that fails for a reason a person understands returns the command that says so; what nobody planned is tried again,
and given up with `give_up` after `MAX_ATTEMPTS`. An outage is no attempt.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

import structlog

from docward.events.messages import Actor, derived_id, stream_id
from docward.runtime import metrics, telemetry
from docward.runtime.aggregates import Accepted, Aggregate, Request, fold
from docward.runtime.errors import OPERATIONAL, FencedError, TooLargeError, is_outage
from docward.runtime.eventstore import EventStore, Origin, new_events
from docward.runtime.parking import redacted
from docward.runtime.postgres import Pool

log = structlog.get_logger()

LEASE_S = 30
MAX_ATTEMPTS = 5
LOOK_EVERY_S = 1.0
"""A notification can be lost with its connection, and an expired lease sends none."""

_PLACE: ContextVar[int] = ContextVar("place")
"""Of the worker in its pool; also in the tasks that it starts."""


@dataclass(frozen=True, slots=True)
class Job:
    id: UUID
    kind: str
    aggregate_id: UUID
    partition: int
    payload: Mapping[str, Any]
    origin: Origin
    actor: Actor
    attempts: int
    """This one included."""
    lease_token: UUID


class Report(Protocol):
    """Tells how far the work is; best effort."""

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None: ...


@dataclass(frozen=True, slots=True)
class JobKind:
    name: str
    store: EventStore
    aggregate: Aggregate[Any]
    work: Callable[[Job, Report], Awaitable[object]]
    """Does it, and returns the internal command that completes it."""
    give_up: Callable[[Job, BaseException], object]
    """The internal command for work that failed for no planned reason, again and again."""


class JobPool:
    """`concurrency` jobs at once, of any of the kinds. One slow job delays no other while a place is free."""

    def __init__(
        self,
        kinds: Sequence[JobKind],
        *,
        pool: Pool,
        concurrency: int,
        report: Callable[[Job], Report],
        wake_relay: Callable[[], None],
        lease_s: float = LEASE_S,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._lease = lease_s
        self._look_every = look_every_s
        self._kinds = {kind.name: kind for kind in kinds}
        self._pool = pool
        self._report = report
        self._wake_relay = wake_relay
        self._wakes = [asyncio.Event() for _ in range(concurrency)]
        self._beats = [time.monotonic()] * concurrency
        self._stopping = False
        self.name = "jobs-" + "-".join(self._kinds)

    @property
    def beat(self) -> float:
        """Of the worker that has not come round for longest: one that is frozen loses a place, and maybe a job."""
        return min(self._beats)

    def _comes_round(self) -> None:
        self._beats[_PLACE.get()] = time.monotonic()

    def wake(self) -> None:
        for event in self._wakes:
            event.set()

    def stop(self) -> None:
        """Take no further job. Work in hand is left to finish, or, when the process ends first, to another replica."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for place, event in enumerate(self._wakes):
                group.create_task(self._worker(place, event))

    async def _worker(self, place: int, wake: asyncio.Event) -> None:
        _PLACE.set(place)
        while not self._stopping:
            self._comes_round()
            wake.clear()  # before looking: what wakes meanwhile is looked for again
            try:
                job = await self._claim()
                if job is not None:
                    await self._attempt(job)
            except OPERATIONAL as error:
                log.warning("jobs paused", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.5)
                continue
            if job is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every):
                        await wake.wait()

    async def _claim(self) -> Job | None:
        row = await self._pool.fetchrow(
            """
            update jobs set state = 'leased', attempts = attempts + 1, lease_token = $2,
                leased_until = now() + $3 * interval '1 second'
            where id = (
                select id from jobs
                where kind = any($1::text[])
                    and (state = 'waiting' and not_before <= now() or state = 'leased' and leased_until < now())
                order by not_before for update skip locked limit 1
            )
            returning *
            """,
            list(self._kinds),
            uuid4(),
            self._lease,
        )
        if row is None:
            return None
        return Job(
            id=row["id"],
            kind=row["kind"],
            aggregate_id=row["aggregate_id"],
            partition=row["partition"],
            payload=row["payload"],
            origin=Origin(row["command_id"], row["correlation_id"], row["traceparent"]),
            actor=Actor.model_validate(row["actor"]),
            attempts=row["attempts"],
            lease_token=row["lease_token"],
        )

    async def _attempt(self, job: Job) -> None:
        with telemetry.step(f"job {job.kind}", job.origin.traceparent, job.origin.correlation_id) as trace:
            await self._try(replace(job, origin=job.origin._replace(traceparent=trace)))

    async def _try(self, job: Job) -> None:
        kind = self._kinds[job.kind]
        started = time.monotonic()
        try:
            outcome = await self._work(kind, job)
            await self._complete(kind, job, outcome)
            metrics.JOBS.labels(job.kind, "done").inc()
            log.info("job done", job=str(job.id), kind=job.kind, seconds=round(time.monotonic() - started, 3))
        except FencedError:
            metrics.JOBS.labels(job.kind, "fenced").inc()
            log.warning("job fenced: another worker has its lease", job=str(job.id), kind=job.kind)
        except Exception as error:
            if is_outage(error):
                metrics.JOBS.labels(job.kind, "retried").inc()
                await self._put_back(job, error, attempts=job.attempts - 1)
                return
            metrics.JOBS.labels(job.kind, "failed").inc()
            log.exception("job failed", job=str(job.id), kind=job.kind, attempt=job.attempts)
            await self._failed(kind, job, error)
        finally:
            metrics.JOB_SECONDS.labels(job.kind).observe(time.monotonic() - started)

    async def _work(self, kind: JobKind, job: Job) -> object:
        if job.attempts > MAX_ATTEMPTS:  # its workers died with it, each time
            return kind.give_up(job, RuntimeError("the worker died during every attempt"))
        work = asyncio.ensure_future(kind.work(job, self._report(job)))
        lease = asyncio.ensure_future(self._keep(job))
        try:
            await asyncio.wait({work, lease}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise FencedError(str(job.id))
        finally:
            for task in (work, lease):
                task.cancel()

    async def _keep(self, job: Job) -> None:
        """Extend the lease until it is lost. An outage does not lose it: completing decides."""
        while True:
            await asyncio.sleep(self._lease / 3)
            self._comes_round()
            try:
                done = await self._pool.execute(
                    """
                    update jobs set leased_until = now() + $3 * interval '1 second' where id = $1 and lease_token = $2
                    """,
                    job.id,
                    job.lease_token,
                    self._lease,
                )
            except OPERATIONAL as error:
                log.warning("lease not extended", job=str(job.id), error=str(error))
                continue
            if done == "UPDATE 0":
                return

    async def _failed(self, kind: JobKind, job: Job, error: BaseException) -> None:
        if job.attempts < MAX_ATTEMPTS:
            await self._put_back(job, error, attempts=job.attempts)
            return
        try:
            await self._complete(kind, job, kind.give_up(job, error))
        except FencedError:
            metrics.JOBS.labels(job.kind, "fenced").inc()
        except OPERATIONAL:
            raise
        except Exception as fault:
            metrics.JOBS.labels(job.kind, "stuck").inc()
            log.critical(
                "job cannot even be given up: it stays and is tried now and then", job=str(job.id), exc_info=True
            )
            await self._put_back(job, fault, attempts=job.attempts)

    async def _put_back(self, job: Job, error: BaseException, *, attempts: int) -> None:
        """Let it be tried again, later each time. Insists while the database is away: the outage is no attempt."""
        while True:
            try:
                await self._pool.execute(
                    """
                    update jobs set state = 'waiting', attempts = $3, lease_token = null, last_error = $4,
                        not_before = now() + least(power(2, least($5, 10)), 60) * interval '1 second'
                    where id = $1 and lease_token = $2
                    """,
                    job.id,
                    job.lease_token,
                    attempts,
                    redacted(f"{type(error).__name__}: {error}"),
                    job.attempts - 1,
                )
            except OPERATIONAL as outage:
                if self._stopping:
                    raise
                log.warning("job not put back yet", job=str(job.id), error=f"{type(outage).__name__}: {outage}")
                await asyncio.sleep(0.5)
                self._comes_round()
            else:
                return

    async def _complete(self, kind: JobKind, job: Job, command: object) -> None:
        """Decide the internal command and close the row, together. Raises FencedError, and then nothing happened."""
        stream = stream_id(kind.aggregate.kind, job.aggregate_id)
        async with self._pool.acquire() as connection, connection.transaction():
            last_seq = await kind.store.lock(connection, job.partition)
            events = (await kind.store.streams(connection, [stream]))[stream]
            state = fold(kind.aggregate, kind.aggregate.initial, events)
            request = Request(
                job.aggregate_id, derived_id(job.id, "complete"), datetime.now(UTC), job.actor, len(events)
            )
            decision = kind.aggregate.decide(state, command, request)
            closed = await connection.execute(
                """
                update jobs set state = 'done', done_at = now(), lease_token = null, last_error = $3
                where id = $1 and lease_token = $2
                """,
                job.id,
                job.lease_token,
                None if isinstance(decision, Accepted) else f"{decision.code}: {decision.detail}",
            )
            if closed == "UPDATE 0":
                raise FencedError(str(job.id))
            if isinstance(decision, Accepted):
                new = new_events(kind.aggregate, request, job.origin, decision, type(command).__name__)
                if any(event.stream_id != stream for event in new):  # refused for its size: the job must say so
                    raise TooLargeError(f"an event of {job.kind} is larger than its topic takes")
                await kind.store.append(connection, new, {job.partition: last_seq})
                jobs = [(spec, request, job.origin, index) for index, spec in enumerate(decision.jobs)]
                await kind.store.add_jobs(connection, jobs)
        self._wake_relay()
