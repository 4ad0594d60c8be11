"""Tables without any drawn line. White space alone makes none; a caption above texts that stand in columns does.

The gate: a line that begins “Table 3:”, no drawn table right below it, at least three rows, most of them with several
texts that stand further apart than words do, and no sentence among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from docward.converter.conversion.pdf.lines import Line, find_gutter, fragments, in_rows
from docward.converter.conversion.pdf.page import Page, Run
from docward.converter.conversion.pdf.ruled import table_of

NAMES = ("Table", "Exhibit")
TITLE = re.compile(rf"(?:{'|'.join(NAMES)})\s+[A-Z]?\.?\d+(?:[.-]\d+)*\s*(?:[:.–—-]|$)")
LEAST_ROWS = 3
FURTHEST = 3.0
"""Of the size, from the baseline of a caption to that of the header."""
APART = 2.2
"""Of the size, from the baseline of one row to that of the next."""
LONG = 60
"""Characters; a longer text that begins in the first column is a sentence."""


def take_captioned(page: Page, runs: Sequence[Run], drawn: Sequence[Line]) -> tuple[list[Line], list[Run]]:
    """Tables below the captions among `runs`, and the runs that belong to none. `drawn`: the page's other tables."""
    captions = [run for run in titles(runs) if not _has_table(run, drawn)]
    if not captions:
        return [], list(runs)
    gutter = find_gutter(fragments(page.number, runs), page.width)
    tables, rest = list[Line](), list(runs)
    for caption in captions:
        rows = list(_rows_below(caption, _beside(caption, rest, gutter)))
        several = sum(len(_starts(row)) > 1 for row in rows)
        if len(rows) < LEAST_ROWS or several * 2 < len(rows):
            continue
        right = max(run.x1 for row in rows for run in row)
        texts, columns = table_of(rows[:1], rows[1:], right)
        if texts:
            taken = {id(run) for row in rows for run in row}
            members = [run for run in rest if id(run) in taken]
            box = columns[0], min(run.y0 for run in members), right, max(run.y1 for run in members)
            tables.append(Line.of_table(page.number, texts, box, columns))
            rest = [run for run in rest if id(run) not in taken]
    return tables, rest


def _has_table(caption: Run, drawn: Sequence[Line]) -> bool:
    return any(0 < caption.base - table.y1 < FURTHEST * caption.size for table in drawn)


def _beside(caption: Run, runs: Sequence[Run], gutter: float | None) -> list[Run]:
    """The runs of the caption's column."""
    if gutter is None or caption.x0 < gutter < caption.x1:
        return list(runs)
    return [run for run in runs if (run.x0 < gutter) == (caption.x0 < gutter)]


def titles(runs: Sequence[Run]) -> list[Run]:
    """The runs that begin the caption of a table."""
    return [run for run in runs if run.text.startswith(NAMES) and TITLE.match(run.text)]


def _rows_below(caption: Run, runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Rows from the first below a caption that has several texts, as far as they stand close and hold no sentence."""
    low, second = caption.base, None
    for row in in_rows([run for run in runs if run.base < caption.base - 0.5 * caption.size]):
        row.sort(key=lambda run: run.x0)
        size = max(run.size for run in row)
        is_sentence = any(len(run.text) > LONG and run.x0 < (second or run.x1) for run in row)
        if is_sentence or low - row[0].base > (FURTHEST if second is None else APART) * size:
            return
        low = min(run.base for run in row)
        starts = _starts(row)
        if second is None and len(starts) < 2:  # the caption goes on
            continue
        second = second or starts[1] - size
        if len(starts) < 2 and row[0].x0 < second < row[-1].x1:
            return
        yield row


def _starts(row: Sequence[Run]) -> list[float]:
    """Where the texts of a row begin that stand further apart than words do."""
    starts, end = list[float](), float("-inf")
    for run in row:
        if run.x0 - end > run.size:
            starts.append(run.x0)
        end = max(end, run.x1)
    return starts
