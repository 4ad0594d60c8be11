"""Headings as sections: printed numbers, titles, parents, types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from docward.converter.conversion.blocks import Piece
from docward.converter.conversion.prose import plain
from docward.events.ir import SectionType

MARKED = re.compile(r"^[#\s>]*(?P<bold>\*\*|__)?(?P<text>.*?)(?(bold)(?P=bold))[\s#=-]*$", re.DOTALL)
NUMBERED = re.compile(
    r"(?:(?P<annex>Appendix|Annex|Schedule|Exhibit)\s+(?P<letter>[A-Z]|\d+|[IVX]+)(?P<sub>(?:\.\d+)*)"
    r"|(?P<word>Section|Chapter|Part|Article|§)\s*(?P<after>\d+(?:\.\d+)*|[A-Z]|[IVX]+)"
    r"|(?P<dotted>(?:[A-Z]\.)?\d{1,3}(?:\.\d{1,3})+|[A-Z]\d*(?:\.\d{1,3})+)(?=[.)\s:]|$)"
    r"|(?P<marked>\d{1,3}|[A-Z]|[IVXLC]+)(?=[.):]\s|[.)]$)"
    r"|(?P<bare>\d{1,3})(?=\s+\S))"
    r"(?:\*\*)?[.):\s–—-]*(?:\*\*)?[:\s]*",
    re.IGNORECASE,
)
TYPES: tuple[tuple[SectionType, re.Pattern[str]], ...] = (
    ("glossary", re.compile(r"glossary|acronym|abbreviation|list of terms|terminology", re.IGNORECASE)),
    (
        "definition",
        re.compile(
            r"\bdefinitions?\b|\bdefined terms\b|\bnotation\b|\bsymbols\b|^[\d.]*\s*(?:key )?terms\b", re.IGNORECASE
        ),
    ),
    ("annex", re.compile(r"^(?:appendix|annex|schedule|exhibit)\b", re.IGNORECASE)),
)


@dataclass
class Heading:
    """A section before it has an id."""

    piece: Piece
    title: str
    number: str | None
    start: int
    """Of the title's text."""
    end: int
    parent: int | None = None
    """Index of the parent heading."""
    path: str = ""
    type: SectionType = "narrative"


def headings(markdown: str, pieces: Sequence[Piece]) -> list[Heading]:
    """The headings among the pieces, in order."""
    found: list[Heading] = []
    tops: list[int] = []
    for piece in pieces:
        if piece.kind == "heading":
            heading = _heading(markdown, piece, tops)
            heading.parent = _parent(found, piece.level)
            above = found[heading.parent].path if heading.parent is not None else ""
            heading.path = f"{above}\x1e{heading.title.casefold()}"
            heading.type = _named_type(heading, found)
            found.append(heading)
    return found


def _heading(markdown: str, piece: Piece, tops: list[int]) -> Heading:
    raw = markdown[piece.start : piece.end]
    marked = MARKED.match(raw)
    start, end = (piece.start + marked.start("text"), piece.start + marked.end("text")) if marked else (0, 0)
    text = markdown[start:end]
    found = NUMBERED.match(text)
    number = _number(found, tops) if found else None
    if found and number and found.end() < len(text):
        start += found.end()
    return Heading(piece, plain(markdown[start:end]), number, start, end)


def _number(found: re.Match[str], tops: list[int]) -> str | None:
    """The number as printed. A bare integer counts only where the document counts: “3 Risk” after “2 Signals”."""
    if found["annex"]:
        return f"{found['annex'].capitalize()} {found['letter']}{found['sub']}"
    single = found["marked"] or found["bare"]
    if single and single.isdigit():
        value = int(single)
        if found["bare"] and value > 1 and not (tops and tops[-1] < value <= tops[-1] + 5):
            return None
        tops.append(value)
        return single
    if single and not single.isupper():
        return None
    number = found["after"] or found["dotted"] or single
    if number and (head := re.match(r"\d+", number)):
        tops.append(int(head[0]))
    return number


def _parent(found: Sequence[Heading], level: int) -> int | None:
    for index in range(len(found) - 1, -1, -1):
        if found[index].piece.level < level:
            return index
    return None


def _named_type(heading: Heading, found: Sequence[Heading]) -> SectionType:
    label = f"{heading.number or ''} {heading.title}".strip()
    for kind, pattern in TYPES:
        if pattern.search(label):
            return kind
    parent = found[heading.parent] if heading.parent is not None else None
    return parent.type if parent and parent.type in {"annex", "glossary"} else "narrative"


def content_type(named: SectionType, inside: Sequence[Piece]) -> SectionType:
    """A section without a telling title is what most of its text is."""
    if named != "narrative" or not inside:
        return named
    sizes: dict[str, int] = {}
    for piece in inside:
        sizes[piece.kind] = sizes.get(piece.kind, 0) + piece.end - piece.start
    most = max(sizes, key=lambda kind: sizes[kind])
    if most in {"table", "code", "formula"} and sizes[most] * 2 > sum(sizes.values()):
        return {"table": "table", "code": "code", "formula": "formula"}[most]  # type: ignore[return-value]
    return "narrative"
