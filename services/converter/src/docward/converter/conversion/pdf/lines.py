"""Runs become lines in reading order: columns are found, lines that cross them divide the page into bands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from docward.converter.conversion.pagetext import RAISED
from docward.converter.conversion.pdf.page import Run

MARK = re.compile(r"\d{1,3}")
"""Of a note."""


@dataclass
class Line:
    page: int
    runs: list[Run]
    x0: float = 0.0
    y0: float = 0.0
    x1: float = 0.0
    y1: float = 0.0
    base: float = 0.0
    size: float = 0.0
    bold: bool = False
    mono: bool = False
    text: str = ""
    right: float = 0.0
    """Where lines of its column end."""
    left: float = 0.0
    """Where lines of its column begin."""
    table: list[list[str]] | None = None
    """A table that stands in the place of a line."""
    columns: tuple[float, ...] = field(default=())
    formula: str | None = None
    """LaTeX of a displayed formula that stands in the place of a line; empty where it could not be rebuilt."""

    @property
    def whole(self) -> bool:
        """Something that is no line of text: it stays where it stands, as it is."""
        return self.table is not None or self.formula is not None

    def settle(self) -> Line:
        """Compute what follows from the runs."""
        self.runs.sort(key=lambda run: run.x0)
        longest = max(self.runs, key=lambda run: len(run.text) * run.size)
        self.x0, self.x1 = min(run.x0 for run in self.runs), max(run.x1 for run in self.runs)
        self.y0, self.y1 = min(run.y0 for run in self.runs), max(run.y1 for run in self.runs)
        self.base, self.size = longest.base, longest.size
        letters = [run for run in self.runs if any(map(str.isalnum, run.text))] or self.runs
        self.bold = all(run.bold for run in letters)
        self.mono = all(run.mono for run in letters)
        self.text = joined(self.runs)
        return self


def joined(runs: Sequence[Run]) -> str:
    """The text of runs that follow each other from left to right; a gap of a quarter of an em is a blank, lowered and
    raised runs are subscripts and exponents.
    """
    main = max(runs, key=lambda run: (round(run.size), len(run.text)))
    computes = any("=" in run.text for run in runs)
    parts: list[str] = []
    last: Run | None = None
    for run in runs:
        text = _shifted(run, main, parts[-1] if parts else "", computes=computes)
        if last is not None and text is run.text:
            gap = run.x0 - last.x1
            if gap > 0.22 * min(run.size, last.size) and not parts[-1].endswith(" ") and not run.text.startswith(" "):
                parts.append(" ")
        parts.append(text)
        last = run
    return " ".join("".join(parts).split())


def _shifted(run: Run, main: Run, before: str, *, computes: bool) -> str:
    """`_t` for a lowered run, `^2` for a raised one in a formula; in prose a raised number is the mark of a note."""
    shift = (run.base - main.base) / main.size
    if run.size < 0.87 * main.size and 0.2 <= shift < 0.7 and not computes and MARK.fullmatch(run.text.strip()):
        return run.text.strip().translate(RAISED) + (" " if run.text[-1] == " " else "")
    if (
        run.size > 0.87 * main.size
        or not -0.7 < shift < 0.7
        or -0.06 < shift < 0.2
        or not re.search(r"[\w)\]]$", before)
    ):
        return run.text
    text = run.text.strip()
    if not re.fullmatch(r"[\w+−,.*()/≤≥<>=∈-]{1,12}", text) or (shift > 0 and not computes):
        return run.text
    return (
        ("_" if shift < 0 else "^") + (text if len(text) == 1 else f"{{{text}}}") + (" " if run.text[-1] == " " else "")
    )


def in_rows(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs whose heights overlap share a row; rows from top to bottom."""
    rows: list[tuple[float, float, list[Run]]] = []
    for run in sorted(runs, key=lambda one: (-one.base, one.x0)):
        low, high = run.base - 0.1 * run.size, run.base + 0.6 * run.size
        for index in range(len(rows) - 1, max(len(rows) - 4, -1), -1):
            bottom, top, members = rows[index]
            if min(high, top) - max(low, bottom) > 0.5 * min(high - low, top - bottom):
                members.append(run)
                bottom = min(low, bottom) if run.size > 0.9 * members[0].size else bottom
                rows[index] = (bottom, max(high, top), members)
                break
        else:
            rows.append((low, high, [run]))
    return _with_subscripts([members for _, _, members in rows])


