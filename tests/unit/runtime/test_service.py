"""A process that ends when it is told to, and ends itself when a loop is frozen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

from docward.runtime.service import EXIT_FROZEN, STALE_S, stale

PROCESS = """
import asyncio, sys, time
from docward.runtime.service import run, serve_app, health_routes
from docward.runtime.settings import Http
from starlette.applications import Starlette

class Loop:
    name = "work"
    beat = time.monotonic()
    going = True
    async def run(self):
        while self.going:
            self.beat = time.monotonic()
            await asyncio.sleep(0.01)
            if "freeze" in sys.argv:
                time.sleep(60)
            if "fail" in sys.argv:
                raise LookupError("the loop is broken")
            print("round", flush=True)
        await asyncio.sleep(0.3)
        print("finished what was in hand", flush=True)
    def stop(self):
        self.going = False

class Beside:
    name = "beside"
    beat = time.monotonic()
    async def run(self):
        while True:
            self.beat = time.monotonic()
            await (asyncio.Event().wait() if "hang" in sys.argv else asyncio.sleep(0.01))

async def main(stopping):
    app = Starlette(routes=health_routes(dict))
    await serve_app(app, Http(port=0), [Loop()], [Beside()], stopping, frozen_s=1.0)

run(main)
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROCESS), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_a_signal_lets_the_work_in_hand_finish_and_ends_well() -> None:
    process = started()
    assert process.stdout is not None
    while "round" not in process.stdout.readline():
        pass
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=15)
    assert process.returncode == 0, errors
    assert "finished what was in hand" in output


def test_a_loop_that_fails_ends_the_process_with_its_error() -> None:
    _, errors = (process := started("fail")).communicate(timeout=15)
    assert process.returncode == 1
    assert "the loop is broken" in errors


def test_a_frozen_loop_ends_the_process() -> None:
    output, _ = (process := started("freeze")).communicate(timeout=15)
    assert process.returncode == EXIT_FROZEN
    assert "a loop is frozen" in output


def test_what_works_beside_the_loops_is_watched_too() -> None:
    output, _ = (process := started("hang")).communicate(timeout=15)
    assert process.returncode == EXIT_FROZEN
    assert "beside" in output.splitlines()[-1]


class _Loop:
    def __init__(self, name: str, age: float) -> None:
        self.name = name
        self.beat = time.monotonic() - age

    async def run(self) -> None: ...

    def stop(self) -> None: ...


def test_a_loop_that_has_not_come_round_is_named() -> None:
    assert stale([_Loop("fresh", 0.0), _Loop("old", STALE_S + 1)]).keys() == {"old"}
