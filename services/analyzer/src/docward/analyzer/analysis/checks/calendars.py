"""CAL: days without a calendar, times without a zone, dates without a rule for holidays."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, insert_after, sub_span
from docward.analyzer.analysis.text import Caseless
from docward.events.ir import Span

_DAY = Caseless(r"\b(?P<kind>business|trading|banking|working|exchange|index)[\s-]days?\b")
_NAMED_CALENDAR = re.compile(
    r"\b(?:NYSE|NASDAQ|Nasdaq|LSE|Xetra|XETRA|Euronext|TARGET2?|T2|XN[A-Z]{2}|X[A-Z]{3}|CME|TSE|JPX|HKEX|SGX|ASX|SIX|"
    r"Eurex|London Stock Exchange|New York Stock Exchange|Tokyo Stock Exchange)\b",
)
_CALENDAR_RULE = Caseless(
    r"\b(?:calendars?\b.{0,60}\b(?:of|publish\w*|by|according)|according to the (?:\w+ )?calendar|holidays?)\b"
)
_ACCORDING = Caseless(r"\baccording to (?:the|its|that|their) [\w ]{0,30}\bcalendars?\b")
_TRADING_CALENDAR = Caseless(r"\b(?:trading|exchange|holiday) calendars? of (?:the|that|its|each)\b")
_WEEKDAY = Caseless(r"\b(?P<rule>(?:first|second|third|fourth|last)\s(?:Monday|Tuesday|Wednesday|Thursday|Friday))\b")
_HOLIDAY_RULE = Caseless(
    r"\b(?:holidays?|not an? (?:\w+ )?(?:business|trading|exchange) day|next (?:\w+ )?(?:business|trading) day|"
    r"(?:preceding|previous|following) (?:\w+ )?(?:business|trading) day|"
    r"(?:is|are) (?:closed|not open)|day (?:before|after))\b"
)
_ZONE = re.compile(
    r"\b(?:UTC|GMT|CES?T|[ECMP]?[SD]?T(?<=[EPCM][T]|[SD]T)|BST|JST|HKT|SGT|IST|AEST|AEDT|Zulu)\b|\b(?:Europe|America|"
    r"Asia|Australia|Africa|Pacific|Etc)/\w+|\b[A-Z][a-z]+(?:\s[A-Z][a-z]+)?\s(?:local )?time\b|\b(?:local|exchange|"
    r"eastern|central european)(?: standard| exchange)? time\b|\btime ?zone\b|"
    r"(?<=[ap]\.m\. )[A-Z]\w+(?: [A-Z]\w+)? fix",
)
_ALL_TIMES = Caseless(
    r"^\W*(?:clock )?times (?:of day )?are (?:in )?[\w/ ]{0,30}\b(?:time|UTC|GMT|CES?T)\b|"
    r"\b(?:all|the) (?:\w+ )?times (?:\w+ ){0,4}(?:are|is|refer|in)\b|\btimes are (?:given|stated|expressed|"
    r"quoted)?\s?in\b"
)
_EVENT_TIME = Caseless(
    r"\b(?:at|after|before|of|by)\s(?:the\s)?(?P<event>market (?:close|open)|end of (?:each |the )?(?:trading )?day|"
    r"close of (?:business|trading)|fixing time|market hours)\b|\bis (?P<event2>end of day)\b"
)
_SIMULTANEOUS = Caseless(
    r"\b(?:all|every) markets?\b[^.]{0,40}\b(?:simultaneous\w*|at the same time)|"
    r"\bsimultaneous\w*[^.]{0,40}\bmarkets?\b"
)
_NOON = Caseless(r"\bat (noon|midday|midnight)\b")
_ISO_DURATION = Caseless(r"\b\d{1,2}:\d{2}\s?(?:minutes|hours|ratio)\b|\b\d+:\d+\s(?:split|ratio)|ratio of \d+:\d+")


_HOLIDAYS = Caseless(r"\b(?:on|in case of|except) (?:public |bank |national |all )?holidays?\b")
_OF_A_PLACE = re.compile(
    r"\bholidays?\b[^.;]{0,25}\b(?:of|in|on|at|for) (?:the )?[A-Z]|"
    r"\b[A-Z][\w&.]+ (?:public |bank |market )?holidays?\b|"
    r"\bcalendars?\b|\bsections?\b"
)
_ONE_OF_THEM = Caseless(
    r"\b(?:one|any|some) of the (?:relevant )?(?:markets|exchanges|venues)(?: \w+)? (?:is|are) "
    r"(?:closed|not open|on holiday)\b"
)
_MOVED = Caseless(
    r"\b(?:holiday|closed(?=[^.;]*\b(?:days?|dates?|roll|review|rebalanc\w+|fixing|expiry)\b[^.;]*\bmove)|"
    r"not an? (?:\w+ )?day|no (?:\w+ )?(?:day|trading))\b[^.;]{0,60}\b"
    r"(?:moves?|(?:is|are) (?:moved|postponed|shifted|delayed|deferred|brought forward))\b"
)
_DAYS_BEFORE = Caseless(
    r"\b(?:\d+|two|three|four|five|six|seven|ten)\sdays\s(?:before|after|prior to|following|"
    r"ahead of)\s(?:the\s)?(?:\w+[ -]){0,2}"
    r"(?:expir\w+|maturity|notice|dates?|review|rebalanc\w+|roll|settlement|announcement|ex-date)"
)
_DAYS_ARE = Caseless(r"\bdays (?:are|means?|refers? to)\b|[\"“]days?[\"”]")
_TO_WHICH = " to the {next or previous} {day}"
_TO_A_DAY = Caseless(
    r"\b(?:next|following|preceding|previous|prior|same|last|first|nearest|day before|day after|until|by (?:one|a)|"
    r"to (?:the|an?))\b"
)


def business_calendars(document: Document) -> Outcome:
    drafts, examined = [], []
    for kind, spans in _undefined_days(document).items():
        drafts.append(_no_calendar(document, kind, spans))
    defined = {sentence.span for sentence in document.body if _DAY.search(sentence.text)} if not drafts else set()
    examined.extend(sorted(defined, key=lambda span: span.start)[:3])
    if not any(_HOLIDAY_RULE.search(s.text) or _CALENDAR_RULE.search(s.text) for s in document.body):
        dated = [(s, m) for s in document.body if (m := _WEEKDAY.search(s.text)) and s.kind != "row"]
        if dated:
            drafts.append(_no_holiday_rule(document, *dated[0], others=dated[1:3]))
    drafts.extend(_loose_days(document))
    drafts.extend(_which_days(document))
    drafts.extend(_impossible(s, m) for s in document.body if (m := _SIMULTANEOUS.search(s.text)))
    return Outcome(tuple(drafts), tuple(examined))


def _loose_days(document: Document) -> Iterator[Draft]:
    """Holidays of no place, a market of several that nobody names, a day that moves to no other day."""
    named = any(_NAMED_CALENDAR.search(s.text) and _SOURCE_OF_DAYS.search(s.text) for s in document.body)
    named = named or any(_ACCORDING.search(s.text) for s in document.body)
    for sentence in document.body:
        if sentence.kind == "row":
            continue
        if not named and not _OF_A_PLACE.search(sentence.text) and (match := _HOLIDAYS.search(sentence.text)):
            yield _loose(document, sentence, match, "Holidays of which place is not stated", " of {place or exchange}")
        elif match := _ONE_OF_THEM.search(sentence.text):
            yield _loose(document, sentence, match, "Which of the markets is meant is not stated", " ({markets})")
        elif (match := _MOVED.search(sentence.text)) and not _TO_A_DAY.search(sentence.text):
            yield _loose(
                document, sentence, match, "To which day it moves is not stated", " to the {next or previous} {day}"
            )


def _which_days(document: Document) -> list[Draft]:
    """`five days before expiry`: calendar days or trading days, where the document says neither anywhere."""
    if _DAYS_ARE.search(document.body_text):
        return []
    found = [(s, m) for s in document.body if s.kind != "row" and (m := _DAYS_BEFORE.search(s.text))]
    title = "Calendar days or trading days is not stated"
    return [_loose(document, s, m, title, " ({calendar or trading} days)") for s, m in found[:2]]


def _loose(document: Document, sentence: Sentence, match: re.Match[str], title: str, proposal: str) -> Draft:
    span = sub_span(sentence, match)
    return Draft(
        family="CAL",
        category="market-calendar",
        severity="medium",
        title=title,
        explanation=f"“{match.group()}” depends on a calendar or a rule that the document does not give.",
        spans=(sentence.span,),
        proposal=insert_after(document, span.end, proposal),
        confidence=0.75,
        decision=(title, f"words {match.group()!r}"),
    )


_OF_THE_OFFICE = Caseless(
    r"\b(?:complaints?|incidents?|(?:is|are) (?:tested|reported|answered|trained)|tested on|replay(?:ed)?|"
    r"questions (?:is|are)|pilot(?:ed)?)\b"
)
"""Deadlines of people and lengths of tests, by which nothing is computed."""


def _undefined_days(document: Document) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    defined = {kind.lower() for kind in _defined_days(document)}
    for sentence in document.body:
        for match in _DAY.finditer(sentence.text):
            kind = match["kind"].lower()
            if _OF_THE_OFFICE.search(sentence.text):
                continue
            if kind in defined or _NAMED_CALENDAR.search(sentence.text) or _CALENDAR_RULE.search(sentence.text):
                continue
            if _HOLIDAY_RULE.search(sentence.text) and found.get(kind):
                continue
            found.setdefault(kind, []).append(sub_span(sentence, match))
    return found


def _defined_days(document: Document) -> set[str]:
    """Kinds of day that the document defines, or for all of which it names the calendar."""
    kinds = {
        m["kind"].lower()
        for s in document.body
        for m in _DAY.finditer(s.text)
        if _NAMED_CALENDAR.search(s.text[max(0, m.start() - 25) : m.start()])
    }
    kinds |= {m["kind"].lower() for s in document.body if _ACCORDING.search(s.text) for m in _DAY.finditer(s.text)}
    if any(_TRADING_CALENDAR.search(s.text) for s in document.body):
        kinds |= {"trading", "exchange"}
    for definition in document.ir.definitions:
        match = _DAY.search(definition.term)
        if match:
            kinds.add(match["kind"].lower())
    for sentence in document.body:
        label = sentence.cells[0][1].text if sentence.cells else sentence.text
        for match in _DAY.finditer(label):
            after = sentence.text[match.end() :]
            if (sentence.cells and len(label) < 30) or re.match(
                r"[\"”*]*\s*(?:means|is (?:a|any) day|is defined|refers? to|are (?:those|days)|:)", after
            ):
                kinds.add(match["kind"].lower())
    return kinds


def _no_calendar(document: Document, kind: str, spans: list[Span]) -> Draft:
    return Draft(
        family="CAL",
        category="market-calendar",
        severity="high",
        title=f"“{kind} day” without a calendar",
        explanation=(
            f"Dates depend on {kind} days, but the document neither defines the term nor names the calendar "
            "(exchange, country, payment system) that decides which days count and how holidays and half days are "
            "treated."
        ),
        spans=tuple(spans[:5]),
        proposal=insert_after(document, spans[0].end, " (according to the {calendar} calendar)"),
        decision=(f"{kind} day", "no definition of the term", "no calendar in the sentence"),
    )


def _no_holiday_rule(
    document: Document, sentence: Sentence, match: re.Match[str], others: list[tuple[Sentence, re.Match[str]]]
) -> Draft:
    span = sub_span(sentence, match)
    return Draft(
        family="CAL",
        category="market-calendar",
        severity="medium",
        title=f"No holiday rule for the {match.group().lower()}",
        explanation=(
            f"The {match.group().lower()} can be a holiday on a relevant market; the document does not say which day "
            "is used then."
        ),
        spans=(span, *(sub_span(s, m) for s, m in others)),
        proposal=insert_after(
            document, span.end, " (or, where it is a holiday on {calendar}, the {next or previous} trading day)"
        ),
        confidence=0.75,
        decision=("date by weekday", "no rule for holidays in the document"),
    )


def _impossible(sentence: Sentence, match: re.Match[str]) -> Draft:
    return Draft(
        family="CAL",
        category="market-calendar",
        severity="critical",
        title="Several markets at the same time",
        explanation=(
            "Markets in different time zones have no common opening hours; acting on all of them at once needs an "
            "order and a time for each."
        ),
        spans=(sub_span(sentence, match),),
        confidence=0.75,
        decision=("several markets", "simultaneous"),
    )


_PLACES = {
    "Tokyo": 9, "Seoul": 9, "Hong Kong": 8, "Shanghai": 8, "Singapore": 8, "Taipei": 8, "Sydney": 10, "Mumbai": 5.5,
    "London": 0, "Paris": 1, "Frankfurt": 1, "Amsterdam": 1, "Milan": 1, "Madrid": 1, "Zurich": 1, "Stockholm": 1,
    "New York": -5, "Chicago": -6, "Toronto": -5, "Sao Paulo": -3,
}  # fmt: skip
"""Cities of exchanges and their standard offset from UTC in hours: enough to see that they have no common day."""
_PLACE = re.compile(rf"\b(?:{'|'.join(_PLACES)})\b(?! time)")
_ORDER = {city: number for number, city in enumerate(_PLACES)}
_TRADING = Caseless(r"\b(?:trad(?:e|es|ed|ing)|markets?|orders?|equities|exchanges?|close|open)\b")
_OPEN_POINTS = (
    (
        "holidays",
        Caseless(r"\b(?:holidays?|calendars?)\b"),
        "A day can be a holiday on one of the markets only; nothing says what is computed and traded then.",
        " When one of the markets is closed for a holiday, {rule for signals and orders}.",
    ),
    (
        "half days",
        Caseless(r"\b(?:half[- ]days?|early close|shortened|half sessions?)\b"),
        "Sessions before holidays end earlier on some of the markets; nothing says which price and time count then.",
        " On days with a shortened session of a market, {rule}.",
    ),
    (
        "time zones and summer time",
        Caseless(r"\b(?:UTC|time ?zones?|summer time|daylight|local time)\b|\d:\d\d"),
        "The markets lie in different time zones, some with summer time; no time is stated in any of them.",
        " All times are in {time zone}; the session of each market runs from {time} to {time}.",
    ),
    (
        "halts",
        Caseless(r"\b(?:halts?|halted|suspen\w+|interrupt\w+|circuit breakers?)\b"),
        "Trading can be halted on one of the markets while it goes on in the others; nothing says what happens then.",
        " When trading is halted on a market, {rule for its signals and orders}.",
    ),
)

_SOURCE_OF_DAYS = Caseless(r"\b(?:calendars?|holidays?)\b")


def several_markets(document: Document) -> Outcome:
    """Markets without a common day need a rule for holidays, half days, clocks and halts."""
    found = next(((s, m) for s in document.body if len(m := _cities(s)) > 1), None)
    if found is None:
        return Outcome()
    sentence, cities = found
    drafts, examined = [], []
    for name, answer, explanation, proposal in _OPEN_POINTS:
        if any(answer.search(other.text) for other in document.body):
            examined.append(sentence.span)
            continue
        where = next((s for s in document.body if s.start > sentence.start and _TRADING.search(s.text)), sentence)
        drafts.append(
            Draft(
                family="CAL",
                category="market-calendar",
                severity="high",
                title=f"No rule for {name} of several markets",
                explanation=explanation,
                spans=(where.span,),
                proposal=insert_after(document, where.end, proposal),
                confidence=0.7,
                decision=(f"markets without a common day: {', '.join(cities)}", f"no rule for {name} in the document"),
            )
        )
    if not any(_SOURCE_OF_DAYS.search(other.text) for other in document.body):
        drafts.append(_no_source_of_calendars(document, cities))
    return Outcome(tuple(drafts), tuple(examined))


def _no_source_of_calendars(document: Document, cities: list[str]) -> Draft:
    return Draft(
        family="SRC",
        category="data-source-unspecified",
        severity="medium",
        title="No source of the calendars of several markets",
        explanation=(
            f"{', '.join(cities)} have calendars of their own; where the days and hours of trading are taken from is "
            "not stated."
        ),
        searched=document.all_sections,
        confidence=0.7,
        decision=(f"markets without a common day: {', '.join(cities)}", "no calendar of an exchange in the document"),
    )


def _cities(sentence: Sentence) -> list[str]:
    """Cities of a sentence about trading, when at least two of them lie two hours or more apart."""
    named = sorted(dict.fromkeys(_PLACE.findall(sentence.text)), key=_ORDER.__getitem__)
    offsets = [_PLACES[city] for city in named]
    return named if offsets and max(offsets) - min(offsets) >= 2 and _TRADING.search(sentence.text) else []


def states_zone(document: Document) -> bool:
    """Whether the document says in which zone all times are."""
    return any(_ALL_TIMES.search(sentence.text) for sentence in document.body)


def time_zones(document: Document) -> Outcome:
    if states_zone(document):
        return Outcome(examined=tuple(s.span for s in document.body if _ALL_TIMES.search(s.text)))
    drafts, examined = [], []
    times_stated = False
    for sentence in document.body:
        clocks = [(q.start, q.end) for q in sentence.quantities if q.dimension == "clock"]
        clocks += [(sentence.start + m.start(1), sentence.start + m.end(1)) for m in _NOON.finditer(sentence.text)]
        if not clocks or _ISO_DURATION.search(sentence.text):
            continue
        times_stated = True
        if _ZONE.search(document.text[sentence.start : sentence.end]):
            examined.append(sentence.span)
        else:
            drafts.append(_no_zone(document, Span(start=clocks[0][0], end=clocks[0][1])))
    if not times_stated:
        drafts.extend(_no_time(document, s, m) for s in document.body if (m := _EVENT_TIME.search(s.text)))
    return Outcome(tuple(drafts[:5]), tuple(examined))


def _no_zone(document: Document, span: Span) -> Draft:
    clock = document.text[span.start : span.end]
    return Draft(
        family="CAL",
        category="market-calendar",
        severity="medium",
        title=f"{clock} has no time zone",
        explanation=(
            f"The time {clock} is given without a time zone, and the document does not say in which zone all times are."
        ),
        spans=(span,),
        proposal=insert_after(document, span.end, " {time zone}"),
        decision=(f"time {clock!r}", "no time zone in the sentence", "no rule for all times"),
    )


def _no_time(document: Document, sentence: Sentence, match: re.Match[str]) -> Draft:
    event = match["event"] or match["event2"]
    group = "event" if match["event"] else "event2"
    span = sub_span(sentence, match, group)
    return Draft(
        family="CAL",
        category="market-calendar",
        severity="medium",
        title=f"“{event}” has no time and no zone",
        explanation=f"“{event}” depends on the market; the document gives no time, time zone or session.",
        spans=(span,),
        proposal=insert_after(document, span.end, " ({time} {time zone})"),
        confidence=0.75,
        decision=(f"event {event!r}", "no time of day in the document"),
    )
