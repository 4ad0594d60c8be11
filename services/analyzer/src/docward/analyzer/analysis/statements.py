"""Statements of values: who says that which parameter has which value, in which direction and within which scope.

Read from table rows, labelled lines and prose. The subject of a statement is a set of stems, so that word order and
articles do not matter; `maximum`, `cap` and the like are its direction, words such as `existing` or `net` its scope.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.quantities import Quantity, quantities
from docward.analyzer.analysis.text import alternatives, content_stems, stems
from docward.events.ir import Span

_COMPARABLE = frozenset({"money", "percent", "time", "multiple", "rate", "count", "sigma", "number", "date"})
_VERBS = alternatives(
    r"""
    is|are|was|equals|has been|have been|of|=|below|above|between
    must be|shall be|must not be|is not
    lasts?|takes?|reach(?:es)?|exceeds?|amounts? to
    (?:lies|lie|ranges?|varies|moves) between
    (?:falls?|drops?|rises?|stays?) (?:below|under|above)
    (?:must|shall|may|does|do|can|should) not exceed
    (?:is|are) (?:kept|retained|stored|archived|preserved) for
    (?:(?:is|are|be)\s)?(?:set|limited|fixed|capped|restricted) (?:at|to)
    """
)
_BOUNDS = alternatives(
    r"""
    at least|at most|exactly|up to|below|above|between|to|open for
    no more than|not more than|less than|more than|a maximum of|a minimum of
    """
)
_VERB_END = re.compile(
    rf"\s(?:{_VERBS}\s(?:{_BOUNDS}\s)?|for\s(?:at least|at most|up to|more than|no more than)\s)$", re.IGNORECASE
)
"""What stands between a subject and its value: `is at least`, `must not exceed`, `for at least`."""
_RANGE = re.compile(r"\bbetween\s[^,;:]{1,25}\sand\s$", re.IGNORECASE)
"""Before the second end of a range."""
_BREAK = re.compile(r"[,;:.()|]")
_REACH = 200
"""Characters before a value within which its subject stands."""
_CUT = re.compile(
    r"(?:^|,\s)(?:an?|any|each|every)\s(?P<subject>\w+(?: \w+)?)\s(?:above|exceeding|over)\s$", re.IGNORECASE
)
_IS_CUT = re.compile(r"^\s(?:is|are)\s(?:reduced|capped|cut|limited)\b", re.IGNORECASE)
_LASTING = re.compile(
    r"\b(?P<what>slices?|buckets?|bars?|intervals?|bins?|rounds?|phases?|auctions?|cycles?|candles?|tranches?)\s(?:of|lasts?|"
    r"(?:is|are)|takes?|spans?)\s$",
    re.IGNORECASE,
)
_LABEL = re.compile(r"^\W*(?P<subject>[A-Za-z][\w /()-]{2,60}?)\s*[:=]\s")
_LEADING = re.compile(r"^\W*(?:minimum|maximum|at least|at most)\s$", re.IGNORECASE)
_CLAUSE = re.compile(
    r"\b(?:and|but|or|while|that|which|who|if|when|where|whose|because|until|after|before|than)\b", re.IGNORECASE
)
_NOISE = frozenset(
    stems(
        """
        minimum maximum max min cap floor current value parameter set total applicable company constituent following
        allowed permitted least most exceed given paid payments consecutive history record number time limit level rate
        strategy algorithm index document default size must required
        """
    )
)
_KEPT_WHEN_ALONE = frozenset({"limit", "rate", "level", "number", "time", "size"})
_SCOPE_WORDS = alternatives(
    r"""
    initial(?:ly)?|first|new(?:ly)?|existing|former|previous|old
    auctions?|opening|closing|overnight|intraday|live|production
    stress(?:ed)?|volatile|tests?|backtest\w*|simulat\w+|paper|example|e\.g\.
    warning|soft|hard|inner|outer|upper|lower|either|each side|primary signal|secondary
    during|until|before|after|except|unless|if|where|when|otherwise
    reduced|increased?|temporar\w+|raised|lowered
    daily|weekly|monthly|annual(?:ly)?
    per (?:venue|symbol|desk|sector|client|trader)|firm|portfolio|sectors?|industr\w+|issuers?|countr\w+|desk
    trailing|profit|per (?:position|trade|instrument|day)
    gross|net|long|short|entry|exit|additions?|deletions?|small|large
    buy|sell|purchases?|sales?|fees|commission
    """
)
_SCOPE = re.compile(rf"\b{_SCOPE_WORDS}(?!\w)", re.IGNORECASE)
_VALUE_COLUMN = re.compile(
    r"\b(?:values?|limits?|thresholds?|settings?|amount|default|rate|weight|level|target)\b", re.IGNORECASE
)
_UNIT_COLUMN = re.compile(r"\bunits?\b", re.IGNORECASE)
_DIRECTIONS = {">=": "at least", ">": "at least", "<=": "at most", "<": "at most"}
_JOINT = re.compile(r"\s*[:=(]?\s*(?:is|of|at|to|level|set|limit|equals|fixed|exactly|\s)*\s*")
_ENTRY_VALUE = re.compile(r"\b(?:of|from|below) (?:the|its) entry \w+", re.IGNORECASE)
"""What a stop is measured from, no scope."""
_DAY_OF = re.compile(r"\s(?:on|at|after|as of)\s(?:the\s)?[\w -]{2,40}\sof\s")
"""Between a parameter and a cadence that belongs to it: `rebalanced on the last business day of each month`."""
_BESIDE = 12
"""Characters between a parameter of the lexicon and a cadence that belongs to it: `rebalanced quarterly`."""


@dataclass(frozen=True)
class Statement:
    subject: frozenset[str]
    label: str
    dimension: str
    value: float
    unit: str
    text: str
    """The quantity as it stands."""
    direction: str
    """`at least`, `at most`, or empty."""
    scope: frozenset[str]
    sentence: Sentence
    span: Span
    """Of the quantity."""
    concept: str = ""
    """The lexicon's parameter, where the words name one."""
    labelled: bool = False
    """Of a table's row or a line `Name: value`."""
    shown: str = ""
    """The quantity with its column's unit, where that stands apart."""


