"""VAL: limits and thresholds that are named but have no value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, insert_after, sub_span
from docward.analyzer.analysis.quantities import quantities
from docward.analyzer.analysis.text import Caseless, content_stems
from docward.events.ir import Cell, Span, Table

_HEAD = (
    r"(?:thresholds?|limits?|caps?|collars?|ceilings?|floors?|budgets?|levels?|ratios?|multiplier|buffer|tolerance|"
    r"order value|order size|order volume|position size|leverage)"
)
_NO_LIMIT = r"(?:no|any|such|this|that|same|soft|hard|new|second|other)\b"
_NAMED = Caseless(
    rf"\b(?P<name>(?:(?:minimum|maximum|max|min|upper|lower|entry|exit|stop[- ]loss|price|position|risk|loss|"
    rf"drawdown|exposure|concentration|liquidity|acceptable|volume|order|message|rate|turnover|tracking|error|"
    rf"leverage|score|size|weight|daily|gross|net|participation|volatility|value|predefined|predetermined|certain|"
    rf"given|specified)\s){{1,4}}{_HEAD})\b(?!\s(?:orders?|price|of the venue))"
)
_BARE = Caseless(
    r"\b(?:(?:exceeds?|above|below|over|under|reaches|breaches|crosses|hits|drops below|falls below|"
    r"rises above)\s(?:the\s|a\s|an\s|its\s)?(?P<name>(?:upper |lower |entry |exit |minimum |maximum |configured |"
    r"allowed |permitted |agreed |defined |set )?(?:thresholds?|limits?|caps?|maximum|minimum)))(?=\s*(?:[.,;)]|$|"
    r"\band\b|\bor\b))"
)
_IMPOSED = Caseless(
    rf"\b(?:an?|the|every|each)\s(?P<name>(?:(?:maximum|minimum|max|min)\s(?:[\w-]+\s){{0,4}}?[\w-]+|"
    rf"(?!{_NO_LIMIT})[\w-]+\s(?:[\w-]+\s){{0,3}}?(?:limit|threshold|cap)))\s(?:appl(?:y|ies)\s(?:to|per|for)|"
    r"is (?:in place|applied|enforced|imposed))\b|"
    r"\boutside (?:of )?(?:the|its|their) (?P<collar>(?:price )?collars?)\b|"
    r"\b(?P<setting>(?:window|timeout|interval|delay|size|limit|threshold|quantity))\s(?:as|that is) configured\b"
)
"""A limit that is said to be in force, by whatever name."""
_CAPPED = Caseless(
    r"\b(?P<capped>(?:[\w-]+\s){0,2}(?:positions?|exposures?|notionals?|inventory|orders?|loss(?:es)?|leverage|"
    r"sizes?|volumes?|weights?|turnover|quantit(?:y|ies)|delta|vega|drawdowns?|concentrations?|"
    r"messages?|rates?|capital|values?|participation))\s(?:is|are)\s(?:capped|limited|bounded|floored)\b(?!\s(?:to|at|by|below|above|as|through|from|so)\b)"
)
"""`Gross notional is capped`, and no value behind it."""
_SAFEGUARD = Caseless(
    r"\W*(?:(?:the|an?|each|every|its)\s)?(?P<guard>(?:[\w-]+\s){0,2}(?:stop[- ]loss|trailing stop|"
    r"loss limit|drawdown limit|position (?:limit|cap)|notional (?:limit|cap)|exposure (?:limit|cap)|"
    r"(?:maximum|max\.?) (?:loss|drawdown|position|notional|exposure|order size)))\b(?!\s(?:orders?|level|price)\b)"
)
"""A limit on risk that a sentence begins with."""
_LEFT_OPEN = Caseless(
    r"\b(?P<name>(?:maximum|minimum|max|min)\s(?:\w+\s){0,2}(?:loss|position|exposure|drawdown|weight|turnover|"
    r"holding|size|value|volume|quantity|leverage|spread|deviation))\s(?:is|are)\s(?:set|defined|determined|fixed|"
    r"decided|chosen|agreed|given)\s(?:by|with|according)\b"
)
_LIMITS = Caseless(
    r"\b(?:maximum|minimum|max|min|limit\w*|thresholds?|caps?|capped|floors?|ceilings?|collars?|budgets?|buffers?|"
    r"levels?|ratios?|tolerances?|multiplier|leverage|at least|at most|exceed\w*|no more|not more|up to|restricted|"
    r"stop[- ]loss)\b"
)
"""Words of a sentence whose quantity can be the value of a limit."""
_APPLIES = Caseless(
    r"\b(?:appl(?:y|ies)|is (?:set|applied|used|in place|defined|enforced)|are (?:set|applied|used|in place|"
    r"enforced)|must (?:be|not|have|meet)|shall|capped|limited|exceeds?|triggers?|triggered|above|below|greater|less|"
    r"more|crosses|within|stays?)\b"
)
_ELSEWHERE = Caseless(
    r"\b(?:sections?|§|tables?|appendix|annex|article|schedule|parameter sheet)\s?\d?|\bas (?:defined|described|"
    r"specified|set out|listed) (?:in|above|below)|\bdefined (?:above|below|in)\b|\bthe (?:following|"
    r"values?) (?:limits?|of)\b"
)
_META = Caseless(
    r"\b(?:breach(?:es)?|review\w*|calibrat\w*|chang\w*|adjust\w*|monitor\w*|approv\w*|sets?|log\w*|alert\w*|"
    r"escalat\w*|own\w*|relax\w*|overrid\w*|which no limit|every limit|each limit|all limits)\b"
)
_LIMITED = Caseless(
    r"\b(?:maximum|minimum|limit\w*|thresholds?|caps?|capped|at least|at most|exceed\w*|stop[- ]loss)\b"
)
_NEXT_VERB = re.compile(r",?\s(?:and|but|while)\s(?:is\s)?(?:closed?s?|sold|opened|removed|reduced|stops?|ends?)\b|;")
"""Behind a limit, where the sentence turns to something else."""
_GENERIC = frozenset(
    {
        "minimum",
        "maximum",
        "max",
        "min",
        "limit",
        "threshold",
        "level",
        "appli",
        "must",
        "certain",
        "given",
        "specifi",
        "predefin",
        "predetermin",
    }
)
_QUANTITATIVE = frozenset({"money", "rate", "percent", "time", "multiple", "count", "number", "sigma"})


_NAME = 4
"""Words of a parameter's name; more are a sentence."""
_FILLED = re.compile(r"^\W*[A-Za-z][\w /&()%-]{2,60}?\s?[:=]\s*\S")
_EMPTY = re.compile(r"^\W*(?P<name>[A-Za-z][\w /&()%-]{2,60}?)\s?[:=]\W*$")
_MILLIONS = re.compile(
    r"\b\d[\d.,]*\s?(?:million|billion|mn|bn|m)\b(?!\s(?:[a-z]+s|EUR|USD|GBP|CHF|JPY|euros?|dollars?)\b)"
)
_MEASURED = re.compile(
    r"\b(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|AUD|CAD|HKD|SGD|PLN|USDT|USDC|BTC|ETH|euros?|dollars?|pounds?|shares|"
    r"contracts|messages?|orders|units|records|rows|events|notional of|tonnes|barrels|MWh?|words|m(?:et(?:er|re)s?))\b|"
    r"[€$£¥]"
)
_BASE_DATE = Caseless(r"\b(?:base|inception|commencement) date\b")


