"""NEG: a control that every algorithm or index has, and of which the text says that it is not there."""

from __future__ import annotations

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome
from docward.analyzer.analysis.negation import is_denied
from docward.analyzer.analysis.text import Caseless

_CONTROLS = {
    "kill_switch": "a kill switch",
    "price_collar": "a price collar",
    "position_limit": "a position limit",
    "loss_limit": "a loss limit",
    "monitoring": "monitoring",
    "backtest": "a backtest",
    "alert": "alerts",
}
"""Concepts of the lexicon whose absence is a finding by itself, whatever the packs ask for."""
_ELSEWHERE = Caseless(
    r"\b(?:only|therefore no need|instead|because|is not needed|not required|except|in addition|sections?|other than)\b"
)
"""The sentence limits or explains what it denies."""


def denied_controls(document: Document) -> Outcome:
    drafts = []
    for concept, name in _CONTROLS.items():
        speaking = [s for s in document.speaking((concept,)) if s.kind != "row"]
        denying = [
            s
            for s in speaking
            if is_denied(document, s, frozenset({concept}))
            and _is_absent(document, s, concept)
            and not _ELSEWHERE.search(s.text)
        ]
        if not denying or (len(denying) < len(speaking) and concept not in _ESSENTIAL):
            continue
        drafts.append(
            Draft(
                family="NEG",
                category="compliance-gap",
                severity="critical",
                title=f"The document says that there is no {name.removeprefix('a ')}",
                explanation=f"An algorithm or index of this kind needs {name}; the text denies that it has one.",
                spans=(denying[0].span,),
                confidence=0.8,
                decision=(f"denied: {concept}", "a negation in the same clause"),
            )
        )
    return Outcome(tuple(drafts))


def _is_absent(document: Document, sentence: Sentence, concept: str) -> bool:
    """`does not support a kill switch`, `a kill switch is not foreseen`; not what a kill switch does not do."""
    for mention in sentence.mentions:
        for start, end in sentence.negations if mention.concept == concept else ():
            behind = document.tokens[mention.last].end > sentence.start + start
            if behind or _EXISTS.search(sentence.text[start:end]):
                return True
    return False


_EXISTS = Caseless(
    r"\b(?:support\w*|provid\w*|implement\w*|available|in place|foreseen|exist\w*|offer\w*|enabled|planned|installed|"
    r"carried out|conducted|performed|made|done|run|set|kept|apply|applied|present|there|absent|missing|"
    r"defined|used|scope)\b"
)
_ESSENTIAL = frozenset({"kill_switch"})
"""Denied once, whatever else is said of it."""
