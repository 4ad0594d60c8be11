"""Runs become lines in reading order: columns are found, lines that cross them divide the page into bands."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from docward.converter.conversion.pagetext import RAISED
from docward.converter.conversion.pdf.page import Run

MARK = re.compile(r"\d{1,3}")
"""Of a note."""
SCRIPT = re.compile(r"[\w+−,.*()/≤≥<>=∈-]{1,12}")
ENDS_A_NAME = re.compile(r"[\w)\]]\Z")
WORD_GAP = 0.6
"""Of the size; a gap between words is hardly ever wider."""
SMALLER = 0.87
"""A script is smaller than this part of what it belongs to."""


@dataclass(slots=True, eq=False)
class Line:
    page: int
    runs: list[Run]
    x0: float = 0.0
    y0: float = 0.0
    x1: float = 0.0
    y1: float = 0.0
    base: float = 0.0
    size: float = 0.0
    largest: float = 0.0
    """Size of the largest run."""
    bold: bool = False
    mono: bool = False
    text: str = ""
    right: float = 0.0
    """Where lines of its column end."""
    left: float = 0.0
    """Where lines of its column begin."""
    table: list[list[str]] | None = None
    """A table that stands in the place of a line."""
    columns: tuple[float, ...] = ()
    formula: str | None = None
    """LaTeX of a displayed formula that stands in the place of a line; empty where it could not be rebuilt."""
    whole: bool = False
    """A table or a formula: it stays where it stands, as it is."""

    @classmethod
    def of(cls, page: int, runs: list[Run]) -> Line:
        """A line of runs from left to right."""
        if len(runs) == 1:
            run, text = runs[0], " ".join(runs[0].text.split())
            return cls(
                page, runs, run.x0, run.y0, run.x1, run.y1, run.base, run.size, run.size, run.bold, run.mono, text
            )
        longest = max(runs, key=lambda run: len(run.text) * run.size)
        letters = [run for run in runs if any(map(str.isalnum, run.text))] or runs
        return cls(
            page,
            runs,
            runs[0].x0,
            min([run.y0 for run in runs]),
            max([run.x1 for run in runs]),
            max([run.y1 for run in runs]),
            longest.base,
            longest.size,
            max([run.size for run in runs]),
            all(run.bold for run in letters),
            all(run.mono for run in letters),
            joined(runs),
        )

    @classmethod
    def of_table(
        cls, page: int, rows: list[list[str]], box: tuple[float, float, float, float], columns: tuple[float, ...]
    ) -> Line:
        x0, y0, x1, y1 = box
        return cls(page, [], x0=x0, y0=y0, x1=x1, y1=y1, base=y1, table=rows, columns=columns, whole=True)


def joined(runs: Sequence[Run]) -> str:
    """The text of runs that follow each other from left to right; a gap of a quarter of an em is a blank, lowered and
    raised runs are subscripts and exponents.
    """
    if len(runs) == 1:  # as most lines have
        return " ".join(runs[0].text.split())
    main = max(runs, key=lambda run: (round(run.size), len(run.text)))
    script = SMALLER * main.size
    computes = "=" in "".join([run.text for run in runs])
    before, text, end, size = "", "", float("inf"), 0.0
    for run in runs:
        after = run.text
        if run.size <= script and (shifted := _shifted(run, main, before, computes=computes)) is not None:
            after = shifted
        elif run.x0 - end > 0.22 * min(run.size, size) and before[-1:] != " " and after[:1] != " ":
            text += " "
        text += after
        before, end, size = after, run.x1, run.size
    return " ".join(text.split())


def _shifted(run: Run, main: Run, before: str, *, computes: bool) -> str | None:
    """`_t` for a small run that is lowered, `^2` for a raised one in a formula; in prose a raised number is the mark of
    a note. None for what is no script.
    """
    shift = (run.base - main.base) / main.size
    if run.size < SMALLER * main.size and 0.2 <= shift < 0.7 and not computes and MARK.fullmatch(run.text.strip()):
        return run.text.strip().translate(RAISED) + (" " if run.text[-1] == " " else "")
    if not -0.7 < shift < 0.7 or -0.06 < shift < 0.2 or not ENDS_A_NAME.search(before):
        return None
    text = run.text.strip()
    if not SCRIPT.fullmatch(text) or (shift > 0 and not computes):
        return None
    return (
        ("_" if shift < 0 else "^") + (text if len(text) == 1 else f"{{{text}}}") + (" " if run.text[-1] == " " else "")
    )


@dataclass(slots=True)
class _Row:
    bottom: float
    top: float
    size: float
    """Of the largest run."""
    runs: list[Run]


_x0, _base = attrgetter("x0"), attrgetter("base")


def in_rows(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs whose heights overlap share a row; rows from top to bottom."""
    rows: list[_Row] = []
    for run in sorted(sorted(runs, key=_x0), key=_base, reverse=True):
        size = run.size
        low, high = run.base - 0.1 * size, run.base + 0.6 * size
        for row in rows[:-5:-1]:
            bottom, top = row.bottom, row.top
            if bottom >= high:
                continue
            half = 0.5 * min(high - low, top - bottom)
            if high - bottom > half and top - low > half:
                if low < bottom and size > 0.9 * row.runs[0].size:
                    row.bottom = low
                row.top = max(high, top)
                row.size = max(size, row.size)
                row.runs.append(run)
                break
        else:
            rows.append(_Row(low, high, size, [run]))
    return _with_subscripts(rows)


