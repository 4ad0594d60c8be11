"""Tables of a page: from drawn lines or below a caption, never from white space alone.

A full grid gives cells and merged cells; horizontal rules alone are the matter of `ruled.py`, captions of `unruled.py`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence

from docward.converter.conversion.pdf.lines import Line
from docward.converter.conversion.pdf.page import Page, Rule, Run
from docward.converter.conversion.pdf.ruled import NEAR, between_rules, cell_text, lines_as_rows, stacks
from docward.converter.conversion.pdf.unruled import take_captioned

MARGIN = 0.15
"""Part of the page's height, at either end, in which rules of headers and footers stand."""
LEAST_COLUMN = 15.0
"""Points; rules that reach less far beyond the outermost upright line hold no column there."""


def without_running_rules(pages: Sequence[Page]) -> None:
    """Take the lines under running headers and over footers away: alone at a page's edge, on most pages in one place.

    Together with the first rule of a table below it, such a line would make a table of all that stands between.
    """
    seen: dict[tuple[int, int, int], list[tuple[Page, Rule]]] = defaultdict(list)
    for page in pages:
        flat = [rule for rule in page.rules if rule.y0 == rule.y1]
        for rule in flat:
            edge = rule.y0 > (1 - MARGIN) * page.height or rule.y0 < MARGIN * page.height
            if edge and not any(_belongs(rule, other) for other in flat):
                seen[round(rule.x0), round(rule.x1), round(rule.y0)].append((page, rule))
    for places in seen.values():
        if len(places) >= max(3, len(pages) / 3):
            for page, rule in places:
                page.rules.remove(rule)


def _belongs(rule: Rule, other: Rule) -> bool:
    """Whether `other` is the next rule of the same table."""
    same = abs(rule.x0 - other.x0) <= NEAR and abs(rule.x1 - other.x1) <= NEAR
    return same and 0 < abs(rule.y0 - other.y0) < 40


def take_tables(page: Page) -> tuple[list[Line], list[Run]]:
    """The page's tables, each as a line in its place, and the runs that belong to none."""
    flat = _merged([rule for rule in page.rules if rule.y0 == rule.y1], vertical=False)
    upright = _merged([rule for rule in page.rules if rule.x0 == rule.x1], vertical=True)
    runs, tables = page.runs, list[Line]()
    used: set[int] = set()
    for group in _connected(flat, upright):
        table, rest = _grid(page.number, *group, runs)
        if table is not None:
            tables.append(table)
            runs = rest
        used.update(map(id, group[0]))
        if table is None and len(group[1]) <= 2:  # a frame, not a grid: its lines may still be a table's rules
            used.difference_update(map(id, group[0]))
    for rules in stacks([rule for rule in flat if id(rule) not in used], runs):
        table, rest = between_rules(page, rules, runs)
        if table is not None:
            tables.append(table)
            runs = rest
    captioned, runs = take_captioned(page, runs, tables)
    return [*tables, *captioned], runs


def _merged(rules: Sequence[Rule], *, vertical: bool) -> list[Rule]:
    """Pieces of one line as one line."""
    merged: list[Rule] = []

    def at(rule: Rule) -> tuple[float, float]:
        return (rule.x0, rule.y0) if vertical else (rule.y0, rule.x0)

    for rule in sorted(rules, key=lambda one: (round(at(one)[0]), at(one)[1])):
        last = merged[-1] if merged else None
        if last and abs(at(last)[0] - at(rule)[0]) <= 1.5:
            if vertical and rule.y0 <= last.y1 + NEAR:
                last.y1 = max(last.y1, rule.y1)
                continue
            if not vertical and rule.x0 <= last.x1 + NEAR:
                last.x1 = max(last.x1, rule.x1)
                continue
        merged.append(Rule(rule.x0, rule.y0, rule.x1, rule.y1))
    return merged


