"""One run: an installation under load and faults, brought to rest, and judged by the checker.

The same seed draws the same commands and the same faults; when they meet differs from run to run.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from chaos.collecting import collect, open_work, watch
from chaos.crew import ONE, TWO, Crew
from chaos.faults import SESSION_S, Torment
from chaos.history import KINDS, History, Violation, check
from chaos.load import Load, Pace
from chaos.mutants import Mutant
from chaos.points import Point
from docward.localstack.stack import Stack
from installation import SERVICES, Installation

REST_WITHIN_S = 120.0
FENCED = ("fenced: another process owns a partition", "job fenced: another worker has its lease")
"""As the services' logs say it."""


@dataclass
class Outcome:
    seed: str
    kills: int
    violations: list[Violation]
    counted: dict[str, int]
    faults: dict[str, int] = field(default_factory=dict)
    reached: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    deaths: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        return not self.violations

    def shows(self, damage: str) -> Violation | None:
        """The first violation of which this is said."""
        return next((violation for violation in self.violations if damage in violation.what), None)

    @property
    def last_line(self) -> str:
        found = Counter(violation.kind for violation in self.violations)
        return f"{self.kills} kills, " + ", ".join(f"{kind} {found[kind]}" for kind in KINDS[:3])

    def as_json(self) -> dict[str, Any]:
        found = Counter(violation.kind for violation in self.violations)
        return {
            "seed": self.seed,
            "kills": self.kills,
            **{kind: found[kind] for kind in KINDS},
            "held": self.held,
            "seconds": round(self.seconds, 1),
            "counted": self.counted,
            "faults": self.faults,
            "points_reached": self.reached,
            "points_missed": self.missed,
            "unplanned_deaths": self.deaths,
            "violations": [f"{violation.kind}: {violation.what}" for violation in self.violations[:100]],
        }


@asynccontextmanager
async def _at_work(place: Installation, load: Load, mutant: str | None = None) -> AsyncIterator[Crew]:
    """Everything running and under load; in the end the load is over, and in any case every process."""
    crew = Crew(place, mutant)
    try:
        crew.start_all()
        await crew.ready()
        await watch(place)
        loading = asyncio.create_task(load.run())
        try:
            yield crew
        finally:
            load.stop()
            await loading
    finally:
        crew.end()


async def hunt(
    place: Installation,
    *,
    seed: str,
    kills: int,
    seconds: float,
    points: Sequence[Point],
    stack: Stack | None = None,
    pace: Pace | None = None,
    frozen: bool = True,
) -> Outcome:
    """Torment an installation until so many have been killed or the time is over; then see whether all is as it was
    promised."""
    started = time.monotonic()
    load = Load(place, seed, pace or Pace())
    async with _at_work(place, load) as crew:
        torment = Torment(crew, load, seed, kills, seconds, points, stack, frozen=frozen)
        await torment.run()
        await torment.make_whole()
        load.stop()
        await torment.repeat(random.Random(seed))  # noqa: S311 -- to be drawn again
        history, violations = await _judged(crew, load)
    outcome = Outcome(seed, crew.kills, violations, _counted(place, history))
    outcome.faults = torment.done
    outcome.reached = sorted(str(point) for point in torment.reached)
    outcome.missed = sorted({str(point) for point in torment.missed} - set(outcome.reached))
    outcome.deaths = crew.deaths
    outcome.seconds = time.monotonic() - started
    return outcome


async def provoke(place: Installation, seed: str, mutant: Mutant, *, broken: bool = True) -> Outcome:
    """A run that brings the mutant's damage to light. With `broken=False` the code is as it is, and must hold."""
    started = time.monotonic()
    pace = Pace(documents=8, writers=2, conversions=0.05, uploads_s=5)
    load = Load(place, seed, pace)
    async with _at_work(place, load, mutant.name if broken else None) as crew:
        torment = Torment(crew, load, seed, kills=0, seconds=0)
        if mutant.provoked is None:
            await asyncio.sleep(4)
        else:
            await _provoked(crew, mutant.provoked)
        await torment.make_whole()
        load.stop()
        if mutant.provoked is None:  # else what was lost would come again
            await torment.repeat(random.Random(seed), number=200)  # noqa: S311 -- to be drawn again
        history, violations = await _judged(crew, load, within=30)
    return Outcome(seed, crew.kills, violations, _counted(place, history), seconds=time.monotonic() - started)


async def _provoked(crew: Crew, point: Point) -> None:
    """Let a process run into the point; where it freezes, another one of its service takes over from it."""
    if point.action == "freeze":
        crew.start(point.service, TWO)
        await crew.ready()
    crew.kill(point.service, ONE)
    crew.start(point.service, ONE, point)
    if not await crew.interrupted(point, within=60):
        raise AssertionError(f"nothing came by {point}")
    if point.action == "freeze":
        await asyncio.sleep(1.5 * SESSION_S)
        crew.thaw(point.service)
        await asyncio.sleep(2)
    else:
        crew.start(point.service, ONE)


async def _judged(crew: Crew, load: Load, within: float = REST_WITHIN_S) -> tuple[History, list[Violation]]:
    deadline = time.monotonic() + within
    at_rest = 0
    open_: list[str] = []
    while at_rest < 2 and time.monotonic() < deadline:
        crew.keep_up(*SERVICES)
        open_ = await open_work(crew.place)
        at_rest = 0 if open_ else at_rest + 1
        await asyncio.sleep(0.3)
    history = await collect(crew.place, load.acknowledged)
    unrest = [Violation("lost", f"after {within:.0f} s there is still: {what}") for what in open_]
    return history, unrest + check(history)


def _counted(place: Installation, history: History) -> dict[str, int]:
    """How much there was to go wrong."""
    logs = [(place.folder / f"{service}.log").read_text(errors="replace") for service in SERVICES]
    return {
        "acknowledged": len(history.acknowledged),
        "records on command topics": len(history.commands),
        "events": len(history.stored),
        "records on event topics": len(history.published),
        "streams": len({event.stream for event in history.stored}),
        "jobs": len(history.jobs),
        "parked": len(history.parked),
        "rows of read models": sum(len(rows) for rows in history.shown.values()),
        "fenced": sum(log.count(said) for log in logs for said in FENCED),
    }
