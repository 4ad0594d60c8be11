"""Builds the semantic IR from a draft: one builder for every format, since it works on the Markdown and its places.

Every span slices the Markdown; blocks cover every character that is not blank, once; ids are unique, and an element
keeps its id when other text changes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from docward.converter.conversion.anchors import Anchors
from docward.converter.conversion.blocks import Piece, split
from docward.converter.conversion.definitions import build_definitions
from docward.converter.conversion.formulas import build_formulas
from docward.converter.conversion.issues import issues_of
from docward.converter.conversion.outcome import Draft
from docward.converter.conversion.parameters import build_parameters
from docward.converter.conversion.prose import key, plain
from docward.converter.conversion.references import build_references
from docward.converter.conversion.sections import Heading, content_type, headings
from docward.converter.conversion.struck import struck_in
from docward.converter.conversion.tables import build_tables
from docward.converter.conversion.targets import targets_of
from docward.events.ir import (
    Block,
    CrossReference,
    Definition,
    Element,
    Formula,
    Ir,
    Lineage,
    Parameter,
    Section,
    Span,
    Table,
    stated,
)

Quoted = TypeVar("Quoted", Definition, Formula, CrossReference)
CONTROL = re.compile(
    r"^[-*+\s]*[*_]*(version|date|author|authors|owner|status|effective date|last updated|approved by|approver"
    r"|document owner"
    r"|classification|prepared by|review date|document id|document reference)[*_]*\s*:[*_]*\s*(\S.{0,120})$",
    re.IGNORECASE,
)


def build_ir(draft: Draft, document_id: str) -> Ir:
    markdown = draft.markdown
    pieces = split(markdown)
    found = headings(markdown, pieces)
    anchors = Anchors(document_id, draft.places, [heading.piece.start for heading in found])
    sections = _sections(found, pieces, anchors)
    blocks = _blocks(markdown, pieces, anchors)
    struck = struck_in(markdown, pieces)
    text = stated(markdown, struck)
    tables = build_tables(text, pieces, anchors)
    definitions = build_definitions(text, pieces, sections, tables, anchors)
    parameters = build_parameters(text, pieces, tables, anchors)
    formulas = build_formulas(text, pieces, definitions, parameters, anchors)
    title = draft.title or _title(sections)
    targets = targets_of(text, pieces, title, sections, blocks, tables, formulas, definitions)
    references = build_references(text, pieces, targets, anchors)
    definitions = _with_lineage(definitions, formulas, parameters)
    ir = Ir(
        document_id=document_id,
        title=title,
        metadata={**_stated_metadata(text, pieces, found, tables), **draft.metadata},
        markdown_sha256=hashlib.sha256(markdown.encode()).hexdigest(),
        markdown_length=len(markdown),
        pages=draft.pages,
        sections=tuple(sections),
        blocks=tuple(blocks),
        definitions=_quoted(definitions, markdown, struck),
        formulas=_quoted(formulas, markdown, struck),
        tables=tuple(tables),
        references=_quoted(references, markdown, struck),
        parameters=tuple(parameters),
        tracked_changes=draft.tracked_changes,
        comments=draft.comments,
        page_margins=draft.page_margins,
        struck=struck,
    )
    ir = _with_origins(ir, draft.recognised)
    return ir.model_copy(update={"issues": (*draft.warnings, *issues_of(ir, text))})


def _quoted(elements: Sequence[Quoted], markdown: str, struck: Sequence[Span]) -> tuple[Quoted, ...]:
    """The text of an element is its span's, also where words in it are struck through."""
    if not struck:
        return tuple(elements)
    return tuple(one.model_copy(update={"text": markdown[one.span.start : one.span.end]}) for one in elements)


def _with_origins(ir: Ir, recognised: Mapping[int, float]) -> Ir:
    """What stands on pages whose text was recognised is no surer than that."""

    def told(element: Element) -> Element:
        sure = recognised.get(element.page or 0)
        if sure is None:
            return element
        return element.model_copy(update={"origin": "inferred", "confidence": min(element.confidence, sure)})

    kinds = ("sections", "blocks", "definitions", "formulas", "tables", "references", "parameters")
    return ir.model_copy(update={kind: tuple(map(told, getattr(ir, kind))) for kind in kinds}) if recognised else ir