def _with_subscripts(rows: Iterable[_Row]) -> list[list[Run]]:
    """Rows that hold nothing but subscripts of the row above, or exponents of the row below, are part of it."""
    whole: list[list[Run]] = []
    above = 0.0
    for row in rows:
        runs, size = row.runs, row.size
        if size < SMALLER * above and _hang_on(runs, whole[-1]):
            whole[-1] += runs
            continue
        if whole and above < SMALLER * size and _hang_on(whole[-1], runs):
            whole[-1] = [*runs, *whole[-1]]
        else:
            whole.append(runs)
        above = size
    return whole


def _hang_on(some: Sequence[Run], others: Sequence[Run]) -> bool:
    """Whether each of some runs is a script of one of the others."""
    for run in some:
        for other in others:
            if (
                run.size < SMALLER * other.size
                and abs(other.base - run.base) < 0.7 * other.size
                and -1 < run.x0 - other.x1 < 0.3 * other.size
            ):
                break
        else:
            return False
    return True


def fragments(page: int, runs: Iterable[Run]) -> list[Line]:
    """Pieces of lines: a wide gap may be the gutter between two columns."""
    found = []
    for row in in_rows(runs):
        if len(row) > 1:
            row.sort(key=_x0)
        current, end = [row[0]], row[0].x1
        for run in row[1:]:
            if run.x0 - end > max(run.size, 8.0):
                found.append(Line.of(page, current))
                current, end = [run], run.x1
            else:
                current.append(run)
                end = max(end, run.x1)
        found.append(Line.of(page, current))
    return found


def in_reading_order(pieces: Sequence[Line], width: float) -> list[Line]:
    """Pieces of lines, tables and formulas of a page, as lines in the order in which they are read."""
    gutter = find_gutter(pieces, width)
    if gutter is None:
        return _columns([pieces])
    pieces = [part for piece in pieces for part in _divided(piece, gutter)]
    left = [one for one in pieces if one.x1 <= gutter + _overhang(one)]
    right = [one for one in pieces if one.x0 >= gutter - _overhang(one)]
    sides = {id(one) for one in (*left, *right)}
    crossing = [one for one in pieces if id(one) not in sides]
    ordered: list[Line] = []
    top = float("inf")
    for divider in [*sorted(crossing, key=_parting, reverse=True), None]:
        low = _parting(divider) if divider else float("-inf")
        ordered += _columns([[one for one in side if low <= (one.y0 + one.y1) / 2 < top] for side in (left, right)])
        if divider:
            ordered += _columns([[divider]])
            top = low
    return ordered


def _overhang(piece: Line) -> float:
    """How far a table of one column may reach over the gutter."""
    return 0.1 * (piece.x1 - piece.x0) if piece.whole else 0.0


def _parting(divider: Line) -> float:
    """The height at which what crosses the gutter parts the columns beside it: what stands on its line follows it."""
    return divider.y0 + 0.7 * (divider.y1 - divider.y0)


def _divided(piece: Line, gutter: float) -> Iterator[Line]:
    """A piece, or its parts on either side of a gutter that is wider than the gap between two of its words."""
    at = sum(run.x1 <= gutter for run in piece.runs) if piece.x0 < gutter < piece.x1 else 0
    if 0 < at < len(piece.runs):
        end, after = max(run.x1 for run in piece.runs[:at]), piece.runs[at]
        if after.x0 > gutter and after.x0 - end > WORD_GAP * after.size:
            yield Line.of(piece.page, piece.runs[:at])
            yield Line.of(piece.page, piece.runs[at:])
            return
    yield piece


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
    pieces = {id(one.runs[0]): one for one in side if not one.whole}
    page = side[0].page if side else 0
    lines = []
    for row in in_rows([run for one in pieces.values() for run in one.runs]):
        if len(row) > 1:
            row.sort(key=_x0)
        piece = pieces.get(id(row[0]))
        lines.append(piece if piece is not None and piece.runs == row else Line.of(page, row))
    whole = [one for one in side if one.whole]
    return sorted([*lines, *whole], key=lambda one: -(one.y0 + one.y1) / 2 if one.whole else -one.base)


def find_gutter(pieces: Sequence[Line], width: float) -> float | None:
    """The x between two columns of text; None on a page with one."""
    texts = [one for one in pieces if not one.whole]
    if len(texts) < 12:
        return None
    begins, ends = sorted([one.x0 for one in texts]), sorted([one.x1 for one in texts])
    centre = [width * step / 100 for step in range(30, 71)]
    crossings = [bisect_left(begins, x) - bisect_right(ends, x) for x in centre]
    crossing = min(crossings)
    same = [x for x, count in zip(centre, crossings, strict=True) if count == crossing]
    x = same[len(same) // 2]
    left, right = bisect_right(ends, x), len(begins) - bisect_left(begins, x)
    if min(left, right) < 5 or crossing * 4 > left + right:
        return None
    # Columns of prose have long lines; those of a form, of terms or of a table without rules have not.
    lengths = [(one.x1 <= x, one.x1 - one.x0 > 0.2 * width) for one in texts if one.x1 <= x or one.x0 >= x]
    wide = [sum(long for at_left, long in lengths if at_left is side) for side in (True, False)]
    return x if sum(wide) * 5 >= 2 * (left + right) and wide[0] * 4 >= left and wide[1] * 4 >= right else None
