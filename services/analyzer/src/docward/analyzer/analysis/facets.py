"""Facets: what the evidence for a requirement has to state. Compiled once per policy content, then pure matching."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from docward.analyzer.analysis import tables
from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.negation import is_denied
from docward.analyzer.analysis.quantities import Quantity, parse
from docward.analyzer.analysis.roles import names_a_role
from docward.analyzer.analysis.statements import in_units
from docward.analyzer.analysis.text import Caseless, stems
from docward.events.findings import FacetResult
from docward.events.policies import Facet, Policy

_ACTION = Caseless(
    r"\b(?:block(?:s|ed)?|drop(?:s|ped)?|reject(?:s|ed)?|cancel(?:s|led|ed)?|prevent(?:s|ed)?|disabl(?:e|es|ed)|"
    r"stop(?:s|ped)?(?![- ]loss)|halt(?:s|ed)?|paus(?:e|es|ed)|"
    r"suspend(?:s|ed)?|refus(?:e|es|ed)|shut(?:s)? down|held back|liquidat\w+|"
    r"kill switch)\b"
)
"""What changes the course of an order; a warning does not."""
_WARNING_ONLY = Caseless(
    r"\b(?:only|merely|just|solely|simply) (?:\w+ ){0,2}?(?:warn\w*|alert\w*|inform\w*|notif\w*|flag\w*|"
    r"display\w*|show\w*|advis\w*|log(?:s|ged)?|colou?r\w*|indicat\w*)|"
    r"\b(?:warning|alert|advisory|information|monitoring)[ -]only\b|"
    r"\b(?:soft|indicative|advisory|informational) (?:limit|check|control|collar|block)s?\b|"
    r"\b(?:dismiss\w*|click\w* (?:away|through)|ignored? (?:it|the (?:warning|alert|message)))\b|"
    r"\b(?:can|may) (?:freely )?(?:be )?(?:overrid\w*|over-rid\w*|bypass\w*|ignored?|switched off) "
    r"(?:\w+ ){0,3}?(?:by|at|freely|without|the trader|any)\b|"
    r"\b(?:still|nevertheless|anyway) (?:\w+ )?(?:sent|goes|go|released|executed)\b|"
    r"\b(?:is|are) (?:still )?(?:sent|released|executed|passed on|let through|go through) (?:anyway|nevertheless|"
    r"all the same|regardless|unchanged)\b|\b(?:does|do|is|are) not (?:block|stop|prevent|reject|cancel|hold)\w*"
)
"""A control that leaves the order alone: the opposite of one that acts."""
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": lambda stated, bound: stated <= bound * (1 + 1e-9),
    ">=": lambda stated, bound: stated >= bound * (1 - 1e-9),
    "==": lambda stated, bound: abs(stated - bound) <= 1e-9 * max(1.0, abs(bound)),
    "<": operator.lt,
    ">": operator.gt,
}
_OPPOSITE = {"<=": {">", ">="}, "<": {">", ">="}, ">=": {"<", "<="}, ">": {"<", "<="}}
_DIMENSIONS = {
    "bp": frozenset({"percent"}),
    "count": frozenset({"count", "number"}),
    "number": frozenset({"count", "number"}),
}
_QUANTITATIVE = frozenset({"money", "percent", "rate", "multiple", "count", "number", "time", "sigma"})
_NAMES = {
    "V": "a value",
    "U": "a unit",
    "O": "an owner",
    "A": "an action",
    "S": "a scope",
    "C": "a cadence",
    "K": "the reason for the calibration",
    "E": "an escalation",
    "T": "a time",
    "R": "a record",
}
"""What the usual facet ids stand for, where a pack gives no label."""


@dataclass(frozen=True)
class CompiledFacet:
    facet: Facet
    bound: Quantity | None
    near: tuple[tuple[str, ...], ...]
    any: tuple[tuple[str, ...], ...]
    patterns: tuple[Caseless, ...]


@dataclass(frozen=True)
class CompiledPolicy:
    policy: Policy
    facets: tuple[CompiledFacet, ...]
    contradictions: tuple[Caseless, ...]
    prior: frozenset[str]
    """Stems of the headings under which the evidence usually stands."""
    subject: frozenset[str]
    """The concepts of its evidence."""
    table: tables.Compiled | None


@dataclass(frozen=True)
class FacetOutcome:
    facet: Facet
    result: FacetResult
    violation: Sentence | None = None
    """Where the text says the opposite: a value that breaks the bound, a denial."""


def compiled(policy: Policy) -> CompiledPolicy:
    """Compiled once per content, whatever repository or release it comes from."""
    return _compiled(policy.model_dump_json())


@lru_cache(maxsize=4096)
def _compiled(policy_json: str) -> CompiledPolicy:
    policy = Policy.model_validate_json(policy_json)
    return CompiledPolicy(
        policy=policy,
        facets=tuple(_facet(facet) for facet in policy.facets),
        contradictions=tuple(Caseless(p, re.MULTILINE) for p in policy.contradicts.patterns),
        prior=frozenset(part for word in policy.evidence.sections_prior for part in stems(word)),
        subject=frozenset(policy.evidence.all) | frozenset(policy.evidence.any),
        table=tables.compiled(policy.table) if policy.table else None,
    )


def _facet(facet: Facet) -> CompiledFacet:
    return CompiledFacet(
        facet=facet,
        bound=parse(facet.value) if facet.value else None,
        near=tuple(stems(phrase) for phrase in facet.near),
        any=tuple(stems(word.replace("_", " ")) for word in facet.any),
        patterns=tuple(Caseless(p) for p in facet.patterns),
    )


def evaluate(document: Document, facet: CompiledFacet, scope: Sequence[Sentence]) -> FacetOutcome:
    """Whether the sentences of the scope state the facet."""
    if facet.facet.kind == "quantity":
        return _quantity(facet, scope)
    denying = next((sentence for sentence in scope if _denies(document, facet, sentence)), None)
    met = any(_says(document, facet, sentence) for sentence in scope if sentence is not denying)
    note = "" if met else f"{label(facet.facet)} is {'denied' if denying else 'not stated'}"
    return FacetOutcome(facet.facet, FacetResult(id=facet.facet.id, met=met, note=note), None if met else denying)


def _denies(document: Document, facet: CompiledFacet, sentence: Sentence) -> bool:
    """The sentence says that the facet does not hold."""
    if facet.facet.kind == "action":
        return _WARNING_ONLY.search(sentence.text) is not None
    found = sentence.concepts & set(facet.facet.any) if facet.facet.kind == "concept" else frozenset()
    return bool(found) and _is_near(facet, sentence) and is_denied(document, sentence, found)


def label(facet: Facet) -> str:
    return facet.label or _NAMES.get(facet.id[:1], facet.id)


def _says(document: Document, facet: CompiledFacet, sentence: Sentence) -> bool:
    if not _is_near(facet, sentence):
        return False
    if any(pattern.search(sentence.text) for pattern in facet.patterns):
        return True
    kind = facet.facet.kind
    if kind == "concept":
        found = sentence.concepts & set(facet.facet.any)
        return bool(found) and not is_denied(document, sentence, found)
    if facet.any:
        return kind in {"role", "action"} and any(_has_words(sentence, words) for words in facet.any)
    if kind == "role":
        return names_a_role(document.stated[sentence.start : sentence.end])
    return kind == "action" and _ACTION.search(sentence.text) is not None


def _is_near(facet: CompiledFacet, sentence: Sentence) -> bool:
    return not facet.near or any(_has_words(sentence, words) for words in facet.near)


def _has_words(sentence: Sentence, words: tuple[str, ...]) -> bool:
    """The words stand in the sentence, or in the headings of its row's columns, one after the other."""
    own = tuple(token.stem for token in sentence.tokens)
    columns = tuple(part for column, _ in sentence.cells for part in stems(column))
    width = len(words)
    return any(line[i : i + width] == words for line in (own, columns) for i in range(len(line) - width + 1))