def _connected(flat: Sequence[Rule], upright: Sequence[Rule]) -> list[tuple[list[Rule], list[Rule]]]:
    """Groups of lines that touch each other."""
    parent = list(range(len(flat) + len(upright)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for i, across in enumerate(flat):
        for j, down in enumerate(upright):
            inside = across.x0 - NEAR <= down.x0 <= across.x1 + NEAR and down.y0 - NEAR <= across.y0 <= down.y1 + NEAR
            if inside:
                parent[root(i)] = root(len(flat) + j)
    groups: dict[int, tuple[list[Rule], list[Rule]]] = {}
    for i, across in enumerate(flat):
        groups.setdefault(root(i), ([], []))[0].append(across)
    for j, down in enumerate(upright):
        groups.setdefault(root(len(flat) + j), ([], []))[1].append(down)
    return [group for group in groups.values() if len(group[0]) >= 2 and len(group[1]) >= 2]


def _clusters(values: Sequence[float]) -> list[float]:
    found: list[float] = []
    for value in sorted(values):
        if not found or value - found[-1] > NEAR:
            found.append(value)
    return found


def _grid(
    page: int, flat: Sequence[Rule], upright: Sequence[Rule], runs: Sequence[Run]
) -> tuple[Line | None, list[Run]]:
    ys = _clusters([rule.y0 for rule in flat])[::-1]
    xs = _with_open_sides(_clusters([rule.x0 for rule in upright]), flat)
    rows, columns = len(ys) - 1, len(xs) - 1
    if rows < 2 or columns < 2:
        return None, list(runs)
    cells: dict[tuple[int, int], list[Run]] = {}
    rest: list[Run] = []
    rising = ys[::-1]
    for run in runs:
        place = _cell_of(run, xs, rising)
        if place is None:
            rest.append(run)
        else:
            cells.setdefault(place, []).append(run)
    filled = len(cells)
    if filled < 3 or filled * 4 < rows * columns:  # a drawing, a form, a page border
        return None, list(runs)
    if _is_cramped(cells, ys):
        return None, list(runs)
    owner = _owners(flat, upright, xs, ys)
    table = _texts(cells, owner, xs)
    return Line.of_table(page, table, (xs[0], ys[-1], xs[-1], ys[0]), tuple(xs)), rest


def _with_open_sides(xs: Sequence[float], flat: Sequence[Rule]) -> list[float]:
    """Where columns begin and end: also a column that has a line at one side only begins or ends where rules do."""
    left, right = min(rule.x0 for rule in flat), max(rule.x1 for rule in flat)
    opened = left < xs[0] - LEAST_COLUMN and sum(rule.x0 < left + NEAR for rule in flat) > 1
    closed = right > xs[-1] + LEAST_COLUMN and sum(rule.x1 > right - NEAR for rule in flat) > 1
    return [*([left] if opened else []), *xs, *([right] if closed else [])]


def _is_cramped(cells: dict[tuple[int, int], list[Run]], ys: Sequence[float]) -> bool:
    """Whether most texts are larger than their rows are high: staves of music or an axis are drawn, no cells."""
    heights = [(run.size, ys[row] - ys[row + 1]) for (row, _), runs in cells.items() for run in runs]
    return 2 * sum(size > 1.4 * height for size, height in heights) > len(heights)


def _cell_of(run: Run, xs: Sequence[float], ys: Sequence[float]) -> tuple[int, int] | None:
    """Row from the top and column of a run, which may begin a point outside; None outside of the grid. Lines rise."""
    y = run.base + 0.25 * run.size
    if not ys[0] <= y < ys[-1] + 1:
        return None
    x = run.x0 + min(run.x1 - run.x0, 4.0) / 2
    if not xs[0] - 1 <= x < xs[-1] or run.x1 - xs[-1] > (run.x1 - run.x0) / 2:
        return None
    return len(ys) - 1 - min(bisect_right(ys, y), len(ys) - 1), max(bisect_right(xs, x) - 1, 0)


def _owners(
    flat: Sequence[Rule], upright: Sequence[Rule], xs: Sequence[float], ys: Sequence[float]
) -> dict[tuple[int, int], tuple[int, int]]:
    """For each place of the grid the place whose cell covers it: cells without a line between them are merged."""
    owner = {(row, column): (row, column) for row in range(len(ys) - 1) for column in range(len(xs) - 1)}
    at_left = [[rule for rule in upright if abs(rule.x0 - x) <= NEAR] for x in xs]
    at_top = [[rule for rule in flat if abs(rule.y0 - y) <= NEAR] for y in ys]
    for row, column in list(owner):
        middle_y, middle_x = (ys[row] + ys[row + 1]) / 2, (xs[column] + xs[column + 1]) / 2
        if column and not any(rule.y0 <= middle_y <= rule.y1 for rule in at_left[column]):
            owner[row, column] = owner[row, column - 1]
        elif row and not any(rule.x0 <= middle_x <= rule.x1 for rule in at_top[row]):
            owner[row, column] = owner[row - 1, column]
    return owner


def _texts(
    cells: dict[tuple[int, int], list[Run]], owner: dict[tuple[int, int], tuple[int, int]], xs: Sequence[float]
) -> list[list[str]]:
    """Rows of texts; what is merged stands in each place."""
    gathered: dict[tuple[int, int], list[Run]] = {}
    for place, runs in cells.items():
        gathered.setdefault(owner[place], []).extend(runs)
    merged = {row for place, other in owner.items() if place != other for row in (place[0], other[0])}
    columns = range(len(xs) - 1)
    table: list[list[str]] = []
    for row in range(max(owner)[0] + 1):
        if row in merged:
            table.append([cell_text(gathered.get(owner[row, column], ())) for column in columns])
        else:
            lines = lines_as_rows([gathered.get((row, column), []) for column in columns], xs)
            table += [[cell_text(cell) for cell in line] for line in lines]
    return table
