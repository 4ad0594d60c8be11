"""XRF: internal references that lead nowhere, and external documents without version or date."""

from __future__ import annotations

import re

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Draft, Outcome, replace
from docward.analyzer.analysis.text import Caseless
from docward.events.ir import CrossReference, Span

_INTERNAL = frozenset({"section", "table", "figure", "formula", "appendix", "definition"})
_DATED = Caseless(
    r"\b(?:v(?:ersion)?\.?\s?\d|edition\s\d|release\s\d|rev(?:ision)?\.?\s?\d|dated|of\s\d{1,2}\s\w+\s\d{4}|(?:19|"
    r"20)\d{2}\b)"
)
_LEADS = Caseless(r"(?:appendix|annex|section|table)\s[\w.]+\s?[:,(]\s?[\"“]?$")
_PUBLIC = Caseless(
    r"\b(?:Global Industry Classification Standard|Industry Classification Benchmark|Financial Information eXchange)\b"
)
_LINK = re.compile(r"^[#/.]|/|\.\w{2,4}(?:#.*)?$")
"""A hyperlink to a file: whoever moves the documents moves it with them."""
_KEPT_LIST = Caseless(
    r"\b(?:exclusions?|restricted|eligib\w+|approved|sanctions?|watch|black|white|universe|tradable|"
    r"controvers\w+) ?lists? (?:of|by|from|maintained by|published by|"
    r"kept by|provided by|issued by)\s(?:the\s)?[\w-]+(?:\s[A-Z][\w-]+)*|"
    r"\b(?:described|defined|set out|specified|laid down|stated) in (?:its|their) (?:own )?(?:rules?|rule ?book|"
    r"methodology|guidelines|terms|documentation|prospectus)\b|"
    r"\b(?:follows?|in|see|per|from|by|according to)\s(?:the|our|its|an?)\s(?:[\w-]+['’]s?\s)?(?:\w+\s)?"
    r"(?:run ?book|play ?book|notebook|spreadsheet|workbook|operat(?:ions|ing) manual|wiki)\b"
)
_THE_APPENDIX = Caseless(
    r"\b(?:see|in|to|of|by|refer to)\s(?:the|its|our)\s(?P<part>appendix|annex|attachment|schedule|"
    r"glossary)\b(?!\s[A-Z0-9]\b)(?= (?:for|of|to)\b|[.,;)]|$)"
)
_HERE = Caseless(r"\b(?:sections?|appendix|annex|table|schedule|below|above|website|published (?:daily|on))\b")
_GENERIC = frozenset({"this document", "the document", "this specification", "this policy"})


def internal_references(document: Document) -> Outcome:
    drafts, examined = [], []
    grouped: dict[str, list[CrossReference]] = {}
    for reference in document.ir.references:
        if reference.external or reference.kind not in _INTERNAL:
            continue
        if reference.resolved:
            examined.append(reference.span)
        else:
            grouped.setdefault(f"{reference.kind}:{reference.target.casefold()}", []).append(reference)
    for references in grouped.values():
        first = references[0]
        drafts.append(
            Draft(
                family="XRF",
                category="missing-reference",
                severity="critical" if first.kind == "appendix" else "high",
                title=f"{first.text} does not exist in this document",
                explanation=(
                    f"The text sends the reader to {first.text}, but the document has no such {first.kind}. What it "
                    "is supposed to say cannot be implemented from this document."
                ),
                spans=tuple(reference.span for reference in references),
                proposal=replace(document, first.span, f"{{existing {first.kind}}}") if len(references) == 1 else None,
                confidence=0.95,
                decision=(f"reference to {first.kind} {first.target!r}", f"no {first.kind} of that name or number"),
            )
        )
    return Outcome((*drafts, *_unnumbered(document)), tuple(examined))


def _unnumbered(document: Document) -> list[Draft]:
    """`See the appendix for the list`, in a document without one."""
    titles = " / ".join(document.label(section) for section in document.ir.sections).casefold()
    drafts = []
    for sentence in document.body:
        match = _THE_APPENDIX.search(sentence.text)
        if match and not re.search(
            rf"\b{match['part'][:5]}", titles + document.text.casefold().replace(sentence.text.casefold(), "")
        ):
            span = Span(start=sentence.start + match.start("part"), end=sentence.start + match.end("part"))
            drafts.append(
                Draft(
                    family="XRF",
                    category="missing-reference",
                    severity="high",
                    title=f"The document has no {match['part'].lower()}",
                    explanation=f"The text says “{match.group()}”, and no part of the document is called so.",
                    spans=(span,),
                    confidence=0.85,
                    decision=(f"reference {match.group()!r}", "no part of that name"),
                )
            )
    return drafts[:2]


def external_documents(document: Document) -> Outcome:
    drafts, examined = [], []
    versioned = {_name(r) for r in _external(document) if r.version or _is_dated(document, r)}
    grouped: dict[str, list[CrossReference]] = {}
    for reference in _external(document):
        if _name(reference) in versioned:
            examined.append(reference.span)
        else:
            grouped.setdefault(_name(reference), []).append(reference)
    for references in grouped.values():
        first = references[0]
        drafts.append(
            Draft(
                family="XRF",
                category="external-dependency",
                severity="high",
                title=f"{first.target} is cited without version or date",
                explanation=(
                    f"Rules are taken from {first.target}, which is not part of this document. Without its version or "
                    "date nobody can tell which rules apply, and a later edition would silently change them."
                ),
                spans=tuple(reference.span for reference in references),
                proposal=replace(document, first.span, f"{first.text}, version {{version}} of {{date}}"),
                decision=(f"external document {first.target!r}", "no version, edition or date beside any mention"),
            )
        )
    return Outcome((*drafts, *_lists_elsewhere(document)), tuple(examined))


def _lists_elsewhere(document: Document) -> list[Draft]:
    """A list or a working paper that decides something, kept by somebody outside the document, of no date."""
    drafts = []
    for sentence in document.body:
        match = _KEPT_LIST.search(sentence.text)
        if match and not _DATED.search(sentence.text) and not _HERE.search(sentence.text):
            span = Span(start=sentence.start + match.start(), end=sentence.start + match.end())
            drafts.append(
                Draft(
                    family="XRF",
                    category="external-dependency",
                    severity="high",
                    title=f"“{match.group()}” is not part of the document"[:120],
                    explanation=(
                        "What stands there decides the result, and it is neither in the document nor cited with a "
                        "version or date."
                    ),
                    spans=(span,),
                    proposal=replace(document, span, f"{match.group()} of {{date}}"),
                    confidence=0.75,
                    decision=(f"kept elsewhere: {match.group()!r}", "no version, no date, no place in the document"),
                )
            )
    return drafts[:3]


def _external(document: Document) -> list[CrossReference]:
    return [
        reference
        for reference in document.ir.references
        if reference.external
        and reference.kind == "document"
        and _name(reference) not in _GENERIC
        and not _PUBLIC.search(reference.target)
        and not _LINK.search(reference.target)
        and not _LEADS.search(document.text[max(0, reference.span.start - 20) : reference.span.start])
    ]


def _name(reference: CrossReference) -> str:
    return re.sub(r"^(?:the|our)\s", "", reference.target.casefold())


def _is_dated(document: Document, reference: CrossReference) -> bool:
    sentence = document.sentence_at(reference.span.start)
    end = sentence.end if sentence else reference.span.end
    tail = Span(start=reference.span.start, end=min(end, reference.span.end + 60))
    return bool(_DATED.search(document.text[tail.start : tail.end]))
