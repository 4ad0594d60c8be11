"""CIT: an article of a regulation cited for a subject that another article rules.

The subjects are those of Commission Delegated Regulation (EU) 2017/589 (RTS 6), of the Benchmarks Regulation (EU)
2016/1011 and of the Market Abuse Regulation (EU) 596/2014, article by article, and of SEC Rule 15c3-5, which rules
neither a kill switch nor position limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, replace, sub_span
from docward.analyzer.analysis.text import Caseless

_ARTICLE = r"(?:Articles?|Arts?\.?)\s?(?P<{0}>\d{{1,2}})(?:\(\d+\))*(?:\([a-z]\))?"


def _citation(regulation: str) -> Caseless:
    return Caseless(
        rf"{_ARTICLE.format('before')}\s(?:of\s)?(?:the\s)?{regulation}|"
        rf"{regulation}(?:\s?\([^)]*\))?,?\s{_ARTICLE.format('after')}"
    )


_Subjects = dict[int, tuple[str, str]]
_RTS6: _Subjects = {
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
_BENCHMARKS: _Subjects = {
    4: ("governance and conflicts of interest", r"conflicts? of interest|governance"),
    5: ("the oversight function", r"oversight (?:function|committee)"),
    6: ("the control framework", r"control framework"),
    7: ("the accountability framework", r"accountability framework|(?:internal|external) audit"),
    8: ("record-keeping", r"record[- ]?keeping|records? (?:of|are)|retention"),
    9: ("complaints", r"complaints?"),
    10: ("outsourcing", r"outsourc\w+"),
    11: ("input data", r"input data"),
    12: ("the methodology", r"methodology"),
    13: ("transparency of the methodology", r"transparency|publication of the methodology|consultation"),
    14: ("reporting of infringements", r"infringements?"),
    15: ("the code of conduct", r"code of conduct"),
    16: ("supervised contributors", r"supervised contributors?"),
    27: ("the benchmark statement", r"benchmark statement"),
    28: ("changes to and cessation of a benchmark", r"cessation|changes? (?:to|of) (?:a|the) benchmark|fallback"),
}
_ABUSE: _Subjects = {
    8: ("insider dealing", r"insider dealing"),
    11: ("market soundings", r"market soundings?"),
    12: ("market manipulation", r"manipulat\w+|spoofing|layering|quote stuffing"),
    16: ("prevention and detection", r"suspicious (?:orders?|transactions?)|STORs?|prevent\w*|detect\w*|surveillance"),
    17: ("disclosure of inside information", r"(?:public )?disclosure of inside information"),
    18: ("insider lists", r"insider lists?"),
    19: ("managers' transactions", r"managers['’] transactions"),
    20: ("investment recommendations", r"investment recommendations?"),
}


@dataclass(frozen=True)
class _Regulation:
    name: str
    citation: Caseless
    name_pattern: re.Pattern[str]
    subjects: _Subjects
    patterns: dict[int, Caseless]


def _regulation(name: str, regulation: str, subjects: _Subjects) -> _Regulation:
    patterns = {number: Caseless(rf"\b(?:{words})\b") for number, (_, words) in subjects.items()}
    return _Regulation(name, _citation(regulation), re.compile(regulation), subjects, patterns)


_EU = r"(?:Commission\s+)?(?:Delegated\s+)?Regulation\s+\(EU\)\s+(?:No\.?\s+)?"
_REGULATIONS = (
    _regulation("RTS 6", rf"(?:RTS\s?6|{_EU}2017/589|2017/589)", _RTS6),
    _regulation(
        "the Benchmarks Regulation", rf"(?:Benchmarks?\sRegulation|{_EU}2016/1011|2016/1011|\bBMR\b)", _BENCHMARKS
    ),
    _regulation("MAR", rf"(?:Market\sAbuse\sRegulation|{_EU}596/2014|596/2014|\bMAR\b)", _ABUSE),
)
_MARKET_ACCESS = re.compile(r"\b(?:15c3-5|Market Access Rule)\b")
_NOT_MARKET_ACCESS = Caseless(r"\bkill[- ]?(?:switch|functionality)\b|\bposition limits?\b")


_CITES = re.compile(r"[Aa]rt|ART|15c3|Access")
_BARE = Caseless(_ARTICLE.format("before"))
_RTS6_WORDS = Caseless(r"\bkill[- ]functionality\b")
_ANY_SOURCE = re.compile(
    r"\b(?:RTS|ITS|MiFI[DR]|Regulation|Directive|Rule|Act|Code|BMR|MAR|DORA|EMIR|Treaty|Convention|SYSC|SS\d)\b"
)


def regulation_citations(document: Document) -> Outcome:
    drafts, examined = [], []
    context = _the_one_cited(document)
    for sentence in document.body:
        if not _CITES.search(sentence.text):
            continue
        for regulation in _REGULATIONS:
            for match in regulation.citation.finditer(sentence.text):
                cited = int(match["before"] or match["after"])
                right = _right_article(regulation, sentence, cited)
                if right is None:
                    examined.append(sentence.span)
                else:
                    drafts.append(_wrong_article(document, regulation, sentence, match, right))
        drafts += _bare_citations(document, sentence, context)
        market_access, subject = _MARKET_ACCESS.search(sentence.text), _NOT_MARKET_ACCESS.search(sentence.text)
        if market_access and subject:
            drafts.append(_wrong_rule(sentence, subject.group()))
    return Outcome(tuple(drafts), tuple(examined))


def _the_one_cited(document: Document) -> _Regulation | None:
    """The regulation that an article without one belongs to: the only one that the document names."""
    named = [regulation for regulation in _REGULATIONS if regulation.name_pattern.search(document.text)]
    return named[0] if len(named) == 1 else None


def _bare_citations(document: Document, sentence: Sentence, context: _Regulation | None) -> Iterator[Draft]:
    """`Kill functionality (Art. 15)`: the words are RTS 6's own, or the document speaks of one regulation only."""
    regulation = _REGULATIONS[0] if _RTS6_WORDS.search(sentence.text) else context
    if regulation is None or _ANY_SOURCE.search(sentence.text):
        return
    for match in _BARE.finditer(sentence.text):
        right = _right_article(regulation, sentence, int(match["before"]))
        if right is not None:
            yield _wrong_article(document, regulation, sentence, match, right)


def _right_article(regulation: _Regulation, sentence: Sentence, cited: int) -> int | None:
    """The article that rules what the sentence speaks of; None when the citation can be right."""
    about = [number for number, pattern in regulation.patterns.items() if pattern.search(sentence.text)]
    return None if cited in about else next(iter(about), None)


def _wrong_article(
    document: Document, regulation: _Regulation, sentence: Sentence, match: re.Match[str], right: int
) -> Draft:
    group = "before" if match["before"] else "after"  # a bare citation has the first one only
    cited, subject = int(match[group]), regulation.subjects[right][0]
    of_cited = regulation.subjects[cited][0] if cited in regulation.subjects else "something else"
    return Draft(
        family="CIT",
        category="compliance-gap",
        severity="high",
        title=f"Article {cited} of {regulation.name} does not rule {subject}",
        explanation=(
            f"The sentence is about {subject}, which Article {right} of {regulation.name} rules; Article {cited} rules "
            f"{of_cited}."
        ),
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
