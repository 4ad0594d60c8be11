"""Slow work ends once, whoever does it and however often it fails."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from docward.runtime.deciders import Decider
from docward.runtime.errors import ObjectStoreUnavailableError
from docward.runtime.eventstore import jobs_channel
from docward.runtime.jobs import MAX_ATTEMPTS, Job, JobKind, JobPool
from installation import until
from integration.runtime.counter import COMMANDS, COUNTER, LETTERS, Ask, Finish, Finished, a_counter, command
from integration.runtime.world import SERVICE, World, a_world, deciding, running


@dataclass
class Worker:
    """Work as the test wants it, and what was asked of it."""

    does: Callable[[Job], Awaitable[object]]
    asked: list[Job] = field(default_factory=list)

    async def work(self, job: Job, _: object) -> object:
        self.asked.append(job)
        return await self.does(job)


async def at_once(job: Job) -> object:
    return Finish(result=job.payload["work"])


def give_up(job: Job, error: BaseException) -> object:
    return Finish(result=f"gave up: {error}")


def no_report(_: Job) -> Any:
    return lambda *_: None


def a_pool(world: World, worker: Worker, **options: Any) -> JobPool:
    store = Decider("counter", [COUNTER], world.around, dead_letters=LETTERS).store
    kind = JobKind("work", store, COUNTER, worker.work, options.pop("give_up", give_up))
    return JobPool(
        [kind],
        pool=world.pool,
        concurrency=options.pop("concurrency", 2),
        report=no_report,
        wake_relay=lambda: None,
        look_every_s=options.pop("look_every_s", 0.05),
        **options,
    )


@asynccontextmanager
async def working(world: World, worker: Worker, **options: Any) -> AsyncIterator[JobPool]:
    pool = a_pool(world, worker, **options)
    async with running(pool):
        yield pool


async def ask(world: World, *works: str) -> UUID:
    counter = a_counter()
    before = await world.pool.fetchval("select count(*) from jobs")
    await world.send(COMMANDS, [command(world.place, counter, Ask(work=work)) for work in works])

    async def there() -> bool:
        return bool(await world.pool.fetchval("select count(*) from jobs") == before + len(works))

    await until(there)
    return counter


async def done(world: World, count: int = 1) -> None:
    async def all_done() -> bool:
        return bool(await world.pool.fetchval("select count(*) from jobs where state = 'done'") == count)

    await until(all_done, within=40)


async def results(world: World) -> list[str]:
    await world.relayed()
    return [e.message.result for e in await world.events() if isinstance(e.message, Finished)]


async def soon(world: World) -> None:
    """As if the back-off were over."""
    await world.pool.execute("update jobs set not_before = now()")


async def test_a_job_is_done_once_by_one_of_many_workers(world: World) -> None:
    worker = Worker(at_once)
    async with deciding(world), working(world, worker, concurrency=4), working(world, worker, concurrency=4):
        await ask(world, *map(str, range(20)))
        await done(world, 20)
        assert sorted(await results(world)) == sorted(map(str, range(20)))
    assert len(worker.asked) == 20


async def test_an_expired_lease_goes_to_another_worker_and_the_first_is_fenced(world: World) -> None:
    released = asyncio.Event()

    async def frozen(_: Job) -> object:
        await released.wait()
        return Finish(result="first")

    first, second = Worker(frozen), Worker(at_once)
    async with deciding(world):
        # A lease of half a minute whose holder does not extend it in time, with no second hand to take it again.
        async with working(world, first, concurrency=1, lease_s=30.0):
            await ask(world, "second")
            await until(lambda: _asked(first, 1))
            await world.pool.execute("update jobs set leased_until = now() - interval '1 second'")
            async with working(world, second):
                await done(world)
            released.set()
        assert await results(world) == ["second"]
    assert [len(first.asked), len(second.asked)] == [1, 1]
    assert await world.pool.fetchval("select state from jobs") == "done"


async def test_a_worker_that_lost_its_lease_is_interrupted(world: World) -> None:
    interrupted = asyncio.Event()

    async def endless(_: Job) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            interrupted.set()
        return None

    async with deciding(world), working(world, Worker(endless), lease_s=0.3) as pool:
        await ask(world, "x")
        await until(lambda: _lease(world))
        pool.stop()
        await world.pool.execute("update jobs set state = 'done', lease_token = null")
        await asyncio.wait_for(interrupted.wait(), 10)


async def _lease(world: World) -> object:
    return await world.pool.fetchval("select lease_token from jobs")


async def _asked(worker: Worker, count: int) -> bool:
    return len(worker.asked) >= count


async def test_a_heartbeat_keeps_the_lease_of_long_work(world: World) -> None:
    enough = asyncio.Event()

    async def long(job: Job) -> object:
        await enough.wait()
        return await at_once(job)

    worker = Worker(long)
    async with deciding(world), working(world, worker, lease_s=0.6):
        await ask(world, "long")
        await until(lambda: _asked(worker, 1))
        first = await world.pool.fetchval("select leased_until from jobs")

        async def extended() -> bool:
            until_ = await world.pool.fetchval("select leased_until from jobs")
            return bool((until_ - first).total_seconds() > 1.2)

        await until(extended)
        enough.set()
        await done(world)
        assert await results(world) == ["long"]
    assert len(worker.asked) == 1


@pytest.mark.parametrize("error", [ValueError("it does not work"), FileNotFoundError("it does not work")])
async def test_work_that_fails_is_tried_again_later_each_time_and_then_given_up(world: World, error: Exception) -> None:
    async def failing(_: Job) -> object:
        raise error

    worker = Worker(failing)
    async with deciding(world), working(world, worker):
        await ask(world, "x")
        delays = []
        for attempt in range(1, MAX_ATTEMPTS):

            async def put_back(attempt: int = attempt) -> Any:
                return await world.pool.fetchrow(
                    "select extract(epoch from not_before - now()) as delay from jobs"
                    " where state = 'waiting' and attempts = $1",
                    attempt,
                )

            delays.append(float((await until(put_back))["delay"]))
            await soon(world)
        await done(world)
        assert await results(world) == ["gave up: it does not work"]
    assert [job.attempts for job in worker.asked] == [1, 2, 3, 4, 5]
    assert delays == sorted(delays)


@pytest.mark.parametrize("error", [ObjectStoreUnavailableError("away"), OSError(errno.ENOSPC, "no space left")])
async def test_an_outage_is_no_attempt(world: World, error: Exception) -> None:
    async def outage(job: Job) -> object:
        if len(worker.asked) <= MAX_ATTEMPTS + 2:
            raise error
        return await at_once(job)

    worker = Worker(outage)
    async with deciding(world), working(world, worker):
        await ask(world, "x")
        for count in range(1, MAX_ATTEMPTS + 3):
            await until(partial(_asked, worker, count))
            await until(lambda: _waiting(world))
            await soon(world)
        await done(world)
        assert await results(world) == ["x"]
    assert {job.attempts for job in worker.asked} == {1}


async def _waiting(world: World) -> bool:
    return bool(await world.pool.fetchval("select state from jobs") == "waiting")


async def test_work_whose_worker_dies_each_time_is_given_up(world: World) -> None:
    worker = Worker(at_once)
    async with deciding(world):
        await ask(world, "x")
        for _ in range(MAX_ATTEMPTS):
            job = await a_pool(world, worker)._claim()  # and then the process dies
            assert job is not None
            await world.pool.execute("update jobs set leased_until = now() - interval '1 second'")
        async with working(world, worker):
            await done(world)
        assert await results(world) == ["gave up: the worker died during every attempt"]
    assert worker.asked == []


async def test_a_result_that_is_too_large_for_an_event_is_given_up_and_says_so(world: World) -> None:
    async def boundless(_: Job) -> object:
        return Finish(result="x" * 300_000)

    worker = Worker(boundless)
    async with deciding(world), working(world, worker):
        await ask(world, "x")
        for count in range(1, MAX_ATTEMPTS + 1):
            await until(partial(_asked, worker, count))
            await until(partial(_waits, world, count))
            await soon(world)
        await done(world)
        assert await results(world) == ["gave up: an event of work is larger than its topic takes"]


async def _waits(world: World, attempts: int) -> bool:
    """Whether the attempt has ended: it waits for the next one, or was the last."""
    query = "select count(*) from jobs where attempts = $1 and state <> 'leased'"
    return bool(await world.pool.fetchval(query, attempts))


async def test_a_job_that_cannot_even_be_given_up_harms_no_other(world: World) -> None:
    async def failing(job: Job) -> object:
        if job.payload["work"] == "bad":
            raise ValueError("it does not work")
        return await at_once(job)

    def no_way(_: Job, error: BaseException) -> object:
        raise LookupError("nor does this")

    async with deciding(world):
        await ask(world, "bad")
        await world.pool.execute("update jobs set attempts = $1", MAX_ATTEMPTS + 3)
        async with working(world, Worker(failing), give_up=no_way):
            await until(lambda: _error_of(world, "LookupError"))
            await ask(world, "good")
            await done(world, 1)
        assert await results(world) == ["good"]


async def _error_of(world: World, name: str) -> bool:
    return name in (await world.pool.fetchval("select last_error from jobs") or "")


async def test_a_slow_job_delays_no_other(world: World) -> None:
    slow = asyncio.Event()

    async def work(job: Job) -> object:
        if job.payload["work"] == "slow":
            await slow.wait()
        return await at_once(job)

    async with deciding(world), working(world, Worker(work)):
        await ask(world, "slow", "a", "b", "c")
        await done(world, 3)
        slow.set()
        await done(world, 4)
        assert await results(world) == ["a", "b", "c", "slow"]


async def test_a_notification_wakes_a_worker_that_never_looks_by_itself(world: World) -> None:
    async with deciding(world), a_world(world.place, "two") as other:
        pool = a_pool(other, Worker(at_once), look_every_s=600.0)
        other.around.listener.on(jobs_channel(SERVICE), lambda _: pool.wake())
        async with running(pool, other.around.listener):
            await until(lambda: _listening(world))
            await ask(world, "x")
            await done(world)


async def _listening(world: World) -> bool:
    """Two processes of the service listen."""
    return bool(
        await world.pool.fetchval(
            "select count(*) = 2 from pg_stat_activity where datname = current_database()"
            " and application_name = $1 and query ilike 'listen%'",
            f"{SERVICE}-listener",
        )
    )


@pytest.mark.parametrize("victim", ["listen", "pool"])
async def test_a_broken_connection_is_replaced(world: World, victim: str) -> None:
    pool = a_pool(world, Worker(at_once), look_every_s=600.0 if victim == "listen" else 0.05)
    world.around.listener.on(jobs_channel(SERVICE), lambda _: pool.wake())
    async with deciding(world), running(pool):
        await until(lambda: _listens(world))
        await world.place.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and application_name = $1",
            f"{SERVICE}-listener" if victim == "listen" else SERVICE,
        )
        counter = a_counter()
        await world.send(COMMANDS, [command(world.place, counter, Ask(work="x"))])
        await until(lambda: _result_is(world, ["x"]))


async def _listens(world: World) -> bool:
    return bool(
        await world.place.fetch(
            "select 1 from pg_stat_activity where datname = current_database() and application_name = $1",
            f"{SERVICE}-listener",
        )
    )


async def _result_is(world: World, expected: list[str]) -> bool:
    rows = await world.place.fetch(f"select count(*) as n from {SERVICE}.jobs where state = 'done'")  # noqa: S608
    return bool(rows[0]["n"] == len(expected))
