"""The annotated document: what every check reads.

Sentences (prose, list items, table rows) with exact spans into the Markdown, their section and page, tokens,
quantities, modality and concepts. Built once per analysis, in passes that are linear in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from docward.analyzer.analysis.lexicon import BREAK, Lexicon, Mention
from docward.analyzer.analysis.negation import negations
from docward.analyzer.analysis.quantities import Quantity, quantities
from docward.analyzer.analysis.splitting import LONGEST, bounded, pieces
from docward.analyzer.analysis.text import Token, content_of, plain, tokens
from docward.events.findings import Quote
from docward.events.ir import Block, Cell, Ir, Section, Span, Table, stated

Kind = Literal["prose", "list", "row", "heading", "code"]
Modality = Literal["must", "should", "may", "statement"]

_MUST = re.compile(r"\b(?:must|shall|is required to|are required to|have to|has to)\b", re.IGNORECASE)
_SHOULD = re.compile(r"\b(?:should|ought to|recommended)\b", re.IGNORECASE)
_MAY = re.compile(r"\b(?:may|might|can|could)\b", re.IGNORECASE)
_GLANCE = 300
"""Characters that a reader takes in at a glance: a finding about a word quotes its sentence up to this length."""
_HISTORY = re.compile(
    r"\b(?:(?:version|revision|document|change|release|amendment)s?[ -](?:history|log)|changelog|list of changes|"
    r"record of (?:changes|amendments))\b",
    re.IGNORECASE,
)
_VERSIONS = re.compile(r"(?:version|revision|rev|edition|release|v)\b\.?$|(?:version|revision) (?:no|number)\b")
_CHANGES = re.compile(r"\b(?:date|changes?|change description|summary of changes|amendments?|author|reason)\b")
_NOT_TEXT = frozenset({"front-matter", "image"})


@dataclass(frozen=True, eq=False)
class Sentence:
    index: int
    start: int
    end: int
    text: str
    """Without Markdown marks, of the same length as its span."""
    kind: Kind
    section: Section | None
    block: int
    paragraph: int
    """Sentences of one paragraph, or of a list and the line that leads into it, share this number."""
    page: int | None
    tokens: tuple[Token, ...]
    cells: tuple[tuple[str, Cell], ...] = ()
    """Of a table's row: the column's heading and the cell."""
    lead: str = ""
    """Of a list item: the line that leads into its list."""
    mentions: list[Mention] = field(default_factory=list)

    @cached_property
    def quantities(self) -> tuple[Quantity, ...]:
        return quantities(self.text, self.start)

    @cached_property
    def modality(self) -> Modality:
        for text in (self.text, self.lead):
            for pattern, modality in _MODALITIES:
                if pattern.search(text):
                    return modality
        return "statement"

    @cached_property
    def content(self) -> frozenset[str]:
        return content_of(self.tokens)

    @cached_property
    def negations(self) -> tuple[tuple[int, int], ...]:
        return negations(self.text)

    @cached_property
    def concepts(self) -> frozenset[str]:
        return frozenset(mention.concept for mention in self.mentions)

    @property
    def span(self) -> Span:
        return Span(start=self.start, end=self.end)


_MODALITIES: tuple[tuple[re.Pattern[str], Modality], ...] = ((_MUST, "must"), (_SHOULD, "should"), (_MAY, "may"))


class Document:
    """Immutable once built. Spans that it hands out are spans of `markdown`."""

    def __init__(self, ir: Ir, markdown: str, lexicon: Lexicon) -> None:
        self.ir = ir
        self.markdown = markdown
        self.stated = stated(markdown, ir.struck)
        """The Markdown, struck-through text as blanks: what checks read. They quote `markdown`."""
        self.text = plain(self.stated)
        self.lexicon = lexicon
        self.sections = {section.id: section for section in ir.sections}
        self._section_starts = [section.span.start for section in ir.sections]
        self._page_marks = sorted((block.span.start, block.page) for block in ir.blocks if block.page is not None)
        built = _Builder(self)
        self.sentences: tuple[Sentence, ...] = built.sentences
        self.tokens: tuple[Token, ...] = built.tokens
        self._starts = [sentence.start for sentence in self.sentences]
        self._annotate(built.breaks)

    def _annotate(self, breaks: Sequence[int]) -> None:
        owners = list(breaks)
        spoken = [sentence for sentence in self.sentences if sentence.tokens]
        for mention in self.lexicon.mentions(self.tokens, breaks):
            spoken[bisect_right(owners, mention.first) - 1].mentions.append(mention)

    @cached_property
    def history(self) -> tuple[Sentence, ...]:
        """Rows and lines of the version history: they tell of other editions and are evidence of nothing else."""
        return tuple(s for s in self.sentences if s.kind not in {"heading", "code"} and _is_history(s))

    @cached_property
    def body(self) -> tuple[Sentence, ...]:
        """Everything but headings, code and the version history."""
        past = {sentence.index for sentence in self.history}
        return tuple(s for s in self.sentences if s.kind not in {"heading", "code"} and s.index not in past)

    @cached_property
    def body_text(self) -> str:
        """The sentences of the body, a line each: what a pattern (with `re.MULTILINE`) does not find here is in none of
        them. A pattern may reach over lines, so what it finds has to be looked for in the sentences again.
        """
        return f"\n{BREAK}\n".join(sentence.text for sentence in self.body)

    @cached_property
    def concepts(self) -> frozenset[str]:
        return frozenset(concept for sentence in self.sentences for concept in sentence.concepts)

    @cached_property
    def words(self) -> int:
        return len(self.tokens)

    @cached_property
    def paragraphs(self) -> dict[int, list[Sentence]]:
        grouped: dict[int, list[Sentence]] = {}
        for sentence in self.body:
            grouped.setdefault(sentence.paragraph, []).append(sentence)
        return grouped

    def speaking(self, concepts: Iterable[str]) -> list[Sentence]:
        """Sentences of the body that mention one of the concepts, in document order."""
        found = {s.index: s for concept in concepts for s in self._speaking.get(concept, ())}
        return [found[index] for index in sorted(found)]

    @cached_property
    def _speaking(self) -> dict[str, list[Sentence]]:
        grouped: dict[str, list[Sentence]] = {}
        for sentence in self.body:
            for concept in sentence.concepts:
                grouped.setdefault(concept, []).append(sentence)
        return grouped

    @cached_property
    def _headings(self) -> dict[str, frozenset[str]]:
        return {s.section.id: s.concepts for s in self.sentences if s.kind == "heading" and s.section is not None}

    @cached_property
    def section_bodies(self) -> dict[str, list[Sentence]]:
        """The body by section id; what stands before the first heading under an empty id."""
        grouped: dict[str, list[Sentence]] = {}
        for sentence in self.body:
            grouped.setdefault(sentence.section.id if sentence.section else "", []).append(sentence)
        return grouped

    def heading_concepts(self, section: Section | None) -> frozenset[str]:
        """Concepts of the section's own heading."""
        return self._headings.get(section.id, frozenset()) if section is not None else frozenset()

    def label(self, section: Section | None) -> str:
        """Number and title, as a person would cite the section."""
        if section is None:
            return self.ir.title or "Beginning of the document"
        return f"{section.number} {section.title}" if section.number else section.title

    def path(self, section: Section | None) -> str:
        """The titles from the outermost section down, in one string."""
        titles, seen = [], set()
        while section is not None and section.id not in seen:
            seen.add(section.id)
            titles.append(section.title)
            section = self.sections.get(section.parent_id) if section.parent_id else None
        return " / ".join(reversed(titles))

    @cached_property
    def all_sections(self) -> tuple[str, ...]:
        """What was searched when something is absent from the whole document."""
        labels = tuple(dict.fromkeys(self.label(section) for section in self.ir.sections))
        return labels or (self.label(None),)

    def section_at(self, position: int) -> Section | None:
        index = bisect_right(self._section_starts, position) - 1
        return self.ir.sections[index] if index >= 0 else None

    def sentence_at(self, position: int) -> Sentence | None:
        index = bisect_right(self._starts, position) - 1
        if index >= 0 and position < self.sentences[index].end:
            return self.sentences[index]
        return None

    def page_at(self, position: int) -> int | None:
        index = bisect_right(self._page_marks, (position, 1 << 30)) - 1
        return self._page_marks[index][1] if index >= 0 else None

    def context(self, span: Span) -> Span:
        """The sentence or row around words, where it is short enough to be read at a glance; else the words."""
        sentence = self.sentence_at(span.start)
        if sentence is None or sentence.kind in {"code", "heading"} or sentence.end < span.end:
            return span
        return sentence.span if sentence.end - sentence.start <= _GLANCE else span

    def quote(self, span: Span) -> Quote:
        section = self.section_at(span.start)
        return Quote(
            text=self.markdown[span.start : span.end],
            span=span,
            section_id=section.id if section else None,
            section=self.label(section),
            page=self.page_at(span.start),
        )

    def has_slot(self, sentence: Sentence) -> bool:
        """Whether words are still to be filled in (`{value}`); they are no text, and no gap either."""
        return self.stated.count("{", sentence.start, sentence.end) > sentence.text.count("{")

    def mentioned(self, sentence: Sentence, concept: str) -> Iterator[Span]:
        for mention in sentence.mentions:
            if mention.concept == concept:
                yield Span(start=self.tokens[mention.first].start, end=self.tokens[mention.last].end)


