"""`make bench`: how soon a change is visible, how fast commands are decided and read models rebuilt, beside bounds;
what a burst leaves behind.

Starts a durable local stack of its own; load goes to loopback and ends by itself, in a few minutes. Every figure is
the median of rounds that alternate with their bound, in steady state. Prints tables, and writes them as JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import uvloop

from bench.burst import burst, goals
from bench.deciding import costs, decided
from bench.rebuilding import rebuilt
from bench.visible import HOPS, visible
from docward.events.actor import Signer
from docward.localstack import Stack, start_stack

PARTS = ("visible", "deciders", "rebuild", "burst")


async def bench(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    stack = start_stack(
        folder / "stack", durable=True, fast_start=False, report=lambda line: print(line, file=sys.stderr)
    )
    measure: dict[str, Callable[[Stack, Path, argparse.Namespace], Awaitable[dict[str, Any]]]] = {
        "visible": lambda stack, room, options: visible(stack, room, options.documents, options.rate),
        "deciders": _deciders,
        "rebuild": _rebuild,
        "burst": lambda stack, room, options: burst(stack, room, options.seed, options.burst, options.commands // 2),
    }
    found: dict[str, Any] = {"seed": options.seed}
    try:
        for part in options.only or PARTS:
            room = folder / part
            room.mkdir()
            found[part] = await measure[part](stack, room, options)
            print(f"measured: {part}", file=sys.stderr)
    finally:
        stack.remove()
    return found


async def _deciders(stack: Stack, room: Path, options: argparse.Namespace) -> dict[str, Any]:
    await decided(stack, room, options.seed, options.commands // 4)  # warm: the broker's compiler
    rounds = [await decided(stack, room, options.seed + n, options.commands) for n in range(options.rounds)]
    result = _medians(rounds, "commands_per_s")
    spent = costs(options.seed, 4000, Signer("gateway", b"\x01" * 32))
    result |= {name: round(value, 1) for name, value in spent.items()}
    result["signature_share"] = round(spent["signature_us"] * result["commands_per_s"] / 1e6, 3)
    return {"commands": options.commands, **result}


async def _rebuild(stack: Stack, room: Path, options: argparse.Namespace) -> dict[str, Any]:
    rounds = await rebuilt(stack, room, options.seed, options.events, options.rounds)
    result = _medians(rounds, "events_per_s")
    result["trace_costs"] = round(1 - result["traced_per_s"] / result["events_per_s"], 3)
    return {"events": options.events, **result}


def _medians(rounds: Sequence[dict[str, float]], name: str) -> dict[str, Any]:
    medians: dict[str, Any] = {key: round(statistics.median(each[key] for each in rounds)) for key in rounds[0]}
    medians["of_bound"] = round(statistics.median(each[name] / each["bound_per_s"] for each in rounds), 2)
    return {**medians, "rounds": [{key: round(value) for key, value in each.items()} for each in rounds]}


def _say(found: dict[str, Any]) -> None:
    if seen := found.get("visible"):
        print(f"{'milliseconds from 202':<32}{'p50':>8}{'p95':>8}{'p99':>8}")
        for stage, text in (
            ("submitted", "to visible"),
            ("converted", "to visible as converted"),
            ("floor", "one record and one commit"),
        ):
            print(f"{text:<32}" + "".join(f"{seen[stage][key]:>8}" for key in ("p50_ms", "p95_ms", "p99_ms")))
        print(f"{f'converted, to {HOPS} hops of the floor':<32}{seen['converted_to_floor']:>8}")
    print(f"{'a second':<32}{'reached':>8}{'bound':>8}{'ratio':>8}")
    for part, text, key in (
        ("deciders", "commands decided, one partition", "commands_per_s"),
        ("rebuild", "events rebuilt, documents", "events_per_s"),
    ):
        if part in found:
            row = found[part]
            print(f"{text:<32}{row[key]:>8}{row['bound_per_s']:>8}{row['of_bound']:>8}")
    if "deciders" in found:
        print(f"{'  of it, proving signatures':<32}{found['deciders']['signature_share']:>8.1%}")
    if "rebuild" in found:
        print(f"{'  tracing takes of it':<32}{found['rebuild']['trace_costs']:>8.1%}")
    if row := found.get("burst"):
        title = f"{row['seconds']:g} s of {row['burst_per_s']}/s, usually {row['usual_per_s']}"
        print(f"{title:<32}{'reached':>8}{'goal':>8}")
        for text, reached, most in goals(row):
            print(f"{text:<32}{reached:>8}{most:>8g}{'  MISSED' if reached > most else ''}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=100)
    parser.add_argument("--rate", type=float, default=4.0, help="documents a second")
    parser.add_argument("--commands", type=int, default=15_000, help="of a round of the decider")
    parser.add_argument("--events", type=int, default=75_000, help="of a round of the rebuild")
    parser.add_argument("--burst", type=float, default=30.0, help="seconds of it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part (may be repeated)")
    parser.add_argument("--output", type=Path, default=Path(".docward/bench.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = uvloop.run(bench(options, Path(folder)))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    _say(result)
    print(f"bench: seed {options.seed}; JSON in {options.output}")


if __name__ == "__main__":
    main()
