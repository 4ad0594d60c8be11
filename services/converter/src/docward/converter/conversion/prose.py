"""Words of a document: without Markdown marks, as sentences with spans, and quantities with units."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.events.ir import ParameterKind

LINK = re.compile(r"!?\[([^\]\[]*)\](?:\([^()\n]*(?:\([^()\n]*\)[^()\n]*)*\)|\[[^\]\n]*\])")
STARS = re.compile(r"(?<!\\)(\*{1,3})(?=[^\s*])((?:[^*\\]|\\.)+?)(?<=\S)\1", re.DOTALL)
UNDERSCORES = re.compile(r"(?<![\w\\])(_{1,3})(?=[^\s_])((?:[^_\\]|\\.|(?<=\w)_(?=\w))+?)(?<=\S)\1(?!\w)", re.DOTALL)
STRUCK = re.compile(r"(?<![\\~])(~~)(?=[^\s~])([^~]+?)(?<=\S)\1(?!~)")
CODE = re.compile(r"(?<![`\\])(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
NOTE = re.compile(r"\[\^[^\]\s]+\]")
MATH = re.compile(r"(\$\$?)(?=\S)([^$\n]+?)(?<=\S)\1(?!\d)")
ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
CONTAINER = re.compile(r"^[ \t]*(?:>[ \t]?|#{1,6}[ \t]+|[-*+][ \t]+|\d{1,9}[.)][ \t]+)*")
STOP = re.compile(
    r"[.!?:;][\"”’)\]*_]*(?=\s+[\"“‘(\[*_`$]*[A-Z0-9])|\n(?=[ \t]*(?:>|[-*+][ \t]|\d{1,3}[.)][ \t]))|\n\n"
)
ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|cf|approx|incl|excl|resp|Inc|Ltd|Corp|Co|No|Nos|Eq|Eqs|Sec|Secs|Fig|Figs|Art|App|Ch|Mr|Ms"
    r"|Dr|St|U\.S|a\.m|p\.m|etc)|\b[A-Z])\.$"
)

BETWEEN = re.compile(r"[\s\-‐–—_]+")
MARKS = re.compile(r"[\[`$*_\\~]|<br")
"""What begins a mark inside a line."""

NUMBER = r"[+\-−±]?(?:\d{1,3}(?:[,\u00a0\u202f' ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
CURRENCY = r"(?:USD|EUR|GBP|JPY|CHF|AUD|CAD|HKD|SGD|US\$|\$|€|£|¥)"
SCALE = r"(?:million|billion|thousand|bn|mn|m|k)"
DURATION = (
    r"(?:trading |business |calendar |consecutive )?(?:milliseconds?|microseconds?|seconds?|minutes?|hours?|days?"
    r"|weeks?|months?|quarters?|years?|sessions?|bars?)\b|(?:ms|µs|us|s|sec|min|h|d)\b"
)
COUNTED = (
    r"(?:shares?|contracts?|lots?|ticks?|orders?|messages?|positions?|stocks?|constituents?|securities|names?"
    r"|instruments?|standard deviations?|decimal places|decimals|times|x|σ|points?)\b"
)
UNITS: tuple[tuple[ParameterKind, str], ...] = (
    ("percentage", r"%|per ?cent|percentage points?|pp\b"),
    ("basis-points", r"bps?\b|basis points?"),
    ("duration", DURATION),
    ("currency", rf"{CURRENCY}(?!\w)"),
    ("number", COUNTED),
)
UNIT = "|".join(pattern for _, pattern in UNITS)
QUANTITY = re.compile(
    rf"(?P<before>{CURRENCY}\s?)?(?P<number>{NUMBER})(?:\s?(?P<scale>{SCALE})\b)?"
    rf"(?:(?P<gap>[\s\u00a0-]?)(?P<unit>{UNIT}))?(?![\w%])"
)
DATE = re.compile(
    r"\b(?:\d{4}-\d{2}-\d{2}|\d{1,2} (?:January|February|March|April|May|June|July|August|September|October|November"
    r"|December) \d{4}|(?:January|February|March|April|May|June|July|August|September|October|November|December)"
    r" \d{1,2},? \d{4})\b"
)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def at_word(*alternatives: str, not_after: str = r"\w") -> str:
    """A pattern for what begins a word in one of these ways; each begins with a letter or a class of letters.

    It finds what `\\b(?:…|…)` finds, but a search need not try every place: it skips to the letters, and of those
    within a word it tries no alternative.
    """
    rests: dict[str, list[str]] = {}
    for one in alternatives:
        letters, rest = one[1:].split("]", 1) if one[0] == "[" else (one[0], one[1:])
        for letter in letters:
            rests.setdefault(letter, []).append(rest)
    first = f"[{''.join(rests)}]"
    branches = "|".join(f"(?<={letter})(?:{'|'.join(some)})" for letter, some in rests.items())
    return f"{first}(?<!{not_after}{first})(?:{branches})"


def plain(markdown: str) -> str:
    """The text as a reader sees it, blanks collapsed."""
    return shown("\n".join([CONTAINER.sub("", line, 1) for line in markdown.split("\n")]))


def shown(inline: str) -> str:
    """The same for the inside of a block, where a leading “- ” is no mark."""
    if not MARKS.search(inline):  # as in most of a text
        return " ".join(inline.split())
    text = LINK.sub(r"\1", re.sub(r"<br\s*/?>", " ", inline))
    for pattern in (CODE, MATH, STRUCK, STARS, UNDERSCORES, STARS):  # twice: italic in bold
        text = pattern.sub(r"\2", text)
    return " ".join(ESCAPE.sub(r"\1", NOTE.sub("", text)).split())


def key(text: str) -> str:
    """What two spellings of one thing have in common."""
    return BETWEEN.sub(" ", plain(text)).strip(" .,:;'\"“”‘’()").casefold()


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of the sentences in text[start:end]; blanks between them belong to none."""
    begin = start
    for stop in STOP.finditer(text, start, end):
        if text[stop.start()] == "." and ABBREVIATION.search(text, max(begin, stop.start() - 12), stop.start() + 1):
            continue
        if text[stop.start()] in ":;" and not stop.group().endswith("\n"):
            continue
        yield from _stripped(text, begin, stop.end())
        begin = stop.end()
    yield from _stripped(text, begin, end)


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    end = start + len(inside.strip())
    if start < end:
        yield start, end


def unit_kind(unit: str | None, value: str = "") -> ParameterKind:
    """The kind of a quantity, told by its unit."""
    for kind, pattern in UNITS:
        if unit and re.fullmatch(pattern, unit.strip(), re.IGNORECASE):
            return kind
    if DATE.fullmatch(value):
        return "date"
    if value.casefold() in {"yes", "no", "true", "false", "on", "off", "enabled", "disabled"}:
        return "boolean"
    return "number" if re.fullmatch(NUMBER, value) else "text"
