"""Struck-through text of Markdown (GFM's `~~`), whichever format it came from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docward.converter.conversion.blocks import Piece
from docward.events.ir import Span

MARK = re.compile(r"\\.|`[^`\n]*`|(?P<bar>\|)|~+")
NOT_PROSE = frozenset({"front-matter", "code", "formula", "image"})


def struck_in(markdown: str, pieces: Sequence[Piece]) -> tuple[Span, ...]:
    """With their marks, in order; none reaches over blocks or cells of a table."""
    if "~~" not in markdown:
        return ()
    return tuple(span for piece in pieces if piece.kind not in NOT_PROSE for span in _inside(markdown, piece))


def _inside(markdown: str, piece: Piece) -> list[Span]:
    found, opened = [], -1
    for mark in MARK.finditer(markdown, piece.start, piece.end):
        if mark["bar"] and piece.kind == "table":
            opened = -1
        if mark.group() != "~~":
            continue
        if opened >= 0 and not markdown[mark.start() - 1].isspace():
            found.append(Span(start=opened, end=mark.end()))
            opened = -1
        elif mark.end() < piece.end and not markdown[mark.end()].isspace():
            opened = mark.start()
    return found
