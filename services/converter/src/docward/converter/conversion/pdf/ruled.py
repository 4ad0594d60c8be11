"""Tables of horizontal rules alone: the text between them stands in columns, row after row, or it is no table.

A table that the end of the page cuts has no closing rule: it must reach that end.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

from docward.converter.conversion.pdf.blocks import CAPTION
from docward.converter.conversion.pdf.lines import Line, in_rows, joined
from docward.converter.conversion.pdf.page import Page, Rule, Run

NEAR = 3.0
"""Points within which two lines meet."""
MAX_BAND = 700.0
"""Points between two rules of one table."""
MOST_HEADS = 3
"""Rows of the header of a table that goes on to the end of the page."""
LEAST_LINES = 3
"""Of a row that may be several; two may be a header's."""
LINE_GAP = 0.35
"""Of the size; lines of one cell do not stand further apart, and those of cells beside each other overlap."""
MAX_CELL = 400
"""Characters; what is longer is text between two rules, no cell."""


def stacks(flat: Sequence[Rule], runs: Sequence[Run]) -> list[list[Rule]]:
    """Horizontal rules of one width above each other, top first, with the shorter rules between them; as far as no
    text goes across.
    """
    stacks: list[list[Rule]] = []
    for rule in sorted(flat, key=lambda one: -one.y0):
        for stack in stacks:
            inside = stack[0].x0 - NEAR <= rule.x0 and rule.x1 <= stack[0].x1 + NEAR
            if inside and stack[-1].y0 - rule.y0 < MAX_BAND:
                stack.append(rule)
                break
        else:
            stacks.append([rule])
    return [part for stack in stacks if len(stack) > 1 for part in _parted(stack, runs)]


def _parted(stack: Sequence[Rule], runs: Sequence[Run]) -> Iterator[list[Rule]]:
    """A stack without the rules that text divides it at, and without shorter rules at its ends."""
    first = stack[0]
    across = [run.base for run in runs if stack[-1].y0 < run.base < first.y0 and _goes_across(run, first)]
    part: list[Rule] = []
    for rule in [*stack, None]:
        if rule is None or (part and any(rule.y0 < base < part[-1].y0 for base in across)):
            while part and not _as_wide(part[-1], first):
                part.pop()
            if len(part) > 1:
                yield part
            part = []
        if rule is not None and (part or _as_wide(rule, first)):
            part.append(rule)


def _as_wide(rule: Rule, other: Rule) -> bool:
    return abs(rule.x0 - other.x0) <= NEAR and abs(rule.x1 - other.x1) <= NEAR


def _goes_across(run: Run, rule: Rule) -> bool:
    """Whether a run is no cell between rules of one width: it goes beyond them or all along them, or is a caption."""
    over = min(run.x1, rule.x1) - max(run.x0, rule.x0)
    if over <= 0:
        return False
    beyond = run.x0 < rule.x0 - NEAR or run.x1 > rule.x1 + NEAR
    return over > (0.6 if beyond else 0.9) * (rule.x1 - rule.x0) or CAPTION.match(run.text) is not None


def between_rules(page: Page, rules: Sequence[Rule], runs: Sequence[Run]) -> tuple[Line | None, list[Run]]:
    """The table of some rules, if it is one, and the runs that are not in it."""
    first, last = rules[0], rules[-1]
    inside = [run for run in runs if first.x0 - 2 <= run.x0 and run.x1 <= first.x1 + 2 and run.base < first.y0]
    two = sum(_as_wide(rule, first) for rule in rules) == 2
    head_rows = in_rows(run for run in inside if run.base >= last.y0) if two else []
    cut = two and len(head_rows) <= MOST_HEADS  # only a header's rules: the rows go on
    if cut:
        below = [run for run in inside if run.base < last.y0]
        bands, rows = None, _down_to_the_end(below, head_rows, first, page)
    else:
        head_rows = in_rows(run for run in inside if run.base >= rules[1].y0)
        below = [run for run in inside if last.y0 < run.base < rules[1].y0]
        bands = _bands(below, rules[1:])
        rows = bands or in_rows(below)
    open_head = not (cut or _as_wide(rules[1], first))
    table, columns = table_of(head_rows, rows, first.x1, banded=bands is not None, open_head=open_head)
    if not table or all(run.mono for row in [*head_rows, *rows] for run in row):
        return None, list(runs)
    taken = {id(run) for row in [*head_rows, *rows] for run in row}
    low = min(run.y0 for row in rows for run in row) if cut else last.y0
    line = Line.of_table(page.number, table, (first.x0, low, first.x1, first.y0), columns)
    return line, [run for run in runs if id(run) not in taken]


