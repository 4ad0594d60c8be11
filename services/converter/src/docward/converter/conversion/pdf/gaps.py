"""Runs that are several pieces of text: a typesetter may draw a whole row of a table at once, with wide gaps in it.

PDFium tells the text of a run with one blank for any gap. Where a row may stand (between lines of one width, or where a
run is far too wide for its characters) the places of the characters beside the blanks are asked for.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pypdfium2.raw as pdfium_c

if TYPE_CHECKING:
    from docward.converter.conversion.pdf.page import Page, Rule, Run

WIDE = 0.85
"""Of the size; a wider gap is none between words."""
LOOSE = 0.75
"""Of the size, per character; a run with more has a wide gap somewhere."""


def divide(page: Page, text_page: Any, left: float, bottom: float) -> None:
    """Divide the page's runs at wide gaps. `left`, `bottom`: where the page begins in the space of `text_page`."""
    zones = list(_zones(page.rules))
    page.runs = [
        part
        for run in page.runs
        for part in (_parts(run, text_page, left, bottom) if _may_have_gaps(run, zones) else (run,))
    ]


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
        if len(levels) > 1:
            yield stack[0].x0 - 3, min(levels), stack[0].x1 + 3, max(levels)


def _same_width(one: Rule, other: Rule) -> bool:
    return abs(one.x0 - other.x0) < 3 and abs(one.x1 - other.x1) < 3


def _may_have_gaps(run: Run, zones: Sequence[tuple[float, float, float, float]]) -> bool:
    if " " not in run.text.strip() or run.mono:
        return False
    if run.x1 - run.x0 > LOOSE * run.size * len(run.text):
        return True
    return any(x0 <= run.x0 and run.x1 <= x1 and y0 < run.base < y1 for x0, y0, x1, y1 in zones)


def _parts(run: Run, text_page: Any, left: float, bottom: float) -> Iterator[Run]:
    x, y = run.x0 + left + 1, run.base + bottom + 0.25 * run.size
    first = pdfium_c.FPDFText_GetCharIndexAtPos(text_page, x, y, run.size / 2, run.size / 2)
    if first < 0 or chr(pdfium_c.FPDFText_GetUnicode(text_page, first)) != run.text[0]:
        yield run
        return
    start, x0 = 0, run.x0
    for at, char in enumerate(run.text.rstrip()):
        if char == " " and at > 0:
            before, after = _edges(text_page, first + at - 1), _edges(text_page, first + at + 1)
            known = chr(pdfium_c.FPDFText_GetUnicode(text_page, first + at)) == " "
            if known and before and after and after[0] - before[1] > WIDE * run.size:
                yield replace(run, text=run.text[start:at], x0=x0, x1=before[1] - left)
                start, x0 = at + 1, after[0] - left
    yield replace(run, text=run.text[start:], x0=x0) if start else run


def _edges(text_page: Any, index: int) -> tuple[float, float] | None:
    x0, x1, y0, y1 = (ctypes.c_double() for _ in range(4))
    return (x0.value, x1.value) if pdfium_c.FPDFText_GetCharBox(text_page, index, x0, x1, y0, y1) else None
