"""Merged cells of a table in the grid's columns."""

from __future__ import annotations

from collections.abc import Iterable

MAX_COLUMNS = 100
"""As far as a merged cell reaches: a number in a file may not make a row of any length."""


def filled(rows: Iterable[Iterable[tuple[str | None, int, int]]]) -> list[list[str]]:
    """Rows of (text, columns, rows) as rows of texts; a merged cell stands in every place that it covers.

    A text of None is that of the row above, for formats that mark a merged cell in each of its rows.
    """
    grid: list[list[str]] = []
    below: dict[int, tuple[int, str]] = {}  # column → rows that a cell still covers, and its text
    for row in rows:
        texts: list[str] = []
        for stated, columns, height in row:
            _covered(texts, below)
            text = stated if stated is not None else _above(grid, len(texts))
            for _ in range(max(1, min(columns, MAX_COLUMNS - len(texts)))):
                if height > 1:
                    below[len(texts)] = (height - 1, text)
                texts.append(text)
        _covered(texts, below)
        grid.append(texts)
    return grid


def _above(grid: list[list[str]], column: int) -> str:
    return grid[-1][column] if grid and column < len(grid[-1]) else ""


def _covered(texts: list[str], below: dict[int, tuple[int, str]]) -> None:
    """Append what cells of rows above cover at the next columns."""
    while len(texts) in below:
        left, text = below.pop(len(texts))
        if left > 1:
            below[len(texts)] = (left - 1, text)
        texts.append(text)
