"""What a strategy cannot do without once it mentions it: computations (FML), sources (SRC), risks (COV)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docward.analyzer.analysis.checks.sources import names_no_source
from docward.analyzer.analysis.doctypes import document_type
from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, insert_after, sub_span
from docward.analyzer.analysis.text import Caseless
from docward.events.findings import Category, Family, Severity
from docward.events.ir import Span

_COMBINED = Caseless(
    r"\b(?:derived from|combin(?:es|ed|ing|ation of)|scored? (?:based )?on|aggregat(?:es|"
    r"ed))\s(?P<what>(?:[\w-]+\s){0,4}[\w-]+(?:,\s(?:and\s)?(?:[\w-]+\s){0,4}[\w-]+)*,?\sand\s(?:[\w-]+\s){0,3}[\w-]+|"
    r"(?:multiple|several) \w+)"
)
_UNNAMED = Caseless(
    r"\b(?:weighted |simple )?(?:average|mean|sum|combination|blend|function|composite)\sof\s(?:several|multiple|"
    r"various|different|some|many|a number of|certain|a few)\s(?:\w+\s){0,2}(?:factors?|signals?|indicators?|inputs?|"
    r"scores?|models?|measures?|metrics?|variables?|criteria|components?)\b(?!\s*(?:[:(]|,? namely|listed|of section|"
    r"in section|in table))"
)
_ON_SIGNALS = Caseless(
    r"\bbased on (?:[\w-]+\s){0,2}(?:signals?|scores?|indicators?|models?)\b|\b(?:technical|fundamental) analysis\b"
)
_COMPUTED = Caseless(r"\b(?:calculat\w+|comput\w+|formula|defined as|equals)\b")
_SOURCED = Caseless(
    r"\b(?:sourced?|vendors?|providers?|feeds?|database|data ?set|published (?:by|on)|Bloomberg|Reuters|Refinitiv|"
    r"as reported by|(?:prices?|quotes?|volumes?|rates?)\b[^.;]{0,40}\s(?:on|from|at|of)\s(?:the\s)?(?:Xetra|NYSE|"
    r"Nasdaq|Euronext|LSE|CME|Eurex|SIX|ECB)|(?:ECB|WM|Fed\w*|Bank of \w+)[^.;]{0,20} rates?|SOFR|SONIA|"
    r"[€e]STR|EURIBOR|LIBOR|SARON|TONA)\b"
)
_INPUTS = Caseless(
    r"\b(?:current|historical|closing|stock|market|token|asset)[ _](?:price|capitali[sz]ation|cap)s?\b|"
    r"(?<!average )(?<!limit )(?<!strike )(?<!limits on )(?<!total )\bprices?\b"
    r"(?! (?:collars?|bands?|limits?|tolerances?|return))"
)
_RATES = Caseless(
    r"\b(?:inflation|risk-free|interest|exchange|FX|borrow(?:ing)?) rates?\b"
    r"(?! (?:risks?|swaps?|futures?|derivatives?|exposures?|sensitiv\w+|curves?|hedg\w+|products?|markets?|desk))"
)
_FROM_A_VENUE = Caseless(
    r"\b(?:prices?|quotes?|rates?|closes?)\b[^.;]{0,60}\b(?:of|on|from|at|by) (?:the|its|their|each|that) "
    r"(?:[\w-]+ ){0,3}(?:exchanges?|venues?|listing|market)\b"
)
"""The exchange on which a thing is traded is the source of its prices."""
_DISCLOSED = Caseless(
    r"\b(?:risks?|loss(?:es)?|drawdowns?|stop[- ]loss|margin call|liquidat\w+|insolven\w+|default|disclos\w+)\b"
)
_RISKS = {
    name: Caseless(rf"\b{words}\b")
    for name, words in (
        ("leverage", r"(?:leverage (?:to|is)|us(?:e|es|ing) (?:\w+ )?leverage|target leverage)"),
        ("concentration", r"concentrated (?:positions?|portfolio|holdings?)"),
        (
            "one sector",
            r"(?:100|[5-9]\d)\s?% (?:in )?(?:[\w-]+\s){0,2}(?:stocks|shares|equities|bonds|sector|companies)",
        ),
        ("derivatives", r"(?:use|uses|trades?) (?:\w+ )?derivatives"),
        ("performance targets", r"(?:target (?:annual )?returns?|aims to outperform)"),
        ("crypto assets", r"(?:cryptocurrenc(?:y|ies)|crypto[- ]assets?|tokens)"),
    )
}


def unspecified_computations(document: Document) -> Outcome:
    """Inputs are combined, or a signal is used, and nothing in the document computes anything; or an average is taken
    of things that the document does not name.
    """
    unnamed = [s for s in document.body if s.kind != "row" and _UNNAMED.search(s.text)]
    if unnamed:
        return Outcome(tuple(_unnamed(document, s) for s in unnamed), tuple(f.span for f in document.ir.formulas[:3]))
    if document.ir.formulas or any(_COMPUTED.search(sentence.text) for sentence in document.body):
        return Outcome(examined=tuple(formula.span for formula in document.ir.formulas[:3]))
    kind = _Kind("FML", "ambiguous-methodology", "high")
    drafts = []
    for sentence in document.body:
        if sentence.kind == "row" or sentence.text.rstrip().endswith(":"):
            continue
        for pattern, title in ((_COMBINED, "How the inputs are combined"), (_ON_SIGNALS, "How the signal is computed")):
            if match := pattern.search(sentence.text):
                explanation = f"“{match.group()}” names what is used; nothing says how a result follows from it."
                drafts.append(kind.draft(document, sub_span(sentence, match), f"{title} is not stated", explanation))
    return Outcome(tuple(drafts))


def _unnamed(document: Document, sentence: Sentence) -> Draft:
    match = _UNNAMED.search(sentence.text)
    span = sub_span(sentence, match) if match else sentence.span
    explanation = f"“{document.text[span.start : span.end]}” names neither the inputs nor their weights."
    kind = _Kind("FML", "ambiguous-methodology", "high")
    return kind.draft(document, span, "How the inputs are combined is not stated", explanation)


def unsourced_inputs(document: Document) -> Outcome:
    """Prices or rates are used, and no source of them is named."""
    sourced = [
        s
        for s in document.body
        if _SOURCED.search(s.text) or _FROM_A_VENUE.search(s.text) or any(_SOURCED.search(c) for c, _ in s.cells)
    ]
    drafts: list[Draft] = []
    if not sourced:
        drafts.extend(_unsourced(document, _INPUTS, "prices"))
    if not any(_RATES.search(sentence.text) for sentence in sourced):
        drafts.extend(_unsourced(document, _RATES, "rates"))
    return Outcome(tuple(drafts), tuple(s.span for s in sourced if not names_no_source(document, s))[:5])


def _unsourced(document: Document, pattern: Caseless, what: str) -> Iterator[Draft]:
    kind = _Kind("SRC", "data-source-unspecified", "medium")
    for sentence in document.sentences:
        match = pattern.search(sentence.text) if sentence.kind != "heading" else None
        if match is not None and names_no_source(document, sentence):
            return  # `named-sources` tells it
        if match is not None:
            explanation = f"“{match.group()}” is an input, but no source, product or fixing time is named for it."
            yield kind.draft(document, sub_span(sentence, match), f"No source of {what}", explanation)
            return


def risk_disclosures(document: Document) -> Outcome:
    """What makes a strategy risky is mentioned, and the document speaks of no risk or loss at all."""
    disclosed = tuple(sentence.span for sentence in document.sentences if _DISCLOSED.search(sentence.text))
    first: dict[str, Span] = {}
    for name, pattern in _RISKS.items():
        for sentence in document.body:
            if match := pattern.search(sentence.text):
                first.setdefault(name, sub_span(sentence, match))
    if disclosed or not first or document_type(document) == "methodology":  # an index bears no risk of its own
        return Outcome(examined=disclosed[:3] if first else ())
    kind = _Kind("COV", "compliance-gap", "high")
    drafts = [
        kind.draft(
            document,
            span,
            f"The risks of {name} are not stated",
            f"The text speaks of {name}, and nowhere of the losses or risks that follow from it.",
        )
        for name, span in first.items()
    ]
    if len(first) > 1:
        drafts.append(_no_section_on_risks(document, tuple(first)))
    return Outcome(tuple(drafts))


def _no_section_on_risks(document: Document, names: Sequence[str]) -> Draft:
    return Draft(
        family="COV",
        category="compliance-gap",
        severity="high",
        title="No section on risks",
        explanation=f"The document speaks of {', '.join(names)}, and has no section that tells of their risks.",
        searched=document.all_sections,
        proposal=insert_after(
            document,
            len(document.markdown.rstrip()),
            f"\n\nThe risks of {', '.join(names)} are: {{risks, possible losses, largest drawdown}}.",
        ),
        confidence=0.7,
        decision=("risks that the text brings up", *names),
    )


@dataclass(frozen=True)
class _Kind:
    family: Family
    category: Category
    severity: Severity

    def draft(self, document: Document, span: Span, title: str, explanation: str) -> Draft:
        words = document.text[span.start : span.end]
        return Draft(
            family=self.family,
            category=self.category,
            severity=self.severity,
            title=title,
            explanation=explanation,
            spans=(span,),
            confidence=0.7,
            decision=(f"{title}: {words!r}", "nothing in the document answers it"),
        )
