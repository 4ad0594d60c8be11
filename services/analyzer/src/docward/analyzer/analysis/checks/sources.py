"""SRC: inputs whose source is not named."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, replace, sub_span
from docward.analyzer.analysis.text import Caseless
from docward.events.ir import Span

_VENDOR = Caseless(
    r"\b(?:from|by|via|through|using|with|consult|of)\s(?P<source>(?:the|our|an?|its|multiple|several|various|"
    r"different|external|third-party)\s(?:(?:leading|standard|external|third[- ]party|market|pricing|price|data|"
    r"industry|primary|rating|reference|index|news|analytics|risk|independent|relevant|official|reputable|approved|recogni[sz]ed|established|"
    r"selected|internal|other|usual)[\s-]+){0,4}(?:vendors?|providers?|suppliers?|agenc(?:y|ies)|sources?|platforms?|"
    r"risk model|analytics platform|terminal|data ?base|external manager|feeds?|manager))\b(?!\s+(?:of section|named|"
    r"listed|defined|described|in section))"
)
_STATISTICS = Caseless(
    r"\b(?:from|by|on|with|at|using|into)\s(?P<source>(?:(?:the|an?|official|public|relevant|latest)\s)*(?:(?:\w+\s)?"
    r"statistics|aggregators?|(?:\w+ )?exchange rates? of (?:the|that|each) day|"
    r"(?:prevailing|applicable|current|official|relevant|usual|market) (?:exchange|FX|interest|"
    r"conversion|reference|funding) rates?))"
    r"(?=\s*(?:[.,;)]|$|and\b|at\b|on\b|for\b|in\b))"
)
"""Kinds of sources that exist many times over."""
_ANYWHERE = Caseless(
    r"\b(?:taken|sourced|obtained|bought|purchased|downloaded|received|collected|comes?|derived|fetched)\s(?:\w+\s)?from\s"
    r"(?P<source>(?:the\s|an?\s)?(?:third[- ]part(?:y|ies)|internet|web|markets?|publicly available \w+|"
    r"public (?:sources|data|"
    r"websites?)|external sources?|industry sources?))(?=\s*(?:[.,;)]|$|and\b|for\b|on\b|in\b))"
)
_OPAQUE = Caseless(
    r"(?P<source>social media|economic indicators|sentiment measures|alternative data|news sentiment|public sources|"
    r"vendor'?s (?:proprietary )?API|proprietary API)\b"
)
_VENUE = Caseless(
    r"\b(?:trade[sd]?|executed?|orders?)\s(?:\w+\s)?on\s(?P<source>(?:multiple |several |various |different |"
    r"the )?(?:exchanges|venues|trading venues))(?=\s*(?:[.,;]|using|with|$))"
)
_NAMED = re.compile(r"\b(?:Bloomberg|Reuters|Refinitiv|LSEG|FactSet|ICE|WM/|CRSP|S&P|Moody|Fitch|MSCI|Markit)\b")
_GENERIC_CELL = Caseless(
    r"(?:(?:the|our|an?|external|internal|third[- ]party|market|data|pricing|primary)\s)*(?:vendors?|providers?|"
    r"suppliers?|sources?|feeds?|databases?|n/?a|various|internal|external|-|–|\?)"
)
_NO_SOURCE = frozenset({"platform", "platforms", "manager", "terminal"})
"""Alone, they are where something runs or who decides, not where data comes from."""
_SOURCE_COLUMN = Caseless(r"\b(?:source|vendor|provider|feed)\b")


def named_sources(document: Document) -> Outcome:
    drafts, examined = [], []
    defined = " ".join(
        [
            *(d.term.lower() for d in document.ir.definitions),
            *(a.lower() for d in document.ir.definitions for a in d.aliases),
        ]
    )
    seen: set[str] = set()
    for sentence in document.body:
        if sentence.kind == "row":
            for column, cell in sentence.cells:
                if _SOURCE_COLUMN.search(column) and cell.span.end > cell.span.start:
                    if _GENERIC_CELL.fullmatch(cell.text.strip()):
                        drafts.append(_unnamed(document, cell.span, cell.text.strip().lower(), external=True))
                    elif cell.text.strip():
                        examined.append(sentence.span)
            continue
        for pattern in (_VENDOR, _OPAQUE, _VENUE, _STATISTICS, _ANYWHERE):
            for match in pattern.finditer(sentence.text):
                name = _bare(match)
                is_told = name in seen or name in defined or _goes_back(match, seen)
                if is_told or name in _NO_SOURCE or _is_named(document, sentence, match):
                    continue
                seen.add(name)
                span = sub_span(sentence, match, "source")
                drafts.append(_unnamed(document, span, name, external=_is_service(name)))
    return Outcome(tuple(drafts), tuple(examined))


def _goes_back(match: re.Match[str], seen: AbstractSet[str]) -> bool:
    """`the vendor` behind `a pricing vendor`, which was told already: one gap, however often it comes up."""
    told = {re.sub(r"s$", "", name) for name in seen}
    again = re.sub(r"s$", "", _bare(match))
    return match["source"].lower().startswith("the ") and any(name.endswith(f" {again}") for name in told)


def names_no_source(document: Document, sentence: Sentence) -> bool:
    """Whether the sentence speaks of a source without naming it."""
    return any(
        not _is_named(document, sentence, match) and _bare(match) not in _NO_SOURCE
        for pattern in (_VENDOR, _OPAQUE, _STATISTICS, _ANYWHERE)
        for match in pattern.finditer(sentence.text)
    )


def _bare(match: re.Match[str]) -> str:
    return re.sub(r"^(?:the|our|an?|its)\s", "", match["source"].lower())


def _is_named(document: Document, sentence: Sentence, match: re.Match[str]) -> bool:
    """By a proper name beside it, or (`the sources:`) in the list or table that follows."""
    after = sentence.text[match.end() : match.end() + 40]
    if after.strip() == ":":
        return any(s.kind in {"list", "row"} for s in document.sentences[sentence.index + 1 : sentence.index + 2])
    return bool(_NAMED.search(sentence.text) or re.match(r"\s*[,(]?\s*(?:namely\s|called\s)?[A-Z][a-z]+", after))


def _is_service(name: str) -> bool:
    return bool(re.search(r"vendor|provider|agenc|platform|manager|model|exchanges|venues|api", name)) and not re.match(
        r"(?:leading|data vendor|multiple|several|various|different)", name
    )


def _unnamed(document: Document, span: Span, name: str, *, external: bool) -> Draft:
    words = document.text[span.start : span.end]
    return Draft(
        family="SRC",
        category="external-dependency" if external else "data-source-unspecified",
        severity="high",
        title=f"“{words}” is not named",
        explanation=(
            f"The text relies on “{words}” without naming it, its product or feed, and its version. Another reader "
            "would take other data."
        ),
        spans=(span,),
        proposal=replace(document, span, "{provider, product or feed, version}"),
        confidence=0.85,
        decision=(
            f"generic source {name!r}",
            "no proper name beside it, no definition, no table of sources that names it",
        ),
    )