def _with_subscripts(rows: list[list[Run]]) -> list[list[Run]]:
    """Rows that hold nothing but subscripts of the row above, or exponents of the row below, are part of it."""
    whole: list[list[Run]] = []
    for row in rows:
        above = whole[-1] if whole else []
        if above and all(any(_hangs_on(run, other) for other in above) for run in row):
            above += row
        elif above and all(any(_hangs_on(run, other) for other in row) for run in above):
            whole[-1] = [*row, *above]
        else:
            whole.append(row)
    return whole


def _hangs_on(run: Run, other: Run) -> bool:
    near = abs(other.base - run.base) < 0.7 * other.size and -1 < run.x0 - other.x1 < 0.3 * other.size
    return near and run.size < 0.87 * other.size


def fragments(page: int, runs: Iterable[Run]) -> list[Line]:
    """Pieces of lines: a wide gap may be the gutter between two columns."""
    found = []
    for row in in_rows(runs):
        row.sort(key=lambda run: run.x0)
        current = [row[0]]
        for run in row[1:]:
            if run.x0 - max(one.x1 for one in current) > 1.0 * max(run.size, 8.0):
                found.append(Line(page, current).settle())
                current = []
            current.append(run)
        found.append(Line(page, current).settle())
    return found


def in_reading_order(pieces: Sequence[Line], width: float) -> list[Line]:
    """Pieces of lines, tables and formulas of a page, as lines in the order in which they are read."""
    gutter = find_gutter(pieces, width)
    if gutter is None:
        return _columns([pieces])
    left = [one for one in pieces if one.x1 <= gutter]
    right = [one for one in pieces if one.x0 >= gutter]
    crossing = sorted((one for one in pieces if one.x0 < gutter < one.x1), key=lambda one: -one.y1)
    ordered: list[Line] = []
    top = float("inf")
    for divider in [*crossing, None]:
        low = divider.y1 - 0.1 if divider else float("-inf")
        band = [[one for one in side if low <= (one.y0 + one.y1) / 2 < top] for side in (left, right)]
        ordered += _columns(band)
        if divider:
            ordered += _columns([[divider]])
            top = divider.y0 + 0.1
    return ordered


def _columns(sides: Sequence[Sequence[Line]]) -> list[Line]:
    ordered: list[Line] = []
    for side in sides:
        column = _rejoined(side)
        if not column:
            continue
        starts = Counter(round(one.x0) for one in column if not one.whole)
        left = min(
            (x for x, count in starts.items() if count * 5 >= len(column)), default=min(one.x0 for one in column)
        )
        ends = sorted(one.x1 for one in column)
        right = ends[int(len(ends) * 0.95)] if len(ends) > 4 else ends[-1]
        for one in column:
            one.left, one.right = left, right
        ordered += column
    return ordered


def _rejoined(side: Sequence[Line]) -> list[Line]:
    """Fragments of one row become one line; within a column a wide gap is only a gap."""
    whole = [one for one in side if one.whole]
    runs = [run for one in side if not one.whole for run in one.runs]
    page = side[0].page if side else 0
    lines = [Line(page, row).settle() for row in in_rows(runs)]
    return sorted([*lines, *whole], key=lambda one: -(one.y0 + one.y1) / 2 if one.whole else -one.base)


def find_gutter(pieces: Sequence[Line], width: float) -> float | None:
    """The x between two columns of text; None on a page with one."""
    texts = [one for one in pieces if not one.whole]
    if len(texts) < 12:
        return None
    best: tuple[int, float] | None = None
    for step in range(30, 71):
        x = width * step / 100
        crossing = sum(one.x0 < x < one.x1 for one in texts)
        if best is None or crossing < best[0]:
            best = (crossing, x)
    if best is None:
        return None
    crossing, x = best
    centre = [width * step / 100 for step in range(30, 71)]
    same = [at for at in centre if sum(one.x0 < at < one.x1 for one in texts) == crossing]
    x = same[len(same) // 2]
    left, right = [one for one in texts if one.x1 <= x], [one for one in texts if one.x0 >= x]
    if min(len(left), len(right)) < 5 or crossing * 4 > len(left) + len(right):
        return None
    # Two columns of prose have long lines; the short texts of a form or of a table without rules are no columns.
    wide = sum(one.x1 - one.x0 > 0.2 * width for one in texts)
    return x if wide * 5 >= 2 * (len(left) + len(right)) else None