def stated_values(document: Document) -> Outcome:
    drafts, examined = [], []
    reported: set[frozenset[str]] = set()
    valued = _valued(document)
    for sentence in document.body:
        found = _named_limit(sentence) or _open_maximum(sentence) or _imposed(sentence)
        if found is None or document.has_slot(sentence):
            if _LIMITED.search(sentence.text) and any(q.dimension in _QUANTITATIVE for q in sentence.quantities):
                examined.append(sentence.span)
            continue
        span, name = found
        key = _key(name)
        if _has_value(sentence, span):
            examined.append(sentence.span)
        elif place := _stated_elsewhere(valued, sentence, key):
            examined.append(place.span)
        elif _ELSEWHERE.search(sentence.text):
            continue  # a pointer is neither a value nor a gap: the check of references follows it
        elif key not in reported or not key:
            reported.add(key)
            drafts.append(_missing(document, span, name))
    drafts.extend(_holes(document))
    drafts.extend(_unfilled(document))
    drafts.extend(_without_currency(document))
    drafts.extend(_undated(document))
    return Outcome(tuple(drafts), tuple(examined))


def _named_limit(sentence: Sentence) -> tuple[Span, str] | None:
    bare = _BARE.search(sentence.text)
    if bare and sentence.kind != "row":
        return sub_span(sentence, bare, "name"), bare["name"]
    if sentence.kind == "row":
        return _empty_row(sentence)
    named = _NAMED.search(sentence.text)
    if (
        named is None
        or _META.search(sentence.text[: named.start()])
        or not _APPLIES.search(sentence.text + " " + sentence.lead)
    ):
        return None
    return sub_span(sentence, named, "name"), named["name"]


