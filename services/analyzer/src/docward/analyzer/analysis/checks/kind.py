"""Whether the text is a specification at all: said once, so that a recipe raises no alarm about its clock times."""

from __future__ import annotations

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Draft, Outcome
from docward.analyzer.analysis.text import stems

_LONG_ENOUGH = 60
"""Words from which a text shows what it is; a shorter one is an excerpt, and is read as one of a specification."""
_SUBJECTS = frozenset(
    stems(
        """
        algorithm algorithmic algo index indices strategy trading trade portfolio constituent rebalance backtest signal
        benchmark methodology security equity hedge futures derivative stock leverage volatility exposure liquidity
        execution threshold parameter formula capitalisation capitalization dividend turnover momentum collar
        divisor weighting venue broker drawdown slippage asset currency bond ETF fund investor market
        """
    )
)
"""Stems of which a specification of an algorithm or an index has many."""
_DISTINCT, _SHARE = 3, 0.01
"""Fewer of them, or a smaller share of the words, are found in any text."""
_PLENTY = 0.04
"""A share of the words that tells, however few different ones they are."""


def document_kind(document: Document) -> Outcome:
    found = [token.stem for token in document.tokens if token.stem in _SUBJECTS]
    share = len(found) / max(1, document.words)
    enough = share >= _PLENTY or (len(set(found)) >= _DISTINCT and share >= _SHARE)
    if enough or document.ir.formulas or document.words < _LONG_ENOUGH:
        return Outcome()
    return Outcome(
        (
            Draft(
                family="COV",
                category="ambiguous-methodology",
                severity="medium",
                title="This does not read as a specification of an algorithm or index",
                explanation=(
                    "The text hardly uses the words of such a document and has no formula. Nothing else in it was "
                    "checked. If it is one, it says too little to be implemented; if not, it should not be assessed."
                ),
                searched=document.all_sections,
                confidence=0.8,
                decision=("kind of document", f"{len(found)} of {document.words} words belong to the subject"),
            ),
        )
    )
