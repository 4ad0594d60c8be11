"""Quantities in prose and tables: value, dimension, unit, comparison.

Values are normalised per dimension so that they can be compared: `time` and `cadence` in seconds, `money` in units of
the currency, `percent` and `bp` both in percent, `rate` per second, `multiple` as a factor. A bare number has the
dimension `number`; a number that only numbers something (a section, an article, a version, `REQ-503`) is no quantity.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60,
    "ninety": 90, "hundred": 100,
}  # fmt: skip
_NUMBER = r"(?:\d{1,3}(?:[,\u00a0\u202f\x20]\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_ANY_NUMBER = rf"(?:{_NUMBER}|\b(?:{'|'.join(_WORDS)})\b)"
_CURRENCY = r"(?:EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|AUD|CAD|HKD|SGD|PLN|€|\$|£|¥)"
_CURRENCY_WORD = r"(?:euros?|dollars?|pounds?)"
_SCALE = r"(?:thousand|million|billion|mn|bn|k|m|M|K)"
_EVENTS = (
    r"(?:orders?|messages?|requests?|quotes?|updates?|trades?|amendments?|cancellations?|executions?|submissions?)"
)
_TIME = {
    "us": 1e-6, "µs": 1e-6, "microsecond": 1e-6, "ms": 1e-3, "millisecond": 1e-3, "s": 1, "sec": 1, "second": 1,
    "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "day": 86400, "week": 604800, "month": 2629800,
    "quarter": 7889400, "year": 31557600,
}  # fmt: skip
_TIME_UNIT = (
    r"(?:(?:trading|business|calendar|working|exchange|index|banking|consecutive|full|successive|"
    r"complete)[\s-]+)?(?:microseconds?|milliseconds?|seconds?|minutes?|hours?|days?|weeks?|months?|quarters?|years?|"
    r"secs?|mins?|hrs?|(?-i:µs|us|ms|s|h))\b"
)
_CADENCE = {
    "hourly": 3600, "daily": 86400, "weekly": 604800, "monthly": 2629800, "quarterly": 7889400,
    "semi-annually": 15778800, "semiannually": 15778800, "semi-annual": 15778800, "half-yearly": 15778800,
    "annually": 31557600, "yearly": 31557600, "annual": 31557600,
}  # fmt: skip
_COUNTED = (
    r"(?:shares|contracts|lots|orders|stocks|constituents|securities|instruments|companies|names|positions|"
    r"components|decimal\splaces|decimals|ticks|observations|attempts|venues|members|trades|messages|levels|bars|"
    r"significant\sdigits)"
)

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_MONTHS = {name.lower()[:3]: number for number, name in enumerate(_MONTH.strip("(?:)").split("|"), 1)}
_GRAMMAR = re.compile(
    rf"""
    (?:(?<![^\W\d_])(?=[^\W\d_])|(?-i:(?<![A-Z]-))(?=[\d€$£¥])) (?:
      (?P<money>{_CURRENCY}\s?(?P<m1>{_NUMBER})(?:\s?(?P<s1>{_SCALE})\b)?
        |(?P<m2>{_NUMBER})\s?(?:(?P<s2>{_SCALE})\s?)?(?:{_CURRENCY}|{_CURRENCY_WORD})(?!\w))
    | (?P<rate>(?P<r1>{_ANY_NUMBER})\s?{_EVENTS}\s?(?:per|/|a|each)\s?(?P<ru>second|sec|s|minute|min|hour|h|day)\b)
    | (?P<percent>(?P<p1>{_NUMBER})\s?(?:%|\\%|per\s?cent\b|percentage\spoints?\b))
    | (?P<bp>(?P<b1>{_NUMBER})\s?(?:bps?|basis[\s-]points?)\b)
    | (?P<every>\b(?:every|each)\s(?:(?P<e1>{_ANY_NUMBER})\s)?(?P<eu>{_TIME_UNIT}))
    | (?P<once>\b(?:at\sleast\s)?once\s(?:an?|per|each|every)\s(?P<ou>second|minute|hour|day|week|month|quarter|year)\b)
    | (?P<cadence>\b(?:{"|".join(_CADENCE)})\b)
    | (?P<clock>\b(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?:\.\d+)?(?:\s?[ap]\.?m\b\.?)?
        |\b(?:1[0-2]|[1-9])\s?[ap]\.?m\b\.?)
    | (?P<date>\b\d{{4}}-\d{{2}}-\d{{2}}\b|\b\d{{1,2}}\s{_MONTH}\s\d{{4}}\b|\b{_MONTH}\s(?:\d{{1,2}},\s)?\d{{4}}\b)
    | (?P<sigma>(?P<g1>{_ANY_NUMBER})\s?(?:standard\sdeviations?|sigmas?|σ))
    | (?P<time>(?P<t1>{_ANY_NUMBER})[\s-]?(?P<tu>{_TIME_UNIT}))
    | (?P<multiple>(?P<x1>{_NUMBER})\s?(?:x\b|×(?!\s?[\w(\\])|times\b)|\b(?P<x2>twice|double)\b)
    | (?P<count>(?P<c1>{_ANY_NUMBER})\s(?:\w+\s)?{_COUNTED}\b)
    | (?P<number>(?<![\w.])(?P<n1>{_NUMBER})(?!\w)(?!\.\d)))
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NO_QUANTITY = re.compile(
    r"(?:sections?|sec\.|§+|articles?|arts?\.|tables?|figures?|appendix|annex|equations?|rts|rules?|version|release|"
    r"chapter|step|regulation|directive|no\.|paragraph|par\.|part|page|ss|iso|level|layer|tier|phase|"
    r"v)[\s\u00a0]*\(?$",
    re.IGNORECASE,
)
_AT_LEAST = r"not (?:be )?(?:less|fewer|lower|smaller) than|at least|no less than|minimum(?: of)?|not below|≥|>=|\\geq?"
_AT_MOST = (
    r"not (?:to )?exceed(?:ing|s)?|(?:no|not) (?:more|later|longer|greater) than|at most|up to|maximum(?: of)?|"
    r"within|capped at|limited to|not above|≤|<=|\\leq?"
)
_MORE = r"(?:more|greater|higher|larger|longer|later|older) than|above|exceed(?:s|ing)?|over|>"
_LESS = r"(?:less|fewer|lower|smaller|shorter) than|below|under|<"
_COMPARATORS = tuple(
    (re.compile(rf"(?:{words})\s*$", re.IGNORECASE), sign)
    for words, sign in ((_AT_LEAST, ">="), (_AT_MOST, "<="), (_MORE, ">"), (_LESS, "<"))
)
_CURRENCY_NAMES = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "euro": "EUR", "dollar": "USD", "pound": "GBP"}


