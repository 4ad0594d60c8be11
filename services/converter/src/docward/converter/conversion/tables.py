"""Tables: cells with spans, captions, column types.

A merged cell repeats its text in every place that it covers; that is how the readers write it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from docward.converter.conversion.anchors import Anchors
from docward.converter.conversion.blocks import Piece
from docward.converter.conversion.prose import CURRENCY, DATE, NUMBER, SCALE, plain, shown
from docward.events.ir import Cell, Span, Table

CAPTION = re.compile(r"^[*_\s]*(?:Table|Tab\.)\s+([A-Z]?\.?\d+(?:[.-]\d+)*)\s*[*_]*\s*(?:[:.–—-]|$)", re.IGNORECASE)
BAR = re.compile(r"(?<!\\)\|")
TYPES = (
    ("date", DATE),
    ("percentage", re.compile(rf"{NUMBER}\s*(?:%|per ?cent)", re.IGNORECASE)),
    ("basis-points", re.compile(rf"{NUMBER}\s*(?:bps?|basis points?)", re.IGNORECASE)),
    (
        "currency",
        re.compile(rf"(?:{CURRENCY}\s*{NUMBER}|{NUMBER}\s*{CURRENCY})(?:\s*{SCALE})?", re.IGNORECASE),
    ),
    ("number", re.compile(rf"{NUMBER}(?:\s?[xk])?", re.IGNORECASE)),
    ("boolean", re.compile(r"yes|no|true|false", re.IGNORECASE)),
)


def build_tables(markdown: str, pieces: Sequence[Piece], anchors: Anchors) -> list[Table]:
    tables: list[Table] = []
    taken: set[int] = set()
    for index, piece in enumerate(pieces):
        if piece.kind == "table" and (piece.row_lines or piece.cells):
            caption = _caption(markdown, pieces, index, taken) or plain(piece.info) or None
            tables.append(_table(markdown, piece, caption, anchors))
    return tables


def _caption(markdown: str, pieces: Sequence[Piece], index: int, taken: set[int]) -> str | None:
    for near in (index - 1, index + 1):
        if 0 <= near < len(pieces) and near not in taken and pieces[near].kind in {"paragraph", "list-item"}:
            text = markdown[pieces[near].start : pieces[near].end]
            if CAPTION.match(text):
                taken.add(near)
                return plain(text)
    return None


def _table(markdown: str, piece: Piece, caption: str | None, anchors: Anchors) -> Table:
    listed = [[_cell(markdown, start, end) for start, end in row] for row in piece.cells]
    header, *rows = listed or [row_cells(markdown, start) for start in piece.row_lines]
    width = len(header)
    rows = [row[:width] for row in rows]
    anchor = "\x1e".join([caption or "", *(cell.text for cell in header)])
    return Table(
        **anchors.locate("table", anchor, piece.start, piece.end),
        caption=caption,
        header=tuple(header),
        rows=tuple(tuple(row) for row in rows),
        column_types=tuple(
            _column_type([row[column].text for row in rows if column < len(row)]) for column in range(width)
        ),
    )


def row_cells(markdown: str, start: int) -> list[Cell]:
    """The cells of the row whose line starts at `start`."""
    end = markdown.find("\n", start)
    end = len(markdown) if end < 0 else end
    bars = [found.end() for found in BAR.finditer(markdown, start, end)]
    edges = [start, *bars, end + 1]
    cells = [_cell(markdown, left, right - 1) for left, right in pairwise(edges)]
    if len(cells) > 1 and not re.sub(r"[\s>]|[-*+]\s|\d+[.)]\s", "", markdown[edges[0] : edges[1] - 1]):
        cells = cells[1:]
    if len(cells) > 1 and not markdown[edges[-2] : end].strip():
        cells = cells[:-1]
    return cells


def _cell(markdown: str, start: int, end: int) -> Cell:
    inside = markdown[start:end]
    start += len(inside) - len(inside.lstrip())
    end = max(start, start + len(inside.strip()))
    for mark in ("**", "`"):  # of a cell that is bold or code as a whole, the words are the cell
        if end - start > 2 * len(mark) and markdown[start:end].startswith(mark) and markdown[start:end].endswith(mark):
            inner = markdown[start + len(mark) : end - len(mark)]
            if mark not in inner:
                start, end = start + len(mark), end - len(mark)
    return Cell(text=shown(markdown[start:end].replace(r"\|", "|")), span=Span(start=start, end=end))


def _column_type(texts: Sequence[str]) -> str:
    texts = [text for text in texts if text and text not in {"-", "–", "—", "n/a", "N/A"}]
    for name, pattern in TYPES:
        if texts and all(pattern.fullmatch(text) for text in texts):
            return name
    return "text"
