"""Everything dies, at named points and at random, again and again."""

from __future__ import annotations

import random

from chaos.faults import Torment
from chaos.load import Pace
from chaos.outcome import Outcome
from chaos.points import points
from chaos.runner import Ground


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