def _empty_row(sentence: Sentence) -> tuple[Span, str] | None:
    """A row of a table of limits or parameters whose value cell is empty."""
    if len(sentence.cells) < 2:
        return None
    column, cell = sentence.cells[1]
    label = sentence.cells[0][1]
    if re.search(r"\b(?:values?|limits?|thresholds?|settings?)\b", column, re.IGNORECASE) and not re.sub(
        r"[-–—\s?]|n/?a", "", cell.text, flags=re.IGNORECASE
    ):
        return label.span, label.text
    return None


def _key(name: str) -> frozenset[str]:
    return frozenset(stem for stem in content_stems(name) if stem not in _GENERIC)


def _has_value(sentence: Sentence, limit: Span) -> bool:
    """In its clause: what follows `the entry threshold or …, and closed when` is the value of something else."""
    end = limit.end - sentence.start
    other = _NEXT_VERB.search(sentence.text, end) if sentence.kind == "prose" else None
    beyond = sentence.start + (other.start() if other else len(sentence.text))
    return any(q.dimension in _QUANTITATIVE and q.start < beyond for q in sentence.quantities)


def _valued(document: Document) -> list[tuple[Sentence, frozenset[str]]]:
    """Places that state a value, with the words that say of what: the whole sentence, or the first cell of a row."""
    return [
        (sentence, content_stems(sentence.cells[0][1].text) if sentence.cells else sentence.content)
        for sentence in document.body
        if (sentence.kind == "row" or _LIMITS.search(sentence.text))
        and any(quantity.dimension in _QUANTITATIVE for quantity in sentence.quantities)
    ]


def _stated_elsewhere(
    valued: Sequence[tuple[Sentence, frozenset[str]]], here: Sentence, key: frozenset[str]
) -> Sentence | None:
    """Another place that speaks of the same limit and has a value."""
    for other, words in valued:
        same = key <= words if key else bool(words & {"limit", "threshold"}) and other.section is here.section
        if same and other is not here and ("stop" in key or "stop" not in words):
            return other
    return None


def gives_value(document: Document, limit: str) -> bool:
    """Whether a place of the document states a value for a limit of this name."""
    key = _key(limit)
    return bool(key) and any(key <= words and ("stop" in key or "stop" not in words) for _, words in _valued(document))


def _open_maximum(sentence: Sentence) -> tuple[Span, str] | None:
    """`The maximum loss is set by management`: a bound is said to exist, and left to somebody."""
    match = _LEFT_OPEN.search(sentence.text) if sentence.kind != "row" else None
    return (sub_span(sentence, match, "name"), match["name"]) if match else None