@dataclass(frozen=True, slots=True)
class Quantity:
    start: int
    end: int
    text: str
    dimension: str
    value: float
    unit: str
    comparator: str = ""


def quantities(text: str, offset: int = 0) -> tuple[Quantity, ...]:
    """All quantities of a sentence or cell, left to right; `offset` is where it stands in the document."""
    found = []
    for match in _GRAMMAR.finditer(text):
        dimension = _dimension(match)
        if dimension in {"number", "count"} and _NO_QUANTITY.search(text[max(0, match.start() - 14) : match.start()]):
            continue
        value, unit = _READERS[dimension](match)
        kind = {"every": "cadence", "once": "cadence", "bp": "percent"}.get(dimension, dimension)
        found.append(
            Quantity(
                match.start() + offset, match.end() + offset, match.group(), kind, value, unit, _comparator(text, match)
            )
        )
    return tuple(found)


def parse(text: str) -> Quantity:
    """One quantity, as packs write bounds: `5 s`, `12 months`, `2x`. Raises ValueError when it is none."""
    found = quantities(text)
    if len(found) != 1:
        raise ValueError(f"{text!r} is not one quantity")
    return found[0]


_ORDER = (
    "money", "rate", "percent", "bp", "every", "once", "cadence", "clock", "date", "sigma", "time", "multiple", "count",
    "number",
)  # fmt: skip


