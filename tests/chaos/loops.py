"""One loop of a process stands still, the others go on; or its event loop does, and with it everything.

The process has to say that it is not ready, and which loop is the reason, and to end itself for its supervisor to start
it anew. Which loops there are is asked of the processes: all that report a beat can be stopped, and no others.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import httpx

from chaos.crew import ONE, TWO
from chaos.history import Violation
from chaos.lag import Lag
from chaos.load import Pace
from chaos.outcome import Figure, Outcome
from chaos.points import LOOPS, Action, Point, arrival
from chaos.runner import Ground, Run
from docward.runtime.service import EXIT_FROZEN, FROZEN_S
from installation import SERVICES, until

RED_WITHIN_S = 30.0
"""For readiness to say it."""
ENDED_WITHIN_S = FROZEN_S + 20
"""For the process to end by itself; a probe that gets no answer takes a few seconds, too."""
ARRIVES_WITHIN_S = 60.0
SELDOM = ("listener", "pruning")
"""Ends of the names of loops whose place is come by once, at the start."""
PACE = Pace(batch=4, uploads_s=3, conversions=0.02, poison=0.02)


@dataclass
class Rounds:
    run: Run
    violations: list[Violation] = field(default_factory=list)
    red_after: list[float] = field(default_factory=list)
    ended_after: list[float] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)

    async def of(self, point: Point, instance: str = ONE) -> None:
        """Start the process with the point in its way, and see it turn red, end itself and come back."""
        crew = self.run.crew
        if (point.service, instance) in crew.processes:
            crew.kill(point.service, instance)
        crew.start(point.service, instance, point)
        process = crew.processes[point.service, instance]
        if not await self._arrived(point):
            self._violated(point, "is not come by, or the process ended before")
            return
        stopped = time.monotonic()
        self.frozen.append(str(point))
        red = None
        while process.is_alive() and time.monotonic() < stopped + ENDED_WITHIN_S:
            if red is None and await self._red(point, instance):
                red = time.monotonic() - stopped
                self.red_after.append(red)
            await asyncio.sleep(0.25)
        ended = None if process.is_alive() else process.exitcode
        self.ended_after.append(time.monotonic() - stopped)
        if red is None:
            self._violated(point, "stood still, and the process said that it was ready")
        if ended != EXIT_FROZEN:
            self._violated(point, f"stood still, and the process did not end itself (exit status {ended})")
        del crew.processes[point.service, instance]
        process.kill()
        process.join(10)
        if instance == ONE:
            crew.start(point.service)

    async def _arrived(self, point: Point) -> bool:
        log = self.run.place.folder / f"{point.service}.log"

        async def written() -> bool:
            return arrival(point) in await asyncio.to_thread(log.read_text, errors="replace")

        try:
            return await until(written, within=ARRIVES_WITHIN_S, every=0.2)
        except AssertionError:
            return False

    async def _red(self, point: Point, instance: str) -> bool:
        """Whether readiness names the loop, or says nothing at all where nothing can be said."""
        address = f"http://127.0.0.1:{self.run.crew.ports[point.service, instance]}/health/ready"
        try:
            async with httpx.AsyncClient(timeout=2) as client:
                answer = await client.get(address)
        except httpx.TransportError:
            return point.action == "block"
        return answer.status_code == 503 and "not come round" in answer.json()["problems"].get(point.place, "")

    def _violated(self, point: Point, what: str) -> None:
        self.violations.append(Violation("unmet", f"{point} {what}"))


async def loops(ground: Ground) -> Outcome:
    draw = random.Random(f"{ground.seed}/loops")  # noqa: S311 -- to be drawn again
    async with ground.run("loops", PACE) as run:
        violations = await _unknown(run)
        rounds = Rounds(run)
        hanging = {service: draw.sample(sorted(LOOPS[service]), len(LOOPS[service])) for service in SERVICES}
        behind = 0.0
        async with Lag(run).watched() as lag:
            for first in range(0, ground.form.loops, 2):
                stops = [
                    rounds.of(stop(service, loop, "hang", draw), instance)
                    for service in SERVICES
                    for instance, loop in zip((ONE, TWO), hanging[service][first : first + 2], strict=False)
                ]
                behind = max(behind, await _gone_through(run, lag, stops))
            blocks = [rounds.of(stop(service, draw.choice(hanging[service]), "block", draw)) for service in SERVICES]
            behind = max(behind, await _gone_through(run, lag, blocks))
        outcome = await run.concluded()
    outcome.violations += [*violations, *rounds.violations]
    outcome.faults = {"loops stood still": len(rounds.frozen)}
    outcome.reached = sorted(rounds.frozen)
    outcome.figures = [
        Figure("readiness red after, at most", max(rounds.red_after, default=0), "s", most=RED_WITHIN_S),
        Figure("ended itself after, at most", max(rounds.ended_after, default=0), "s", most=ENDED_WITHIN_S),
        Figure("lag small again after, at most", behind, "s"),
    ]
    return outcome


def stop(service: str, loop: str, action: Action, draw: random.Random) -> Point:
    """Of a loop that is well under way, unless it comes by its place only once."""
    return Point(service, loop, "before", action, nth=1 if loop.endswith(SELDOM) else draw.randint(2, 4))


async def _gone_through(run: Run, lag: Lag, stops: Sequence[object]) -> float:
    """All at once; seconds until users are served as before."""
    await asyncio.gather(*stops)  # type: ignore[call-overload]  # coroutines
    await run.crew.ready()
    return await lag.back(time.monotonic(), within=120)


async def _unknown(run: Run) -> list[Violation]:
    """Loops that report a beat and cannot be stopped here, and the other way round."""
    found: dict[str, set[str]] = {}

    async def same() -> bool:
        for service in SERVICES:
            found[service] = await run.crew.loops(service)
        return all(found[service] == LOOPS[service].keys() for service in SERVICES)

    try:
        await until(same, within=30, every=1)
    except AssertionError:
        return [
            Violation("unmet", f"{service}: either only has a beat or only a place to stop: {sorted(odd)}")
            for service in SERVICES
            if (odd := found[service] ^ LOOPS[service].keys())
        ]
    return []


async def provoke(run: Run, point: Point) -> list[Violation]:
    """As in the scenario, once."""
    rounds = Rounds(run)
    await rounds.of(replace(point, action="hang"))
    return rounds.violations
