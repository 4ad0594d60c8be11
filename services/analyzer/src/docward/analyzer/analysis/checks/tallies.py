"""CON: numbers that do not add up: shares of a whole, days of a range, payments of a year, bases of a day count."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome
from docward.analyzer.analysis.quantities import number, quantities
from docward.analyzer.analysis.text import Caseless
from docward.events.ir import Span, Table

_SHARES = Caseless(r"\b(?:weight(?:ing)?s?|allocat\w+|shares?|proportions?|split\w*|divided|composition|percent\w*)\b")
_NO_SHARES = Caseless(
    r"\b(?:max\w*|min\w*|caps?|capped|limits?|floors?|range|change|return|volatility|largest|top|current|previous|"
    r"outstanding|threshold|participation|turnover|up to|at (?:most|least))\b"
)
_TOTAL = Caseless(r"^\W*(?:total|sum|all)\b")
_ADD_UP = Caseless(
    r"\b(?:add(?:s|ed)? up|sums?|total(?:s|ling)?|weighted (?:mean|average|sum)|split|allocated|weights|combination)\b"
)
_ITEM = r"(?:[A-Z][\w&.-]*(?:[ -][A-Z\d][\w&.-]*){0,3})\s\(?\d{1,3}(?:\.\d+)?\s?%\)?"
_PART = r"\d{1,3}(?:\.\d+)?\s?%\s(?:(?:goes|go|is|are)\s)?(?:for|to|into|in)\s(?:[a-z][\w-]*\s?){1,3}(?<!\s)"
_ITEMS = re.compile("|".join(rf"{one}(?:(?:,\s|,?\s(?:and|plus)\s){one})+" for one in (_ITEM, _PART)))
"""`Xetra 60 %, Euronext 40 %`, `80 % for training and 20 % for the test`."""
_NEARLY = (70.0, 130.0)
"""Percentages that are meant to be a whole come near it."""
_ROUNDING = 0.06
"""Percentage points per item that printed digits may hide."""

_DIGITS = r"\d[\d,]*(?:\.\d+)?"
_UNIT = r"\s?(?:%|bps?|[A-Za-z]+)?"
_NUMBER = re.compile(rf"(?P<number>{_DIGITS}){_UNIT}")
_INTERVAL = re.compile(rf"^\W*(?P<low>{_DIGITS}){_UNIT}\s?(?:[-–—]|to|\.\.+|…|,|and)\s?(?P<high>{_DIGITS}){_UNIT}\W*$")
_CHOSEN = Caseless(r"^\W*(?:defaults?|values?|settings?|current|initial|standard)\b")
_ALLOWED = Caseless(r"\b(?:range|allowed|permitted|admissible|bounds|min\w*\W{1,5}max\w*)\b")

_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth",
)  # fmt: skip
_ORDINAL = rf"(?:{'|'.join(_ORDINALS)})"
_RANGE = Caseless(
    rf"\bfrom\s(?:the\s)?(?P<first>{_ORDINAL})\s(?:[\w ]{{0,20}}\s)?(?:to|through|until)\s(?:the\s)?"
    rf"(?P<last>{_ORDINAL})\s(?:\w+\s)?days?\b"
)
_TAKES = Caseless(
    r"\b(?:takes?|lasts?|over|runs? (?:for|over)|spread over|spans?|within)\s(?:a period of\s)?(?P<count>\w+)\s"
    r"(?:\w+\s)?days\b"
)
_EVERY = Caseless(r"\bevery\s(?P<count>\w+)\s(?P<unit>hours?|months?|minutes?)\b")
_TIMES = Caseless(
    r"\b(?P<count>\w+)\s(?:times|payments?|fixings?|intervals?|rebalancings?|reviews?|periods|observations|settlements?)\s"
    r"(?:a|per|each|every)\s(?P<unit>day|year|hour)\b"
)
_FIT = {("hour", "day"): 24, ("month", "year"): 12, ("minute", "hour"): 60}
_DAY_COUNT = re.compile(r"\b(?:ACT(?:UAL)?|[Aa]ct(?:ual)?|30E?)\s?/\s?(?P<basis>360|365)\b")
_DIVISOR = re.compile(
    r"\\frac\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}\{\s*(?P<basis>360|365)\s*\}|/\s*(?P<basis2>360|365)(?!\d)"
)


def tallies(document: Document) -> Outcome:
    """Percentages of one whole that are not 100 in all, counts that differ from what they count."""
    drafts: list[Draft] = []
    examined: list[Span] = []
    for draft, clean in (*_columns(document), *_lists(document)):
        if draft is None:
            examined.append(clean)
        else:
            drafts.append(draft)
    drafts += [*_ranges(document), *_frequencies(document), *_day_counts(document), *_defaults(document)]
    return Outcome(tuple(drafts), tuple(examined))


def _columns(document: Document) -> Iterator[tuple[Draft | None, Span]]:
    for table in document.ir.tables:
        for column in range(1, len(table.header)):
            head = table.header[column].text
            if not _SHARES.search(head) or _NO_SHARES.search(f"{head} {table.caption or ''}"):
                continue
            rows = [row for row in table.rows if len(row) > column and not _TOTAL.match(row[0].text)]
            shares = [_share(row[column].text) for row in rows]
            if len(rows) < 2 or any(share is None for share in shares):
                continue
            total = sum(share for share in shares if share is not None)
            if _is_whole(total, len(shares)):
                yield None, table.span
            elif _NEARLY[0] <= total <= _NEARLY[1]:
                spans = (*_introduced(document, table), *(_row_span(document, row[0].span) for row in rows))
                yield _not_whole(document, spans, total, head), table.span


def _share(text: str) -> float | None:
    found = quantities(text)
    return found[0].value if len(found) == 1 and found[0].dimension == "percent" and "%" in text else None


def _is_whole(total: float, items: int) -> bool:
    return abs(total - 100) <= _ROUNDING * items


def _row_span(document: Document, span: Span) -> Span:
    sentence = document.sentence_at(span.start)
    return sentence.span if sentence else span


def _introduced(document: Document, table: Table) -> Iterator[Span]:
    """Sentences of the section that speak of the whole: `The weights add up to 100 %.`"""
    section = document.section_at(table.span.start)
    for sentence in document.section_bodies.get(section.id if section else "", ()):
        if sentence.kind != "row" and _ADD_UP.search(sentence.text):
            yield sentence.span


def _lists(document: Document) -> Iterator[tuple[Draft | None, Span]]:
    for sentence in document.body:
        if sentence.kind == "row":
            continue
        match = _ITEMS.search(sentence.text)
        if match is None or not _SHARES.search(f"{sentence.text} {sentence.lead}"):
            continue
        shares = [q.value for q in quantities(match.group()) if q.dimension == "percent"]
        total = sum(shares)
        if _is_whole(total, len(shares)):
            yield None, sentence.span
        elif _NEARLY[0] <= total <= _NEARLY[1] and not _NO_SHARES.search(sentence.text):
            yield _not_whole(document, (sentence.span,), total, match.group()[:40]), sentence.span


def _not_whole(document: Document, spans: tuple[Span, ...], total: float, what: str) -> Draft:
    del document
    return Draft(
        family="CON",
        category="inconsistent-content",
        severity="critical",
        title=f"The shares add up to {total:g} %, not to 100 %",
        explanation=(
            f"“{what.strip()}” divides one whole, but the parts come to {total:g} %. Either a part is missing, or one "
            "of the numbers is wrong."
        ),
        spans=spans,
        confidence=0.85,
        decision=(f"sum of {what.strip()!r}", f"{total:g} % in all"),
    )


def _ranges(document: Document) -> Iterator[Draft]:
    """`from the fifth to the ninth business day` are five days, whatever the section says beside it."""
    for sentences in document.section_bodies.values():
        found = next(((s, m) for s in sentences if (m := _RANGE.search(s.text))), None)
        if found is None:
            continue
        days = _ORDINALS.index(found[1]["last"].lower()) - _ORDINALS.index(found[1]["first"].lower()) + 1
        for sentence in sentences:
            for match in _TAKES.finditer(sentence.text):
                stated = number(match["count"])
                if sentence is not found[0] and stated is not None and stated != days:
                    yield _miscounted(found[0], sentence, f"{days} days", f"{match['count']} days")


def _defaults(document: Document) -> Iterator[Draft]:
    """A row whose value lies outside the range that a column of its own gives."""
    for sentence in document.body:
        if sentence.kind != "row":
            continue
        value = next((cell.text for column, cell in sentence.cells[1:] if _CHOSEN.search(column)), "")
        bounds = next((cell.text for column, cell in sentence.cells[1:] if _ALLOWED.search(column)), "")
        chosen, ends = _NUMBER.fullmatch(value.strip()), _INTERVAL.search(bounds)
        if chosen and ends and not _plain(ends["low"]) <= _plain(chosen["number"]) <= _plain(ends["high"]):
            yield _outside(sentence, value.strip(), bounds.strip())


def _plain(digits: str) -> float:
    return float(digits.replace(",", ""))


def _outside(sentence: Sentence, value: str, bounds: str) -> Draft:
    return Draft(
        family="NUM",
        category="inconsistent-content",
        severity="high",
        title=f"{value} lies outside its range {bounds}"[:120],
        explanation=f"The row gives {value} as the value and {bounds} as the range that it must lie in.",
        spans=(sentence.span,),
        confidence=0.9,
        decision=(f"value {value}", f"range {bounds}"),
    )


def _frequencies(document: Document) -> Iterator[Draft]:
    """`every eight hours` is three times a day."""
    for sentences in document.section_bodies.values():
        every = [(s, m) for s in sentences for m in _EVERY.finditer(s.text)]
        times = [(s, m) for s in sentences for m in _TIMES.finditer(s.text)] if every else []
        for sentence, match in times:
            stated = number(match["count"])
            for other, interval in every:
                unit = interval["unit"].lower().rstrip("s")
                whole, length = _FIT.get((unit, match["unit"].lower())), number(interval["count"])
                if whole and length and stated is not None and abs(stated * length - whole) > 1e-9:
                    yield _miscounted(other, sentence, interval.group(), match.group())


def _miscounted(one: Sentence, other: Sentence, first: str, second: str) -> Draft:
    spans = (one.span,) if one is other else tuple(s.span for s in sorted((one, other), key=lambda s: s.start))
    return Draft(
        family="CON",
        category="inconsistent-content",
        severity="high",
        title=f"{first[:40].capitalize()} against {second[:40]}",
        explanation=f"One place comes to {first}, the other says {second}; both cannot hold.",
        spans=spans,
        confidence=0.8,
        decision=("counts that differ", f"{first} against {second}"),
    )


def _day_counts(document: Document) -> Iterator[Draft]:
    """The basis that the text names, against the one by which a formula divides."""
    named = [(s, m["basis"]) for s in document.body if (m := _DAY_COUNT.search(s.text))]
    bases = {basis for _, basis in named}
    if len(bases) != 1:
        return
    for formula in document.ir.formulas:
        match = _DIVISOR.search(formula.latex or formula.text)
        basis = (match["basis"] or match["basis2"]) if match else None
        if basis and basis not in bases:
            yield Draft(
                family="CON",
                category="inconsistent-content",
                severity="high",
                title=f"A year of {basis} days in the formula, of {named[0][1]} in the text",
                explanation="The formula divides by another number of days than the named day count convention.",
                spans=(named[0][0].span, formula.span),
                confidence=0.85,
                decision=("day count", f"{named[0][1]} against {basis}"),
            )
