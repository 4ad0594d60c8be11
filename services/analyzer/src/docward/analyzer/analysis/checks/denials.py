"""NEG: a control that every algorithm or index has, and of which the text says that it is not there."""

from __future__ import annotations

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome
from docward.analyzer.analysis.negation import is_denied
from docward.analyzer.analysis.text import Caseless
from docward.events.ir import Span

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


_GUARD = (
    r"(?:protection|safeguards?|guard|prevention|checks?|controls?|limits?) (?:against|on|of|for) "
    r"(?:an? |the |its |their )?(?:\w+ )?(?:self[- ]?(?:trad\w+|match\w+|execution)|wash trad\w+|"
    r"trading (?:against|with)|order (?:values?|sizes?|prices?)|duplicate\w* orders?|"
    r"repeated (?:orders|executions?)|fat[- ]finger\w*)"
)
_ORDER = (
    r"(?:(?:price|value|volume|quantity|size|notional)s? of "
    r"(?:an?|each|every|its|the|child|parent)?\s?(?:\w+ )?orders?|"
    r"order (?:price|value|volume|quantity|size)s?)"
)
_SWITCH = r"(?:kill[- ]?(?:switch|button|functionality)|pre-?trade (?:controls?|checks?|limits?)|emergency stop)"
_UNGUARDED = Caseless(
    rf"\b(?:has|have|is|are|offers?|contains?|provides?) no {_GUARD}|"
    rf"\b{_ORDER} (?:is|are) (?:not|never) (?:checked|limited|capped|controlled|verified|validated|tested)\b|"
    rf"\b(?:is|are) not (?:connected|linked|attached|wired|subject|covered) (?:to|by) (?:the |an? |any )?{_SWITCH}|"
    rf"\b(?:bypass(?:es)?|(?:is|are) (?:exempt\w*|excluded) from) (?:the |all |any )?{_SWITCH}"
)
"""Denials that name what is left unguarded: orders, trades with oneself, algorithms that a switch does not reach."""


def denied_controls(document: Document) -> Outcome:
    drafts = [
        _denied(sentence.span, "one of the controls of its orders", match.group())
        for sentence in document.body
        if sentence.kind != "row"
        and (match := _UNGUARDED.search(sentence.text))
        and not _ELSEWHERE.search(sentence.text)
    ]
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
        if denying[0].span not in {span for draft in drafts for span in draft.spans}:
            drafts.append(_denied(denying[0].span, name, concept))
    return Outcome(tuple(drafts))


def _denied(span: Span, name: str, words: str) -> Draft:
    return Draft(
        family="NEG",
        category="compliance-gap",
        severity="critical",
        title=f"The document says that there is no {name.removeprefix('a ').removeprefix('one of the ')}"[:120],
        explanation=f"An algorithm or index of this kind needs {name}; the text denies that it has one.",
        spans=(span,),
        confidence=0.8,
        decision=(f"denied: {words}", "a negation in the same clause"),
    )


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
