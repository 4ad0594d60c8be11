"""Ruled tables: from drawn lines, never from white space alone; so there is no table where nothing is drawn.

A full grid gives cells and merged cells. Horizontal rules alone make a table only if the text between them stands in
columns, row after row. A table that the end of the page cuts has no closing rule: it must reach that end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from docward.converter.conversion.pdf.lines import Line, in_rows, joined
from docward.converter.conversion.pdf.page import Page, Rule, Run

NEAR = 3.0
"""Points within which two lines meet."""
MAX_BAND = 700.0
"""Points between two rules of one table."""
MARGIN = 0.15
"""Part of the page's height, at either end, in which rules of headers and footers stand."""
LEAST_COLUMN = 15.0
"""Points; rules that reach less far beyond the outermost upright line hold no column there."""
MAX_CELL = 400
"""Characters; what is longer is text between two rules, no cell."""


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
    for rules in _stacks([rule for rule in flat if id(rule) not in used]):
        table, rest = _between_rules(page, rules, runs)
        if table is not None:
            tables.append(table)
            runs = rest
    return tables, runs


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
    table = _texts(cells, owner, rows, columns)
    return _table_line(page, table, (xs[0], ys[-1], xs[-1], ys[0]), tuple(xs)), rest


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
    x, y = run.x0 + min(run.x1 - run.x0, 4.0) / 2, run.base + 0.25 * run.size
    if not (xs[0] - 1 <= x < xs[-1] and ys[0] <= y < ys[-1] + 1):
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
    cells: dict[tuple[int, int], list[Run]], owner: dict[tuple[int, int], tuple[int, int]], rows: int, columns: int
) -> list[list[str]]:
    gathered: dict[tuple[int, int], list[Run]] = {}
    for place, runs in cells.items():
        gathered.setdefault(owner[place], []).extend(runs)
    texts = {place: _cell_text(runs) for place, runs in gathered.items()}
    return [[texts.get(owner[row, column], "") for column in range(columns)] for row in range(rows)]


def _cell_text(runs: Sequence[Run]) -> str:
    """The lines of a cell; how they go together only the document's words tell."""
    if len(runs) == 1:
        return joined(runs)
    return "\n".join(joined(sorted(row, key=lambda run: run.x0)) for row in in_rows(runs))


def _table_line(
    page: int, table: list[list[str]], box: tuple[float, float, float, float], columns: tuple[float, ...]
) -> Line:
    x0, y0, x1, y1 = box
    return Line(page, [], x0=x0, y0=y0, x1=x1, y1=y1, base=y1, table=table, columns=columns, whole=True)


def _stacks(flat: Sequence[Rule]) -> list[list[Rule]]:
    """Horizontal rules of one width above each other, top first, with the shorter rules between them."""
    stacks: list[list[Rule]] = []
    for rule in sorted(flat, key=lambda one: -one.y0):
        for stack in stacks:
            same = abs(stack[0].x0 - rule.x0) <= NEAR and abs(stack[0].x1 - rule.x1) <= NEAR
            inside = stack[0].x0 - NEAR <= rule.x0 and rule.x1 <= stack[0].x1 + NEAR
            if (same or inside) and stack[-1].y0 - rule.y0 < MAX_BAND:
                stack.append(rule)
                break
        else:
            stacks.append([rule])
    return [stack for stack in stacks if len(stack) >= 2]


def _between_rules(page: Page, rules: Sequence[Rule], runs: Sequence[Run]) -> tuple[Line | None, list[Run]]:
    left, right, top, bottom = rules[0].x0, rules[0].x1, rules[0].y0, rules[-1].y0
    cut = len(rules) == 2  # only the rules of a header: the rows must go on to the page's end
    inside = [run for run in runs if left - 2 <= run.x0 and run.x1 <= right + 2 and run.base < top]
    head_rows = in_rows(run for run in inside if run.base >= rules[1].y0)
    below = [run for run in inside if run.base < rules[1].y0 and (cut or run.base > bottom)]
    bands = None if cut else _bands(below, rules[1:])
    rows = _down_to_the_end(in_rows(below), head_rows, page) if cut else bands or in_rows(below)
    body = [run for row in rows for run in row]
    edges = _column_edges(body)
    if len(edges) < 2 or not head_rows:
        return None, list(runs)
    cells = [_in_columns(row, edges) for row in rows]
    head = [_in_columns(row, edges) for row in head_rows]
    fullest = max(sum(map(bool, row)) for row in head)
    if rules[1].x1 - rules[1].x0 < right - left - NEAR or fullest < len(edges) - 1:  # the header goes on below the rule
        below_it = next((at for at, row in enumerate(cells) if sum(map(bool, row)) >= len(edges) - 1), -1) + 1
        head, cells = [*head, *cells[:below_it]], cells[below_it:]
    if bands is None:
        cells = _unwrapped(cells)
    full = sum(sum(map(bool, row)) >= 2 for row in cells)
    if not cells or full * 5 < len(cells) * 4:
        return None, list(runs)
    table = [*_header(head), *([_cell_text(cell) for cell in row] for row in cells)]
    if any(len(cell) > MAX_CELL for row in table for cell in row):
        return None, list(runs)
    taken = {id(run) for row in head_rows for run in row} | set(map(id, body))
    low = min(run.y0 for run in body) if cut else bottom
    line = _table_line(page.number, table, (left, low, right, top), tuple(edges))
    return line, [run for run in runs if id(run) not in taken]


