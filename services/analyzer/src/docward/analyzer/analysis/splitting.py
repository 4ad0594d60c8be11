"""Where sentences begin and end: blocks of Markdown cut into lines, and lines into sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.events.ir import Span

_BULLET = re.compile(r"\s*(?:>\s*)*(?:[-*+•–]|\d{1,3}[.)]|\((?:[a-z]|[ivx]{1,4})\)|[a-z]\))\s+")
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|cf|vs|approx|resp|incl|excl|etc|No|Nos|Art|Arts|Sec|Fig|Eq|App|Inc|Corp|Ltd|Co|U\.S|U\.K|Dr|Mr|"
    r"Ms|p|pp|par|St)\.$"
)
_SENTENCE_END = re.compile(
    r"[.!?](?!(?<=[ap]\.m\.)\s(?:[A-Z]{2,4}\b|[A-Z]\w+ (?:[A-Z]\w+ )?(?:time|fix\w*)\b))(?:[\"'”’)]*)"
    r"(?=\s+[\"“'(*]*[A-Z0-9\[`$])|(?<=:)\s*(?=\n)"
)
"""`4 p.m. London time` goes on."""
_LINE_BREAK = re.compile(
    r"\n(?=\s*(?:[-*+•–]|\d{1,3}[.)])\s+\S)|\n(?=\s*\**[A-Z][\w /&-]{1,40}:\**\s+\S)|\n\s*\n|(?:\\|  )\n|<br\s*/?>"
)
LONGEST = 1000
"""Characters of a sentence or row; what is longer is cut."""


def pieces(markdown: str, span: Span) -> Iterator[tuple[int, int, bool]]:
    """Sentences of a block: half-open ranges without bullets and outer blanks, and whether a bullet stood before."""
    for line_start, line_end in _lines(markdown, span.start, span.end):
        bullet = _BULLET.match(markdown, line_start, line_end)
        begin = bullet.end() if bullet else line_start
        for start, end in _sentences(markdown, begin, line_end):
            trimmed = _trim(markdown, start, end)
            if trimmed[0] < trimmed[1]:
                yield *trimmed, bullet is not None


def _sentences(markdown: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    for match in _SENTENCE_END.finditer(markdown, start, end):
        if _ABBREVIATION.search(markdown[max(start, match.end() - 8) : match.end()]):
            continue
        yield from bounded(markdown, position, match.end())
        position = match.end()
    yield from bounded(markdown, position, end)


def bounded(markdown: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut at a blank where it is longer than a sentence can be: patterns may then take quadratic time."""
    while end - start > LONGEST:
        blank = markdown.rfind(" ", start + 1, start + LONGEST)
        cut = blank if blank > start else start + LONGEST
        yield start, cut
        start = cut
    yield start, end


def _lines(markdown: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    position = start
    for match in _LINE_BREAK.finditer(markdown, start, end):
        yield position, match.start()
        position = match.end()
    yield position, end


def _trim(markdown: str, start: int, end: int) -> tuple[int, int]:
    while start < end and markdown[start].isspace():
        start += 1
    while end > start and markdown[end - 1].isspace():
        end -= 1
    return start, end
