"""Tables that a requirement is about (SCH): whether the column that it asks for is there, and filled in every row.

A table is meant by what stands over it (its caption, the paragraph before it, the titles of its sections) and by a
column that names what its rows are of. A column is known by its heading.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docward.analyzer.analysis.document import Document
from docward.events.ir import Cell, Span, Table
from docward.events.policies import TableCondition

_MARKS = r"[\s*_`–—-]*"
_EMPTY = re.compile(rf"{_MARKS}(?:\(?(?:n/?a|tb[adc]|unknown|\?+|\.{{2,}}|…|x{{2,}})\)?)?{_MARKS}", re.IGNORECASE)
"""What a cell holds in which nobody has written anything yet."""

_LEAD = 300
"""Characters of a paragraph that leads into a table; a longer one is about more than the table."""


@dataclass(frozen=True)
class Compiled:
    about: re.Pattern[str]
    lists: re.Pattern[str]
    column: re.Pattern[str]
    filled: bool


@dataclass(frozen=True)
class Looked:
    """One table, and what came of it."""

    header: Span
    column: Cell | None
    empty: tuple[Span, ...] = ()
    """Rows in which the column is not filled."""

    @property
    def is_whole(self) -> bool:
        return self.column is not None and not self.empty


def compiled(condition: TableCondition) -> Compiled:
    about, lists, column = (
        re.compile(text, re.IGNORECASE) for text in (condition.about, condition.lists, condition.column)
    )
    return Compiled(about, lists, column, condition.filled)


def looked_at(document: Document, condition: Compiled) -> list[Looked]:
    """Every table with a header and rows that the condition is about."""
    return [
        _look(document, condition, table)
        for table in document.ir.tables
        if len(table.header) > 1
        and table.rows
        and any(condition.lists.search(cell.text) for cell in table.header)
        and any(map(condition.about.search, _over(document, table)))
    ]


def _over(document: Document, table: Table) -> Iterator[str]:
    yield table.caption or ""
    before = document.markdown[: table.span.start].rstrip().rpartition("\n\n")[2]
    yield before if len(before) <= _LEAD else ""
    yield document.path(document.section_at(table.span.start))


def _look(document: Document, condition: Compiled, table: Table) -> Looked:
    header = _row(document, table.header)
    number = next((n for n, cell in enumerate(table.header) if condition.column.search(cell.text)), None)
    if number is None:
        return Looked(header, None)
    unfilled = [row for row in table.rows if condition.filled and _EMPTY.fullmatch(_cell(row, number))]
    return Looked(header, table.header[number], tuple(_row(document, row) for row in unfilled if _is_written(row)))


def _cell(row: tuple[Cell, ...], number: int) -> str:
    return row[number].text if number < len(row) else ""


def _is_written(row: tuple[Cell, ...]) -> bool:
    """A row without any words is a rule or a space between two parts of the table."""
    return not all(_EMPTY.fullmatch(cell.text) for cell in row)


def _row(document: Document, cells: tuple[Cell, ...]) -> Span:
    """As it stands in the text, from the first cell that has words to the last."""
    spans = [cell.span for cell in cells if cell.span.end > cell.span.start] or [cells[0].span]
    return document.context(Span(start=spans[0].start, end=spans[-1].end))
