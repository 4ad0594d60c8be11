"""The processes that analyse: real ones, and what becomes of a call whose process does not answer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from docward.analyzer.workers import TooSlowError, WorkerEndedError, Workers
from installation import until

KILLED_SERVICE = """
import asyncio, os, signal
from docward.analyzer.workers import Workers

async def main():
    print(await Workers(1, seconds=30).run(os.getpid), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    made = Workers(2, seconds=30)
    yield made
    made.close()


async def test_a_call_answers_from_another_process(workers: Workers) -> None:
    assert await workers.run(pow, 2, 5) == 32
    assert await workers.run(os.getpid) != os.getpid()


async def test_an_error_is_the_functions_own_and_ends_nothing(workers: Workers) -> None:
    pid = await workers.run(os.getpid)
    with pytest.raises(ValueError, match="invalid literal"):
        await workers.run(int, "x")
    assert await workers.run(os.getpid) == pid


async def test_a_process_that_dies_ends_its_own_call_only(workers: Workers) -> None:
    died, answer = await asyncio.gather(workers.run(os._exit, 1), workers.run(pow, 2, 5), return_exceptions=True)
    assert isinstance(died, WorkerEndedError)
    assert answer == 32
    assert list(await asyncio.gather(workers.run(pow, 2, 6), workers.run(pow, 2, 7))) == [64, 128]


async def test_a_process_that_died_idle_costs_one_call_at_most() -> None:
    workers = Workers(1, seconds=30)
    try:
        pid = await workers.run(os.getpid)
        os.kill(pid, signal.SIGKILL)
        await _ended(pid)
        with suppress(WorkerEndedError):
            await workers.run(os.getpid)
        assert await workers.run(os.getpid) != pid
    finally:
        workers.close()


async def test_a_call_that_takes_too_long_is_ended() -> None:
    workers = Workers(1, seconds=4)
    try:
        pid = await workers.run(os.getpid)
        with pytest.raises(TooSlowError, match="not done after 4 s"):
            await workers.run(signal.pause)
        await _ended(pid)
        assert await workers.run(os.getpid) != pid
    finally:
        workers.close()


async def test_a_call_that_is_given_up_is_ended(workers: Workers) -> None:
    pid = await workers.run(os.getpid)
    call = asyncio.create_task(workers.run(signal.pause))
    await asyncio.wait([call], timeout=0.1)
    call.cancel()
    await asyncio.wait([call])
    await _ended(pid)


async def test_a_process_does_not_outlive_its_killed_service(tmp_path: Path) -> None:
    script = tmp_path / "service.py"
    script.write_text(KILLED_SERVICE)
    killed = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    await _ended(int(killed.stdout))


async def _ended(pid: int) -> None:
    async def gone() -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    await until(gone, within=10)
