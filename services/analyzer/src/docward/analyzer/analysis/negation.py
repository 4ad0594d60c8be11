"""Negation that turns a mention into its opposite: `does not support a kill switch`, `there is no backtest`.

A prohibition is no negation (`no release is deployed without approval`, `orders outside the collar are not sent`), and
neither is a condition (`a test that is not documented is repeated`).
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a sentence knows its negations
    from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.text import Caseless

_AUXILIARY = (
    r"(?:(?:do|does|did|is|are|has|have|had|will|was|were|need|needs)\s?(?:not|n['’]t)|never|no longer|"
    r"(?:is|are|was|were|has|have) (?:never|no longer))"
)
_FILLER = (
    r"(?:(?:currently|yet|presently|any|an?|the|been|be|being|at present|to|formally|always|regularly|"
    r"explicitly|separately|independently|automatically|itself|also|ever)\s){0,3}"
)
_VERB = (
    r"(?:support\w*|provid\w*|implement\w*|have|has|includ\w*|requir\w*|us(?:e|es|ed)|appl(?:y|ies|ied)|perform\w*|"
    r"defin\w*|maintain\w*|foresee\w*|foreseen|available|in place|specif\w*|need\w*|review\w*|test(?:ed)?\b|monitor\w*|"
    r"exist\w*|set|kept|keep\w*|record\w*|document\w*|approv\w*|name[ds]?|offer\w*|enforc\w*|contain\w*|planned|"
    r"installed|stated|state|enabled|active|activated|operat\w*|carried out|conduct\w*|produc\w*|prepar\w*|drawn up|"
    r"obtain\w*|sought|seek|involv\w*|inform\w*|told|notif\w*|communicat\w*|train\w*|calibrat\w*|validat\w*|audit\w*|"
    r"certif\w*|reconcil\w*|count\w*|cover\w*|consider\w*|tak(?:e|en)|check\w*|verif\w*|authori[sz]\w*|separat\w*|"
    r"restrict\w*|limit(?:ed|s)?\b|log(?:s|ged)?\b|stor(?:e|ed)|publish\w*|disclos\w*|announc\w*|consult\w*|"
    r"identif\w*|assign\w*|designat\w*|appoint\w*|brief(?:ed)?\b|track\w*|captur\w*|receiv\w*|get|gets|attend\w*|assess\w*|"
    r"evaluat\w*|block\w*|reject\w*|cancel\w*|stop\w*|prevent\w*|detect\w*|rais(?:e|ed)|generat\w*|escalat\w*|report\w*|"
    r"describ\w*|list(?:ed|s)?\b|explain\w*|give|given|say|says|determin\w*|own(?:s|ed)?\b|sign(?:s|ed)?\b|"
    r"independent\w*|part of|subject to|ask\w*|agreed?|"
    r"retain\w*|archiv\w*|preserv\w*|written|met|measur\w*|analy[sz]\w*|updat\w*|remedi\w*|follow\w*|repeat\w*|"
    r"distinguish\w*|link\w*|attribut\w*|responsib\w*|accountab\w*|liab\w*|contact\w*|reach\w*|aggregat\w*|"
    r"look(?:s|ed)? at|simulat\w*|address\w*|mention\w*|present|known|understand|understood|segregat\w*|restart\w*|"
    r"scann?\w*|scan)"
)
_NEGATED = Caseless(
    rf"\b{_AUXILIARY}\s{_FILLER}{_VERB}\b|"
    rf"\b{_AUXILIARY}\s(?:\w+ly\s)?{_VERB}\b|"
    r"\b(?:can ?not|can['’]t) (?:always |be |yet )*(?:cancel\w*|stop\w*|block\w*|identif\w*|contact\w*|reach\w*|"
    r"attribut\w*|distinguish\w*|trac\w*|tell|told|told apart|withdr\w*|replay\w*|reconstruct\w*|support\w*|"
    r"provid\w*)\b|"
    r"\bthere (?:is|are|was|were) (?:currently |at present )?(?:no|neither|never)\b|"
    r"\b(?:has|have|had|with|provides?|includes?|uses?|applies|apply|contains?|contain|makes?|gives?|names?|sets?|keeps?|"
    r"holds?|requires?|receives?|states?|defines?|foresees?|knows?|offers?|needs?|runs?|performs?|carries out|"
    r"places?|imposes?|records?) no\b|"
    r"\bwithout (?:a |an |any |the |prior |further |such )?(?=\w)|"
    rf"\b(?:no|none of the|neither) [\w/,() -]{{3,60}}? (?:(?:is|are|was|were|has been|have been|needs? to be) "
    rf"(?:\w+ly )?(?:{_VERB}|there)|exists?|applies|apply|takes? place)\b|"
    rf"\b(?:nobody|no one|no-one|nothing|none)\b(?: \w+){{0,4}}? {_VERB}\b|"
    r"\b(?:out of|not in|outside the) scope\b|"
    r"\b(?:lacks?|lacked|lacking|omits?|omitted|waives?|waived|abandoned|discontinued|skipped|skips|ignores?|ignored|"
    r"absent|(?:is|are) optional|(?:is|are) voluntary|(?:is|are) missing|dispenses? with|exempt(?:ed)? from|"
    r"fails? to|failed to|refrains? from|(?:is|are) left out|(?:is|are) outstanding)\b|"
    r"\b(?:absence|lack|in lieu|removal) of\b|\bhas (?:been )?(?:removed|dropped|switched off)\b"
)
_BOUND = Caseless(
    r"\bno (?:later|more|less|fewer|longer than|greater|other|sooner|earlier|lower|higher)\b|"
    r"\bnot (?:later|more|less|exceed\w*|only|before|merely|just|necessarily)\b|"
    r"\bwithout (?:delay|undue|exception|limit)\w*"
)
"""`no later than` bounds a value, it denies nothing."""
_CONDITION = Caseless(
    r"\b(?:if|when|whenever|where|wherever|that|which|who|whose|unless|until|whether|in case|once|should|"
    r"(?:older|later|larger|smaller|wider|greater|higher|lower|less|more|fewer) than|"
    r"(?:below|above|under|over|beyond)(?=\s(?:[A-Z]{3}\s|[€$£])?\d))\b"
    r"(?:(?!\b(?:if|then)\b)(?:[^,;:.]|(?<=\d)[.,](?=\d))){0,60}$"
)
"""Before a negation that is part of a condition (`a quote older than 1 s is ignored`): it tells what happens then."""
_EXCEPTION = Caseless(r"^[^;:.]{0,120}?\b(?:unless|until|without|before|except|other than|not been)\b")
"""Behind a negation: what is forbidden is allowed on the condition that follows, so the condition is stated."""
_FORBIDDEN = Caseless(
    r"^[^;:.]{0,100}?\b(?:is|are|be|gets?) (?:\w+ly )?(?:blocked|rejected|refused|prohibited|forbidden|not allowed|"
    r"stopped|cancelled|prevented|disabled|held back)\b"
)
"""Behind `without`: what lacks it is kept from happening, so it is asked for."""
_NEGATION_BEFORE = Caseless(
    r"\b(?:not|never|no|none|nobody|cannot|neither|nor|prohibited|forbidden|prevented|blocked|rejected|"
    r"blocks?|rejects?|refuse[sd]?|prevents?|declines?)\b[^;:.]{0,80}$|n['’]t\b[^;:.]{0,80}$"
)
_CLAUSE_END = re.compile(r"[;:.,]|\b(?:unless|until|if|but|that|which|when|while|because|whereas|although)\b")
_REACH_BEFORE, _REACH_AFTER = 60, 60
"""Characters over which a negation reaches a concept before it and after it."""


def is_denied(document: Document, sentence: Sentence, concepts: AbstractSet[str]) -> bool:
    """Whether a negation reaches one of the concepts: in the same clause, before it or right behind it."""
    mentions = [mention for mention in sentence.mentions if mention.concept in concepts and not mention.fault]
    for begin, stop in sentence.negations if mentions else ():
        start, end = sentence.start + begin, sentence.start + stop
        for mention in mentions:
            first, last = document.tokens[mention.first].start, document.tokens[mention.last].end
            near = first <= end + _REACH_AFTER and last >= start - _REACH_BEFORE
            if near and not _CLAUSE_END.search(document.text[min(end, last) : max(start, first)]):
                return True
    return False


def negations(text: str) -> tuple[tuple[int, int], ...]:
    """Where a sentence denies, as half-open ranges."""
    return tuple(match.span() for match in _NEGATED.finditer(text) if _holds(text, *match.span()))


def _holds(text: str, start: int, end: int) -> bool:
    before, after = text[:start], text[end:]
    return not (
        _BOUND.search(text[max(0, start - 5) : end + 8])
        or _CONDITION.search(before)
        or _NEGATION_BEFORE.search(before)
        or _EXCEPTION.search(after)
        or (text[start : start + 7].lower() == "without" and _FORBIDDEN.search(after))
    )
