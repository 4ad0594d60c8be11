"""AMB: vague words where a rule is needed, and placeholders.

A vague word is no finding where nothing is ruled (purpose, background, glossary headings), where the sentence itself
makes it precise (a number, a reference, a parenthesis), or where it belongs to a fixed expression.
"""

from __future__ import annotations

import re

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, replace, sub_span
from docward.analyzer.analysis.text import Caseless, alternatives
from docward.events.ir import Span

_OPEN_PHRASES = r"""
    (?:as|where|when|if|whenever|wherever)\s(?:and when\s)?(?:deemed\s)?(?:appropriate|necessary|needed|required)
    (?:where|when|if|whenever|wherever)\s(?:this is\s)?(?:justified|warranted|advisable|sensible|useful|prudent)
    (?:as|where|when|if|whenever|wherever)\s(?:soon as\s)?(?:possible|practicable|feasible|applicable|suitable)
    from time to time
    at (?:its|their|the) (?:sole )?discretion(?! of)
    best efforts?
    (?:general |standard |common |usual )?(?:market|industry)(?: standard| best)? (?:practices?|conventions?|standards?)
    (?:standard |general |usual )(?:market |industry )?(?:practices?|methodology|sources?|assumptions?|procedures?)
    standard (?:\w+\s){1,2}(?:methodology|framework|procedures?|practices?)
    best practices?
    as commonly (?:defined|understood)
    commonly accepted
    proprietary (?:\w+\s){0,2}(?:scheme|methodology|model|method|formula)
    may or may not
    (?:increased|reduced|adjusted|changed|scaled|raised|lowered|amended) accordingly
    for (?:a while|some time)
    (?:as|when|whenever|where|if) the (?:situation|circumstances|conditions?) (?:requires?|demands?|warrants?)
    (?:when|if|while|unless|whenever) (?:\w+ ){1,3}(?:is|are|becomes?|gets?) (?:too |very )?OPEN_ADJECTIVE
    and so on
    or (?:similar|equivalent)
    in due course
    in a timely manner
    may be adjusted
    exact (?:\w+\s){0,3}(?:is|are) determined by
    based on (?:\w+\s){0,2}(?:strength|conditions|judge?ment)
    using algorithms
    (?:more|less) (?:aggressively|passively|conservatively|cautiously|defensively|patiently)(?! than)
    in good time
    (?:deems?|considers?|thinks?|judges?|finds?|sees?) (?:it )?(?:to be )?(?:fair|fit|appropriate|reasonable)
    (?:deems?|considers?|thinks?|judges?|finds?|sees?) (?:it )?(?:to be )?(?:suitable|necessary|adequate|proper)
    (?:is|are|becomes?|remains?|be|been|seems?) (?:too |very |no longer |not )?OPEN_PREDICATE
    (?:its|their) \w+ (?:is|are) OPEN_PREDICATE
    (?:if|when|where|unless|once) (?:\w+ ){1,4}(?:is|are|has been|have been) OPEN_MEASURE
    (?:that|which) (?:is|are) (?:not |deemed )?OPEN_MEASURE
    (?:most|least) (?:liquid|active|representative|suitable|attractive|efficient)(?! (?:\w+ ){0,3}(?:by|in terms)\b)
"""
"""Leave a decision open, whatever stands around them."""
_ADJECTIVE = (
    r"(?:wide|high|low|large|small|thin|weak|strong|turbulent|volatile|illiquid|unstable|busy|calm|adverse|stressed)"
    r"(?!\s(?:than|as|enough|by|and|or)\b|-|:)"
)
_PREDICATE = r"(?:attractive|unattractive|favou?rable|insufficient|inadequate|unsatisfactory|promising|noteworthy)"
_MEASURE = r"(?:material|significant|serious|severe)(?!\s(?:if|when|where|as|in)\b)"
_OPEN_WORDS = {"OPEN_ADJECTIVE": _ADJECTIVE, "OPEN_PREDICATE": _PREDICATE, "OPEN_MEASURE": _MEASURE}
_OPEN = Caseless(
    rf"\b{alternatives(re.sub('|'.join(_OPEN_WORDS), lambda m: _OPEN_WORDS[m.group()], _OPEN_PHRASES))}(?!\w)",
)

