"""What a document's references can mean: its sections, clauses, tables, figures, formulas and terms, by every name."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docward.converter.conversion import codes
from docward.converter.conversion.blocks import Piece
from docward.converter.conversion.formulas import formula_label
from docward.converter.conversion.myst import MARKUP
from docward.converter.conversion.prose import key, plain
from docward.converter.conversion.tables import CAPTION
from docward.events.ir import Block, Definition, Element, Formula, ReferenceKind, Section, Table

LABEL = re.compile(r"\s*(?:[-*+]\s+|>\s*)?[*_]*(\d+(?:\.\d+)+|[A-Z]\.\d+(?:\.\d+)*)[.)]?[*_]*\s")
CLAUSE = re.compile(r"(?:(?<=[.;:] )|(?<=\n))[*_]*([A-Z]\.\d+(?:\.\d+)*|\d+(?:\.\d+)+)[.)]?[*_]*\s+(?=[\"“*]*[A-Z])")
"""A clause that begins inside a block: `A.1 … A.2 The …`."""
FIGURE = re.compile(r"[*_\s]*(?:!\[)?[*_]*(?:Figure|Fig\.)\s+([A-Z]?\.?\d+(?:[.-]\d+)*)\b", re.IGNORECASE)
APPENDIX = re.compile(
    r"[#*_\s]*(?:Appendix|Annexe?|Schedule|Exhibit|Attachment)\s+([A-Z]?\d*(?:\.\d+)*)\b\s*[:.–—-]\s*\S", re.IGNORECASE
)
"""The title of an appendix that is written as a line of text."""
LABELS: tuple[tuple[ReferenceKind, re.Pattern[str]], ...] = (
    ("section", LABEL),
    ("figure", FIGURE),
    ("appendix", APPENDIX),
)


@dataclass(frozen=True)
class Targets:
    """What can be referred to."""

    numbers: dict[tuple[ReferenceKind, str], str]
    titles: dict[str, str]
    slugs: dict[str, str]
    labels: dict[str, tuple[ReferenceKind, str]]
    """What a target's name stands for."""
    terms: dict[str, str]
    own_title: str
    prefixes: frozenset[str]
    """Of numbered requirements."""


def targets_of(  # noqa: PLR0917 - one argument per kind of element that can be referred to
    markdown: str,
    pieces: Sequence[Piece],
    title: str | None,
    sections: Sequence[Section],
    blocks: Sequence[Block],
    tables: Sequence[Table],
    formulas: Sequence[Formula],
    definitions: Sequence[Definition],
) -> Targets:
    numbers: dict[tuple[ReferenceKind, str], str] = {}
    for kind, label, element in (*_section_labels(sections), *_block_labels(markdown, blocks)):
        numbers.setdefault((kind, label.casefold()), element)
    for table in tables:
        if table.caption and (found := CAPTION.match(table.caption)):
            numbers.setdefault(("table", found[1].casefold()), table.id)
    for formula in formulas:
        if printed := formula_label(formula.text.strip("$\n ")):
            numbers.setdefault(("formula", printed.casefold()), formula.id)
    titles = {key(section.title): section.id for section in reversed(sections) if section.title}
    slugs = _slugs(markdown, sections)
    terms = {
        key(term): definition.id
        for definition in reversed(definitions)
        for term in (definition.term, *definition.aliases)
    }
    labels = _labelled(pieces, sections, blocks, tables, formulas)
    requirements, prefixes = codes.labels(markdown, blocks)
    numbers |= {("section", code.casefold()): element for code, element in requirements.items()}
    return Targets(numbers, titles, slugs, labels, terms, key(title or ""), prefixes)


def _labelled(
    pieces: Sequence[Piece],
    sections: Sequence[Section],
    blocks: Sequence[Block],
    tables: Sequence[Table],
    formulas: Sequence[Formula],
) -> dict[str, tuple[ReferenceKind, str]]:
    """The element that stands at each label, or next after it."""
    labels = [piece for piece in pieces if piece.label]
    if not labels:
        return {}
    kinds: tuple[tuple[ReferenceKind, Sequence[Element]], ...] = (
        ("section", sections), ("table", tables), ("formula", formulas),
        ("figure", [one for one in blocks if one.kind == "image"]), ("section", blocks),
    )  # fmt: skip
    found = sorted((one.span.start, rank, kind, one.id) for rank, (kind, some) in enumerate(kinds) for one in some)
    starts = [start for start, *_ in found]
    named: dict[str, tuple[ReferenceKind, str]] = {}
    for piece in labels:
        before = piece.kind == "paragraph" or (piece.kind == "code" and piece.info == MARKUP)  # it names what follows
        at = bisect_left(starts, piece.end if before else piece.start)
        if at < len(found):
            named.setdefault(piece.label.casefold(), found[at][2:])
    return named


Labels = Iterator[tuple[ReferenceKind, str, str]]


def _section_labels(sections: Sequence[Section]) -> Labels:
    for section in sections:
        if section.number:
            annex = re.fullmatch(r"(?:Appendix|Annex|Schedule|Exhibit) (.+)", section.number)
            lettered = annex or section.number[0].isalpha()
            label = annex[1] if annex else section.number
            yield "appendix" if lettered else "section", label, section.id


def _block_labels(markdown: str, blocks: Sequence[Block]) -> Labels:
    """Numbered clauses and captions of figures."""
    for block in blocks:
        if block.kind in {"paragraph", "list-item", "image"}:
            for kind, pattern in LABELS:
                if found := pattern.match(markdown, block.span.start, block.span.end):
                    yield kind, found[1], block.id
            for found in CLAUSE.finditer(markdown, block.span.start, block.span.end):
                yield "section", found[1], block.id


def _slugs(markdown: str, sections: Sequence[Section]) -> dict[str, str]:
    """Anchors as Markdown renderers make them, with and without the number."""
    slugs: dict[str, str] = {}
    for section in sections:
        line = plain(markdown[section.span.start : section.heading.end])
        for text in (line, section.title):
            slug = re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text.casefold()).strip())
            slugs.setdefault(slug, section.id)
    return slugs