def _imposed(sentence: Sentence) -> tuple[Span, str] | None:
    if sentence.kind == "row":
        return None
    match = _IMPOSED.search(sentence.text) or _CAPPED.search(sentence.text)
    if match is None and not _META.search(sentence.text):
        match = _SAFEGUARD.match(sentence.text)
    if match is None or match.lastgroup is None:
        return None
    return sub_span(sentence, match, match.lastgroup), match[match.lastgroup]


def _holes(document: Document) -> Iterator[Draft]:
    """Empty cells of a column in which most rows have a value; the second column is read row by row."""
    for table in document.ir.tables:
        for column in range(2, len(table.header)):
            cells = [(row[0], row[column]) for row in table.rows if len(row) > column]
            empty = [(label, cell) for label, cell in cells if not cell.text.strip() and label.text.strip()]
            valued = sum(any(q.dimension in _QUANTITATIVE for q in quantities(cell.text)) for _, cell in cells)
            if empty and valued >= max(2, len(cells) - len(empty)):
                for label, cell in empty:
                    if _is_told(table, label):
                        continue
                    name = f"{label.text} ({table.header[column].text})"
                    yield dataclasses.replace(
                        _missing(document, label.span, name),
                        proposal=insert_after(document, cell.span.start, "{value} {unit}"),
                    )


def _is_told(table: Table, label: Cell) -> bool:
    """The second cell of its row is empty too: the row has no value at all, which is told once."""
    return any(row[0] is label and not row[1].text.strip() for row in table.rows)


def _unfilled(document: Document) -> Iterator[Draft]:
    """`- Rebalance trigger:` in a list whose other items have their values."""
    for is_list, run in groupby(document.sentences, key=lambda s: s.kind == "list"):
        items = list(run) if is_list else []
        filled = sum(_FILLED.match(s.text) is not None for s in items)
        for sentence, below in zip(items, [*items[1:], None], strict=True) if filled > 1 else ():
            match = _EMPTY.match(sentence.text)
            nested = below is not None and _column(document, below) > _column(document, sentence)
            if match and len(match["name"].split()) <= _NAME and not nested:
                yield _missing(document, sub_span(sentence, match, "name"), match["name"])


def _column(document: Document, sentence: Sentence) -> int:
    return sentence.start - document.markdown.rfind("\n", 0, sentence.start)


def _without_currency(document: Document) -> Iterator[Draft]:
    """`at most 5 million`, and no word says of what."""
    for sentence in document.body:
        match = _MILLIONS.search(sentence.text)
        if match is None or sentence.kind == "row" or _MEASURED.search(sentence.text):
            continue
        span = sub_span(sentence, match)
        yield Draft(
            family="VAL",
            category="undefined-parameter",
            severity="high",
            title=f"{match.group()} of what is not stated",
            explanation="An amount is given without currency or unit: neither the sentence nor its list names one.",
            spans=(span,),
            proposal=insert_after(document, span.end, " {currency or unit}"),
            confidence=0.8,
            decision=(f"amount {match.group()!r}", "no currency and no unit in the sentence"),
        )


def _undated(document: Document) -> Iterator[Draft]:
    """A base date by which something has a value, and no day of the calendar anywhere for it."""
    named = [(s, m) for s in document.body if (m := _BASE_DATE.search(f"{s.text} "))]
    given = (q.dimension == "date" for s, _ in named for q in s.quantities)
    if named and not any(document.has_slot(s) for s, _ in named) and not any(given):
        sentence, match = named[0]
        yield _missing(document, sub_span(sentence, match), match.group())


def _missing(document: Document, span: Span, name: str) -> Draft:
    lowered = name.lower()
    return Draft(
        family="VAL",
        category="undefined-parameter",
        severity="critical",
        title=f"No value for the {lowered}",
        explanation=(
            f"The text relies on a {lowered}, but its value is stated neither here nor anywhere else in the document."
        ),
        spans=(span,),
        proposal=insert_after(document, span.end, " of {value} {unit}"),
        confidence=0.85,
        decision=(f"named limit {name!r}", "no quantity in the sentence", "no other place that gives its value"),
    )