_VAGUE_PHRASES = r"""
    (?:in)?(?:appropriate|adequate|sufficient|significant|substantial|considerable)(?:ly)?
    (?:appropriately|considerably|reasonabl[ey]|suitabl[ey]|acceptabl[ey]|satisfactory)
    (?:timely|promptly|quickly|rapidly|soon)
    (?:periodic|occasional|frequent)(?:ally|ly)?
    regularly
    (?:excessive|unusual|abnormal)(?:ly)?
    (?:roughly|approximately)
    material(?:ly)? (?:deviat\w+|differ\w+|impact|exposure)
    relevant (?:factors|markets|data|parties|information)
    (?:large|small|high|low|good) enough
    near real[- ]?time
    (?:volatile|stressed|normal|adverse|unusual) market(?:s| conditions)?
    volatile markets?
    market stress
    strong (?:\w+\s)?(?:movement|momentum|signal|trend)s?
    (?:momentum|trend|signal|strength)s? (?:fades?|weakens?|strengthens?|deteriorates?|improves?)
    major (?!change|version|release|part\b)[a-z]+s\b
    certain (?:industries|activities|circumstances|conditions|cases|instruments|situations)
    high[- ]quality
    relative (?:score|strength)
    modified (?:\w+\s){1,3}approach
    multiple factors
    turbulent markets?
    with (?:an? )?(?:low|high|wide|poor|weak|strong|thin) (?:\w+ ){1,2}(?:is|are) (?:skipped|excluded|avoided)
    small (?:residuals?|remainders?|quantities|amounts|orders)
    for (?:large|larger|big|small|smaller|illiquid|liquid|volatile) (?:\w+ )?(?:orders?|requests?|trades?|positions?)
    for (?:large|larger|big|small|smaller|illiquid|liquid|volatile) (?:\w+ )?(?:clients?|markets?|sizes?)
    (?:serious|severe|notable|extreme|exceptional|undue) (?:\w+ )?(?:controvers\w+|mov\w+|conditions?|events?)
    (?:serious|severe|notable|extreme|exceptional|undue) (?:\w+ )?(?:circumstances|deviations?|delays?|losses|cases)
    (?:deviates?|differs?|departs?) from (?:the )?(?:others?|rest|market|usual|normal|expected)
    materially
    noticeabl[ey]
    (?:worse|better|more|less|higher|lower|larger|smaller|wider) than (?:usual|normal|expected)
    (?:lies?|is|are) far (?:away )?from
    an? (?:suitable|limited|reasonable) (?:period|time|size|level|amount|number|value|price|date|day|interval)
    enough (?:strikes|quotes|liquidity|observations|data|volume|trades|prices)
    in (?:an)?other (?:suitable )?ways?
    (?:is|are) (?:too )?illiquid
    an? (?:certain|particular) (?:size|level|amount|point|number|degree|extent|time|age|distance|value|percentage)
    a (?:few|couple of|handful of) \w+
    (?:illiquid|volatile|old|large|small|risky|suspicious|unusual) \w+ (?:is|are) OPEN_FATE
    (?:thin|cheap|expensive|implausible) \w+ (?:is|are) OPEN_FATE
    outliers (?:is|are) OPEN_FATE
    in (?:nervous|quiet|fast|difficult|turbulent|choppy|falling|rising|trending|uncertain) (?:markets?|conditions|times)
"""
"""Vague where they qualify what is ruled and no number makes them precise."""
_FATE = "(?:avoided|excluded|removed|discarded|skipped|ignored|preferred|dropped|rejected|filtered|split)"
_VAGUE = Caseless(rf"\b{alternatives(_VAGUE_PHRASES.replace('OPEN_FATE', _FATE))}\b")
_LEFT_TO = Caseless(
    r"\b(?:if|when|whenever|where|in case)\b[^.;]*,\s(?:it is )?(?:the|an?)\s(?:\w+\s)?(?:trader|desk|analyst|"
    r"operator|agent|manager|"
    r"team|sponsor|administrator|provider)(?: who)?\s(?:may |can |then )?(?:decides?|chooses?|fills?|"
    r"estimates?|judges?|steps? in|intervenes?)\b"
    r"(?![^.;]*\b(?:by|according|using|from|with|within|sections?|table|formula|based|whether|at once|"
    r"the larger|the last)\b)"
)
"""A condition whose outcome is left to somebody, without a rule."""

