"""`make chaos` and `make soak`: the promises under faults, and that broken promises would be seen.

Runs every scenario of `scenarios`, then every mutant of `mutants`. SEED, KILLS and SECONDS in the environment say what
to draw, how many kills and how long; ONLY names the scenarios to run (`mutants` is one of them). Starts servers of its
own, whatever the environment names, because it kills them. Writes `.docward/chaos.json`; ends with status 0 when every
invariant held and every mutant was caught.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaos.forms import BRIEF, LONG, SHORT, Form
from chaos.history import Violation
from chaos.mutants import MUTANTS, Mutant
from chaos.outcome import Outcome, by_kind, last_line
from chaos.provoking import provoke
from chaos.runner import Ground
from chaos.scenarios import SCENARIOS, Scenario
from docward.localstack.stack import KAFKA_VARIABLE, POSTGRES_VARIABLE, start_stack

HOME = Path(".docward")
DEFAULT_SEED = "docward-1"
FORMS = {"brief": BRIEF, "short": SHORT, "long": LONG}


def say(text: str) -> None:
    print(text, flush=True)


async def main(arguments: argparse.Namespace) -> int:
    form: Form = FORMS[arguments.form]
    form = replace(form, kills=arguments.kills or form.kills, seconds=arguments.seconds or form.seconds)
    folder = (HOME / "chaos").resolve()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers are away on purpose
    for variable in (KAFKA_VARIABLE, POSTGRES_VARIABLE):
        os.environ.pop(variable, None)
    wanted = [scenario for scenario in SCENARIOS if _wanted(scenario, arguments)]
    say(f"chaos: seed {arguments.seed}, the {arguments.form} form")
    begun = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    caught: dict[str, dict[str, Any]] = {}
    for brokers in sorted({scenario.brokers for scenario in wanted} | ({1} if _mutants(arguments) else set())):
        stack = start_stack(folder / f"brokers-{brokers}", durable=False, brokers=brokers, report=say)
        try:
            ground = Ground(stack, _emptied(folder / f"logs-{brokers}"), arguments.seed, form)
            for scenario in wanted:
                if scenario.brokers == brokers:
                    outcomes[scenario.name] = await _happened(scenario, ground)
            if brokers == 1:
                caught = await _caught(ground, _mutants(arguments), controls=form is LONG)
        finally:
            stack.remove()
    say(f"chaos: took {(time.monotonic() - begun) / 60:.1f} minutes")
    return _reported(arguments, outcomes, caught)


def _wanted(scenario: Scenario, arguments: argparse.Namespace) -> bool:
    if arguments.only:
        return scenario.name in arguments.only
    return arguments.form == "long" or not scenario.for_long


def _mutants(arguments: argparse.Namespace) -> Sequence[Mutant]:
    return MUTANTS if not arguments.only or "mutants" in arguments.only else ()


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


async def _happened(scenario: Scenario, ground: Ground) -> Outcome:
    say(f"{scenario.name}: {scenario.proves}")
    try:
        outcome = await scenario.happen(ground)
    except (AssertionError, TimeoutError) as error:  # the others are to be seen all the same
        outcome = Outcome([Violation("unmet", f"came to no end: {type(error).__name__}: {error}")])
    for line in outcome.lines():
        say(f"  {line}")
    say(f"  {'held' if outcome.held else 'BROKEN'} ({outcome.seconds:.0f} s)")
    return outcome


async def _caught(ground: Ground, mutants: Sequence[Mutant], *, controls: bool) -> dict[str, dict[str, Any]]:
    """What each mutant was caught by; with controls, that the same run holds when nothing is broken."""
    two_at_once = asyncio.Semaphore(2)  # they mostly wait

    async def caught(mutant: Mutant) -> dict[str, Any]:
        async with two_at_once:
            outcome = await provoke(ground, mutant)
            if outcome.shows(mutant.damage) is None:  # what has to meet for it met otherwise
                outcome = await provoke(ground, mutant, again=True)
            control = await provoke(ground, mutant, broken=False) if controls else None
        seen = outcome.shows(mutant.damage)
        said = f"caught, {seen.kind}: {seen.what[:120]}" if seen else "MISSED"
        say(f"  {mutant.name}: {said} ({outcome.seconds:.0f} s)")
        if control is not None:
            say(f"  not {mutant.name}: {'held' if control.held else 'FAILED: ' + control.violations[0].what}")
        whole = control is None or control.held
        return {"caught": seen is not None and whole, "said": seen and f"{seen.kind}: {seen.what[:300]}"}

    if mutants:
        say("mutants: a broken promise is seen")
    found: dict[str, dict[str, Any]] = {}
    for alone in (False, True):  # a proxy takes the broker's place, for whoever else is there, too
        some = [mutant for mutant in mutants if (mutant.by == "network") == alone]
        found |= zip((mutant.name for mutant in some), await asyncio.gather(*map(caught, some)), strict=True)
    return found


def _reported(arguments: argparse.Namespace, outcomes: dict[str, Outcome], caught: dict[str, dict[str, Any]]) -> int:
    blind = [name for name, each in caught.items() if not each["caught"]]
    held = all(outcome.held for outcome in outcomes.values()) and not blind
    counted = {
        name: sum(outcome.counted.get(name, 0) for outcome in outcomes.values())
        for name in dict.fromkeys(name for outcome in outcomes.values() for name in outcome.counted)
    }
    report = {
        "seed": arguments.seed,
        "form": arguments.form,
        "held": held,
        "kills": sum(outcome.kills for outcome in outcomes.values()),
        **by_kind(outcomes.values()),
        "counted": counted,
        "scenarios": {name: outcome.as_json() for name, outcome in outcomes.items()},
        "mutants": caught,
    }
    (HOME / "chaos.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    say(f"chaos: {sum(outcome.held for outcome in outcomes.values())} of {len(outcomes)} scenarios held")
    say(f"chaos: {len(caught) - len(blind)} of {len(caught)} mutants caught; missed: {', '.join(blind) or 'none'}")
    say("chaos: counted " + ", ".join(f"{name} {number:,}" for name, number in counted.items()))
    say(f"chaos: {last_line(list(outcomes.values()))}")
    return 0 if held else 1


if __name__ == "__main__":
    environ = os.environ
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--form", choices=FORMS, default="short")
    parser.add_argument("--seed", default=environ.get("SEED", DEFAULT_SEED))
    parser.add_argument("--kills", type=int, default=environ.get("KILLS"))
    parser.add_argument("--seconds", type=float, default=environ.get("SECONDS"))
    parser.add_argument("--only", nargs="*", default=environ.get("ONLY", "").split(), metavar="SCENARIO")
    sys.exit(asyncio.run(main(parser.parse_args())))
