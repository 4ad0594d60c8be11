"""Runs of mutants of the product, each with what brings its damage to light: a broken promise must be seen."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace

from chaos import loops, members, network
from chaos.crew import ONE, TWO
from chaos.faults import SESSION_S, Torment
from chaos.load import Pace
from chaos.mutants import Mutant
from chaos.outcome import Outcome
from chaos.points import Point
from chaos.runner import Ground, Run
from installation import until

PACE = Pace(documents=8, writers=2, conversions=0.05, uploads_s=5)


async def provoke(ground: Ground, mutant: Mutant, *, broken: bool = True, again: bool = False) -> Outcome:
    """A run that brings the mutant's damage to light. With `broken=False` the code is as it is, and must hold."""
    name = f"{'' if broken else 'not '}{mutant.name}{' again' if again else ''}"
    applied = mutant if broken else None
    if mutant.by == "network":
        return await _by_network(ground, name, applied)
    if mutant.by == "members":
        return await _by_members(ground, name, applied)
    async with ground.run(name, PACE, applied) as run:
        torment = Torment(run.crew, run.load, ground.seed, kills=0, seconds=0)
        violations = []
        if mutant.provoked is None:
            await until(lambda: _much_is_acknowledged(run), within=60)
        elif mutant.provoked.action == "hang":
            violations = await loops.provoke(run, mutant.provoked)
        else:
            await _provoked(run, mutant.provoked)
        await torment.make_whole()
        await run.unload()
        if mutant.provoked is None:  # else what was lost would come again
            await torment.repeat(random.Random(ground.seed), number=200)  # noqa: S311 -- to be drawn again
        outcome = await run.concluded(within=30, may_die=True)
    outcome.violations += violations
    return outcome


async def _by_network(ground: Ground, name: str, mutant: Mutant | None) -> Outcome:
    async with network.proxied(ground) as (behind, kafka, _), behind.run(name, PACE, mutant) as run:
        await network.provoke(run, kafka)
        return await run.concluded(within=30)


async def _by_members(ground: Ground, name: str, mutant: Mutant | None) -> Outcome:
    slow = members.slow(time.time() + members.LEAD_S)
    both = replace(slow, edits=(*slow.edits, *(mutant.edits if mutant else ())))
    async with ground.run(name, members.PACE, both) as run:
        violations = await members.provoke(run)
        outcome = await run.concluded(within=30)
    outcome.violations += violations
    return outcome


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
