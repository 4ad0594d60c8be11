"""TRM: a capitalised term that a document with definitions of its own uses and does not define."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Draft, Outcome, insert_after, sub_span
from docward.analyzer.analysis.text import Caseless, stems, words
from docward.events.ir import Span

FORMAL = 3
"""Capitalised terms that are defined: from them on, a capital says that a definition is to be found."""
_NOUN = (
    r"(?:Days?|Dates?|Prices?|Values?|Levels?|Periods?|Events?|Durations?|Ratios?|Scores?|Factors?|Weights?|Universe|"
    r"Thresholds?|Limits?|Divisors?|Windows?|Sizes?|Amounts?|Yields?|Spreads?|Conditions?|Basket|Portfolio|Notional|"
    r"Zones?|Pools?|Bands?|Buckets?|Board|Panel|Function|Component|Constituents?|Assets?|Issuers?|Signals?|Exposures?|Adjustments?|Costs?|Quantit(?:y|ies))"
)
_TERM = re.compile(
    rf"(?<!\w)(?!(?:The|An?|Each|Every|If|When|On|In|At|For)\b)(?P<term>(?:[A-Z][a-z]+[ -]){{1,2}}{_NOUN})\b(?! [A-Z(])"
)
_BEFORE = re.compile(r"(?:^|\W)(?:[a-z][\w-]*,?|The|An?|Each|Every)\s$")
"""A word that begins no name: what follows it with capitals is a term."""
_ELSEWHERE = Caseless(r"\b(?:see|in|list of)\b[^.;]{0,20}\b(?:appendix|annex|schedule|exhibit|glossary)\b")
"""The meaning is said to stand in another place: the check of references follows it."""
_NAMES = words(
    """
    Management Supervisory Executive Advisory Audit Compliance Risk Trading Control Systemic Resolution Internal
    Federal Euro European Bank Central Consumer International Global Industry National Standard New United American
    London York Tokyo Frankfurt Bloomberg Reuters Refinitiv Sharpe Sortino Head Chief Section Article Table Figure
    January February March April May June July August September October November December
    """
)


def undefined_terms(document: Document) -> Outcome:
    defined = {stems(term) for d in document.ir.definitions for term in (d.term, *d.aliases)}
    formal = [d for d in document.ir.definitions if re.fullmatch(r"\W*[A-Z]\w+(?:[ -][A-Z]?\w+)*\W*", d.term)]
    if len(formal) < FORMAL:
        return Outcome()
    known = defined | {stems(s.cells[0][1].text) for s in document.body if s.cells}
    headings = {stems(section.title) for section in document.ir.sections}
    drafts: dict[tuple[str, ...], Draft] = {}
    for term, span in _used(document):
        name = stems(term)
        if any(name[-len(k) :] == k or name == k for k in known if k) or name in headings or name in drafts:
            continue
        if term.lower() in document.text or set(term.replace("-", " ").split()) & _NAMES:
            continue  # written small elsewhere, it is no term; a name needs no definition
        drafts[name] = _undefined(document, term, span)
    return Outcome(tuple(drafts.values())[:5], tuple(d.span for d in formal[:3]))


def _used(document: Document) -> Iterator[tuple[str, Span]]:
    for sentence in document.body:
        if sentence.kind == "row" or _ELSEWHERE.search(sentence.text):
            continue
        for match in _TERM.finditer(sentence.text):
            told = re.match(r",? (?:\(|of )?\d", sentence.text[match.end() :])  # `its Base Date, 4 January 2016`
            if _BEFORE.search(sentence.text[: match.start()]) and not told:
                yield match["term"], sub_span(sentence, match)


def _undefined(document: Document, term: str, span: Span) -> Draft:
    return Draft(
        family="TRM",
        category="undefined-parameter",
        severity="medium",
        title=f"{term} is not defined",
        explanation=(
            f"The document defines its terms and writes them with capitals; “{term}” is written like one of them and "
            "has no definition."
        ),
        spans=(span,),
        proposal=insert_after(document, span.end, f" ({{meaning of {term}}})"),
        confidence=0.75,
        decision=(f"term {term!r}", "capitals as in defined terms", "no definition, no table entry"),
    )