def table_of(
    head_rows: Sequence[list[Run]],
    rows: Sequence[list[Run]],
    right: float,
    *,
    banded: bool = False,
    open_head: bool = False,
) -> tuple[list[list[str]], tuple[float, ...]]:
    """Header and rows as texts, and where columns begin; nothing if the texts do not stand in columns. `right`: where
    the last one ends; `banded`: a rule ends each row; `open_head`: the header goes on among the rows.
    """
    edges = _edges(rows)
    if len(edges) < 2 or not head_rows:
        return [], ()
    cells = [_in_columns(row, edges) for row in rows]
    head = [_in_columns(row, edges) for row in head_rows]
    if open_head or max(sum(map(bool, row)) for row in head) < len(edges) - 1:
        below_it = next((at for at, row in enumerate(cells) if sum(map(bool, row)) >= len(edges) - 1), -1) + 1
        head, cells = [*head, *cells[:below_it]], cells[below_it:]
    cells = [one for row in cells for one in lines_as_rows(row, [*edges, right])] if banded else _unwrapped(cells)
    full = sum(sum(map(bool, row)) > 1 for row in cells)
    table = [*_header(head), *([cell_text(cell) for cell in row] for row in cells)]
    if not cells or full * 5 < len(cells) * 4 or any(len(cell) > MAX_CELL for row in table for cell in row):
        return [], ()
    return table, tuple(edges)


def _down_to_the_end(below: Sequence[Run], head_rows: Sequence[list[Run]], rule: Rule, page: Page) -> list[list[Run]]:
    """The rows from the top that look like the header's, if nothing but a page's footer follows them."""
    rows = in_rows(below)
    columns = max(map(len, [*head_rows, *rows[:3]]), default=0)
    starts = _column_edges([run for row in head_rows for run in row])
    across = (run for run in page.runs if 0.1 * page.height < run.base < rule.y0 - NEAR and _goes_across(run, rule))
    if len(starts) < 2 or any(across):
        return []
    second = starts[1] - 2
    kept: list[list[Run]] = []
    for row in rows:
        of_one = min(run.x0 for run in row) >= second or max(run.x1 for run in row) <= second
        if not (of_one or 1 < len(row) <= columns) or row[0].base < 0.05 * page.height:
            break
        kept.append(row)
    followed = any(row[0].base > 0.1 * page.height for row in rows[len(kept) :])
    return [] if followed else kept


def _unwrapped(rows: Sequence[list[list[Run]]]) -> list[list[list[Run]]]:
    """Rows with the lines of wrapped cells together."""
    starts = _set_apart(rows) or _anchored(rows)
    whole = []
    for start, stop in pairwise([*starts, len(rows)]):
        whole.append([[run for row in rows[start:stop] for run in row[at]] for at in range(len(rows[start]))])
    return whole


def _set_apart(rows: Sequence[list[list[Run]]]) -> list[int]:
    """Where rows begin that stand further from each other than the lines of their cells do; nothing where all lines
    stand alike, or hardly any is part of a cell of several.
    """
    if sum(all(row) for row in rows) * 5 > len(rows) * 4:
        return []
    gaps, low = list[float](), float("inf")
    for row in rows:
        runs = [run for cell in row for run in cell]
        gap = low - max(run.base + 0.7 * run.size for run in runs)
        gaps.append(max(gap / max(run.size for run in runs), LINE_GAP))
        low = min(low, *(run.base - 0.2 * run.size for run in runs))
    levels = sorted(gaps[1:])
    for close, wide in sorted(pairwise(levels), key=lambda pair: pair[0] - pair[1]):
        starts = [at for at, gap in enumerate(gaps) if gap > (close + wide) / 2]
        if wide - close < 0.15:
            break
        if all(any(row[0] for row in rows[start:stop]) for start, stop in pairwise([*starts, len(rows)])):
            return starts
    return []


