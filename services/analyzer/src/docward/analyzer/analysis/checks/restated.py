"""CON: prose that gives a labelled parameter another value than its table or its list.

`Maximum daily loss | EUR 60,000` is contradicted by a stop `when the loss of a day reaches EUR 75,000`: a sentence that
uses all words of the label, in whatever order, restates it. A sentence that names only what the label is of (`an order
above EUR 60 million`) contradicts it where no parameter of that name has its value.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, replace
from docward.analyzer.analysis.quantities import Quantity
from docward.analyzer.analysis.statements import Statement, scope_words
from docward.analyzer.analysis.text import Caseless, content_stems, stems, words
from docward.events.ir import Span

_COMPARABLE = frozenset({"money", "percent", "time", "multiple", "rate", "count", "number"})
_FORMS = {
    "daili": "day", "weekli": "week", "monthli": "month", "quarter": "quarter", "yearli": "year", "annual": "year",
    "hour": "hour", "hourli": "hour", "cancel": "cancel", "cancellation": "cancel",
}  # fmt: skip
_CONSTITUENTS = frozenset(stems("constituent component member company share stock bond security name holding issuer"))
_CONSTITUENT = "constitu"
"""What an index or a portfolio is made of, under one name."""
_TOO_COMMON = frozenset(
    stems(
        """
        order price trade market position index day value amount level rate size portfolio weight client venue
        constituent number instrument time period minimum maximum limit cap strategy return volume exposure
        currency fund month year week quarter share data base initial final default total
        """
    )
)
"""Alone, they say of a quantity neither what it limits nor what it is of."""
_NOISE = frozenset(
    stems(
        """
        maximum minimum max min cap limit floor threshold ceiling number value amount target allowed permitted setting
        applied current per each any all one single length timeout deadline duration within size level
        """
    )
)
_ASIDE = Caseless(
    r"\b(?:half|twice|double|third of|times the|sum of|total|aggregate|together|combined|other than|example|e\.g\.|"
    r"assum\w+|scenario|back-?test\w*|lowered|raised|from \S+ to|remaining|rest|another|additional|further|first|"
    r"initial\w*|instead|temporar\w+|exception\w*|special|reduced|increased|alternativ\w*|between|if more|older|"
    r"last|previous|past|preceding|error|chance|probability|confidence|stress\w*|warn\w*|alert\w*|per)\b"
)
"""Words of a sentence that speaks of a part, a case or an earlier state of what it names."""
_CLAUSE = re.compile(
    r"[;:(),]|\b(?:and|but|or|while|that|which|who|if|when|where|whose|because|until|after|before|unless|so)\b",
    re.IGNORECASE,
)
_OPENS = Caseless(r"^\s*(?:if|when|whenever|where|once|as soon as|unless|until)\b")
_BOUND = Caseless(
    r"\b(?:above|over|exceed\w*|beyond|larger than|greater than|more than|below|under|less than|smaller than|at most|"
    r"at least|up to|reach(?:es)?|maximum|minimum|limited to|capped at|no more than|with)\s(?:an? )?$"
)
_CAPS = Caseless(
    r"\b(?:limited|capped|restricted|reduced) (?:to|at)\b|\b(?:exceeds?|above|more than|at most|maximum)\b"
)
_HELD = Caseless(
    r"\b(?:are|is|were) (?:selected|chosen|kept|included|held|retained|admitted)\b|\b(?:consists? of|comprises?|holds|"
    r"contains|includes|is made of|made up of)\b"
)
_HEAD_END = words("of on in per for from to around against by with at over")


@dataclass(frozen=True)
class _Said:
    """A quantity in prose, with the words around it."""

    sentence: Sentence
    quantity: Quantity
    clause: str
    words: frozenset[str]
    near: frozenset[str]
    """Of its clause."""


@dataclass(frozen=True)
class _Parameter:
    """What a label names, and the value beside it."""

    stated: Statement
    core: frozenset[str]
    head: str


def restatements(document: Document, stated: Iterable[Statement], settled: AbstractSet[Span]) -> Outcome:
    """`stated` are the statements of the document; sentences of `settled` contradict another one already."""
    labelled = list(_parameters(stated))
    by_word: dict[tuple[str, str], list[_Parameter]] = defaultdict(list)
    for parameter in labelled:
        for word in parameter.core:
            by_word[_kind(parameter.stated.dimension), word].append(parameter)
    drafts: list[Draft] = []
    examined: list[Span] = []
    told: set[Span] = set()
    for said in _prose(document, frozenset(p.stated.sentence.index for p in labelled)):
        kind = _kind(said.quantity.dimension)
        near = {id(p): p for word in sorted(said.near) for p in by_word.get((kind, word), ())}
        meant = [p.stated for p in _meant(said, list(near.values()))]
        if any(_agrees(said, statement) for statement in meant):
            examined.append(said.sentence.span)
        elif meant and meant[0].span not in told and said.sentence.span not in settled:
            told.add(meant[0].span)
            drafts.append(_draft(document, meant[0], said))
    return Outcome(tuple(drafts), tuple(dict.fromkeys(examined)))


def _parameters(stated: Iterable[Statement]) -> Iterator[_Parameter]:
    """Each label and value once."""
    known = set()
    for statement in stated:
        core = _normal(content_stems(statement.label)) - _NOISE if statement.labelled else frozenset()
        identity = (core, statement.dimension, statement.value, statement.direction)
        if core and statement.dimension in _COMPARABLE and identity not in known:
            known.add(identity)
            yield _Parameter(statement, core, _head(statement))


def _kind(dimension: str) -> str:
    """A column of numbers counts what its label names."""
    return "number" if dimension == "count" else dimension


def _normal(found: frozenset[str]) -> frozenset[str]:
    return frozenset(_CONSTITUENT if stem in _CONSTITUENTS else _FORMS.get(stem, stem) for stem in found)


def _prose(document: Document, labelled: frozenset[int]) -> Iterator[_Said]:
    for sentence in document.body:
        if sentence.kind == "row" or sentence.index in labelled or _ASIDE.search(sentence.text):
            continue
        for quantity in sentence.quantities:
            if quantity.dimension in _COMPARABLE:
                clause = _clause(sentence, quantity)
                near = _normal(content_stems(clause))
                yield _Said(sentence, quantity, clause, _normal(sentence.content), near)


def _clause(sentence: Sentence, quantity: Quantity) -> str:
    """The words around the quantity up to the next comma or conjunction, with the one that opens them."""
    begin, end = quantity.start - sentence.start, quantity.end - sentence.start
    start = 0
    for match in _CLAUSE.finditer(sentence.text, 0, begin):
        start = match.start()
    stop = _CLAUSE.search(sentence.text, end)
    return sentence.text[start : stop.start() if stop else len(sentence.text)]


def _meant(said: _Said, labelled: Sequence[_Parameter]) -> list[_Parameter]:
    """The parameters that the quantity can be a value of: those whose words it uses, else those of its name."""
    fitting = [p for p in labelled if p.stated.sentence is not said.sentence and _direction_fits(p.stated, said)]
    full = [p for p in fitting if _uses_all(p, said) and not _other_scope(p.stated, said)]
    if full:
        longest = max(len(p.core) for p in full)
        return [p for p in full if len(p.core) == longest]
    named = _named(said)
    return [p for p in fitting if named and named <= p.core and p.head in named and not _other_scope(p.stated, said)]


def _uses_all(parameter: _Parameter, said: _Said) -> bool:
    core = parameter.core
    if parameter.stated.dimension in {"number", "count"} and not _counts(parameter, said):
        return False
    if len(core) > 1:
        return core <= said.words
    (only,) = core
    if only == _CONSTITUENT and parameter.stated.dimension == "percent":
        return _caps_weight(parameter.stated, said)
    if only in _TOO_COMMON and only != _CONSTITUENT:  # `positions of up to 250 contracts` against 200 of them
        bounded = parameter.stated.direction and said.quantity.comparator in {"<=", ">"}
        return parameter.stated.dimension == "count" and bool(bounded) and only in said.near
    return only != _CONSTITUENT or _held(said)


def _caps_weight(statement: Statement, said: _Said) -> bool:
    """`Issuer cap | 3 %` against `the weight of an issuer is limited to 4 %`: the same kind, a weight, and a cap."""
    kinds = (content_stems(statement.label) & _CONSTITUENTS) <= said.sentence.content
    return (
        kinds and statement.direction == "at most" and "weight" in said.near and _CAPS.search(said.clause) is not None
    )


def _counts(parameter: _Parameter, said: _Said) -> bool:
    """A number in prose counts what the label names: `50 companies`, `four decimal places`."""
    if parameter.stated.unit and parameter.stated.unit == said.quantity.unit != _CONSTITUENT:
        return True
    counted = _normal(content_stems(said.quantity.text))
    return bool(counted & parameter.core) and (_CONSTITUENT not in counted or _held(said))


def _held(said: _Said) -> bool:
    return _HELD.search(said.sentence.text) is not None


def _named(said: _Said) -> frozenset[str]:
    """The one or two words right before a bound: `an order above`, `with leverage`."""
    before = said.sentence.text[: said.quantity.start - said.sentence.start]
    if said.quantity.dimension not in {"money", "multiple", "rate"}:
        return frozenset()
    match = _BOUND.search(before)
    noun = before[: match.start()] if match and match.group().strip().lower() != "with" else before
    if not match and not re.search(r"\bleverage\s$", before):
        return frozenset()
    clause = _CLAUSE.split(noun)[-1].split()
    return _normal(content_stems(" ".join(clause[-2:])))


def _head(statement: Statement) -> str:
    """What the label is of: its last word, or the one before a preposition."""
    found = statement.label.lower().split()
    stop = next((index for index, word in enumerate(found) if index and word in _HEAD_END), len(found))
    heads = [stem for stem in stems(" ".join(found[:stop])) if stem not in _NOISE]
    return next(iter(_normal(frozenset(heads[-1:]))), "")


def _direction_fits(statement: Statement, said: _Said) -> bool:
    """A lower bound does not restate an upper one; `above` a maximum is where it ends."""
    sign = said.quantity.comparator
    if not statement.direction or not sign:
        return True
    return (statement.direction == "at least") == (sign in {">=", "<"}) or sign == ">"


def _other_scope(statement: Statement, said: _Said) -> bool:
    """The sentence speaks of a case that the label does not: of another side, place or time."""
    at = said.quantity.start - said.sentence.start
    whole = said.sentence.text
    text = whole[: at + len(whole[at:].partition(";")[0])]  # behind it stands what follows, not when it holds
    if _OPENS.match(said.clause):
        text = text.replace(said.clause, _OPENS.sub("", said.clause))
    label = _normal(content_stems(statement.label))
    return any(not _normal(content_stems(word)) <= label for word in scope_words(text))


def _agrees(said: _Said, statement: Statement) -> bool:
    """One of the values of the sentence is the parameter's; a part of it (`half of the limit`) was set aside."""
    return any(
        _kind(q.dimension) == _kind(statement.dimension)
        and abs(q.value - statement.value) <= 1e-9 * max(1.0, abs(statement.value))
        and (q.dimension != "money" or not q.unit or not statement.unit or q.unit == statement.unit)
        for q in said.sentence.quantities
    )


def _draft(document: Document, parameter: Statement, said: _Said) -> Draft:
    place, elsewhere = document.label(parameter.sentence.section), document.label(said.sentence.section)
    name = " ".join(re.sub(r"[^\w%&/.() -]+", " ", parameter.label).split())
    value = parameter.shown or parameter.text
    return Draft(
        family="CON",
        category="inconsistent-content",
        severity="critical",
        title=f"Two values for {name[:40].rstrip()}: {value[:14]} and {said.quantity.text[:14]}",
        explanation=(
            f"{place} gives {value} for {name}, {elsewhere} says {said.quantity.text}. Nothing says that they apply "
            "in different cases, so the document cannot be implemented in one way."
        ),
        spans=tuple(sorted((parameter.sentence.span, said.sentence.span), key=lambda span: span.start)),
        proposal=replace(
            document,
            Span(start=said.quantity.start, end=said.quantity.end),
            f"{{one value: {value} or {said.quantity.text}}}",
        ),
        confidence=0.8,
        decision=(
            f"parameter {name!r} ({parameter.dimension})",
            f"{value} against {said.quantity.text}",
            "the sentence uses the words of the label",
        ),
    )