_SOFT = Caseless(
    r"\b(?:generally|normally|typically|usually|robust(?:ly)?|various|several|some|leading|etc\.|and/or)(?!\w)"
)
"""Harmless in a description; in a requirement (must, shall, should) they leave it open."""
_EXEMPT = Caseless(
    r"material(?:ly)? change|substantial (?:change|update)|"
    r"appropriate (?:\w+ )?authority|regularly scheduled|regular trading|frequently asked|"
    r"normal(?:ly)? distribut|significant (?:digit|figure)s?|sufficient condition|"
    r"\bas soon as (?!possible|practicable|feasible|reasonabl)|"
    r"\bso that [^.;]{3,80}? (?:is|are) as (?:low|high|small|large) as possible"
)
_BACKGROUND = Caseless(
    r"\b(?:purpose|objectives?|rationale|background|introduction|overview|limitations?|disclaimer|references|about|"
    r"change ?log|version history|glossary|abbreviations|risk (?:disclosure|warning)s?|summary)\b"
)
_EXPLAINS = Caseless(
    r"\b(?:because|reflects?|aims? to|seeks? to|intend(?:s|ed) to|designed to|allows? for|describes?|rationale|"
    r"hypothesis|tends? to|historically|persists?|for example|e\.g\.)\b"
)
_PRECISE = Caseless(
    r"\(see |\bsections?\s\d|\btable\s\d|\bas (?:defined|set out|specified|described|listed) (?:in|below|above)|"
    r"\bthat is,|\bi\.e\.|\bnamely\b|\bmeans\b|\bdefined as\b|\bif and only if\b"
)
_NUMERIC = frozenset({"money", "rate", "percent", "time", "multiple", "count", "number", "sigma", "cadence", "clock"})
_TIMES = frozenset({"time", "cadence", "clock"})
_AMOUNT = re.compile(
    r"(?:sufficient|adequate|appropriate|significant|substantial|considerable|high|low) (?:\w+ ){0,2}"
    r"(?:turnover|volume|liquidity|capitali[sz]ation|size|depth|margin|collateral)\b"
)
"""Something that is measured in money or pieces: a period beside it says how long, not how much."""
_SUBJECT_TO_RULE = Caseless(
    r"\b(?:must|shall|should|may|will|is|are|be|has|have|requires?|retrains?|recalibrates?|updates?|runs?|applied|apply|applies|use[sd]?|excluded?|remain|"
    r"stay|sell|buy|trade|monitor|rebalance[sd]?|holds?|enters?|exits?|close|roll|review(?:ed)?|report(?:ed)?|adjusts?|adjusted|increase|"
    r"reduce|consult|notif\w+|changes?|investigates?|reacts?|escalates?|informs?)\b"
)
_PLACEHOLDER = re.compile(
    r"\b(?:TBD|TBC|TBA|TODO|FIXME|XXX+|to be (?:determined|defined|decided|confirmed|completed|added|specified|"
    r"agreed|announced later)|not yet (?:defined|decided|determined|specified))\b|\?\?\?|\[(?:insert|placeholder|"
    r"fill in)[^\]]*\]|<(?:insert|placeholder|value|name)[^>]*>|lorem ipsum|_{4,}"
)