def _anchored(rows: Sequence[list[list[Run]]]) -> list[int]:
    """Where rows begin by their first cells. A line without one, or with one cell only, belongs to the row above or to
    the row below (cells may be centred): the widest gap between those two divides their lines.
    """
    anchors = [
        at
        for at, row in enumerate(rows)
        if row and row[0] and sum(map(bool, row)) > 1 and not (at and _is_broken(rows[at - 1][0]))
    ]
    if not anchors:
        return list(range(len(rows)))
    bases = [max(run.base for cell in row for run in cell) for row in rows]
    starts = [0]
    for above, below in pairwise(anchors):
        starts.append(max(range(above + 1, below + 1), key=lambda at: (round(bases[at - 1] - bases[at]), at)))
    return starts


def _is_broken(cell: Sequence[Run]) -> bool:
    """Whether a cell ends in the middle of a word."""
    return bool(cell) and cell[-1].text.rstrip().endswith(("-", "‐"))


def _header(rows: Sequence[list[list[Run]]]) -> list[list[str]]:
    """Header rows as texts. A row that fills only what another leaves empty is part of it (a cell that is centred
    over two rows); a cell over several columns, or over both rows, stands in each place.
    """
    texts: list[list[str]] = []
    for row in ([cell_text(cell) for cell in cells] for cells in rows):
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


def _edges(rows: Sequence[list[Run]]) -> list[float]:
    """Left edges of the columns. Where most rows have as many texts as the fullest, a cell over several columns in
    another row hides none.
    """
    edges = _column_edges([run for row in rows for run in row])
    most = max(map(len, rows), default=0)
    fullest = [row for row in rows if len(row) == most]
    if most > len(edges) and len(fullest) * 2 > len(rows):
        more = _column_edges([run for row in fullest for run in row])
        return more if len(more) == most else edges
    return edges


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
    """A row with a text for every column has each in its own; another one is sorted by the beginnings of its texts."""
    if len(row) == len(edges):
        return [[run] for run in sorted(row, key=lambda run: run.x0)]
    cells: list[list[Run]] = [[] for _ in edges]
    for run in row:
        at = (run.x0 + run.x1) / 2 if len(row) > len(edges) else run.x0 + min(run.x1 - run.x0, 8.0)
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


def lines_as_rows(row: Sequence[Sequence[Run]], edges: Sequence[float]) -> list[list[list[Run]]]:
    """The lines of a row as rows of their own, where they stand in several cells each and end on purpose: the next
    line's first word had room. `edges`: where columns begin, and where the last one ends.
    """
    several = sum(len(cell) > 1 for cell in row) > 1
    lines = in_rows([run for cell in row for run in cell]) if several else []
    if len(lines) < LEAST_LINES:
        return [list(map(list, row))]
    column = {id(run): at for at, cell in enumerate(row) for run in cell}
    rows: list[list[list[Run]]] = [[[] for _ in row] for _ in lines]
    for line, cells in zip(lines, rows, strict=True):
        for run in line:
            cells[column[id(run)]].append(run)
    shared = sum(sum(map(bool, cells)) > 1 for cells in rows)
    rooms = [_room(cell, *sides) for cell, sides in zip(row, pairwise(edges), strict=True)]
    ends = [
        _had_room(above, below, room)
        for cells, more in pairwise(rows)
        for above, below, room in zip(cells, more, rooms, strict=True)
        if above and below
    ]
    apart = shared * 5 >= len(rows) * 4 and sum(ends) * 2 > len(ends)
    return rows if apart else [list(map(list, row))]


def _room(cell: Sequence[Run], left: float, right: float) -> float:
    """How wide a line of a cell may be; what is free at one side at least is free at the other."""
    free = min([run.x0 - left for run in cell] + [right - run.x1 for run in cell], default=0.0)
    return right - left - 2 * max(free, NEAR)


def _had_room(above: Sequence[Run], below: Sequence[Run], width: float) -> bool:
    """Whether the first word of a line would have stood at the end of the line above, in a column of some width."""
    text = joined(below)
    word = (below[-1].x1 - below[0].x0) * (len(text.split()[0]) + 1) / len(text) if text else 0.0
    return above[-1].x1 - above[0].x0 + word < width


def cell_text(runs: Sequence[Run]) -> str:
    """The lines of a cell; how they go together only the document's words tell."""
    if len(runs) == 1:
        return joined(runs)
    return "\n".join(joined(sorted(row, key=lambda run: run.x0)) for row in in_rows(runs))
