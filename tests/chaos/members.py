"""Members come and go while slow work is under way, then every service is restarted in turn, as in a deployment.

The work is a conversion that takes longer than a lease and less than a stop. Whoever is asked to stop finishes what it
has in hand: nobody does it again.
"""

from __future__ import annotations

import asyncio
import random
import re
import time

from chaos.crew import ONE, TWO
from chaos.history import Violation
from chaos.load import Pace
from chaos.mutants import Edit, Mutant
from chaos.outcome import Figure, Outcome
from chaos.runner import Ground, Run
from installation import SERVICES

JOINING = ("converter", "analyzer")
"""Those who do the work."""
SESSION_MS = 15_000
"""None is to be lost: a member that is only slow would be taken for one that left."""
PATIENCE_S = 15.0
"""For a process that was asked to stop; then it is killed."""


def _slow(seconds: float) -> Mutant:
    """Breaks nothing: conversions take a while, and each attempt is written to the log."""
    begun = 'report("converting", 0, 1, "documents")'
    slow = f'{begun}\n    print(f"works on {{job.id}}", flush=True)\n    await __import__("asyncio").sleep({seconds})'
    return Mutant("slow work", "", (Edit("docward.converter.jobs:ConverterJobs.convert", begun, slow),))


async def members(ground: Ground) -> Outcome:
    form = ground.form
    draw = random.Random(f"{ground.seed}/members")  # noqa: S311 -- to be drawn again
    pace = Pace(documents=6, conversions=0.0002, uploads_s=10)
    async with ground.run("members", pace, _slow(form.work_s), session_timeout_ms=SESSION_MS) as run:
        for turn in range(form.joins):
            await _come_and_go(run, JOINING[turn % len(JOINING)], draw)
        stops = [await _restart(run, SERVICES[turn % len(SERVICES)], draw) for turn in range(form.restarts)]
        outcome = await run.concluded()
        attempts = re.findall(r"^works on (\S+)$", (run.place.folder / "converter.log").read_text(), re.MULTILINE)
    outcome.faults = {"members joined and left": form.joins, "services restarted": form.restarts}
    outcome.counted["slow jobs"] = len(set(attempts))
    again = outcome.counted["records on event topics"] - outcome.counted["events"]
    outcome.figures = [
        Figure("attempts of a slow job", len(attempts) / max(1, len(set(attempts))), most=1.02),
        Figure("slowest stop", max(stops, default=0), "s", most=10),
        Figure("events published again", again),
    ]
    outcome.violations += [
        Violation("unmet", f"a service did not stop within {PATIENCE_S:g} s") for took in stops if took >= PATIENCE_S
    ]
    return outcome


async def _come_and_go(run: Run, service: str, draw: random.Random) -> None:
    run.crew.start(service, TWO)
    await run.crew.ready()
    await asyncio.sleep(draw.uniform(0, 2))
    await asyncio.to_thread(run.crew.stop, service, TWO)


async def _restart(run: Run, service: str, draw: random.Random) -> float:
    """Seconds until it had stopped."""
    asked = time.monotonic()
    await asyncio.to_thread(run.crew.stop, service, ONE)
    took = time.monotonic() - asked
    run.crew.start(service)
    await run.crew.ready()
    await asyncio.sleep(draw.uniform(0, 2))
    return took
