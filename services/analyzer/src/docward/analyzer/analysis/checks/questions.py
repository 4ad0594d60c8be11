"""What a careful reader asks once a subject comes up: leverage has an amount, a written option an early exercise.

Each rule has a trigger, the words that make the subject come up, and an answer that settles it anywhere in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from docward.analyzer.analysis.doctypes import document_type
from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, insert_after, sub_span
from docward.analyzer.analysis.text import Caseless, alternatives
from docward.events.findings import Category, Family, Severity


@dataclass(frozen=True)
class _Rule:
    title: str
    trigger: Caseless
    answered: Callable[[Sentence], bool]
    explanation: str
    proposal: str = ""
    """Goes behind the words that brought the subject up; empty where a sentence would not mend it."""
    family: Family = "VAL"
    category: Category = "undefined-parameter"
    severity: Severity = "high"


def _stated(words: str, *dimensions: str, pattern: str = r"(?!)") -> Callable[[Sentence], bool]:
    """A sentence that speaks of the words and has a quantity of one of the dimensions, or matches the pattern."""
    about, also = Caseless(words), Caseless(pattern)

    def answers(sentence: Sentence) -> bool:
        if not about.search(sentence.text):
            return False
        return any(q.dimension in dimensions for q in sentence.quantities) or also.search(sentence.text) is not None

    return answers


def _said(words: str) -> Callable[[Sentence], bool]:
    pattern = Caseless(words)
    return lambda sentence: pattern.search(sentence.text) is not None


def _trigger(words: str) -> Caseless:
    return Caseless(rf"\b{alternatives(words)}\b")


_LEVERAGE = _trigger("us(?:e|es|ing) (?:\\w+ )?leverage\nleverage is (?:used|applied)\napply leverage")
_ALLOCATES = _trigger("allocates? (?:\\w+ )?(?:across|among|between)")
_DEALS = _trigger("(?:buy|buys|sell|sells|write|writes) (?:\\w+ )?(?:call|put)s?(?: options?)?")
_WRITES = _trigger(
    "(?:sell|sells|write|writes|short|shorts) (?:\\w+ )?(?:call|put)s?(?: options?)?\n"
    "(?:written|sold|short) (?:call|put)s?(?: options?)?"
)
_CRYPTO = _trigger("crypto(?:currenc(?:y|ies)|[- ]assets?|s)?\n(?:digital )?tokens\ndigital assets?")
_DERIVATIVES = _trigger("(?:use|uses|using|trade|trades) (?:\\w+ )?derivatives\nderivatives (?:are|may be) used")
_RISKY = Caseless(
    rf"{_LEVERAGE.pattern}|{_CRYPTO.pattern}|\bsells? short\b|\bshort selling\b|\bnaked (?:calls?|puts?)\b"
)
_OPAQUE = _trigger(
    "(?:economic|macro(?:economic)?|sentiment|alternative|fundamental) (?:indicators?|measures?|data|signals?)\n"
    "social media\nnews (?:feeds?|flow|sentiment)\nweb traffic\nsatellite (?:data|images)"
)

_RULES = (
    _Rule(
        "No value for the leverage",
        _LEVERAGE,
        _stated(r"\bleverag", "multiple", "percent", "money"),
        "Leverage is used, but neither its amount nor its limit is stated.",
        " of at most {factor} of the net asset value",
    ),
    _Rule(
        "No value for the strike price",
        _trigger("strikes?(?: prices?)?\nat[- ]the[- ]money options?"),
        _stated(r"\bstrikes?\b", "percent", "money", "multiple", "sigma", pattern=r"\bdelta\b|\bclosest to\b"),
        "Options are traded, but how far their strike lies from the price of the underlying is not stated.",
        " {distance from the price of the underlying}",
    ),
    _Rule(
        "No value for the expiry",
        _trigger("option expir(?:y|ation)\nexpiration dates?\nat expir(?:y|ation)"),
        _stated(r"\bexpir", "time", "cadence", pattern=r"\b(?:third|last|first) \w+day\b"),
        "Options are traded, but which expiry is chosen is not stated.",
        " {expiry: weekly, monthly, days to expiry}",
    ),
    _Rule(
        "No value for the number of contracts",
        _DEALS,
        _stated(r"\b(?:calls?|puts?|options?|contracts?)\b", "count", "percent", "multiple", pattern=r"\bper 100\b"),
        "Options are bought or sold, but their number in relation to the position is not stated.",
        " {number of contracts per position}",
    ),
    _Rule(
        "No value for the allocation",
        _ALLOCATES,
        _stated(r"\b(?:weights?|allocat\w+|equit\w+|bonds?)\b", "percent", pattern=r"\bequal(?:ly)? weight"),
        "Assets are allocated, but the weights from which the allocation starts are not stated.",
        " {weight per asset class}",
    ),
    _Rule(
        "No bounds of the weights",
        _ALLOCATES,
        _stated(
            r"\b(?:at least|at most|between|minimum|maximum|bounds?|caps?|capped|floors?|ranges?|limits?|exceeds?)\b",
            "percent",
        ),
        "Assets are allocated, but how small or large the weight of one of them may become is not stated.",
        " {lowest and highest weight per asset class}",
    ),
    _Rule(
        "No value for the change of the weights",
        _trigger(
            "(?:weights?|allocations?|exposures?) (?:changes?|shifts?) (?:when|if|as|after)\n"
            "(?:weights?|allocations?|exposures?) (?:is|are) (?:changed|shifted|adjusted|tilted) (?:when|if|as|after)\n"
            "(?:shifts?|tilts?|adjusts?) (?:the )?(?:weights?|allocations?|exposures?) (?:when|if|as|after|towards?)"
        ),
        _stated(
            r"\b(?:weights?|allocations?|exposures?)\b",
            "percent",
            "multiple",
            pattern=r"\b(?:proportional|halved|doubled|equal|formula|divided|computed|calculated)\b",
        ),
        "Weights change, but by how much, or to which weights, is not stated.",
        " {by how much}",
    ),
    _Rule(
        "What follows an assignment is not stated",
        _trigger("called away\n(?:is|are) assigned\nassignment of (?:the )?(?:options?|calls?|puts?|shares)"),
        _stated(
            r"\b(?:called away|assign(?:ed|ment))\b",
            "time",
            "clock",
            pattern=r"\b(?:same|next|following) (?:\w+ )?(?:day|session|open|close)\b",
        ),
        "A position ends by assignment; when it is replaced, and by what, is not stated.",
        " {when and by what the position is replaced}",
        "IMP",
        "ambiguous-methodology",
    ),
    _Rule(
        "Early exercise is not provided for",
        _WRITES,
        _said(r"\bearly (?:exercises?|assignments?)\b|\bexercised early\b|\bassigned early\b|\bEuropean[- ]style\b"),
        "Options are written that their holder may be able to exercise before expiry; nothing says what follows then.",
        family="IMP",
        category="ambiguous-methodology",
    ),
    _Rule(
        "Dividends are not provided for",
        _WRITES,
        _said(r"\bdividends?\b|\bex-date\b|\bfutures\b"),
        "Dividends move the price of options and bring early exercise; nothing says how they change what is done.",
        family="IMP",
        category="ambiguous-methodology",
        severity="medium",
    ),
    _Rule(
        "Positions that are no multiple of a contract",
        _WRITES,
        _said(
            r"\bodd lots?\b|\bmultiples? of\b|\bcontract (?:size|multiplier)\b|\bround(?:ed|ing|s)?\b|\bper 100\b|"
            r"\bwhole contracts?\b|\b100 shares\b"
        ),
        "Options stand for a fixed number of shares; what happens with a position that is no multiple is not stated.",
        family="IMP",
        category="ambiguous-methodology",
        severity="medium",
    ),
    _Rule(
        "Corporate actions are not provided for",
        _DEALS,
        _said(r"\bcorporate actions?\b|\bsplits?\b|\bmergers?\b|\bspin-?offs?\b|\badjusted contracts?\b|\bfutures\b"),
        "Splits, mergers and spin-offs change shares and the options on them; nothing says how they are treated.",
        family="IMP",
        category="ambiguous-methodology",
        severity="medium",
    ),
    _Rule(
        "No limit on the use of derivatives",
        _DERIVATIVES,
        _stated(
            r"\b(?:derivatives?|leverage|gross exposure|net exposure|notional)\b", "percent", "multiple", "money",
            pattern=r"\blimit(?:s|ed)? (?:to|on|of)\b",
        ),
        "Derivatives may be used; the leverage or exposure that they may bring is not limited.",
        family="COV",
        category="compliance-gap",
        severity="medium",
    ),
    _Rule(
        "No limit on losses",
        _RISKY,
        _said(r"\b(?:loss(?:es)?|draw-?downs?|stop(?:s|ped)?[- ](?:loss|out)|value at risk|VaR|kill[- ]switch)\b"),
        "The strategy takes risks that can grow quickly, and knows no stop, no limit on losses and none on drawdowns.",
        family="GOV",
        category="missing-governance",
    ),
    _Rule(
        "No limit on the size of positions",
        _RISKY,
        _said(
            r"\bposition (?:size|limit)s?\b|\b(?:maximum|largest|limits?|caps?|capped|at most|no more than)\b"
            r"[^.]{0,40}\b(?:positions?|weights?|exposures?|holdings?|share of|capital|leverage|contracts?)\b|"
            r"\b(?:positions?|weights?|exposures?|holdings?|leverage)\b[^.]{0,40}\b(?:limit|limited|capped|at most|"
            r"exceed|maximum|no more than)\b|\btop \d+\b"
        ),
        "The strategy takes risks that can grow quickly, and nothing limits how large a position may become.",
        family="GOV",
        category="missing-governance",
    ),
    _Rule(
        "No rate of the withholding tax",
        _trigger("net of (?:\\w+ )?withholding tax(?:es)?\nafter (?:\\w+ )?withholding tax(?:es)?"),
        _stated(r"\bwithholding\b", "percent", pattern=r"\brates?\b|\btreat(?:y|ies)\b|\btables?\b|\bmaximum\b"),
        "Something is reinvested after a tax whose rate, or where it is taken from, is not stated.",
        " (at the rate of {source of the rate})",
        "SRC",
        "data-source-unspecified",
    ),
    _Rule(
        "Whose rating counts is not stated",
        _trigger(
            "investment[- ]grade(?! (?:corporate|bonds?|index|issuers?|debt|credit|sovereign))\n"
            "(?:average|mean|composite|middle|median|lowest|highest) rating"
        ),
        _said(r"\b(?:Moody|Fitch|S&P|DBRS|Scope|agenc(?:y|ies)|ratings? (?:of|by|from)|Standard (?:&|and) Poor)"),
        "A rating decides, but neither the agencies nor how their ratings are combined is stated.",
        " ({agencies, and how their ratings are combined})",
        "AMB",
        "ambiguous-methodology",
    ),
    _Rule(
        "The hour that ends a day is not stated",
        _CRYPTO,
        lambda sentence: any(q.dimension == "clock" for q in sentence.quantities)
        or re.search(r"\b(?:hourly|midnight|UTC|minute bars?)\b", sentence.text) is not None,
        "Such markets never close: which hour's price is the price of a day, and to which period a return belongs, is "
        "open.",
        family="IMP",
        category="ambiguous-methodology",
    ),
    _Rule(
        "Custody and counterparties are not addressed",
        _CRYPTO,
        _said(r"\b(?:custod\w+|counterpart\w+|wallets?|cold storage|prime broker\w*|exchange-traded|index)\b"),
        "Assets lie with exchanges or custodians that may fail; nothing says with whom, and what limits the exposure.",
        family="COV",
        category="compliance-gap",
    ),
    _Rule(
        "The regulatory status of the assets is not addressed",
        _CRYPTO,
        _said(r"\b(?:regulat\w+|licen[cs]\w+|authori[sz]ed|jurisdictions?|MiCA)\b"),
        "Whether and where such assets may be traded depends on their status; nothing says which rules apply.",
        family="COV",
        category="compliance-gap",
    ),
)  # fmt: skip

_OF_STRATEGIES = frozenset({_RISKY, _CRYPTO, _LEVERAGE})
_FREQUENCY = Caseless(
    r"\b(?:real[- ]time|intraday|hourly|daily|weekly|monthly|quarterly|every \w+|each \w+|updated?|frequency)\b"
)
_QUALITY = Caseless(r"\b(?:quality|reliab\w+|validat\w+|verif\w+|outliers?|missing|stale|plausib\w+|cleaned|checked)\b")
_WATCHES = Caseless(r"\b(?:monitors?|watch(?:es)?|tracks?|observes?)\s(?:\w+\s){1,3}for\s(?P<what>\w+)")
_DESK_WORDS = frozenset({"breaches", "breach", "alerts", "errors", "failures", "compliance", "abuse", "manipulation"})


def required_values(document: Document) -> Outcome:
    """The questions that a number answers."""
    return _asked(document, [rule for rule in _RULES if rule.family == "VAL"])


def open_questions(document: Document) -> Outcome:
    """The others, and what inputs leave open."""
    asked = _asked(document, [rule for rule in _RULES if rule.family != "VAL"])
    return Outcome((*asked.drafts, *_loose_inputs(document), *_unused_inputs(document)), asked.examined)


def _asked(document: Document, rules: Sequence[_Rule]) -> Outcome:
    drafts, examined = [], []
    if document_type(document) == "methodology":  # an index bears no risk of its own
        rules = [rule for rule in rules if rule.trigger not in _OF_STRATEGIES]
    raised = {rule.trigger: _first(document, rule.trigger) for rule in rules}
    for rule in rules:
        found = raised[rule.trigger]
        if found is None:
            continue
        sentence, match = found
        if any(rule.answered(other) for other in document.body):
            examined.append(sentence.span)
        else:
            drafts.append(_draft(document, rule, sentence, match))
    return Outcome(tuple(drafts), tuple(examined))


def _first(document: Document, trigger: Caseless) -> tuple[Sentence, re.Match[str]] | None:
    if not trigger.search(document.body_text):  # a pattern that may reach over two sentences
        return None
    return next(((s, m) for s in document.body if (m := trigger.search(s.text))), None)


def _draft(document: Document, rule: _Rule, sentence: Sentence, match: re.Match[str]) -> Draft:
    span = sub_span(sentence, match)
    return Draft(
        family=rule.family,
        category=rule.category,
        severity=rule.severity,
        title=rule.title,
        explanation=rule.explanation,
        spans=(span,),
        proposal=insert_after(document, span.end, rule.proposal) if rule.proposal else None,
        confidence=0.75,
        decision=(rule.title, f"{match.group()!r} brings it up", "nothing in the document answers it"),
    )


def _loose_inputs(document: Document) -> Iterator[Draft]:
    """Inputs that everybody measures in another way, without the frequency or without any check of their quality."""
    found = next(((s, m) for s in document.body if (m := _OPAQUE.search(s.text))), None)
    if found is None:
        return
    sentence, match = found
    topic = Caseless(rf"\b(?:data|inputs?|sources?|feeds?|{re.escape(match.group())})\b")
    about = [s for s in document.body if topic.search(s.text)]
    open_points = [
        name
        for name, answer in (("how often they are updated", _FREQUENCY), ("how they are checked", _QUALITY))
        if not any(answer.search(s.text) for s in about)
    ]
    if open_points:
        rule = _Rule(
            "Frequency or quality of the inputs is open",
            _OPAQUE,
            lambda _: False,
            f"“{match.group()}” is an input; {' and '.join(open_points)} is not stated.",
            family="SRC",
            category="data-source-unspecified",
            severity="medium",
        )
        yield _draft(document, rule, sentence, match)


def _unused_inputs(document: Document) -> Iterator[Draft]:
    """Something is watched, and no other sentence says what follows from it."""
    for sentence in document.body:
        match = _WATCHES.search(sentence.text)
        if match is None or match["what"].lower() in _DESK_WORDS:
            continue
        word = Caseless(rf"\b{re.escape(match['what'])}")
        if sum(word.search(other.text) is not None for other in document.body) > 1:
            continue
        rule = _Rule(
            f"What follows from {match['what'].lower()} is not stated",
            _WATCHES,
            lambda _: False,
            f"“{match.group()}”: no other sentence says which decision depends on it, and how.",
            family="IMP",
            category="ambiguous-methodology",
        )
        yield _draft(document, rule, sentence, match)
