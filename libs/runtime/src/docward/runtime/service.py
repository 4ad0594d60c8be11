"""A process of Docward: its loops and its HTTP port, started together and stopped together.

`/health/live` says that the process answers; it never depends on the broker or the database. `/health/ready` says that
every loop comes round and, where it reads topics, is a member of its group: a replica more than there are partitions
owns none, and is ready. A loop that has not come round for `FROZEN_S` makes the process end itself, for its supervisor
to start it anew. SIGTERM lets every loop finish what it has in hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

import structlog
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from docward.runtime import metrics
from docward.runtime.settings import Http

log = structlog.get_logger()

STALE_S = 20.0
"""A loop that has not come round for so long makes the process not ready."""
FROZEN_S = 60.0
"""One that has not for so long ends the process. Longer than any pause and any bounded wait of a loop."""
STOP_S = 8.0
"""For the work in hand, at most; what takes longer is done again by somebody else."""
EXIT_FROZEN = 70

Asgi = Callable[..., Awaitable[None]]
Ready = Callable[[], dict[str, str]]
"""Name to what is wrong with it; empty: ready."""


class Watched(Protocol):
    """Something that goes on for as long as the process does. It beats also while it waits for a server or for work:
    a beat says that it would notice when there was something to do."""

    name: str

    @property
    def beat(self) -> float:
        """`time.monotonic()` when it last came round."""

    async def run(self) -> None: ...


class Loop(Watched, Protocol):
    """One that finishes what it has in hand before it ends; what is only watched is cancelled, after the loops."""

    def stop(self) -> None: ...


def health_routes(ready: Ready, facts: Mapping[str, str] | None = None) -> list[Route]:
    """`facts` stand in what readiness answers, and change nothing of it."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def readiness(_: Request) -> Response:
        problems = ready()
        status = {"status": "not ready", "problems": problems} if problems else {"status": "ready"}
        return JSONResponse({**status, **(facts or {})}, status_code=503 if problems else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/health/live", live), Route("/health/ready", readiness), Route("/metrics", metrics)]


def ages(loops: Iterable[Watched]) -> dict[str, float]:
    """Seconds since each has come round."""
    return {loop.name: time.monotonic() - loop.beat for loop in loops}


def stale(loops: Iterable[Watched]) -> dict[str, str]:
    """The loops that have not come round lately."""
    return {name: f"has not come round for {age:.0f} s" for name, age in ages(loops).items() if age > STALE_S}


def unready(loops: Sequence[Watched]) -> dict[str, str]:
    """What is wrong with which loop."""
    problems = stale(loops)
    for loop in loops:
        if getattr(loop, "joined", True) is False:
            problems[loop.name] = "is not in its group"
        if stopped := getattr(loop, "stopped", None):
            problems[loop.name] = f"stopped: {', '.join(stopped)}"
    return problems


def run(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run `main(stopping)` under uvloop; `stopping` is set by SIGTERM and SIGINT."""

    async def entry() -> None:
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        # Long-lived objects are not looked at again: collections were the longest pauses of a busy loop.
        gc.collect()
        gc.freeze()
        gc.set_threshold(300_000, 50, 1000)
        await main(stopping)

    uvloop.run(entry())


async def serve(
    http: Http,
    loops: Sequence[Loop],
    background: Sequence[Watched],
    stopping: asyncio.Event,
    *,
    facts: Mapping[str, str] | None = None,
) -> None:
    """Run the loops of a service that has no HTTP API of its own, until `stopping` is set or one of them fails."""

    app = Starlette(routes=health_routes(lambda: unready([*loops, *background]), facts))
    await serve_app(app, http, loops, background, stopping)


async def serve_app(
    app: Asgi,
    http: Http,
    loops: Sequence[Loop],
    background: Sequence[Watched],
    stopping: asyncio.Event,
    *,
    frozen_s: float = FROZEN_S,
) -> None:
    """Serve `app` and run the loops beside it. The first of them that fails ends all, with its error."""
    server = Server(
        app, address=http.host, port=http.port, interface=Interfaces.ASGI, log_access=False, log_enabled=False
    )
    watchdog = _Watchdog(lambda: [*loops, *background], frozen_s)
    tasks = [asyncio.create_task(loop.run(), name=loop.name) for loop in loops]
    extra = [asyncio.create_task(each.run(), name=each.name) for each in background]
    serving = asyncio.create_task(server.serve())
    stop = asyncio.create_task(stopping.wait())
    try:
        watchdog.start()
        await asyncio.wait([stop, serving, *tasks, *extra], return_when=asyncio.FIRST_COMPLETED)
        log.info("stopping")
        for loop in loops:
            loop.stop()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_S)
    finally:
        watchdog.stop()
        server.stop()  # type: ignore[no-untyped-call]  # granian has no types there
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await asyncio.wait([serving])
        for task in (*tasks, *extra, serving, stop):
            task.cancel()
        outcomes = await asyncio.gather(*tasks, *extra, serving, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


class _Watchdog:
    """A thread, because a frozen event loop cannot watch itself."""

    def __init__(self, watched: Callable[[], Iterable[Watched]], frozen_s: float) -> None:
        self._watched = watched
        self._frozen = frozen_s
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._done.set()

    def _watch(self) -> None:
        shown: set[str] = set()
        while not self._done.wait(min(1.0, self._frozen / 4)):
            found = ages(self._watched())
            for gone in shown - found.keys():
                metrics.BEAT_AGE.remove(gone)
            shown = set(found)
            for name, age in found.items():
                metrics.BEAT_AGE.labels(name).set(age)
                if age > self._frozen:
                    log.critical("a loop is frozen: ending the process", loop=name)
                    os._exit(EXIT_FROZEN)
