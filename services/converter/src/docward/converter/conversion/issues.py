"""What the document leaves open or says twice, told from its IR alone: every code of `IssueCode`.

An issue is a fact about the text, with the ids of the elements it is about; what it means is the analyzer's to judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from docward.converter.conversion.prose import NUMBER, SCALE, key, unit_kind
from docward.events.graph import Graph
from docward.events.ir import Definition, Element, Formula, Ir, Issue, IssueCode, Parameter, Span

ELSEWHERE = re.compile(
    r"\((?:as |each as )?(?:further )?defined"
    r" (?:below|above|herein|hereafter|elsewhere|in (?:this document|the glossary|the definitions))\b"
)
PROMISED = re.compile(
    r"\b(?:(?:The|Each|Any|All|An?) )?(?P<term>[A-Z][\w-]*(?: [A-Z][\w-]*){0,4})[”\"*_]*[ \n]" + ELSEWHERE.pattern
)
SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9}
DANGLING = re.compile(r"(?:[-+*/×·÷^_=−]|\\(?:cdot|times|frac|sqrt))\s*$|(?:\bT(?:BD|BC)\b|\?\?)")


def issues_of(ir: Ir, markdown: str) -> list[Issue]:
    """In the order of the text."""
    found = chain(
        _definitions(ir.definitions),
        _terms(ir.definitions, markdown),
        _formulas(ir.formulas),
        _cycles(ir),
        _references(ir),
        _values(ir.parameters),
    )
    return sorted(found, key=lambda issue: (issue.span or Span(start=0, end=0)).start)


def _issue(code: IssueCode, message: str, elements: Sequence[Element], span: Span | None = None) -> Issue:
    """At the last of the elements: there the contradiction stands, or what is missing."""
    last = elements[-1]
    return Issue(
        code=code, message=message, span=span or last.span, page=last.page, elements=tuple(one.id for one in elements)
    )


def _definitions(definitions: Sequence[Definition]) -> Iterator[Issue]:
    by_term: dict[str, list[Definition]] = {}
    by_alias: dict[str, list[Definition]] = {}
    for one in definitions:
        by_term.setdefault(key(one.term), []).append(one)
        for alias in one.aliases:
            by_alias.setdefault(key(alias), []).append(one)
    for same in by_term.values():
        aliases = [frozenset(map(key, one.aliases)) for one in same]
        if all(aliases):  # an acronym, spelled out again or as something else
            if not frozenset.intersection(*aliases):
                yield _ambiguous(same, [alias for one in same for alias in one.aliases])
        elif len({key(one.text) for one in same}) > 1:
            yield _issue("duplicate-definition", f"“{same[0].term}” is defined {len(same)} times.", same)
    for name, some in by_alias.items():
        meanings = [*by_term.get(name, ()), *some]
        if len({key(one.term) for one in meanings}) > 1 and not _spells_out(meanings):
            yield _ambiguous(meanings, [one.term for one in meanings])


def _ambiguous(definitions: Sequence[Definition], names: Sequence[str]) -> Issue:
    listed = " and ".join(f"“{name}”" for name in dict.fromkeys(names))
    return _issue("ambiguous-term", f"One name stands for {listed}.", definitions)


def _spells_out(meanings: Sequence[Definition]) -> bool:
    """“ATR” with the alias “Average True Range”, and the other way round, are one term."""
    names = [{key(one.term), *map(key, one.aliases)} for one in meanings]
    return all(key(one.term) in other for one in meanings for other in names)


def _terms(definitions: Sequence[Definition], markdown: str) -> Iterator[Issue]:
    """What the text says it defines elsewhere, and does not."""
    if not ELSEWHERE.search(markdown):
        return
    known = {key(name) for one in definitions for name in (one.term, *one.aliases)}
    for found in PROMISED.finditer(markdown):
        if key(found["term"]) not in known:
            span = Span(start=found.start("term"), end=found.end("term"))
            yield Issue(code="undefined-term", message=f"“{found['term']}” is not defined as promised.", span=span)


def _formulas(formulas: Sequence[Formula]) -> Iterator[Issue]:
    for one in formulas:
        for variable in one.variables:
            if variable.defined_in is None:
                yield _issue("undefined-variable", f"“{variable.symbol}” is defined nowhere.", [one])
        if DANGLING.search(one.latex or one.text) or not _balanced(one.latex or one.text):
            yield _issue("incomplete-formula", "The formula is not whole.", [one])


def _balanced(text: str) -> bool:
    """Whether every bracket is closed; half-open intervals mix their kinds, so only counts are compared."""
    text = re.sub(r"\\left\.|\\right\.|\\[{}]", "", text)
    if r"\right" in text or r"\begin" in text:
        return text.count(r"\left") == text.count(r"\right") and text.count("{") == text.count("}")
    opened, closed = (sum(map(text.count, some)) for some in ("([{", ")]}"))
    return opened == closed


def _cycles(ir: Ir) -> Iterator[Issue]:
    elements: dict[str, Element] = {one.id: one for one in (*ir.definitions, *ir.formulas, *ir.parameters)}
    graph = Graph.of(ir)
    names = {node.id: node.name for node in graph.nodes}
    for cycle in graph.cycles:
        named = ", ".join(f"“{names[ident]}”" for ident in cycle)
        about = "is built from itself" if len(cycle) == 1 else "are built from each other"
        yield _issue("circular-dependency", f"{named} {about}.", [elements[ident] for ident in cycle])


def _references(ir: Ir) -> Iterator[Issue]:
    for one in ir.references:
        if not one.resolved and not one.external:
            yield _issue("missing-reference", f"“{one.text}” is not in the document.", [one])


def _values(parameters: Sequence[Parameter]) -> Iterator[Issue]:
    for one in parameters:
        for other in one.also:
            values = (one.value or "", one.unit), (other.value, other.unit)
            if code := _conflict(*values):
                first, second = (" ".join(filter(None, value)) for value in values)
                yield _issue(code, f"“{one.name}” is {first}, and elsewhere {second}.", [one], other.span)


def _conflict(one: tuple[str, str | None], other: tuple[str, str | None]) -> IssueCode | None:
    """Of two values with their units. A unit that is left out is the other's."""
    same = _number(one[0]) == _number(other[0])
    if one[1] and other[1] and _unit(one[1]) != _unit(other[1]):
        return "unit-mismatch" if same or unit_kind(one[1]) != unit_kind(other[1]) else "contradicting-value"
    return None if same else "contradicting-value"


def _number(value: str) -> float | str:
    """What a value counts, whatever it is written like: `4 million` is `4,000,000`."""
    found = re.fullmatch(rf"({NUMBER})\s*({SCALE})?", value.strip(), re.IGNORECASE)
    if found is None:
        return key(value)
    return float(re.sub(r"[,\s'±]", "", found[1].replace("−", "-"))) * SCALES.get((found[2] or "").lower(), 1)


def _unit(unit: str) -> str:
    folded = key(unit).removesuffix("s")
    return {"percent": "%", "per cent": "%", "basis point": "bp"}.get(folded, folded)
