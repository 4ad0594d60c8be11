"""A run: an installation under load and faults, brought to rest, and judged by the checker.

The same seed draws the same commands and the same faults; when they meet differs from run to run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.collecting import collect, open_work, watch
from chaos.crew import Crew
from chaos.forms import Form
from chaos.history import History, Violation, check
from chaos.load import Load, Pace
from chaos.mutants import Mutant
from chaos.outcome import Outcome
from docward.localstack.stack import Stack
from installation import SERVICES, Installation, new_installation

REST_WITHIN_S = 120.0
FENCED = ("fenced: another process owns a partition", "job fenced: another worker has its lease")
"""As the services' logs say it."""


@dataclass(frozen=True)
class Ground:
    """Where a scenario takes place: servers that it may stop and kill, and a folder for logs."""

    stack: Stack
    folder: Path
    seed: str
    form: Form

    @asynccontextmanager
    async def place(self, name: str, **options: Any) -> AsyncIterator[Installation]:
        room = self.folder / name.replace(" ", "-")
        room.mkdir(parents=True)
        async with new_installation(self.stack, room, **options) as place:
            yield place

    @asynccontextmanager
    async def run(
        self, name: str, pace: Pace | None = None, mutant: Mutant | None = None, **options: Any
    ) -> AsyncIterator[Run]:
        """Every service at work and under load; in the end the load is over, and in any case every process."""
        async with self.place(name, **options) as place:
            load = Load(place, self.seed, pace or Pace())
            crew = Crew(place, mutant)
            try:
                crew.start_all()
                await crew.ready()
                await watch(place)
                run = Run(self, place, crew, load, asyncio.create_task(load.run()))
                try:
                    yield run
                finally:
                    await run.unload()
            finally:
                crew.end()


@dataclass
class Run:
    ground: Ground
    place: Installation
    crew: Crew
    load: Load
    loading: asyncio.Task[None]
    started: float = field(default_factory=time.monotonic)

    async def unload(self) -> None:
        """What is under way is finished."""
        self.load.stop()
        await self.loading

    async def rest(self, within: float = REST_WITHIN_S) -> list[str]:
        """Until nothing is under way; what is under way all the same, in words."""
        deadline = time.monotonic() + within
        open_: list[str] = []
        at_rest = 0
        while at_rest < 2 and time.monotonic() < deadline:
            self.crew.keep_up(*SERVICES)
            open_ = await open_work(self.place)
            at_rest = 0 if open_ else at_rest + 1
            await asyncio.sleep(0.3)
        return open_

    async def concluded(self, *, may_die: bool = False, within: float = REST_WITHIN_S) -> Outcome:
        """The load's end, rest, and judgement. A process that ended by itself is a violation unless it `may_die`."""
        await self.unload()
        unrest = await self.rest(within)
        history = await collect(self.place, list(self.load.acknowledged))
        violations = [Violation("lost", f"after {within:.0f} s there is still: {what}") for what in unrest]
        if not may_die:
            deaths = self.crew.deaths.items()
            violations += [Violation("unmet", f"{service} ended by itself {n} times") for service, n in deaths]
        return Outcome(
            violations + check(history),
            self.crew.kills,
            _counted(self.place, history),
            deaths=self.crew.deaths,
            seconds=time.monotonic() - self.started,
        )


def _counted(place: Installation, history: History) -> dict[str, int]:
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
