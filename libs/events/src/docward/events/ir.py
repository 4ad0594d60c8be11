"""The semantic IR of a document version (`ir.v1`), stored as a JSON object beside its Markdown.

Spans are half-open ranges of code points in that Markdown (line ends LF): `markdown[span.start:span.end]` is the
element's text exactly. Ids derive from the document's id and an anchor, so an element keeps its id in every version
in which its anchor (its heading path, term, label or text) did not change.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from docward.events.messages import Sha256, Value

Origin = Literal["extracted", "inferred"]
SectionType = Literal["narrative", "definition", "formula", "table", "code", "glossary", "annex"]
BlockKind = Literal["front-matter", "heading", "paragraph", "list-item", "table", "code", "formula", "quote", "image"]
LineageKind = Literal["direct-reference", "parameter", "formula-input", "computed-from", "conditional-on"]
ReferenceKind = Literal[
    "section", "table", "figure", "formula", "appendix", "definition", "document", "standard", "vendor", "url"
]
ParameterKind = Literal[
    "number", "percentage", "basis-points", "currency", "duration", "date", "calendar", "boolean", "text"
]

TrackedChangeKind = Literal["insertion", "deletion", "moved-here", "moved-away"]

IssueCode = Literal[
    "duplicate-definition",
    "undefined-variable",
    "undefined-term",
    "circular-dependency",
    "missing-reference",
    "ambiguous-term",
    "incomplete-formula",
    "contradicting-value",
    "unit-mismatch",
]


# Spans and boxes are values, but no models: 1000 pages have 80,000, and a model takes ten times the memory.


@dataclass(frozen=True, slots=True)
class Span:
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle on a page, in points, origin at the page's lower left corner."""

    x0: float
    y0: float
    x1: float
    y1: float


class Element(Value):
    id: str
    span: Span
    section_id: str | None = None
    """The innermost section that holds the element; None before the first heading. For a section: itself."""
    page: int | None = None
    """1-based; PDF only."""
    box: Box | None = None
    confidence: float = Field(default=1.0, ge=0, le=1)
    origin: Origin = "extracted"


class Section(Element):
    """A heading and its own text: the span reaches from the heading to the next heading of any level."""

    title: str
    """Without its number and without Markdown marks."""
    level: int = Field(ge=1, le=9)
    number: str | None = None
    """As printed, without a trailing dot: `3.2`, `A.1`, `Appendix B`."""
    parent_id: str | None = None
    type: SectionType = "narrative"
    heading: Span
    """The heading's text (without number and marks) in the Markdown."""


class Block(Element):
    """The document in reading order: every character that is not blank lies in exactly one block."""

    kind: BlockKind
    depth: int = 0
    """Nesting of a list item, 0 = outermost."""


class Lineage(Value):
    kind: LineageKind
    target: str
    """Id of the element, or the term's text where it has none."""


class Stated(Value):
    """A place where a parameter's value stands."""

    value: str
    unit: str | None = None
    span: Span


class Parameter(Element):
    name: str
    value: str | None = None
    """None: the parameter is named but no value is given."""
    unit: str | None = None
    kind: ParameterKind = "text"
    default: str | None = None
    constraints: str | None = None
    also: tuple[Stated, ...] = ()
    """Every other place where the document gives a value for it."""


class Definition(Element):
    term: str
    text: str
    aliases: tuple[str, ...] = ()
    lineage: tuple[Lineage, ...] = ()
    parameters: tuple[str, ...] = ()
    """Ids of parameters that the definition states."""


class Variable(Value):
    symbol: str
    meaning: str | None = None
    defined_in: str | None = None
    """Id of the element that defines it; None: nowhere in the document."""


class Formula(Element):
    text: str
    latex: str | None = None
    name: str | None = None
    """The left-hand side."""
    variables: tuple[Variable, ...] = ()
    dependencies: tuple[str, ...] = ()
    """Ids of formulas and definitions that it uses."""


