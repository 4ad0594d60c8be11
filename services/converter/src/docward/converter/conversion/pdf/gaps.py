"""Runs that are several pieces of text: a typesetter may draw a whole row of a table at once, with wide gaps in it.

PDFium tells the text of a run with one blank for any gap. Where a row may stand (between lines of one width, below the
caption of a table, or where a run is far too wide for its characters) the run is divided at its wide gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf

from docward.converter.conversion.pdf.objects import Part
from docward.converter.conversion.pdf.page import Rule, Run
from docward.converter.conversion.pdf.unruled import titles

LOOSE = 0.75
"""Of the size, per character; a run with more has a wide gap somewhere."""


def divided(
    runs: list[Run], rules: Sequence[Rule], divisible: Iterable[int], parts: Callable[[int], Sequence[Part]]
) -> list[Run]:
    """The runs of a page, divided at wide gaps. `divisible`: the places of those that may have some; `parts`: what
    they are then."""
    zones = [*_zones(rules), *((0.0, 0.0, inf, title.base) for title in titles(runs))]
    found = {at: pieces for at in divisible if _may_have_gaps(runs[at], zones) and (pieces := parts(at))}
    return [part for at, run in enumerate(runs) for part in _pieces(run, found.get(at))] if found else runs


def _pieces(run: Run, parts: Sequence[Part] | None) -> Iterator[Run]:
    if parts is None:
        yield run
    else:
        yield from (replace(run, text=text, x0=x0, x1=x1) for text, x0, x1 in parts)


def _zones(rules: Sequence[Rule]) -> Iterator[tuple[float, float, float, float]]:
    """Where the rows of tables may stand: between horizontal lines of one width."""
    stacks: list[list[Rule]] = []
    for rule in rules:
        if rule.y0 == rule.y1 and rule.x1 - rule.x0 > 50:
            stack = next((one for one in stacks if _same_width(one[0], rule)), None)
            if stack is None:
                stacks.append([rule])
            else:
                stack.append(rule)
    for stack in stacks:
        levels = [rule.y0 for rule in stack]
        if len(levels) > 1:  # two may be those of a header: then rows go on below them
            yield stack[0].x0 - 3, min(levels) if len(levels) > 2 else 0.0, stack[0].x1 + 3, max(levels)


def _same_width(one: Rule, other: Rule) -> bool:
    return abs(one.x0 - other.x0) < 3 and abs(one.x1 - other.x1) < 3


def _may_have_gaps(run: Run, zones: Sequence[tuple[float, float, float, float]]) -> bool:
    if " " not in run.text.strip() or run.mono:
        return False
    if run.x1 - run.x0 > LOOSE * run.size * len(run.text):
        return True
    return any(x0 <= run.x0 and run.x1 <= x1 and y0 < run.base < y1 for x0, y0, x1, y1 in zones)
