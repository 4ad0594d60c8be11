"""Members come and go while jobs last long, then every service is restarted in turn, as in a deployment.

The long jobs are those of the member that stays; others, who come and are asked to go again, work on shorter ones,
which still take longer than a lease. Whoever is asked to stop finishes what it has in hand: nobody does it again.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Sequence

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


BRIEFLY_S = 6.0
"""Longer than a lease, and shorter than a stop may take."""
MOST_ATTEMPTS = 1.02
"""Of a job, on average."""


PACE = Pace(documents=6, conversions=0.0002, uploads_s=10)
LEAD_S = 15.0
"""Until everybody is there, and has work in hand."""


def slow(until: float) -> Mutant:
    """Breaks nothing: conversions take a while, those of the member that stays until then (`time.time`) if that is
    longer; and each attempt is written to the log."""
    begun = 'report("converting", 0, 1, "documents")'
    stays = f'__import__("os").environ["DOCWARD_INSTANCE"] == "{ONE}"'
    longer = f'({until} - __import__("time").time()) * ({stays})'
    wait = f'await __import__("asyncio").sleep(max({BRIEFLY_S}, {longer}))'
    new = f'{begun}\n    print(f"works on {{job.id}}", flush=True)\n    {wait}'
    return Mutant("slow work", "", (Edit("docward.converter.jobs:ConverterJobs.convert", begun, new),))


async def members(ground: Ground) -> Outcome:
    form = ground.form
    draw = random.Random(f"{ground.seed}/members")  # noqa: S311 -- to be drawn again
    until = time.time() + LEAD_S + form.work_s
    async with ground.run("members", PACE, slow(until), session_timeout_ms=SESSION_MS) as run:
        came = 0
        while time.time() < until:
            await _come_and_go(run, JOINING[came % len(JOINING)], form.come_s)
            came += 1
        stops = [await _restart(run, SERVICES[turn % len(SERVICES)], draw) for turn in range(form.restarts)]
        outcome = await run.concluded()
        attempts = attempted(run)
    outcome.faults = {"members joined and left": came, "services restarted": form.restarts}
    outcome.counted["slow jobs"] = len(set(attempts))
    again = outcome.counted["records on event topics"] - outcome.counted["events"]
    outcome.figures = [
        Figure("attempts of a slow job", len(attempts) / max(1, len(set(attempts))), most=MOST_ATTEMPTS),
        Figure("longest work", form.work_s, "s"),
        Figure("slowest stop", max(stops, default=0), "s", most=10),
        Figure("events published again", again),
    ]
    outcome.violations += [
        *too_often(attempts),
        *(
            Violation("unmet", f"a service did not stop within {PATIENCE_S:g} s")
            for took in stops
            if took >= PATIENCE_S
        ),
    ]
    return outcome


def attempted(run: Run) -> list[str]:
    """The job of each attempt."""
    log = (run.place.folder / "converter.log").read_text(errors="replace")
    return re.findall(r"^works on (\S+)$", log, re.MULTILINE)


def too_often(attempts: Sequence[str]) -> list[Violation]:
    average = len(attempts) / max(1, len(set(attempts)))
    if average <= MOST_ATTEMPTS:
        return []
    return [Violation("unmet", f"{len(set(attempts))} slow jobs were attempted {len(attempts)} times")]


async def _come_and_go(run: Run, service: str, every_s: float) -> None:
    begun = time.monotonic()
    run.crew.start(service, TWO)
    await run.crew.ready()
    await asyncio.sleep(every_s / 2)
    await asyncio.to_thread(run.crew.stop, service, TWO)
    await asyncio.sleep(max(0, begun + every_s - time.monotonic()))


async def _restart(run: Run, service: str, draw: random.Random) -> float:
    """Seconds until it had stopped."""
    asked = time.monotonic()
    await asyncio.to_thread(run.crew.stop, service, ONE)
    took = time.monotonic() - asked
    run.crew.start(service)
    await run.crew.ready()
    await asyncio.sleep(draw.uniform(0, 2))
    return took


async def provoke(run: Run) -> list[Violation]:
    """Work that takes longer than a lease, while somebody else would take it."""
    await asyncio.sleep(LEAD_S)
    await run.unload()
    await run.rest()
    return too_often(attempted(run))