def statements(document: Document) -> Iterator[Statement]:
    """In document order."""
    for sentence in document.body:
        found = _row(document, sentence) if sentence.kind == "row" else _prose(document, sentence)
        yield from (statement for statement in found if statement is not None)


def _row(document: Document, sentence: Sentence) -> Iterator[Statement | None]:
    """Label in the first cell, value in the second or in the column that says so, unit perhaps in one of its own."""
    if len(sentence.cells) < 2:
        return
    label = sentence.cells[0][1]
    column, cell = next(((c, v) for c, v in sentence.cells[1:] if _VALUE_COLUMN.search(c)), sentence.cells[1])
    if len(sentence.cells) > 2 and not _VALUE_COLUMN.search(column):
        return
    text = document.text[cell.span.start : cell.span.end]
    found = quantities(text, cell.span.start)
    if found:
        unit = next((v.text for c, v in sentence.cells if _UNIT_COLUMN.search(c)), "")
        quantity, shown = _with_unit(found[0], text, unit)
        if quantity.dimension == "cadence":
            yield _cadence(document, sentence, quantity)
        elif made := _statement(document, sentence, label.text, quantity, f"{label.text} {text}"):
            yield replace(made, labelled=True, shown=shown)


def in_units(sentence: Sentence) -> Iterator[Quantity]:
    """Of a row whose unit has a column of its own: its bare numbers as what they are."""
    unit = next((cell.text for column, cell in sentence.cells if _UNIT_COLUMN.search(column)), "")
    for column, cell in sentence.cells if unit else ():
        if _VALUE_COLUMN.search(column) and (found := quantities(cell.text, cell.span.start)):
            yield _with_unit(found[0], cell.text, unit)[0]


def _with_unit(quantity: Quantity, cell: str, unit: str) -> tuple[Quantity, str]:
    """`50 million` in a row whose unit is USD is an amount of money: the quantity, and how to show it."""
    shown = f"{' '.join(cell.split())} {unit}" if unit and quantity.dimension == "number" else ""
    typed = quantities(shown)
    if not typed or typed[0].dimension == "number":
        return quantity, ""
    return replace(quantity, dimension=typed[0].dimension, value=typed[0].value, unit=typed[0].unit), shown


def _prose(document: Document, sentence: Sentence) -> Iterator[Statement | None]:
    for quantity in sentence.quantities:
        before = sentence.text[: quantity.start - sentence.start]
        after = sentence.text[quantity.end - sentence.start :]
        label = _LABEL.match(before)
        cut = _CUT.search(before[-_REACH:]) if _IS_CUT.match(after) else None
        if quantity.dimension == "cadence":
            yield _cadence(document, sentence, quantity)
        elif label and not before[label.end() :].strip():
            if made := _statement(document, sentence, label["subject"], quantity, sentence.text):
                yield replace(made, labelled=True)
        elif cut:
            yield _statement(document, sentence, f"maximum {cut['subject']}", quantity, before)
        elif parameter := _beside(document, sentence, quantity):
            yield replace(
                _made(sentence, parameter[1], quantity, _ENTRY_VALUE.sub("", sentence.text)), concept=parameter[0]
            )
        elif long := _lasting(before[-_REACH:], after, quantity):
            yield _statement(document, sentence, long, quantity, sentence.text)
        elif noun := _noun(before[-_REACH:]):
            yield _statement(document, sentence, noun, quantity, sentence.text)
        elif _LEADING.match(before) and quantity.dimension != "number":
            yield _statement(document, sentence, before + after[:60], quantity, sentence.text)


