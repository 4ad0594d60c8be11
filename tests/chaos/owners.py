"""Owners that freeze for longer than their session, with a batch, a transaction, unpublished events or a job in hand.

Another process takes over meanwhile. What the frozen one writes when it wakes is stale, and has to be refused.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field, replace

from chaos.crew import ONE, TWO
from chaos.faults import SESSION_S
from chaos.history import Violation
from chaos.mutants import of_events
from chaos.outcome import Figure, Outcome
from chaos.points import Point
from chaos.runner import Ground, Run

UNBEGUN = "settle a batch"
"""Whoever freezes before it holds records and nothing else: when it wakes it tries, and only the fence refuses it."""


def _frozen(service: str, *places: tuple[str, str]) -> list[Point]:
    return [Point(service, place, edge, "freeze") for edge, place in places]  # type: ignore[arg-type]  # edges


POINTS: dict[str, list[Point]] = {
    "converter": [
        *_frozen("converter", ("before", UNBEGUN), ("after", "append events"), ("before", "wake the relay")),
        replace(Point("converter", "publish", "after", "freeze"), only=of_events),
        *_frozen("converter", ("after", "convert"), ("before", UNBEGUN), ("before", "commit")),
    ],
    "analyzer": _frozen(
        "analyzer", ("before", "complete a job"), ("after", "publish a reaction"), ("after", "store a product")
    ),
    "projector": _frozen("projector", ("before", UNBEGUN), ("after", "write rows"), ("before", "commit")),
}


@dataclass
class _Rounds:
    run: Run
    frozen: Counter[str] = field(default_factory=Counter)
    fenced: Counter[str] = field(default_factory=Counter)
    missed: list[str] = field(default_factory=list)

    async def of(self, service: str, number: int) -> None:
        draw = random.Random(f"{self.run.ground.seed}/owners/{service}")  # noqa: S311 -- to be drawn again
        for turn in range(number):
            point = POINTS[service][turn % len(POINTS[service])]
            await self._round(replace(point, nth=draw.randint(1, 3)))

    async def _round(self, point: Point) -> None:
        crew = self.run.crew
        crew.kill(point.service, ONE)
        crew.start(point.service, ONE, point)
        if not await crew.interrupted(point, within=45):
            self.missed.append(str(point))
            return
        self.frozen[str(point)] += 1
        await asyncio.sleep(1.5 * SESSION_S)  # the freeze itself
        crew.thaw(point.service)
        self.fenced[str(point)] += await crew.refused(point.service)


async def owners(ground: Ground) -> Outcome:
    async with ground.run("owners") as run:
        for service in POINTS:
            run.crew.start(service, TWO)
        await run.crew.ready()
        rounds = _Rounds(run)
        turns = Counter(itertools.islice(itertools.cycle(POINTS), ground.form.freezes))
        await asyncio.gather(*(rounds.of(service, number) for service, number in turns.items()))
        for service in POINTS:
            run.crew.kill(service, TWO)
        outcome = await run.concluded()
    outcome.faults = {f"frozen {point}": number for point, number in rounds.frozen.items()}
    outcome.missed = rounds.missed
    outcome.figures = [Figure(f"stale writes refused, frozen {p}", n) for p, n in rounds.fenced.items()]
    tried = sum(number for point, number in rounds.frozen.items() if UNBEGUN in point)
    if not rounds.frozen or (tried and not any(rounds.fenced.values())):
        outcome.violations.append(Violation("unmet", f"no fence fired in {rounds.frozen.total()} freezes"))
    return outcome