def _quantity(facet: CompiledFacet, scope: Sequence[Sentence]) -> FacetOutcome:
    stated = [
        (sentence, quantity)
        for sentence in scope
        if _is_near(facet, sentence)
        for quantity in (*sentence.quantities, *in_units(sentence))
        if quantity.dimension in _wanted(facet) and not _is_opposite(facet, quantity)
    ]
    name, about = facet.facet.id, label(facet.facet)
    if not stated:
        return FacetOutcome(facet.facet, FacetResult(id=name, met=False, note=f"{about} is not stated"))
    if facet.bound is None or facet.facet.op is None:
        return FacetOutcome(facet.facet, FacetResult(id=name, met=True, note=stated[0][1].text))
    holds = _OPERATORS[facet.facet.op]
    good = next((quantity for _, quantity in stated if holds(quantity.value, facet.bound.value)), None)
    if good is not None:
        return FacetOutcome(facet.facet, FacetResult(id=name, met=True, note=good.text))
    sentence, quantity = stated[0]
    note = f"{about}: {quantity.text} stated, {facet.facet.op} {facet.facet.value} required"
    return FacetOutcome(facet.facet, FacetResult(id=name, met=False, note=note), sentence)


def _wanted(facet: CompiledFacet) -> frozenset[str]:
    dimension = facet.facet.dimension
    if dimension is None:
        return _QUANTITATIVE
    if dimension == "cadence" and facet.near:
        return frozenset({"cadence", "time"})
    return _DIMENSIONS.get(dimension, frozenset({dimension}))


def _is_opposite(facet: CompiledFacet, quantity: Quantity) -> bool:
    """`older than two seconds` is no value for an upper bound; `at least once a year` is one for a cadence."""
    return quantity.dimension != "cadence" and quantity.comparator in _OPPOSITE.get(facet.facet.op or "", frozenset())
