"""How much one finding or verdict may carry, so that each fits into one message (about 32 kB as JSON) with room.

What is left out is counted and said; it stands in the document and comes back when the first places are settled.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from docward.analyzer.analysis.document import Document
from docward.events.findings import Quote, Verdict
from docward.events.ir import Span

T = TypeVar("T")

QUOTES, SECTIONS, DECISIONS, FACETS = 20, 50, 12, 30
TITLE, LABEL, TEXT = 120, 200, 1500
"""Characters of a title, of a section's name or a step of the decision, and of an explanation."""
QUOTE = 1000
"""Characters of one quote: its first ones, where a table or a formula is longer."""
_SHARE = 8000
"""Bytes as JSON for all quotes together, for the sections searched, for a proposal: whatever the characters are."""


def clip(text: str, limit: int) -> str:
    """At most `limit` characters and as many bytes as `limit` Latin ones with an accent would take."""
    kept = text[:limit]
    while size(kept) > 2 * limit + 2:
        kept = kept[: len(kept) * 3 // 4]
    return text if kept == text else f"{kept[: limit - 1].rstrip()}…"


def size(text: str) -> int:
    """Bytes of the text as JSON."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="replace"))


def first(items: Iterable[T], count: int, weight: Callable[[T], int]) -> tuple[T, ...]:
    """The first items, as long as their number and their weight stay within bounds; never none where there is one."""
    kept: list[T] = []
    total = 0
    for item in items:
        total += weight(item)
        if len(kept) == count or (kept and total > _SHARE):
            break
        kept.append(item)
    return tuple(kept)


def quotes(document: Document, spans: Iterable[Span]) -> tuple[Quote, ...]:
    """Of the first spans, each cut to what can be read; every quote is what stands at its span."""
    made = (document.quote(_readable(document, span)) for span in spans)
    return first((_labelled(quote) for quote in made), QUOTES, _weight)


def sections(names: Sequence[str]) -> tuple[str, ...]:
    return first((clip(name, LABEL) for name in dict.fromkeys(names)), SECTIONS, size)


def decisions(steps: Sequence[str]) -> tuple[str, ...]:
    return tuple(clip(step, LABEL) for step in steps[:DECISIONS])


def is_small(*texts: str) -> bool:
    return sum(size(text) for text in texts) <= _SHARE


def more(shown: int, found: int, what: str) -> str:
    """A sentence about what is left out; empty where nothing is."""
    return f" {found - shown} more {what} not shown." if found > shown else ""


def bounded(verdict: Verdict) -> Verdict:
    kept = first(verdict.quotes, QUOTES, _weight)
    searched = sections(verdict.searched)
    said = more(len(kept), len(verdict.quotes), "quotes") + more(len(searched), len(verdict.searched), "sections")
    return verdict.model_copy(
        update={
            "title": clip(verdict.title, LABEL),
            "citation": clip(verdict.citation, LABEL),
            "explanation": clip(verdict.explanation, TEXT) + said,
            "quotes": kept,
            "searched": searched,
            "facets": tuple(
                facet.model_copy(update={"id": clip(facet.id, LABEL), "note": clip(facet.note, LABEL)})
                for facet in verdict.facets[:FACETS]
            ),
        }
    )


def _weight(quote: Quote) -> int:
    return size(quote.text) + size(quote.section or "") + 120


def _readable(document: Document, span: Span) -> Span:
    end = min(span.end, span.start + QUOTE)
    while size(document.markdown[span.start : end]) > _SHARE:
        end = span.start + (end - span.start) // 2
    return Span(start=span.start, end=end)


def _labelled(quote: Quote) -> Quote:
    if quote.section is None or len(quote.section) <= LABEL:
        return quote
    return quote.model_copy(update={"section": clip(quote.section, LABEL)})