def _dimension(match: re.Match[str]) -> str:
    return next(name for name in _ORDER if match.group(name) is not None)


def _comparator(text: str, match: re.Match[str]) -> str:
    before = text[max(0, match.start() - 30) : match.start()]
    return next((sign for pattern, sign in _COMPARATORS if pattern.search(before)), "")


def number(text: str) -> float | None:
    """`eight`, `8`; None for what is no number."""
    return _number(text) if text.lower() in _WORDS or re.fullmatch(_NUMBER, text) else None


def _number(text: str) -> float:
    word = _WORDS.get(text.lower())
    return float(word) if word is not None else float(re.sub(r"[,\s\u00a0\u202f]", "", text))


def _money(match: re.Match[str]) -> tuple[float, str]:
    number, scale = (match["m1"], match["s1"]) if match["m1"] else (match["m2"], match["s2"])
    factor = {"k": 1e3, "t": 1e3, "m": 1e6, "b": 1e9}[scale[0].lower()] if scale else 1
    code = re.search(rf"{_CURRENCY}|{_CURRENCY_WORD}", match.group(), re.IGNORECASE)
    unit = code.group().lower().rstrip("s") if code else ""
    return _number(number) * factor, _CURRENCY_NAMES.get(unit, unit.upper())


def _seconds(unit: str) -> tuple[float, str]:
    words = re.split(r"[\s-]+", unit.lower())
    base = words[-1] if words[-1] in _TIME else words[-1].rstrip("s")
    return float(_TIME[base]), " ".join([*words[:-1], base])


def _time(match: re.Match[str]) -> tuple[float, str]:
    seconds, unit = _seconds(match["tu"])
    return _number(match["t1"]) * seconds, unit


def _every(match: re.Match[str]) -> tuple[float, str]:
    seconds, unit = _seconds(match["eu"])
    return (_number(match["e1"]) if match["e1"] else 1) * seconds, unit


def _ordinal(text: str) -> float:
    """Days, so that dates compare; a month without a day counts from its first."""
    year = re.search(r"\d{4}", text)
    month = re.search(_MONTH, text, re.IGNORECASE)
    if year is None or month is None:
        parts = [int(part) for part in text.split("-")]
        return float(parts[0] * 372 + parts[1] * 31 + parts[2])
    day = re.search(r"\b\d{1,2}\b", text)
    return float(int(year.group()) * 372 + _MONTHS[month.group()[:3].lower()] * 31 + (int(day.group()) if day else 1))


def _clock(match: re.Match[str]) -> tuple[float, str]:
    parts = re.findall(r"\d+", match.group())
    hours, text = int(parts[0]), match.group().lower()
    if "m" in text:
        hours = hours % 12 + (12 if "p" in text else 0)
    return hours * 3600 + (int(parts[1]) * 60 if len(parts) > 1 else 0), "clock"


_READERS: dict[str, Callable[[re.Match[str]], tuple[float, str]]] = {
    "money": _money,
    "rate": lambda m: (_number(m["r1"]) / _seconds(m["ru"])[0], "per second"),
    "percent": lambda m: (_number(m["p1"]), "%"),
    "bp": lambda m: (_number(m["b1"]) / 100, "bp"),
    "every": _every,
    "once": lambda m: (_TIME[m["ou"]], m["ou"]),
    "cadence": lambda m: (_CADENCE[m.group().lower()], m.group().lower()),
    "clock": _clock,
    "date": lambda m: (_ordinal(m.group()), "date"),
    "sigma": lambda m: (_number(m["g1"]), "standard deviation"),
    "time": _time,
    "multiple": lambda m: (_number(m["x1"]) if m["x1"] else 2.0, "x"),
    "count": lambda m: (_number(m["c1"]), m.group().split()[-1].lower().rstrip("s")),
    "number": lambda m: (_number(m["n1"]), ""),
}