def _down_to_the_end(rows: Sequence[list[Run]], head_rows: Sequence[list[Run]], page: Page) -> list[list[Run]]:
    """The rows from the top that look like the header's, if nothing but a page's footer follows them."""
    columns = max(map(len, [*head_rows, *rows[:2]]), default=0)
    starts = sorted(run.x0 for row in head_rows for run in row)
    if columns < 2 or len(starts) < 2:
        return []
    second = starts[1] - 2
    kept: list[list[Run]] = []
    for row in rows:
        wrapped = min(run.x0 for run in row) >= second
        if not (wrapped or 1 < len(row) <= columns) or row[0].base < 0.05 * page.height:
            break
        kept.append(row)
    followed = any(row[0].base > 0.1 * page.height for row in rows[len(kept) :])
    return [] if followed else kept


def _unwrapped(rows: Sequence[list[list[Run]]]) -> list[list[list[Run]]]:
    """Rows with the lines of wrapped cells together. A line without a first cell, or with one cell only, belongs to
    the row above or to the row below (cells may be centred): the widest gap between those two divides their lines.
    """
    anchors = [
        at
        for at, row in enumerate(rows)
        if row and row[0] and sum(map(bool, row)) > 1 and not (at and _is_broken(rows[at - 1][0]))
    ]
    if not anchors:
        return list(rows)
    bases = [max(run.base for cell in row for run in cell) for row in rows]
    starts = [0]
    for above, below in pairwise(anchors):
        starts.append(max(range(above + 1, below + 1), key=lambda at: (round(bases[at - 1] - bases[at]), at)))
    whole = []
    for start, stop in pairwise([*starts, len(rows)]):
        whole.append([[run for row in rows[start:stop] for run in row[at]] for at in range(len(rows[start]))])
    return whole


def _is_broken(cell: Sequence[Run]) -> bool:
    """Whether a cell ends in the middle of a word."""
    return bool(cell) and cell[-1].text.rstrip().endswith(("-", "‐"))


def _header(rows: Sequence[list[list[Run]]]) -> list[list[str]]:
    """Header rows as texts. A row that fills only what another leaves empty is part of it (a cell that is centred
    over two rows); a cell over several columns, or over both rows, stands in each place.
    """
    texts: list[list[str]] = []
    for row in ([_cell_text(cell) for cell in cells] for cells in rows):
        if texts and not any(one and other for one, other in zip(texts[-1], row, strict=True)):
            texts[-1] = [one or other for one, other in zip(texts[-1], row, strict=True)]
        else:
            texts.append(row)
    for above, below in pairwise(texts):
        for column in range(1, len(above)):
            if not above[column] and below[column]:
                above[column] = above[column - 1]
        for column, text in enumerate(below):
            above[column], below[column] = above[column] or text, text or above[column]
    return texts


def _column_edges(runs: Sequence[Run]) -> list[float]:
    """Left edges of the columns: where no run of any row stands, wider than between words, one column ends."""
    least = max(4.0, 0.6 * median([run.size for run in runs])) if runs else 4.0
    edges: list[float] = []
    end = float("-inf")
    for run in sorted(runs, key=lambda one: one.x0):
        if run.x0 - end > least:
            edges.append(run.x0)
        end = max(end, run.x1)
    return edges


def _in_columns(row: Sequence[Run], edges: Sequence[float]) -> list[list[Run]]:
    """A row with a text for every column is sorted by the middles of its texts, another one by their beginnings."""
    cells: list[list[Run]] = [[] for _ in edges]
    for run in row:
        at = (run.x0 + run.x1) / 2 if len(row) >= len(edges) else run.x0 + min(run.x1 - run.x0, 8.0)
        cells[max(bisect_right(edges, at + 2) - 1, 0)].append(run)
    return cells


def _bands(runs: Sequence[Run], rules: Sequence[Rule]) -> list[list[Run]] | None:
    """The text between each two rules as one row, where every row has a rule of its own."""
    bands: list[list[Run]] = [[] for _ in rules[1:]]
    for run in runs:
        band = next((at for at in range(len(rules) - 1) if rules[at + 1].y0 < run.base <= rules[at].y0), None)
        if band is not None:
            bands[band].append(run)
    return bands if len(rules) > 2 and all(bands) else None