def _sections(found: Sequence[Heading], pieces: Sequence[Piece], anchors: Anchors) -> list[Section]:
    anchors.section_ids += [anchors.identify("section", heading.path) for heading in found]
    inside = _pieces_by_heading(pieces)
    sections: list[Section] = []
    for index, heading in enumerate(found):
        own = inside[index + 1]
        end = own[-1].end if own else heading.piece.end
        located = anchors.locate("section-place", heading.path, heading.piece.start, end)
        page_fields = {name: located[name] for name in ("page", "box")}
        sections.append(
            Section(
                id=anchors.section_ids[index],
                span=Span(start=heading.piece.start, end=end),
                section_id=anchors.section_ids[index],
                **page_fields,
                title=heading.title,
                level=heading.piece.level,
                number=heading.number,
                parent_id=None if heading.parent is None else anchors.section_ids[heading.parent],
                type=content_type(heading.type, own),
                heading=Span(start=heading.start, end=heading.end),
            )
        )
    return sections


def _pieces_by_heading(pieces: Sequence[Piece]) -> list[list[Piece]]:
    """The pieces under each heading, those before the first heading first."""
    groups: list[list[Piece]] = [[]]
    for piece in pieces:
        if piece.kind == "heading":
            groups.append([])
        else:
            groups[-1].append(piece)
    return groups


def _blocks(markdown: str, pieces: Sequence[Piece], anchors: Anchors) -> list[Block]:
    blocks: list[Block] = []
    for piece in pieces:
        anchor = f"{piece.kind}\x1e{' '.join(markdown[piece.start : piece.end].split())}"
        blocks.append(
            Block(**anchors.locate("block", anchor, piece.start, piece.end), kind=piece.kind, depth=piece.depth)
        )
    return blocks


def _title(sections: Sequence[Section]) -> str | None:
    first = sections[0] if sections else None
    return first.title if first and first.level == 1 and first.title else None


def _stated_metadata(
    markdown: str, pieces: Sequence[Piece], found: Sequence[Heading], tables: Sequence[Table]
) -> dict[str, str]:
    """Version, date, owner and the like, from the lines before the first numbered section or from a control table."""
    metadata: dict[str, str] = {}
    first = next((heading.piece.start for heading in found if heading.number), len(markdown))
    for piece in pieces[:25]:
        if piece.kind in {"paragraph", "list-item"} and piece.start < first:
            for line in markdown[piece.start : piece.end].split("\n"):
                if stated := CONTROL.match(line.strip()):
                    metadata.setdefault(stated[1].lower(), plain(stated[2]).strip("\\ "))
    for table in tables:
        rows = [row for row in (table.header, *table.rows) if len(row) == 2]
        stated_rows = [row for row in rows if CONTROL.match(f"{row[0].text.rstrip(':')}: {row[1].text}")]
        if len(stated_rows) > 1:
            for name, value in stated_rows:
                metadata.setdefault(name.text.rstrip(":").lower(), value.text)
    return metadata


def _with_lineage(
    definitions: Sequence[Definition], formulas: Sequence[Formula], parameters: Sequence[Parameter]
) -> list[Definition]:
    """What each definition's text uses: other terms, the formulas in it, the parameters that it states."""
    by_term = {key(term): one.id for one in reversed(definitions) for term in (one.term, *one.aliases) if len(term) > 2}
    words = (
        re.compile(r"(?<!\w)(?:" + "|".join(sorted(map(re.escape, by_term), key=len, reverse=True)) + r")(?!\w)")
        if by_term
        else None
    )
    return [_lineage(one, by_term, words, formulas, parameters) for one in definitions]


def _lineage(
    definition: Definition,
    by_term: dict[str, str],
    words: re.Pattern[str] | None,
    formulas: Sequence[Formula],
    parameters: Sequence[Parameter],
) -> Definition:
    start, end = definition.span.start, definition.span.end
    lineage: dict[str, Lineage] = {}
    text = key(definition.text)
    for found in words.finditer(text) if words else ():
        target = by_term[found.group()]
        if target != definition.id:
            condition = re.search(r"\b(?:if|when|unless|provided that)\b[^.;]*$", text[: found.start()])
            lineage.setdefault(
                target, Lineage(kind="conditional-on" if condition else "direct-reference", target=target)
            )
    for formula in formulas:
        if start <= formula.span.start and formula.span.end <= end:
            lineage.setdefault(formula.id, Lineage(kind="computed-from", target=formula.id))
    stated = [one.id for one in parameters if start <= one.span.start and one.span.end <= end]
    for parameter in stated:
        lineage.setdefault(parameter, Lineage(kind="parameter", target=parameter))
    return definition.model_copy(update={"lineage": tuple(lineage.values()), "parameters": tuple(stated)})
