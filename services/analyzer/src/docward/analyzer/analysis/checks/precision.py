"""IMP: what an implementer has to guess: rounding, missing data, ties."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import LONG_ENOUGH, Draft, Outcome, insert_after, sub_span
from docward.analyzer.analysis.text import Caseless
from docward.events.ir import Span

_ROUNDING = Caseless(
    r"\b(?:round(?:s|ed|ing)?|decimals?|decimal places?|truncat\w+|significant digits|whole (?:shares|units|lots|"
    r"contracts))\b|\bfloor\s?\("
)
_WHOLE = Caseless(
    r"\b(?:order quantity|order size|(?:numbers?|quantity) of (?:shares|contracts|lots|units)(?! outstanding)|"
    r"target quantity|share quantity|position size)\b"
)
_COMPUTED = Caseless(
    r"\b(?:divided by|multiplied by|(?:is|are) (?:calculated|computed|derived|determined)|equals|times|product of|"
    r"ratio of|proportional to)\b|[=/×]"
)
_PUBLISHED = Caseless(r"\b(?:index )?(?:levels?|values?)\b[^.]{0,40}\b(?:is|are) (?:published|disseminated)\b")
_MISSING = Caseless(
    r"\b(?:missing|unavailable|not (?:be )?available|stale|no (?:\w+ )?(?:price|trade|quote|value|level|data)s?|"
    r"last (?:\w+ )?price is (?:used|taken|kept)|produces no|gaps?|"
    r"outage|fallback|fall back|not received|carried forward|forward[- ]filled|last (?:available|known)|suspend\w*|"
    r"suspension|halt\w*|not traded|without a trade|delayed)\b"
)
_INPUT = Caseless(r"\b(?:prices?|quotes?|market data|data feeds?|fx rates?|trades? data|volumes?)\b")
_RANKED = Caseless(
    r"\b(?:(?:are|is) ranked|ranks? (?:all|the|by)|top \d+\b[\w ]{0,40}\b(?:by|selected|chosen|are|receives?)|"
    r"(?:highest|lowest|largest|smallest)[- ](?:ranked|scoring)|those with the (?:highest|lowest|largest|smallest)\b"
    r"[^.;]{0,40}\b(?:kept|selected|chosen|included|retained|taken|preferred)|"
    r"\d+ (?:\w+ ){0,3}with the (?:highest|lowest|largest|"
    r"smallest)|(?:\d+|two|three|five|ten|twenty|fifty) (?:best|worst|highest|lowest)[- ](?:ranked|scor\w+|"
    r"rated)|(?:highest|lowest|largest|smallest) \d+)\b"
)
_SUMMARY = Caseless(r"\b(?:overview|purpose|objectives?|summary|introduction|results?)\b")
_TIES = Caseless(
    r"\b(?:(?:two|both|several|they|more than one|those)(?: \w+){0,2} (?:have|share|show) the same|"
    r"ties?|tied|equal (?:\w+ )?(?:scores?|ranks?|values?|capitali[sz]ations?|sizes?|weights?|"
    r"turnovers?|amounts?|volumes?)|(?:two|both|several|they|these)(?: \w+)? (?:are|have) (?:an )?equal|"
    r"same (?:\w+ )?(?:score|rank|value|market capitali[sz]ation|weight|"
    r"mdv|adv|size)|also equal|identical scores?)\b"
)
_RANKING = Caseless(
    r"\b(?:scores?|ranks?|ranked|weights?|largest|smallest|highest|ordered|alphabetical\w*|tie[- ]break\w*)\b"
)


_ROUNDED_TO = Caseless(
    r"\b(?:is|are) rounded(?=\s*[.;,])|\bround(?:ed|s|ing)?\b(?: (?:off|each|every|all|them|"
    r"it))? to (?!the (?:nearest|next)\b)|"
    r"\brounded\b(?=[^.]{0,30}\b(?:decimals?|decimal places|digits)\b)|"
    r"\b(?:levels?|values?|prices?) (?:is|are) (?:published|calculated|stated|disseminated|quoted|given)\b[^.;]{0,20}"
    r"\b(?:with|to) (?:\w+ )?(?:\d|two|three|four|five|six) (?:decimals?|decimal places|digits)\b"
)
_UNROUNDED = Caseless(r"\b(?:nothing|not|never|no \w+) (?:is |are |be )?rounded\b")
_DECIMALS = Caseless(r"\b(?:decimals?|decimal places|digits)\b")
_WHOLE_UNITS = Caseless(r"\b(?:whole|lots?|contracts?|shares|units)\b")
_DIRECTION = Caseless(
    r"\b(?:up|down(?:wards?)?|upwards?|half|nearest|truncat\w+|floor|ceil\w*|towards? zero|next lower|next higher|"
    r"commercial\w*|bankers?['’]?s?|less aggressive|more aggressive|away from|lower|higher)\b|\\l?floor"
)
_OBSERVATIONS = Caseless(
    r"\b(?:last|past|previous|most recent|trailing|over|rolling)\s(?:window of\s)?(?:\d+|[a-z]+)\s"
    r"(?:observations|samples|readings|values|data points|measurements|quotes)\b(?! of\b)"
)
_BARS = Caseless(r"\b(?:(?:daily|hourly|weekly)\s(?:prices?|closes|returns?|values)|(?:minute|second|hour)s?\sbars?)\b")
_SAMPLED = Caseless(
    r"\b(?:every|each|per|once an?)\s(?:\w+\s)?(?:second|minute|hour|day|tick|trade|update|session|bar|quote|month|"
    r"week)s?\b|\b(?:daily|hourly|weekly|monthly|minute|tick|clos(?:e|es|ing)|settlement|fixing)\b|\bsampled\b"
)
_SAMPLES = Caseless(
    r"\b(?:observ\w+|sampl\w+|snapshots?|readings?|measured|recorded|computed|calculated|updated|"
    r"prices? (?:is|are)|closing|where)\b"
)
_EVERY = ", one every {interval}"
_HANDED_ON = Caseless(
    r"\b(?:excess|surplus|remainder|overshoot|freed weight|residual weight)\b[^.;]{0,40}\b(?:is|are) (?:re)?"
    r"(?:distributed|allocated|assigned|spread|divided|given)\b"
)
_BY_A_KEY = Caseless(
    r"\b(?:proportion\w*|pro[- ]rata|equal(?:ly)?|according to|in the ratio|relative to|"
    r"by (?:their )?(?:weight|market)|repeat\w*|iterat\w*|until|again)\b"
)
_KEY = " in proportion to {their weights}, and repeatedly until no weight is above the cap"


def rounding(document: Document) -> Outcome:
    """A computed number of shares, or a published level, needs its rounding; one rule beside it is enough."""
    drafts, examined = [], []
    ruled = {
        s.section.id if s.section else None
        for s in document.sentences
        if _ROUNDING.search(document.stated[s.start : s.end])
    }
    named = {
        _singular(match)
        for s in document.body
        if (s.section.id if s.section else None) in ruled and (match := _WHOLE.search(s.text))
    }
    for sentence in document.body:
        match = _WHOLE.search(sentence.text)
        if match and _COMPUTED.search(sentence.text) and sentence.kind != "row":
            section = sentence.section.id if sentence.section else None
            if section in ruled or _singular(match) in named:
                examined.append(sentence.span)
            else:
                drafts.append(_rounding(document, sentence, _singular(match)))
    if not ruled and not drafts:
        drafts.extend(_unrounded_formulas(document))
    drafts.extend(_undirected(document))
    if not drafts and not examined:
        examined = [s.span for s in document.body if _ROUNDING.search(s.text)][:5]
    return Outcome(tuple(drafts[:3]), tuple(examined))


def _undirected(document: Document) -> Iterator[Draft]:
    """Rounded to something, and nothing in the document says up, down or half: of an amount that cannot be split, a
    reader has to know what becomes of the rest.
    """
    rounded = [
        s for s in document.body if s.kind != "row" and _ROUNDED_TO.search(s.text) and not _UNROUNDED.search(s.text)
    ]
    directed = [s for s in document.sentences if _rounds(s) and _DIRECTION.search(s.text)]
    if all(_WHOLE_UNITS.search(s.text) for s in directed):  # how contracts are rounded is no rule for decimals
        rounded = [s for s in rounded if s not in directed and (not directed or _DECIMALS.search(s.text))]
        directed = []
    if rounded and not directed:
        yield Draft(
            family="IMP",
            category="implementation-precision",
            severity="medium",
            title="The direction of the rounding is not stated",
            explanation="It is said to what is rounded, but not whether up, down, or half up or to even.",
            spans=(rounded[0].span, *(s.span for s in rounded[1:3])),
            proposal=insert_after(document, _end(rounded[0]), " ({up, down, half up or half to even})"),
            confidence=0.75,
            decision=("rounding without direction", "no direction anywhere in the document"),
        )


def _rounds(sentence: Sentence) -> bool:
    return sentence.kind == "code" or _ROUNDING.search(sentence.text) is not None


def _end(sentence: Sentence) -> int:
    """Before its full stop."""
    return sentence.end - (1 if sentence.text.rstrip().endswith(".") else 0)


def sampling(document: Document) -> Outcome:
    """A window counted in observations needs the time between two of them; excess that is handed on, a key."""
    drafts: list[Draft] = []
    examined: list[Span] = []
    for sentence in document.body:
        match = _OBSERVATIONS.search(sentence.text)
        if match and sentence.kind != "row":
            told = [s for s in document.section_bodies[_section(sentence)] if s is sentence or _SAMPLES.search(s.text)]
            if any(_SAMPLED.search(s.text) for s in told) or _BARS.search(document.body_text):
                examined.append(sentence.span)
            else:
                drafts.append(_open(document, sentence, "How often it is observed", _EVERY, match.group()))
        match = _HANDED_ON.search(sentence.text)
        if match and sentence.kind != "row":
            beside = [sentence, *document.sentences[sentence.index + 1 : sentence.index + 3]]
            if any(_BY_A_KEY.search(s.text) for s in beside):
                examined.append(sentence.span)
            else:
                drafts.append(_open(document, sentence, "How the excess is divided", _KEY, match.group()))
    return Outcome(tuple(drafts), tuple(examined))


def _section(sentence: Sentence) -> str:
    return sentence.section.id if sentence.section else ""


def _open(document: Document, sentence: Sentence, what: str, proposal: str, words: str) -> Draft:
    return Draft(
        family="IMP",
        category="implementation-precision",
        severity="medium",
        title=f"{what} is not stated",
        explanation=f"“{words}”: {what[0].lower()}{what[1:]} is left to the reader, and changes the result.",
        spans=(sentence.span,),
        proposal=insert_after(document, _end(sentence), proposal),
        confidence=0.75,
        decision=(f"{what}: {words!r}", "neither the sentence nor its section says it"),
    )


def _singular(match: re.Match[str]) -> str:
    return match.group().lower().replace("numbers", "number")


def _unrounded_formulas(document: Document) -> list[Draft]:
    published = next((s for s in document.body if _PUBLISHED.search(s.text)), None)
    if published is None or not document.ir.formulas or document.words < LONG_ENOUGH:
        return []
    return [_rounding(document, published, "published value")]


def _rounding(document: Document, sentence: Sentence, what: str) -> Draft:
    return Draft(
        family="IMP",
        category="implementation-precision",
        severity="medium",
        title=f"The rounding of the {what} is not stated",
        explanation=(
            f"The {what} is the result of a computation, but the document does not say to how many digits it is "
            "rounded, in which direction, and at which step."
        ),
        spans=(sentence.span,),
        proposal=insert_after(
            document, sentence.end, " The result is rounded {direction} to {number of decimals or unit}."
        ),
        confidence=0.75,
        decision=(f"computed {what}", "no rounding rule in the section"),
    )


def missing_data(document: Document) -> Outcome:
    """A document that computes from market data has to say what happens when a datum is missing."""
    handled = [s.span for s in document.body if _MISSING.search(s.text)]
    if handled:
        return Outcome(examined=tuple(handled[:5]))
    if document.words < LONG_ENOUGH:
        return Outcome()
    uses = next((s for s in document.body if _INPUT.search(s.text) and _COMPUTED.search(s.text)), None)
    if uses is None or not document.ir.formulas:
        return Outcome()
    match = _INPUT.search(uses.text)
    span = sub_span(uses, match) if match else uses.span
    return Outcome(
        (
            Draft(
                family="IMP",
                category="implementation-precision",
                severity="medium",
                title="No rule for missing or stale data",
                explanation=(
                    "The computation needs market data, but nothing says what is used when a price is missing, stale "
                    "or suspended."
                ),
                spans=(uses.span,),
                proposal=insert_after(
                    document, uses.end, " Where an input is missing, {value to be used, and for how long}."
                ),
                confidence=0.7,
                decision=(f"input {document.text[span.start : span.end]!r}", "no rule for its absence in the document"),
            ),
        )
    )


def ties(document: Document) -> Outcome:
    """A rule beside a ranking is for that ranking; one in a section without rankings is for all of them."""
    rankings = [
        (s, m)
        for s in document.body
        if s.kind != "row" and (m := _RANKED.search(s.text)) and not (s.section and _SUMMARY.search(s.section.title))
    ]
    rules = [s for s in document.body if _TIES.search(s.text) and _RANKING.search(f"{s.text} {_before(document, s)}")]
    ranked = {s.section.id if s.section else "" for s, _ in rankings}
    general = [s for s in rules if (s.section.id if s.section else "") not in ranked]
    if not rankings:
        return Outcome(examined=tuple(s.span for s in rules))
    drafts, examined, seen = [], [], set()
    for sentence, match in rankings:
        rule = next((s for s in (*rules, *general) if s.section is sentence.section or s in general), None)
        if rule is not None:
            examined.append(rule.span)
        elif sentence.section not in seen:
            drafts.append(_tie(document, sentence, sub_span(sentence, match)))
        seen.add(sentence.section)
    return Outcome(tuple(drafts[:3]), tuple(dict.fromkeys(examined)))


def _before(document: Document, sentence: Sentence) -> str:
    """The sentence before: `Where two are equal` speaks of what that one ranks."""
    return document.sentences[sentence.index - 1].text if sentence.index else ""


def _tie(document: Document, sentence: Sentence, span: Span) -> Draft:
    return Draft(
        family="IMP",
        category="implementation-precision",
        severity="medium",
        title="Equal ranks are not resolved",
        explanation=(
            "Items are ranked and a fixed number is taken, but nothing says which one is taken when two have the "
            "same value."
        ),
        spans=(sentence.span,),
        proposal=insert_after(document, sentence.end, " Where two have the same value, {criterion} decides."),
        confidence=0.75,
        decision=(f"ranking {document.text[span.start : span.end]!r}", "no rule for ties in the document"),
    )
