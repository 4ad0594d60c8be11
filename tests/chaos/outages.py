"""Each server goes away for a while, under load, and comes back: everybody waits, and nothing is set aside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from chaos.lag import UNDER_S, Lag
from chaos.load import Pace
from chaos.outcome import Figure, Outcome
from chaos.runner import Ground, Run


@dataclass(frozen=True, slots=True)
class Outage:
    """Of one server: how it goes and how it comes back. Both block."""

    of: str
    begin: Callable[[], object]
    end: Callable[[], object]


def _outages(run: Run) -> list[Outage]:
    servers, objects = run.ground.stack.servers, run.place.objects
    away = objects.with_name("objects-away")

    def unmounted() -> None:
        objects.rename(away)

    def broken() -> None:
        objects.rename(away)
        objects.write_text("no directory")

    def mounted() -> None:
        objects.unlink(missing_ok=True)
        away.rename(objects)

    return [
        Outage("broker", servers["kafka-1"].kill, servers["kafka-1"].start),
        Outage("database", servers["postgres"].stop, servers["postgres"].start),
        Outage("object store, away", unmounted, mounted),
        Outage("object store, broken", broken, mounted),
    ]


async def outages(ground: Ground) -> Outcome:
    figures = []
    away = ground.form.outage_s
    async with ground.run("outages", Pace(poison=0, uploads_s=1, conversions=0.005)) as run, Lag(run).watched() as lag:
        for outage in _outages(run):
            await lag.back(time.monotonic(), within=60)  # what came before is over
            lag.worst = 0
            await asyncio.to_thread(outage.begin)
            await asyncio.sleep(away)  # the outage itself
            await asyncio.to_thread(outage.end)
            back = await lag.back(time.monotonic(), within=60 + 5 * away)
            what = f"{outage.of} away for {away:g} s: lag under {UNDER_S:g} s again after"
            figures.append(Figure(what, back, "s", most=2 * away))
            figures.append(Figure(f"{outage.of}: longest lag", lag.worst, "s"))
        outcome = await run.concluded()
    outcome.figures = [*figures, Figure("parked", outcome.counted["parked"], most=0)]
    return outcome
