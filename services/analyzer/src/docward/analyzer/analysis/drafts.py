"""What a check hands back: drafts of findings, and how much it looked at.

A draft becomes a finding in one place (`findings`), where every quote is cut from the document again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from docward.analyzer.analysis.document import Document, Sentence
from docward.events.findings import Category, Family, ProposedChange, Severity
from docward.events.ir import Span

LONG_ENOUGH = 600
"""Words (about two pages) from which a text counts as a whole specification. What is absent from a shorter one says
little: it is an excerpt, or a draft whose gaps the other checks name.
"""
KIND = "document-kind"
"""The check that says whether the text is a specification at all."""
_SLOT = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Draft:
    family: Family
    category: Category
    severity: Severity
    title: str
    explanation: str
    spans: tuple[Span, ...] = ()
    searched: tuple[str, ...] = ()
    """Sections that were searched, for something absent; required when `spans` is empty."""
    proposal: ProposedChange | None = None
    confidence: float = 0.9
    decision: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    drafts: tuple[Draft, ...] = ()
    examined: tuple[Span, ...] = ()
    """What the check looked at and would have reported had it been wrong: the evidence of a clean result. Nothing
    examined and nothing found means that the check says nothing about this document.
    """


@dataclass(frozen=True)
class Check:
    name: str
    run: Callable[[Document], Outcome]


def replace(document: Document, span: Span, replacement: str) -> ProposedChange:
    """An exact edit. `{slots}` in the replacement stay visible until a person fills them."""
    return ProposedChange(
        span=span,
        original=document.markdown[span.start : span.end],
        replacement=replacement,
        slots=tuple(dict.fromkeys(_SLOT.findall(replacement))),
    )


def insert_after(document: Document, position: int, text: str) -> ProposedChange:
    return replace(document, Span(start=position, end=position), text)


def sub_span(sentence: Sentence, match: re.Match[str], group: int | str = 0) -> Span:
    """Where a match in `sentence.text` stands in the document."""
    return Span(start=sentence.start + match.start(group), end=sentence.start + match.end(group))