def _beside(document: Document, sentence: Sentence, quantity: Quantity) -> tuple[str, str] | None:
    """A parameter of the lexicon right before its value: `a stop loss 5 %`, `the stop loss at 7 %`."""
    for mention in sentence.mentions:
        first, last = document.tokens[mention.first].start, document.tokens[mention.last].end
        lexical = document.lexicon.concepts[mention.concept].dimension == quantity.dimension
        if lexical and _JOINT.fullmatch(document.text[last : quantity.start] if last <= quantity.start else "-"):
            return mention.concept, document.text[first:last]
    return None


def _lasting(before: str, after: str, quantity: Quantity) -> str:
    """`slices of 30 seconds`, `slices last 45 seconds`: things that are cut by time, and how long each is."""
    match = _LASTING.search(before) if quantity.dimension == "time" and not after.lstrip().startswith("of ") else None
    return f"length of {match['what']}" if match else ""


def _noun(before: str) -> str:
    """The noun phrase before the verb that leads to a value; empty where no verb does."""
    before = _RANGE.sub("between ", before)
    verb = _VERB_END.search(before[-60:])
    if verb is None:
        return ""
    clause = _BREAK.split(before[: max(0, len(before) - 60) + verb.start()])[-1]
    return _CLAUSE.split(clause)[-1]


def _cadence(document: Document, sentence: Sentence, quantity: Quantity) -> Statement | None:
    """`rebalanced quarterly`, `monthly rebalancing`: the parameter stands right beside its cadence."""
    for mention in sentence.mentions:
        first, last = document.tokens[mention.first].start, document.tokens[mention.last].end
        beside = (
            0 <= quantity.start - last <= _BESIDE
            or 0 <= first - quantity.end <= _BESIDE
            or _DAY_OF.fullmatch(document.text[last : max(last, quantity.start)])
        )
        if beside and document.lexicon.concepts[mention.concept].dimension == "cadence":
            scope = sentence.text.replace(quantity.text, "")
            made = _made(sentence, document.text[first:last], quantity, scope)
            return replace(made, concept=mention.concept)
    return None


def _statement(
    document: Document, sentence: Sentence, label: str, quantity: Quantity, scope_text: str
) -> Statement | None:
    if quantity.dimension not in _COMPARABLE:
        return None
    made = replace(_made(sentence, label, quantity, scope_text), concept=_parameter(document, sentence, quantity))
    words = content_stems(label)
    is_prose = sentence.kind == "prose" and not _end_of_range(sentence, quantity)
    alone = len(words) < 2 and (is_prose or quantity.dimension == "number")
    undated = quantity.dimension == "date" and "date" not in words
    if not made.concept and (alone or undated or not made.subject):
        return None  # one word is no subject outside a table or a list of criteria
    return made


def _made(sentence: Sentence, label: str, quantity: Quantity, scope_text: str) -> Statement:
    words = content_stems(label)
    subject = frozenset(word for word in words if word not in _NOISE)
    if not subject:
        subject = words & _KEPT_WHEN_ALONE
    return Statement(
        subject=subject,
        label=label.strip(),
        dimension=quantity.dimension,
        value=quantity.value,
        unit=quantity.unit,
        text=quantity.text,
        direction=_direction(label, quantity) or _end_of_range(sentence, quantity),
        scope=scope_words(scope_text),
        sentence=sentence,
        span=Span(start=quantity.start, end=quantity.end),
    )


def scope_words(text: str) -> frozenset[str]:
    """Words that make a statement one of a case: `initially`, `net`, `for existing constituents`."""
    return frozenset(match.group().lower() for match in _SCOPE.finditer(text))


def _direction(label: str, quantity: Quantity) -> str:
    if re.search(r"\b(?:min|minimum|floor)\b", label, re.IGNORECASE):
        return "at least"
    if re.search(r"\b(?:max|maximum|cap)\b", label, re.IGNORECASE):
        return "at most"
    return _DIRECTIONS.get(quantity.comparator, "")


def _end_of_range(sentence: Sentence, quantity: Quantity) -> str:
    """The first quantity of `between 2 % and 6 %` is a lower bound, the second an upper one."""
    start, end = quantity.start - sentence.start, quantity.end - sentence.start
    if re.search(r"\bbetween\s$", sentence.text[:start]) and re.match(r"\sand\s", sentence.text[end:]):
        return "at least"
    return "at most" if _RANGE.search(sentence.text[:start]) else ""


def _parameter(document: Document, sentence: Sentence, quantity: Quantity) -> str:
    """The parameter of the lexicon that the sentence names before the quantity, if it has that dimension."""
    for mention in reversed(sentence.mentions):
        concept = document.lexicon.concepts[mention.concept]
        if concept.dimension == quantity.dimension and document.tokens[mention.last].end <= quantity.start:
            return concept.id
    return ""