def vague_wording(document: Document) -> Outcome:
    drafts, examined = [], []
    for sentence in document.body:
        if sentence.kind == "row":
            continue
        match = _vague(document, sentence)
        if match is not None:
            drafts.append(_draft(document, sentence, match))
        elif _SUBJECT_TO_RULE.search(sentence.text):
            examined.append(sentence.span)
    return Outcome(tuple(drafts), tuple(examined))


def _vague(document: Document, sentence: Sentence) -> re.Match[str] | None:
    if _is_quoted(sentence):
        return None
    open_decision = _OPEN.search(sentence.text) or _LEFT_TO.search(sentence.text)
    if open_decision and not _EXEMPT.search(sentence.text):
        return open_decision
    if _explains(document, sentence):
        return None
    match = _VAGUE.search(sentence.text)
    if match is None and sentence.modality in {"must", "should"}:
        match = _SOFT.search(sentence.text)
    if match and re.search(r"\b(?:no|not|never|without)\s(?:\w+\s)?$", sentence.text[: match.start()], re.IGNORECASE):
        return None
    if match is None or _EXEMPT.search(sentence.text) or _made_precise(sentence, match):
        return None
    return match if sentence.kind == "list" or _SUBJECT_TO_RULE.search(sentence.text) else None


def _explains(document: Document, sentence: Sentence) -> bool:
    ruled = sentence.modality in {"must", "should"}
    return not ruled and bool(
        _BACKGROUND.search(document.path(sentence.section).split(" / ")[-1]) or _EXPLAINS.search(sentence.text)
    )


def _made_precise(sentence: Sentence, match: re.Match[str]) -> bool:
    """A number near the word, or a pointer to the rule, makes it precise."""
    if _PRECISE.search(sentence.text):
        return True
    position = sentence.start + match.start()
    of_amount = _AMOUNT.match(sentence.text, match.start()) is not None
    return any(
        q.dimension in _NUMERIC - (_TIMES if of_amount else frozenset()) and abs(q.start - position) < 60
        for q in sentence.quantities
    )


def _is_quoted(sentence: Sentence) -> bool:
    return bool(re.match(r"[\"“][^\"”]+[\"”]\s+(?:means|is)\b", sentence.text))


def _draft(document: Document, sentence: Sentence, match: re.Match[str]) -> Draft:
    span = sub_span(sentence, match)
    word = match.group().strip()
    return Draft(
        family="AMB",
        category="ambiguous-methodology",
        severity="high" if sentence.modality == "must" or _OPEN.search(sentence.text) else "medium",
        title=f"“{word}” leaves the rule open",
        explanation=(
            f"Two readers can apply “{word}” differently: the sentence gives no measure, condition or procedure that "
            "decides it."
        ),
        spans=(sentence.span,),
        proposal=replace(document, span, "{precise condition, value or procedure}"),
        confidence=0.8,
        decision=(
            f"vague wording {word!r}",
            f"modality {sentence.modality}",
            "no number, definition or reference makes it precise",
        ),
    )


def placeholders(document: Document) -> Outcome:
    drafts = []
    past = {sentence.index for sentence in document.history}
    for sentence in document.sentences:
        if sentence.index in past:
            continue
        text = document.stated[sentence.start : sentence.end]
        match = _PLACEHOLDER.search(text)
        if match is None or (sentence.kind == "code" and not match.group().startswith("TB")):
            continue
        span = Span(start=sentence.start + match.start(), end=sentence.start + match.end())
        drafts.append(
            Draft(
                family="AMB",
                category="undefined-parameter",
                severity="critical",
                title=f"Placeholder “{match.group()}”",
                explanation="The text is unfinished: a placeholder stands where a value or a rule is needed.",
                spans=(sentence.span,),
                proposal=replace(document, span, "{value}"),
                confidence=0.97,
                decision=(f"placeholder {match.group()!r}",),
            )
        )
    examined = tuple(section.heading for section in document.ir.sections[:1])
    return Outcome(tuple(drafts), examined)
