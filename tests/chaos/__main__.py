"""`make chaos` and `make soak`: the promises under faults, and that broken promises would be seen.

SEED, KILLS and SECONDS in the environment say what to draw and how long. Writes `.docward/chaos.json`; ends with
status 0 when every invariant held and every mutant was caught.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.mutants import MUTANTS, Mutant
from chaos.points import points
from chaos.runner import Outcome, hunt, provoke
from docward.localstack.stack import Stack, start_stack
from installation import new_installation

HOME = Path(".docward")
DEFAULT_SEED = "docward-1"


def say(text: str) -> None:
    print(text, flush=True)


async def main(arguments: argparse.Namespace) -> int:
    seed = os.environ.get("SEED", DEFAULT_SEED)
    kills = int(os.environ.get("KILLS", "2000" if arguments.soak else "200"))
    seconds = float(os.environ.get("SECONDS", "3600" if arguments.soak else "240"))
    folder = (HOME / "chaos").resolve()
    shutil.rmtree(folder / "logs", ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are away on purpose
    stack = start_stack(folder, durable=False, report=say)
    try:
        mutants = [mutant for mutant in MUTANTS if arguments.mutants and arguments.only in {None, mutant.name}]
        caught = await _caught(stack, folder, seed, mutants, controls=arguments.soak)
        if arguments.only is not None:
            return 0 if all(each["caught"] for each in caught.values()) else 1
        say(f"chaos: seed {seed}, up to {kills} kills in {seconds:.0f} s")
        async with new_installation(stack, _room(folder, "run")) as place:
            outcome = await hunt(
                place, seed=seed, kills=kills, seconds=seconds, points=points(), stack=None if stack.external else stack
            )
    finally:
        stack.remove()
    report = outcome.as_json() | {"mutants": caught}
    (HOME / "chaos.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    for violation in outcome.violations[:20]:
        say(f"  {violation.kind}: {violation.what}")
    for title in ("counted", "faults", "unplanned_deaths"):
        say(f"  {title}: " + ", ".join(f"{name} {number:,}" for name, number in report[title].items()))
    missed = ", ".join(outcome.missed) or "none"
    say(f"  points: died at {len(set(outcome.reached))} of {len(points())}; not reached: {missed}")
    blind = [name for name, each in caught.items() if not each["caught"]]
    say(f"  mutants: caught {len(caught) - len(blind)} of {len(caught)}; missed: {', '.join(blind) or 'none'}")
    say(f"chaos: {outcome.last_line}")
    return 0 if outcome.held and not blind else 1


async def _caught(
    stack: Stack, folder: Path, seed: str, mutants: Sequence[Mutant], *, controls: bool
) -> dict[str, dict[str, Any]]:
    """What each mutant was caught by; with controls, that the same run holds when nothing is broken."""
    two_at_once = asyncio.Semaphore(2)  # they mostly wait

    async def provoked(mutant: Mutant, *, broken: bool) -> Outcome:
        async with two_at_once:
            room = _room(folder, mutant.name if broken else f"not {mutant.name}")
            async with new_installation(stack, room) as place:
                return await provoke(place, seed, mutant, broken=broken)

    async def caught(mutant: Mutant) -> dict[str, Any]:
        outcome = await provoked(mutant, broken=True)
        seen = outcome.shows(mutant.damage)
        said = f"caught, {seen.kind}: {seen.what[:120]}" if seen else "MISSED"
        say(f"  mutant: {mutant.name}: {said} ({outcome.seconds:.0f} s)")
        found = {"caught": seen is not None, "as": seen and seen.kind, "said": seen and seen.what[:300]}
        if controls:
            control = await provoked(mutant, broken=False)
            say(f"  not {mutant.name}: {'held' if control.held else 'FAILED: ' + control.violations[0].what}")
            found |= {"control_held": control.held, "caught": found["caught"] and control.held}
        return found

    found = await asyncio.gather(*(caught(mutant) for mutant in mutants))
    return {mutant.name: each for mutant, each in zip(mutants, found, strict=True)}


def _room(folder: Path, name: str) -> Path:
    room = folder / "logs" / name.replace(" ", "-")
    room.mkdir(parents=True)
    return room


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--soak", action="store_true", help="the long form")
    parser.add_argument(
        "--mutants", action=argparse.BooleanOptionalAction, default=True, help="see that each is caught"
    )
    parser.add_argument("--only", help="just the mutant of this name")
    sys.exit(asyncio.run(main(parser.parse_args())))