class Cell(Value):
    text: str
    span: Span
    """Empty (start = end) where a merged cell repeats the text of its neighbour."""


class Table(Element):
    caption: str | None = None
    header: tuple[Cell, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    column_types: tuple[str, ...] = ()


class CrossReference(Element):
    text: str
    kind: ReferenceKind
    target: str
    """What it points at, as written: `Appendix B`, `4.2`, `Trading Calendar Policy`."""
    target_id: str | None = None
    resolved: bool = False
    external: bool = False
    version: str | None = None
    """Of an external document: the version or date that the reference names."""


class Issue(Value):
    """Something that the conversion could not do exactly, or that the document leaves open; never dropped silently."""

    code: str
    """Of what the document leaves open one of `IssueCode`; of the conversion its own, e.g. `needs-ocr`."""
    message: str
    span: Span | None = None
    page: int | None = None
    elements: tuple[str, ...] = ()
    """Ids of the elements that it is about."""


class TrackedChange(Value):
    """A change that Word tracked. The Markdown is the text with all changes accepted."""

    kind: TrackedChangeKind
    text: str
    """What was inserted or deleted, without its formatting."""
    author: str | None = None
    date: str | None = None
    """As the document has it, ISO 8601."""
    span: Span | None = None
    """Of what was inserted; empty where something was deleted. None: its paragraph is not in the Markdown."""


class Comment(Value):
    """A remark that stands beside the text."""

    id: str
    text: str
    author: str | None = None
    date: str | None = None
    """As the document has it, ISO 8601."""
    span: Span | None = None
    """What it is about; empty for a place. None: nothing in the Markdown."""
    answers: str | None = None
    """Id of the comment that it answers."""
    resolved: bool = False


class PageMargin(Value):
    """What Word prints above or below the text of its pages; it is no part of the Markdown."""

    kind: Literal["header", "footer"]
    pages: Literal["default", "first", "even"]
    section: int = Field(ge=1)
    """The first of Word's sections that has it: those after it have it too, until one has its own."""
    text: str
    """A line per paragraph, tabs between what stands left, in the middle and right."""


class Ir(Value):
    schema_version: Literal["ir.v1"] = "ir.v1"
    document_id: str
    title: str | None = None
    metadata: dict[str, str] = Field(default_factory=dict)
    """Front matter or document properties: `version`, `date`, `author`, `owner`, … as the document gives them."""
    markdown_sha256: Sha256
    markdown_length: int
    """Code points."""
    pages: int | None = None
    sections: tuple[Section, ...] = ()
    blocks: tuple[Block, ...] = ()
    definitions: tuple[Definition, ...] = ()
    formulas: tuple[Formula, ...] = ()
    tables: tuple[Table, ...] = ()
    references: tuple[CrossReference, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    tracked_changes: tuple[TrackedChange, ...] = ()
    comments: tuple[Comment, ...] = ()
    page_margins: tuple[PageMargin, ...] = ()
    struck: tuple[Span, ...] = ()
    """Struck-through text, marks (`~~`) included. It stands in the Markdown and states nothing."""
    issues: tuple[Issue, ...] = ()


def stated(markdown: str, struck: Iterable[Span]) -> str:
    """The text with what is struck through as blanks; offsets stay."""
    parts: list[str] = []
    at = 0
    for span in struck:
        parts += (markdown[at : span.start], re.sub(r"[^\n]", " ", markdown[span.start : span.end]))
        at = span.end
    return "".join([*parts, markdown[at:]]) if parts else markdown


def element_id(document_id: str, kind: str, anchor: str, occurrence: int = 0) -> str:
    """Sixteen hex digits. `anchor` is what identifies the element in its document: the path of headings, the term,
    the label or the normalised text; `occurrence` counts equal anchors from 0.
    """
    digest = hashlib.sha256(f"{document_id}\x1f{kind}\x1f{anchor}\x1f{occurrence}".encode())
    return digest.hexdigest()[:16]
