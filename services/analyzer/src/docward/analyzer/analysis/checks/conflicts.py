"""CON: two places that give different values for one parameter.

Every statement of a value becomes a tuple (subject, dimension, value, direction, scope). Two tuples conflict when
subject and dimension are the same, the direction does not differ, the value does, and both hold in the same scope:
words such as "initially", "for existing constituents" or "net" in one of them only make them different statements.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, replace
from docward.analyzer.analysis.quantities import Quantity, quantities
from docward.analyzer.analysis.text import content_stems, stems
from docward.events.ir import Span

_COMPARABLE = frozenset({"money", "percent", "time", "multiple", "rate", "count", "sigma", "number"})
_STATED = re.compile(
    r"(?P<subject>[^,;:.()|]{3,90}?)\s(?:is|are|was|equals|must be|shall be|(?:must|shall|may|does|do|can|"
    r"should) not exceed|must not be|is not|"
    r"(?:(?:is|are|be)\s)?(?:set|limited|fixed|capped|restricted) (?:at|to)|of|=|below|above|between|has been|"
    r"have been)\s"
    r"(?:(?:at least|at most|exactly|no more than|not more than|up to|less than|more than|a maximum of|"
    r"a minimum of|below|above|between|to|open for)\s)?$",
    re.IGNORECASE,
)
_LASTS = re.compile(
    r"(?P<subject>[^,;:.()|]{3,90}?)\sfor\s(?:at least|at most|up to|more than|no more than)\s$", re.IGNORECASE
)
_LABEL = re.compile(r"^\W*(?P<subject>[A-Za-z][\w /()-]{2,60}?)\s*[:=]\s")
_LEADING = re.compile(r"^\W*(?:minimum|maximum|at least|at most)\s$", re.IGNORECASE)
_NOISE = frozenset(
    stems(
        """
        minimum maximum max min current value parameter set total applicable company constituent following
        allowed permitted least most exceed given paid payments consecutive history record number time limit
        cap level rate strategy algorithm index document default size must required
        """
    )
)
_KEPT_WHEN_ALONE = frozenset({"limit", "cap", "rate", "level", "number", "time", "size"})
_SCOPE = re.compile(
    r"\b(?:initial(?:ly)?|first|new(?:ly)?|existing|auctions?|opening|closing|stress(?:ed)?|volatile|tests?|"
    r"backtest\w*|simulat\w+|paper|warning|soft|hard|"
    r"during|until|before|after|except|unless|reduced?|increased?|temporar\w+|former|previous|raised|lowered|"
    r"old|weekly|annual(?:ly)?|"
    r"per venue|per symbol|per desk|per sector|per client|per trader|firm|portfolio|sectors?|industr\w+|"
    r"issuers?|countr\w+|desk|gross|net|long|short|entry|exit|"
    r"additions?|deletions?|overnight|intraday|monthly|daily|small|large|either|each side|live|production|"
    r"secondary|primary signal|upper|lower|inner|outer|"
    r"buy|sell|purchases?|sales?|fees|commission|example|e\.g\.|if|where|when|otherwise)\b",
    re.IGNORECASE,
)
_VALUE_COLUMN = re.compile(
    r"\b(?:values?|limits?|thresholds?|settings?|amount|default|rate|weight|level|target)\b", re.IGNORECASE
)
_UNIT_COLUMN = re.compile(r"\bunits?\b", re.IGNORECASE)
_DIRECTIONS = {">=": "at least", ">": "at least", "<=": "at most", "<": "at most"}


@dataclass(frozen=True)
class Statement:
    subject: frozenset[str]
    label: str
    dimension: str
    value: float
    direction: str
    scope: frozenset[str]
    unit: str
    span: Span
    quantity: Span
    text: str
    section: str = ""
    concept: str = ""


def conflicting_values(document: Document) -> Outcome:
    groups: dict[tuple[object, ...], list[Statement]] = defaultdict(list)
    for statement in _statements(document):
        subject: object = statement.concept or statement.subject
        groups[(subject, statement.dimension, _basis(statement))].append(statement)
    drafts, examined = [], []
    for group in groups.values():
        pair = _conflict(group)
        if pair is not None:
            drafts.append(_draft(document, *pair))
        elif len(group) > 1:
            examined.append(group[0].span)
    drafts.extend(_schemes(document))
    return Outcome(tuple(drafts), tuple(examined))


def _basis(statement: Statement) -> str:
    """Counts of different things, amounts in different currencies and times on different clocks do not compare."""
    return statement.unit if statement.dimension in {"count", "money"} else ""


def _conflict(group: list[Statement]) -> tuple[Statement, Statement] | None:
    """The first two that conflict. Repetitions are passed over, so that a value repeated often costs nothing."""
    distinct: list[Statement] = []
    for statement in group:
        if any(_conflicts(known, statement) for known in distinct):
            return next(known for known in distinct if _conflicts(known, statement)), statement
        key = (statement.value, statement.direction, statement.scope)
        if key not in {(known.value, known.direction, known.scope) for known in distinct}:
            distinct.append(statement)
    return None


def _conflicts(one: Statement, other: Statement) -> bool:
    if one.span == other.span or one.scope != other.scope:
        return False
    if one.dimension == "number" and one.section == other.section:
        return False  # dimensionless numbers side by side are examples or steps, not one parameter
    same_direction = not one.direction or not other.direction or one.direction == other.direction
    return same_direction and abs(one.value - other.value) > 1e-9 * max(1.0, abs(one.value))


def _statements(document: Document) -> Iterator[Statement]:
    for sentence in document.body:
        if sentence.kind == "row":
            yield from _row(document, sentence)
        else:
            yield from _prose(document, sentence)


def _row(document: Document, sentence: Sentence) -> Iterator[Statement]:
    """Label in the first cell, value in the second or in the column that says so, unit perhaps in one of its own."""
    if len(sentence.cells) < 2:
        return
    label = sentence.cells[0][1]
    column, cell = next(((c, v) for c, v in sentence.cells[1:] if _VALUE_COLUMN.search(c)), sentence.cells[1])
    if len(sentence.cells) > 2 and not _VALUE_COLUMN.search(column):
        return
    unit = next((v.text for c, v in sentence.cells if _UNIT_COLUMN.search(c)), "")
    text = document.text[cell.span.start : cell.span.end]
    found = quantities(text, cell.span.start)
    if not found:
        return
    quantity = found[0]
    if unit and quantity.dimension == "number":
        typed = quantities(f"{quantity.text} {unit}")
        if typed and typed[0].dimension != "number":
            quantity = Quantity(
                quantity.start,
                quantity.end,
                quantity.text,
                typed[0].dimension,
                typed[0].value,
                typed[0].unit,
                quantity.comparator,
            )
    yield from _statement(document, sentence, label.text, quantity, f"{label.text} {text}")


def _prose(document: Document, sentence: Sentence) -> Iterator[Statement]:
    for quantity in sentence.quantities:
        before = sentence.text[: quantity.start - sentence.start]
        label = _LABEL.match(before)
        if label and not before[label.end() :].strip():
            yield from _statement(document, sentence, label["subject"], quantity, sentence.text)
            continue
        stated = _STATED.search(before)
        if stated:
            yield from _statement(document, sentence, _subject(stated["subject"]), quantity, sentence.text)
        elif for_ := _LASTS.search(before):
            yield from _statement(document, sentence, _subject(for_["subject"]), quantity, sentence.text)
        elif _LEADING.match(before) and quantity.dimension != "number":
            rest = sentence.text[quantity.end - sentence.start :]
            yield from _statement(document, sentence, rest[:60], quantity, sentence.text)


def _subject(words: str) -> str:
    """The noun phrase at the end of what stands before the verb."""
    return re.split(
        r"\b(?:and|but|or|while|that|which|who|if|when|where|whose|because|until|after|before|than)\b", words
    )[-1]


def _statement(
    document: Document, sentence: Sentence, label: str, quantity: Quantity, scope_text: str
) -> Iterator[Statement]:
    if quantity.dimension not in _COMPARABLE:
        return
    words = content_stems(label)
    subject = frozenset(word for word in words if word not in _NOISE)
    if len(subject) < 2:
        subject = subject | (words & _KEPT_WHEN_ALONE)
    concept = _parameter(document, sentence, quantity)
    alone = len(words) < 2 and (sentence.kind == "prose" or quantity.dimension == "number")
    if not concept and (alone or not subject):
        return  # one word is no subject outside a table or a list of criteria
    yield Statement(
        subject=subject,
        label=label.strip(),
        dimension=quantity.dimension,
        value=quantity.value,
        direction=_direction(label, quantity),
        scope=frozenset(match.group().lower() for match in _SCOPE.finditer(scope_text)),
        unit=quantity.unit,
        span=sentence.span,
        quantity=Span(start=quantity.start, end=quantity.end),
        text=quantity.text,
        section=sentence.section.id if sentence.section else "",
        concept=concept,
    )


def _direction(label: str, quantity: Quantity) -> str:
    if re.search(r"\b(?:min|minimum)\b", label, re.IGNORECASE):
        return "at least"
    if re.search(r"\b(?:max|maximum)\b", label, re.IGNORECASE):
        return "at most"
    return _DIRECTIONS.get(quantity.comparator, "")


def _parameter(document: Document, sentence: Sentence, quantity: Quantity) -> str:
    """The parameter of the lexicon that the sentence names before the quantity, if it has that dimension."""
    for mention in reversed(sentence.mentions):
        concept = document.lexicon.concepts[mention.concept]
        if concept.dimension == quantity.dimension and document.tokens[mention.last].end <= quantity.start:
            return concept.id
    return ""


def _draft(document: Document, one: Statement, other: Statement) -> Draft:
    concept = document.lexicon.concepts.get(one.concept)
    name = concept.label.lower() if concept else one.label if len(one.label) <= len(other.label) else other.label
    name = re.sub(r"^(?:the|a|an)\s", "", name, flags=re.IGNORECASE)
    first, second = document.section_at(one.span.start), document.section_at(other.span.start)
    return Draft(
        family="CON",
        category="inconsistent-content",
        severity="critical",
        title=f"Two values for {name}: {one.text} and {other.text}",
        explanation=(
            f"{document.label(first)} gives {one.text} for {name}, {document.label(second)} gives "
            f"{other.text}. Nothing says that"
            " they apply in different cases, so the document cannot be implemented in one way."
        ),
        spans=(one.span, other.span),
        proposal=replace(document, other.quantity, f"{{one value: {one.text} or {other.text}}}"),
        confidence=0.9,
        decision=(
            f"parameter {name!r} ({one.dimension})",
            f"{one.text} against {other.text}",
            "same direction, same scope words" + (f", concept {one.concept}" if one.concept else ""),
        ),
    )


_EQUAL = re.compile(r"\bequal(?:ly)?[- ]weight\w*", re.IGNORECASE)
_OTHER_SCHEME = re.compile(
    r"\bweighted by (?:their |the )?(?P<by>[\w-]+(?: [\w-]+){0,3})|"
    r"\b(?P<cap>(?:market[- ])?capitali[sz]ation[- ]weighted)\b",
    re.IGNORECASE,
)


def _schemes(document: Document) -> list[Draft]:
    """Equal weighting beside weighting by something."""
    equal = [s for s in document.body if _EQUAL.search(s.text) and not _SCOPE.search(s.text)]
    other = [s for s in document.body if _OTHER_SCHEME.search(s.text) and not _SCOPE.search(s.text)]
    if not equal or not other or equal[0] is other[0]:
        return []
    one, two = sorted((equal[0], other[0]), key=lambda s: s.start)
    return [
        Draft(
            family="CON",
            category="inconsistent-content",
            severity="critical",
            title="Two weighting schemes",
            explanation="One sentence weights equally, another by a measure. Nothing says when each applies.",
            spans=(one.span, two.span),
            confidence=0.85,
            decision=("weighting scheme", "equal against a measure"),
        )
    ]
