"""Parameters: a name and the value that the document gives it, and every other place that gives one.

Sources are parameter tables, `name: value` and `name = value` items, and sentences such as “the participation rate
must not exceed 5 %”. A name that stands without a value where one belongs is kept, with no value.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from docward.converter.conversion.anchors import Anchors
from docward.converter.conversion.blocks import Piece
from docward.converter.conversion.prose import DATE, QUANTITY, at_word, key, plain, sentences, unit_kind, words
from docward.events.ir import Cell, Parameter, Span, Stated, Table

NAME_COLUMN = re.compile(
    r"^(?:parameters?|settings?|limits?|controls?|inputs?|variables?|thresholds?|measures?|items?|name|constraints?"
    r"|rules?)\b",
    re.IGNORECASE,
)
VALUE_COLUMN = re.compile(
    r"\b(?:values?|defaults?|limits?|thresholds?|settings?|levels?|amount|maximum|max|cap)\b", re.IGNORECASE
)
DEFAULT_COLUMN = re.compile(r"\bdefaults?\b", re.IGNORECASE)
UNIT_COLUMN = re.compile(r"^units?\b", re.IGNORECASE)
RANGE_COLUMN = re.compile(r"range|constraint|min|max|bounds", re.IGNORECASE)
ITEM = re.compile(
    r"^(?:[-*+]\s+|\d+[.)]\s+)?(?:\*\*|`|\*|_)?(?P<name>[A-Za-z][\w /&().%-]{0,60}?)\s*(?:\*\*|`|\*|_)?\s*(?::"
    r"(?:\*\*)?|=|[–—])\s*(?:\*\*|`)?\s*(?P<value>\S.*)$"
)
AMOUNT = r" +(?=[\d$€£+−±-]|USD|EUR|GBP|US\$)"
MODALS = ("must", "shall", "should", "will", "may", "can")
SET_TO = (
    r"(?: (?:always|currently|initially|then|therefore))?"
    r"(?: (?:set|fixed|capped|limited|floored|restricted|equal)(?: (?:to|at|by))?)?(?: (?:a|an))?"
    r"(?: (?:maximum|minimum|at most|at least|no more than|not more than|no less than|up to|exactly|within))?(?: of)?"
)
NO_MORE = r" (?:exceed|be (?:more|greater|less|lower) than|fall below)"
ASSIGNED = re.compile(
    at_word(
        *(verb + SET_TO + AMOUNT for verb in ("is", "are", "equals", *(f"{modal} be" for modal in MODALS), "be")),
        *(f"{modal} not{NO_MORE}{AMOUNT}" for modal in (*MODALS, "does", "do")),
        *(never + NO_MORE + AMOUNT for never in ("never", "cannot")),
        *(word + AMOUNT for word in ("of", "at", "to", "exceeds?", "below", "above", "reaches", "than")),
    )
)
DIGIT = re.compile(r"\d")
WORD = re.compile(r"[A-Za-z][\w’'/-]*")
BREAKS = words(
    "is are was were be been the a an this that these those each every any all no if when where whenever unless while"
    " and or but then than so because with without within by for from to into at on in as per via after before until"
    " once during over under above below between must shall should may might can could will would not never only its"
    " their our it we they he she which who whose has have had does do uses use used using apply applies exceeds exceed"
    " instead rather fewer smaller larger later earlier greater lower higher reduced limited equal sent set sets"
    " reaches falls"
    " rises drops remains includes including more less most least up down"
)
VAGUE_NAMES = words(
    "total value number amount rate level it there result sum page section table figure appendix date time version"
    " phone day days week weeks month months year years minute minutes second seconds hour hours"
)
ARTICLES = words("a an the any each all every")
PREPOSITIONS = words("of at to exceeds exceed below above reaches than")
LONGEST_CLAUSE = 1000
"""Characters: a name stands in its first nine words, or nowhere."""
CLAUSE = re.compile(
    r"[,;:()]|\b(?:that|which|who|when|whenever|where|if|unless|while|because|so|provided|until|and(?= the\b)|but)\b"
)
LEADING = re.compile(
    r"^(?:[-*+\s]|\d+[.)]\s)*(?:\b(?:the|an?|its|their|this|that|each|all|any|every|our)\s+)*", re.IGNORECASE
)
PLACEHOLDER = re.compile(
    r"\b(?:TBD|TBC|to be (?:determined|defined|confirmed|decided)|n/a|not (?:yet )?(?:set|defined|specified))\b"
    r"|^[-–—?]*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Found:
    name: str
    start: int
    end: int
    value: str | None
    unit: str | None = None
    constraints: str | None = None
    default: str | None = None
    confidence: float = 1.0


def build_parameters(
    markdown: str, pieces: Sequence[Piece], tables: Sequence[Table], anchors: Anchors
) -> list[Parameter]:
    """One parameter per name; the first place that states it is its own, the others are in `also`."""
    found = [one for table in tables for one in _in_table(table)]
    for piece in pieces:
        if piece.kind in {"paragraph", "list-item", "quote"}:
            found += _in_piece(markdown, piece)
    grouped: dict[str, list[Found]] = {}
    for one in sorted(found, key=lambda item: (item.start, item.end)):
        stated = grouped.setdefault(" ".join(word for word in key(one.name).split() if word not in ARTICLES), [])
        if not stated or stated[-1].end <= one.start:
            stated.append(one)
    return [_parameter(name, stated, anchors) for name, stated in grouped.items() if name]


def _parameter(name: str, stated: Sequence[Found], anchors: Anchors) -> Parameter:
    first = next((one for one in stated if one.value is not None), stated[0])
    others = [one for one in stated if one is not first and one.value is not None]
    return Parameter(
        **anchors.locate("parameter", name, first.start, first.end),
        confidence=first.confidence,
        name=first.name,
        value=first.value,
        unit=first.unit,
        kind=unit_kind(first.unit, first.value or ""),
        default=first.default,
        constraints=first.constraints,
        also=tuple(
            Stated(value=one.value or "", unit=one.unit, span=Span(start=one.start, end=one.end)) for one in others
        ),
    )


def _in_table(table: Table) -> Iterator[Found]:
    names = [cell.text for cell in table.header]
    if len(names) < 2 or not NAME_COLUMN.match(names[0]):
        return
    default = next((at for at in range(1, len(names)) if DEFAULT_COLUMN.search(names[at])), None)
    values = [at for at in range(1, len(names)) if VALUE_COLUMN.search(names[at]) and at != default]
    value = values[0] if values else default
    if value is None:
        return
    unit = next((at for at in range(1, len(names)) if UNIT_COLUMN.match(names[at])), None)
    limits = [at for at in range(1, len(names)) if at != value and RANGE_COLUMN.search(names[at])]
    for row in table.rows:
        if len(row) > value and row[0].text:
            found = _from_row(row, value, unit, [(names[at], row[at].text) for at in limits if at < len(row)])
            given = row[default].text if default is not None and default < len(row) else ""
            yield replace(found, default=None if PLACEHOLDER.search(given) else given)


def _from_row(row: Sequence[Cell], value: int, unit: int | None, limits: Sequence[tuple[str, str]]) -> Found:
    text = row[value].text
    given = row[unit].text if unit is not None and unit < len(row) else ""
    constraints = [f"{name}: {limit}" for name, limit in limits if limit]
    stated: str | None = text
    if PLACEHOLDER.search(text) or not text.strip():
        stated = None
    elif (
        not given
        and not DATE.match(text)
        and (quantity := QUANTITY.match(text))
        and not re.match(r"\s*(?:to\b|[–:/]|\d)", text[quantity.end() :])
    ):
        stated, given = split_quantity(quantity)
        constraints = [*filter(None, [text[quantity.end() :].strip(" ,;")]), *constraints]
    return Found(
        row[0].text, row[0].span.start, row[-1].span.end, stated, given or None, "; ".join(constraints) or None
    )


def split_quantity(found: re.Match[str]) -> tuple[str, str]:
    """The number with its scale, and the unit as written."""
    number = found["number"] + (f" {found['scale']}" if found["scale"] else "")
    return number, (found["unit"] or found["before"] or "").strip()


def _in_piece(markdown: str, piece: Piece) -> Iterator[Found]:
    offset = piece.start
    items = list[Found]()
    for line in markdown[piece.start : piece.end].split("\n"):
        if (found := ITEM.match(line.strip())) and (item := _item(found, line, offset)):
            items.append(item)
        offset += len(line) + 1
    yield from items
    for start, end in sentences(markdown, piece.start, piece.end):
        if DIGIT.search(markdown, start, end) and not any(item.start < end and start < item.end for item in items):
            yield from _in_sentence(markdown[start:end].replace("\n", " "), start)


def _item(found: re.Match[str], line: str, offset: int) -> Found | None:
    name, text = plain(found["name"]), plain(found["value"]).rstrip(".;, ")
    if len(name.split()) > 7 or key(name) in VAGUE_NAMES or re.search(r"\d$", name):
        return None
    value, unit = text, ""
    if not DATE.match(text) and (quantity := QUANTITY.match(text)):
        rest = text[quantity.end() :]
        value, unit = split_quantity(quantity)
        if rest and not re.match(r"\s*(?:$|[(,;.]|per\b|of\b|from\b|[a-z])", rest):
            return None
    elif PLACEHOLDER.search(text):
        return Found(name, offset, offset + len(line.rstrip()), None)
    elif not DATE.fullmatch(text):
        return None
    start = offset + len(line) - len(line.lstrip())
    return Found(name, start, offset + len(line.rstrip()), value, unit or None)


def _in_sentence(text: str, offset: int) -> Iterator[Found]:
    clauses = [found.end() for found in CLAUSE.finditer(text)]
    for found in ASSIGNED.finditer(text):
        quantity = QUANTITY.match(text, found.end())
        if quantity is None or re.match(r":\d|\s+to\s+\d", text[quantity.end() : quantity.end() + 8]):
            continue
        before = text[: found.start()]
        if found.group().split()[0] in PREPOSITIONS:
            name = _name_before(before) if quantity["unit"] or quantity["before"] else None
        else:
            clause = bisect_right(clauses, found.start())
            begin = clauses[clause - 1] if clause else 0
            name = _subject(before[begin : begin + LONGEST_CLAUSE])
        if name is not None:
            value, unit = split_quantity(quantity)
            begin, end = offset + before.rfind(name), offset + quantity.end()
            yield Found(plain(name), begin, end, value, unit or None, confidence=0.8)


def _subject(text: str) -> str | None:
    """What a clause is about: its words up to the verb, without articles; a long one ends at its first place."""
    subject = LEADING.sub("", text).strip(" *`_\n")
    if len(subject.split()) > 7:
        subject = re.split(r"\s(?:on|over|up|in|at|for|from|during|per|within|between)\s", subject)[0]
    first = subject.split()[0].lower() if subject else ""
    if (
        not subject
        or "\n" in subject
        or len(subject.split()) > 9
        or not re.match(r"[A-Za-z]{2}", subject)
        or first in BREAKS
    ):
        return None
    return None if key(subject) in VAGUE_NAMES else subject


def _name_before(text: str) -> str | None:
    """The noun phrase that ends the text: its last words up to one that cannot be part of a name."""
    words = list(WORD.finditer(text))
    if not words or text[words[-1].end() :].strip(" *`_"):
        return None
    first = len(words)
    while first > 0 and len(words) - first < 6 and words[first - 1].group().lower() not in BREAKS:
        gap = text[words[first - 1].end() : words[first].start()] if first < len(words) else ""
        if gap.strip():
            break
        first -= 1
    if first == len(words):
        return None
    name = text[words[first].start() : words[-1].end()]
    return None if len(name) < 3 or key(name) in VAGUE_NAMES else name