def _is_history(sentence: Sentence) -> bool:
    """By the title of its section, or as a row of a table with a version and a date or change in columns."""
    if sentence.section is not None and _HISTORY.search(sentence.section.title):
        return True
    columns = [column.strip("*` ").lower() for column, _ in sentence.cells]
    return len(columns) > 2 and any(_VERSIONS.match(c) for c in columns) and any(_CHANGES.search(c) for c in columns)


class _Builder:
    """Cuts blocks into sentences and rows."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._sentences: list[Sentence] = []
        self._tokens: list[Token] = []
        self.breaks: list[int] = []
        self._paragraph = 0
        self._lead = ""
        self._lead_section: str | None = None
        tables = sorted(document.ir.tables, key=lambda table: table.span.start)
        for index, block in enumerate(sorted(document.ir.blocks, key=lambda block: block.span.start)):
            if block.kind not in _NOT_TEXT:
                self._add_block(index, block, tables)
        self.sentences = tuple(self._sentences)
        self.tokens = tuple(self._tokens)

    def _add_block(self, index: int, block: Block, tables: Sequence[Table]) -> None:
        if block.kind == "table":
            table = next((t for t in tables if block.span.start <= t.span.start < block.span.end), None)
            if table is not None:
                self._add_rows(index, block, table)
                return
        if block.kind == "heading":
            self._new_paragraph()
            self._add(index, block, block.span.start, block.span.end, "heading")
        elif block.kind in {"code", "formula"}:
            self._add(index, block, block.span.start, block.span.end, "code")
        else:
            self._add_text(index, block)

    def _add_rows(self, index: int, block: Block, table: Table) -> None:
        headings = [cell.text for cell in table.header]
        for row in table.rows:
            cells = [cell for cell in row if cell.span.end > cell.span.start]
            if not cells:
                continue
            self._new_paragraph()
            named = tuple((headings[i] if i < len(headings) else "", cell) for i, cell in enumerate(row))
            start, end = min(c.span.start for c in cells), max(c.span.end for c in cells)
            if end - start <= LONGEST:
                self._add(index, block, start, end, "row", cells=named)
                continue
            for cell in sorted(cells, key=lambda cell: cell.span.start):
                for piece_start, piece_end in bounded(self._document.stated, cell.span.start, cell.span.end):
                    self._add(index, block, piece_start, piece_end, "prose")
        self._new_paragraph()

    def _add_text(self, index: int, block: Block) -> None:
        is_item = block.kind == "list-item"
        section = block.section_id
        if not is_item or not self._lead or section != self._lead_section:
            self._new_paragraph()
        for start, end, bulleted in pieces(self._document.stated, block.span):
            kind: Kind = "list" if is_item or bulleted else "prose"
            lead = self._lead if kind == "list" else ""
            self._add(index, block, start, end, kind, lead=lead)
            text = self._document.text[start:end].rstrip()
            if kind == "prose":
                self._lead = text if text.endswith(":") else ""
                self._lead_section = section
        if is_item and not self._lead:
            self._lead_section = section

    def _new_paragraph(self) -> None:
        self._paragraph += 1
        self._lead = ""

    def _add(
        self,
        block_index: int,
        block: Block,
        start: int,
        end: int,
        kind: Kind,
        *,
        cells: tuple[tuple[str, Cell], ...] = (),
        lead: str = "",
    ) -> None:
        document = self._document
        text = document.text[start:end]
        words = tokens(text, start)
        if words:
            self.breaks.append(len(self._tokens))
        self._tokens.extend(words)
        section = document.sections.get(block.section_id) if block.section_id else document.section_at(start)
        self._sentences.append(
            Sentence(
                index=len(self._sentences),
                start=start,
                end=end,
                text=text,
                kind=kind,
                section=section,
                block=block_index,
                paragraph=self._paragraph,
                page=block.page,
                tokens=words,
                cells=cells,
                lead=lead,
            )
        )
