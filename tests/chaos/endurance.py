"""A long run under steady load and bad weather, in which no process is restarted: what grows is seen.

Memory, open files and connections of every service are read again and again. After the warm-up a straight line through
them is flat, or something is kept that should have been let go.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil  # type: ignore[import-untyped]  # ships no types

from chaos.crew import ONE
from chaos.lag import Lag
from chaos.load import Pace
from chaos.network import CALM_WITHIN_S, KINDS, STORM_S, drawn, proxied
from chaos.outcome import Figure, Outcome
from chaos.proxy import CALM
from chaos.runner import Ground, Run
from installation import SERVICES

LOOK_EVERY_S = 2.0
STORM_EVERY_S = 30.0
WARM_UP = 1 / 3
"""Part of the run; its readings do not count."""
PACE = Pace(batch=8, uploads_s=1, conversions=0.01, poison=0.01)


def _resident_mb(process: psutil.Process) -> float:
    return float(process.memory_info().rss) / 2**20


def _files(process: psutil.Process) -> float:
    return float(process.num_fds())


def _connections(process: psutil.Process) -> float:
    return float(len(process.net_connections()))


READINGS: dict[str, tuple[Callable[[psutil.Process], float], str, float]] = {
    "memory": (_resident_mb, "MB/min", 1.0),
    "open files": (_files, "/min", 0.5),
    "connections": (_connections, "/min", 0.5),
}
"""What is read, in what unit it grows, and by how much at most."""


@dataclass
class Readings:
    run: Run
    found: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    """By service and what was read: minutes since the beginning, and the value."""

    async def keep(self) -> None:
        begun = time.monotonic()
        while True:
            self.run.crew.keep_up(*SERVICES)
            for service in SERVICES:
                process = psutil.Process(self.run.crew.processes[service, ONE].pid)
                for what, (read, _, _) in READINGS.items():
                    self.found[service, what].append(((time.monotonic() - begun) / 60, read(process)))
            await asyncio.sleep(LOOK_EVERY_S)

    def figures(self) -> list[Figure]:
        figures = []
        for (service, what), points in sorted(self.found.items()):
            _, unit, most = READINGS[what]
            warm = points[int(len(points) * WARM_UP) :]
            last = statistics.median(value for _, value in warm[-10:])
            figures.append(Figure(f"{service}: {what} grow ({last:.0f} in the end)", slope(warm), unit, most=most))
        return figures


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line that is nearest to the points; 0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    return statistics.linear_regression(*zip(*points, strict=True)).slope


async def endurance(ground: Ground) -> Outcome:
    draw = random.Random(f"{ground.seed}/endurance")  # noqa: S311 -- to be drawn again
    storms = 0
    async with (
        proxied(ground) as (behind, kafka, postgres),
        behind.run("endurance", PACE) as run,
        Lag(run).watched() as lag,
    ):
        await lag.back(time.monotonic(), within=60)
        readings = Readings(run)
        keeping = asyncio.create_task(readings.keep())
        until = time.monotonic() + ground.form.seconds
        while time.monotonic() < until:
            kafka.weather = drawn(draw, list(KINDS))
            postgres.weather = drawn(draw, ["late_s", "reset", "half_closed", "silent"])
            await asyncio.sleep(STORM_S)
            kafka.weather = postgres.weather = CALM
            storms += 1
            await lag.back(time.monotonic(), within=CALM_WITHIN_S)
            await asyncio.sleep(min(STORM_EVERY_S - STORM_S, max(0, until - time.monotonic())))
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        outcome = await run.concluded()
    outcome.faults = {"storms": storms}
    outcome.figures = readings.figures()
    return outcome
