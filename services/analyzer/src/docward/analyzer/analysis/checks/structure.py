"""DUP and SCH: sections that stand twice, and inventories of algorithms that lack columns."""

from __future__ import annotations

import re
from collections import defaultdict

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Draft, Outcome
from docward.analyzer.analysis.text import Caseless, normalised
from docward.events.ir import Section, Table

_INVENTORY = Caseless(
    r"\b(?:inventory|register|list|catalogue)\b.{0,30}\b(?:algorithms?|algos?|strategies|models)\b|"
    r"\b(?:algorithms?|algos?|strategy|strategies|models?)\s(?:inventory|register)\b"
)
_LISTING = Caseless(r"\b(?:inventory|register|catalogue)\b")
_ALGORITHM = Caseless(r"\W*(?:algorithm|algo|strategy|model)s?\b.{0,12}")
"""A first column that says what an inventory lists, where its title does not."""
_COLUMNS = {
    "unique identifier": r"\b(?:id|ident\w*|code|ref(?:erence)?|number|no\.?|key)\b",
    "owner": r"\b(?:owners?|responsible|accountable)\b",
    "status": r"\b(?:status|state|stage|live)\b",
    "approval": r"\b(?:approv\w+|authori[sz]\w+|released?|go-?live|live (?:since|from))\b",
    "scope": r"\b(?:scope|asset class\w*|instruments?|products?|markets?|venues?|desks?|regions?|universe)\b",
    "description": r"\b(?:descri\w+|overview|purpose|strategy|what|name|algorithm)\b",
}
"""What an inventory of algorithms tells of each of them: PRA SS5/18, 5.3, and RTS 6, Article 9(2)(a)."""


def repeated_sections(document: Document) -> Outcome:
    """Two sections of one parent with one title: a reader takes the first one, and the second may say otherwise."""
    titled: dict[tuple[str | None, int, str], list[Section]] = defaultdict(list)
    for section in document.ir.sections:
        name = normalised(section.title)
        if name and section.id in document.section_bodies:
            titled[section.parent_id, section.level, name].append(section)
    drafts = [_repeated(document, sections) for sections in titled.values() if len(sections) > 1]
    return Outcome(tuple(drafts), tuple(section.heading for section in document.ir.sections[:3]))


def _repeated(document: Document, sections: list[Section]) -> Draft:
    places = " and ".join(document.label(section) for section in sections[:3])
    return Draft(
        family="DUP",
        category="inconsistent-content",
        severity="medium",
        title=f"Two sections are called {sections[0].title}"[:120],
        explanation=f"{places} have one title and one place in the outline; nothing says which of them applies.",
        spans=tuple(section.heading for section in sections),
        confidence=0.85,
        decision=(f"title {sections[0].title!r}", "same parent, both with content"),
    )


def inventory_tables(document: Document) -> Outcome:
    drafts, examined = [], []
    for table in document.ir.tables:
        if len(table.header) < 2 or not table.rows or not _INVENTORY.search(_about(document, table)):
            continue
        heads = " | ".join(cell.text for cell in table.header)
        absent = [name for name, words in _COLUMNS.items() if not re.search(words, heads, re.IGNORECASE)]
        if absent:
            drafts.append(_lacking(table, absent))
        else:
            examined.append(table.span)
    return Outcome(tuple(drafts), tuple(examined))


def _about(document: Document, table: Table) -> str:
    section = document.section_at(table.span.start)
    title = f"{section.title if section else ''} / {table.caption or ''}"
    rows = table.header[0].text if _LISTING.search(title) else ""
    return f"{title} / {rows} inventory" if _ALGORITHM.fullmatch(rows) else title


def _lacking(table: Table, absent: list[str]) -> Draft:
    names = ", ".join(absent)
    return Draft(
        family="SCH",
        category="compliance-gap",
        severity="medium",
        title=f"The inventory has no column for: {names}"[:120],
        explanation=(
            f"An inventory of algorithms tells of each its identifier, owner, status, approval and scope (PRA SS5/18, "
            f"5.3); this table has no column for: {names}."
        ),
        spans=tuple(cell.span for cell in table.header if cell.span.end > cell.span.start),
        confidence=0.8,
        decision=("columns of an inventory of algorithms", f"absent: {names}"),
    )
