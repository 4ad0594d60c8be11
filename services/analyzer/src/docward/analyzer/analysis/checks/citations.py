"""CIT: an article of a regulation cited for a subject that another article rules.

The subjects are those of Commission Delegated Regulation (EU) 2017/589 (RTS 6), article by article, and of SEC Rule
15c3-5, which rules neither a kill switch nor position limits.
"""

from __future__ import annotations

import re

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, replace, sub_span

_RTS6 = r"(?:RTS\s?6|(?:Commission\s)?(?:Delegated\s)?Regulation\s\(EU\)\s(?:No\.?\s)?2017/589|2017/589)"
_ARTICLE = r"(?:Articles?|Arts?\.?)\s?(?P<{0}>\d{{1,2}})(?:\(\d+\))*(?:\([a-z]\))?"
_CITATION = re.compile(
    rf"{_ARTICLE.format('before')}\s(?:of\s)?(?:the\s)?{_RTS6}|{_RTS6}(?:\s?\([^)]*\))?,?\s{_ARTICLE.format('after')}",
    re.IGNORECASE,
)
_SUBJECTS: dict[int, tuple[str, str]] = {
    1: ("governance arrangements", r"governance|accountability|lines of responsibility"),
    2: ("the compliance function", r"compliance (?:staff|function)"),
    3: ("staffing", r"staffing|staff training|skills"),
    4: ("outsourcing and procurement", r"outsourc\w+|procure\w+"),
    5: ("development and testing methods", r"(?:development|testing) method\w*|material software change"),
    6: ("conformance testing", r"conformance test\w*"),
    7: ("testing environments", r"test(?:ing)? environment\w*"),
    8: ("controlled deployment", r"controlled deployment|staged roll-?out"),
    9: ("the annual self-assessment", r"self-assessment|annual validation|validation report"),
    10: ("stress testing", r"stress test\w*"),
    11: ("material changes", r"material changes?"),
    12: ("the kill functionality", r"kill[- ]?(?:functionality|switch|button)"),
    13: ("market surveillance", r"surveillance|market manipulation"),
    14: ("business continuity", r"business continuity|continuity arrangements|disaster recovery"),
    15: (
        "pre-trade controls",
        (
            r"pre-?trade (?:controls?|limits?)|price collars?|maximum order (?:value|volume)|message (?:rate|"
            r"limit)s?|throttle"
        ),
    ),
    16: ("real-time monitoring", r"real-?time (?:monitoring|alerts?)|monitoring in real time"),
    17: ("post-trade controls", r"post-?trade controls?|reconcil\w+"),
    18: ("security and access", r"it security|penetration test\w*|access (?:rights|management)|cyber\w*"),
    28: ("records of high-frequency orders", r"high-frequency|record[- ]?keeping|order records|retention"),
}
_BY_SUBJECT = {number: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for number, (_, pattern) in _SUBJECTS.items()}
_MARKET_ACCESS = re.compile(r"\b(?:15c3-5|Market Access Rule)\b")
_NOT_MARKET_ACCESS = re.compile(r"\bkill[- ]?(?:switch|functionality)\b|\bposition limits?\b", re.IGNORECASE)


def regulation_citations(document: Document) -> Outcome:
    drafts, examined = [], []
    for sentence in document.body:
        for match in _CITATION.finditer(sentence.text):
            cited = int(match["before"] or match["after"])
            right = _right_article(sentence, cited)
            if right is None:
                examined.append(sentence.span)
            else:
                drafts.append(_wrong_article(document, sentence, match, cited, right))
        market_access, subject = _MARKET_ACCESS.search(sentence.text), _NOT_MARKET_ACCESS.search(sentence.text)
        if market_access and subject:
            drafts.append(_wrong_rule(sentence, subject.group()))
    return Outcome(tuple(drafts), tuple(examined))


def _right_article(sentence: Sentence, cited: int) -> int | None:
    """The article that rules what the sentence speaks of; None when the citation can be right."""
    if cited in _BY_SUBJECT and _BY_SUBJECT[cited].search(sentence.text):
        return None
    return next((number for number, pattern in _BY_SUBJECT.items() if pattern.search(sentence.text)), None)


def _wrong_article(document: Document, sentence: Sentence, match: re.Match[str], cited: int, right: int) -> Draft:
    group = "before" if match["before"] else "after"
    subject = _SUBJECTS[right][0]
    of_cited = (
        f"Article {cited} rules {_SUBJECTS[cited][0]}"
        if cited in _SUBJECTS
        else f"Article {cited} rules something else"
    )
    return Draft(
        family="CIT",
        category="compliance-gap",
        severity="high",
        title=f"Article {cited} of RTS 6 does not rule {subject}",
        explanation=f"The sentence is about {subject}, which Article {right} of RTS 6 rules; {of_cited}.",
        spans=(sentence.span,),
        proposal=replace(document, sub_span(sentence, match, group), str(right)),
        decision=(f"citation of Article {cited}", f"subject {subject}: Article {right}"),
    )


def _wrong_rule(sentence: Sentence, subject: str) -> Draft:
    return Draft(
        family="CIT",
        category="compliance-gap",
        severity="high",
        title=f"SEC Rule 15c3-5 does not require a {subject.lower()}",
        explanation=(
            "The rule demands credit and capital thresholds and controls against erroneous orders; a "
            f"{subject.lower()} is not in it."
        ),
        spans=(sentence.span,),
        decision=("citation of Rule 15c3-5", f"subject {subject!r} is not in the rule"),
    )
