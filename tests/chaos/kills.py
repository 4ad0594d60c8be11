"""Everything dies, at named points and at random, again and again; and mutants of the product, which must be seen."""

from __future__ import annotations

import asyncio
import random

from chaos.crew import ONE, TWO
from chaos.faults import SESSION_S, Torment
from chaos.load import Pace
from chaos.mutants import Mutant
from chaos.outcome import Outcome
from chaos.points import Point, points
from chaos.runner import Ground, Run
from installation import until


async def kills(ground: Ground) -> Outcome:
    """Deaths at every point first, then at random, of services and (unless only points are wanted) of servers."""
    form = ground.form
    pace = Pace() if form.kills else Pace(documents=8, conversions=0.02, uploads_s=1)
    async with ground.run("kills", pace) as run:
        stack = ground.stack if form.kills else None
        torment = Torment(run.crew, run.load, ground.seed, form.kills, form.seconds, points(), stack)
        await torment.run()
        await torment.make_whole()
        await run.unload()
        await torment.repeat(random.Random(ground.seed))  # noqa: S311 -- to be drawn again
        outcome = await run.concluded(may_die=True)
    outcome.faults = torment.done
    outcome.reached = sorted(str(point) for point in torment.reached)
    outcome.missed = sorted({str(point) for point in torment.missed} - set(outcome.reached))
    return outcome


async def provoke(ground: Ground, mutant: Mutant, *, broken: bool = True) -> Outcome:
    """A run that brings the mutant's damage to light. With `broken=False` the code is as it is, and must hold."""
    pace = Pace(documents=8, writers=2, conversions=0.05, uploads_s=5)
    name = mutant.name if broken else f"not {mutant.name}"
    async with ground.run(name, pace, mutant if broken else None) as run:
        torment = Torment(run.crew, run.load, ground.seed, kills=0, seconds=0)
        if mutant.provoked is None:
            await until(lambda: _much_is_acknowledged(run), within=60)
        else:
            await _provoked(run, mutant.provoked)
        await torment.make_whole()
        await run.unload()
        if mutant.provoked is None:  # else what was lost would come again
            await torment.repeat(random.Random(ground.seed), number=200)  # noqa: S311 -- to be drawn again
        return await run.concluded(within=30, may_die=True)


async def _much_is_acknowledged(run: Run) -> bool:
    return len(run.load.acknowledged) > 300


async def _provoked(run: Run, point: Point) -> None:
    """Let a process run into the point; where it freezes, another one of its service takes over from it."""
    crew = run.crew
    if point.action == "freeze":
        crew.start(point.service, TWO)
        await crew.ready()
    crew.kill(point.service, ONE)
    crew.start(point.service, ONE, point)
    if not await crew.interrupted(point, within=60):
        raise AssertionError(f"nothing came by {point}")
    if point.action == "freeze":
        await asyncio.sleep(1.5 * SESSION_S)  # the freeze itself
        crew.thaw(point.service)
        await crew.refused(point.service)
    else:
        crew.start(point.service, ONE)
