"""Negation that turns a mention into its opposite: `does not support a kill switch`, `there is no backtest`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from docward.analyzer.analysis.document import Document, Sentence

_AUXILIARY = r"(?:(?:do|does|did|is|are|has|have|had|will|shall|can|was|were)\s?(?:not|n't)|cannot|never)"
_FILLER = r"(?:(?:currently|yet|presently|any|an?|the|been|be|at present)\s){0,2}"
_VERB = (
    r"(?:support\w*|provid\w*|implement\w*|have|has|includ\w*|requir\w*|us(?:e|es|ed)|appl(?:y|ies|ied)|perform\w*|"
    r"defin\w*|maintain\w*|foresee\w*|foreseen|available|in place|specif\w*|need\w*|review\w*|test\w*|monitor\w*|"
    r"exist\w*|set|kept|keep\w*|record\w*|document\w*|approv\w*|name[ds]?|offer\w*|enforc\w*|contain\w*|planned|"
    r"installed|stated)"
)
_NEGATED = re.compile(
    rf"\b{_AUXILIARY}\s{_FILLER}{_VERB}\b|"
    r"\bthere (?:is|are) (?:currently )?no\b|\b(?:has|have|with|provides?|includes?|uses?|applies|contains?) no\b|"
    r"\bwithout (?:a |an |any )?(?=\w)|\bno [\w -]{3,40} (?:is|are|exists?|applies)\b|\b(?:out of|not in) scope\b",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"\bno (?:later|more|less|fewer|longer|greater|other) than\b|\bnot (?:later|more|less|exceed|only|before)\b",
    re.IGNORECASE,
)
"""`no later than` bounds a value, it denies nothing."""
_CLAUSE_END = re.compile(r"[;:.,]|\b(?:unless|until|if|but|that|which|when|while|because)\b")
_REACH_BEFORE, _REACH_AFTER = 30, 40
"""Characters over which a negation reaches a concept before it and after it."""


def is_denied(document: Document, sentence: Sentence, concepts: AbstractSet[str]) -> bool:
    """Whether a negation reaches one of the concepts: in the same clause, before it or right behind it."""
    mentions = [mention for mention in sentence.mentions if mention.concept in concepts and not mention.fault]
    for start, end in _negations(sentence) if mentions else ():
        for mention in mentions:
            first, last = document.tokens[mention.first].start, document.tokens[mention.last].end
            near = first <= end + _REACH_AFTER and last >= start - _REACH_BEFORE
            if near and not _CLAUSE_END.search(document.text[min(end, last) : max(start, first)]):
                return True
    return False


def _negations(sentence: Sentence) -> Iterator[tuple[int, int]]:
    for match in _NEGATED.finditer(sentence.text):
        if not _BOUND.search(sentence.text[max(0, match.start() - 5) : match.end() + 8]):
            yield sentence.start + match.start(), sentence.start + match.end()
