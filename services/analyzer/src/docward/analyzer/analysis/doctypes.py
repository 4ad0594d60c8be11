"""What kind of document a text is, by its title: what such a document need not state is not held against it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from docward.analyzer.analysis.document import Document

_TITLES: dict[str, re.Pattern[str]] = {
    "inventory": re.compile(
        r"\b(?:inventory|register) of|\b(?:algorithm|control|model) (?:inventory|register)\b", re.IGNORECASE
    ),
    "self-assessment": re.compile(r"\bself-?\s?assessment|\bvalidation report\b", re.IGNORECASE),
    "methodology": re.compile(
        r"\b(?:index|benchmark|indices)\b|\bmethodology\b|\brule ?book\b|\bcalculation guide\b", re.IGNORECASE
    ),
    "policy": re.compile(
        r"\b(?:policy|policies|framework|standards?|governance|procedures?|manual|handbook|guidelines?)\b",
        re.IGNORECASE,
    ),
    "strategy": re.compile(
        r"\b(?:strategy|algorithm|algo|execution|specification|momentum|reversion|market making|arbitrage|signal|"
        r"trading system)\b",
        re.IGNORECASE,
    ),
}
"""The first that fits decides. A title that says nothing lets every requirement be asked for."""
OFTEN = 4
_INDEX_WORDS = re.compile(r"\b(?:divisor|index (?:level|value)|constituents?|rebalanc\w+)\b")
_ORDERS = re.compile(r"\b(?:child orders?|order (?:size|type|router)s?|limit orders?|market orders?|stop[- ]loss)\b")
DOC_TYPES = frozenset(_TITLES)


def document_type(document: Document) -> str | None:
    title = document.ir.title or ""
    named = next((name for name, pattern in _TITLES.items() if pattern.search(title)), None)
    return named or ("methodology" if _speaks_of_an_index(document) else None)


def _speaks_of_an_index(document: Document) -> bool:
    """Whatever its title: it speaks of the index often, of its level or divisor, and of no orders."""
    text = document.body_text.lower()
    return text.count("the index") >= OFTEN and _INDEX_WORDS.search(text) is not None and not _ORDERS.search(text)


def expects(document: Document, doc_types: Sequence[str]) -> bool:
    """Whether a document of this kind is expected to state what is asked of `doc_types`; none given: of all."""
    kind = document_type(document) if doc_types else None
    return kind is None or kind in doc_types
