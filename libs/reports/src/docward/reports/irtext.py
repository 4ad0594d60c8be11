"""The IR as compact text for language models and people: one line per element, in the order of the document.

The grammar is in docs/contracts/ir-text.md. It is stable: what it says keeps its meaning, and what is added is another
word at the end of a line or another kind of line. Labels (`D1`, `F2`) hold within one text; the spans say which
element of the IR is meant. Strings are JSON's, so that whatever a document says stays on its line and in its quotes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from docward.events.ir import (
    Comment,
    CrossReference,
    Definition,
    Element,
    Formula,
    Ir,
    Issue,
    PageMargin,
    Parameter,
    Section,
    Span,
    Table,
    TrackedChange,
    Variable,
)

FORMAT = "docward-ir-text/1"
_quoted = partial(json.dumps, ensure_ascii=False)


def ir_text(ir: Ir) -> str:
    labels = _labels(ir)
    pages = f" pages {ir.pages}" if ir.pages else ""
    lines = [FORMAT, f"document {_quoted(ir.title or '')} characters {ir.markdown_length}{pages}"]
    lines += [f"meta {_quoted(name)} {_quoted(value)}" for name, value in ir.metadata.items()]
    lines += [f"{labels[one.id]} {_line(one, labels)} {_place(one)}" for one in _elements(ir)]
    lines += map(_change, ir.tracked_changes)
    lines += map(_comment, ir.comments)
    lines += map(_margin, ir.page_margins)
    lines += [f"struck {_at(span)}" for span in ir.struck]
    lines += [_issue(one, labels) for one in ir.issues]
    return "\n".join(lines) + "\n"


def _elements(ir: Ir) -> list[Element]:
    """A section before what is in it, and what begins at one place in the order of these kinds."""
    kinds: tuple[Iterable[Element], ...] = (
        ir.sections,
        ir.definitions,
        ir.formulas,
        ir.parameters,
        ir.tables,
        ir.references,
    )
    found = [(one.span.start, kind, at, one) for kind, some in enumerate(kinds) for at, one in enumerate(some)]
    return [one for *_, one in sorted(found, key=lambda item: item[:3])]


def _labels(ir: Ir) -> dict[str, str]:
    kinds: tuple[tuple[str, Iterable[Element]], ...] = (
        ("S", ir.sections),
        ("D", ir.definitions),
        ("F", ir.formulas),
        ("P", ir.parameters),
        ("T", ir.tables),
        ("R", ir.references),
    )
    return {one.id: f"{letter}{at}" for letter, some in kinds for at, one in enumerate(some, 1)}


def _line(element: Element, labels: Mapping[str, str]) -> str:
    match element:
        case Section():
            return _section(element, labels)
        case Definition():
            return _definition(element, labels)
        case Formula():
            return _formula(element, labels)
        case Parameter():
            return _parameter(element)
        case Table():
            return _table(element)
        case CrossReference():
            return _reference(element, labels)
    raise TypeError(f"no element of an IR: {type(element).__name__}")


def _place(element: Element) -> str:
    page = f" p{element.page}" if element.page else ""
    sure = f" ~{element.confidence:.2f}" if element.confidence < 1 else ""
    inferred = " inferred" if element.origin == "inferred" else ""
    return f"{_at(element.span)}{page}{sure}{inferred}"


def _at(span: Span) -> str:
    return f"@{span.start}-{span.end}"


def _section(one: Section, labels: Mapping[str, str]) -> str:
    parent = labels.get(one.parent_id or "")
    within = f" in {parent}" if parent else ""
    return f"section {_quoted(one.number or '')} {_quoted(one.title)} level {one.level} {one.type}{within}"


def _definition(one: Definition, labels: Mapping[str, str]) -> str:
    aliases = "".join(f" alias {_quoted(alias)}" for alias in one.aliases)
    lineage = [f"{each.kind} {labels.get(each.target) or _quoted(each.target)}" for each in one.lineage]
    return f"definition {_quoted(one.term)}{aliases} means {_quoted(one.text)}" + _listed(" uses ", lineage)


def _formula(one: Formula, labels: Mapping[str, str]) -> str:
    name = f" {_quoted(one.name)}" if one.name else ""
    text = f"latex {_quoted(one.latex)}" if one.latex else f"text {_quoted(one.text)}"
    where = [_variable(each, labels) for each in one.variables]
    uses = [labels[each] for each in one.dependencies if each in labels]
    return f"formula{name} {text}" + _listed(" where ", where) + _listed(" uses ", uses)


def _variable(one: Variable, labels: Mapping[str, str]) -> str:
    return f"{_quoted(one.symbol)} {labels.get(one.defined_in or '', '?')}"


def _parameter(one: Parameter) -> str:
    value = _value(one.value, one.unit)
    default = f" default {_quoted(one.default)}" if one.default else ""
    limits = f" within {_quoted(one.constraints)}" if one.constraints else ""
    also = [f"{_value(each.value, each.unit)} {_at(each.span)}" for each in one.also]
    return f"parameter {_quoted(one.name)} {one.kind} {value}{default}{limits}" + _listed(" also ", also)


def _value(value: str | None, unit: str | None) -> str:
    return "?" if value is None else _quoted(value) + (f" {_quoted(unit)}" if unit else "")


def _table(one: Table) -> str:
    caption = f" {_quoted(one.caption)}" if one.caption else ""
    types: Iterator[str] = iter(one.column_types)
    columns = [f"{_quoted(cell.text)} {next(types, 'text')}" for cell in one.header]
    return f"table{caption} rows {len(one.rows)}" + _listed(" columns ", columns)


def _reference(one: CrossReference, labels: Mapping[str, str]) -> str:
    target = labels.get(one.target_id or "", "external" if one.external else "resolved" if one.resolved else "?")
    version = f" version {_quoted(one.version)}" if one.version else ""
    return f"reference {one.kind} {_quoted(one.target)} to {target}{version}"


def _change(one: TrackedChange) -> str:
    return f"change {one.kind} {_quoted(one.text)}{_said(one)}"


def _comment(one: Comment) -> str:
    answers = f" answers {_quoted(one.answers)}" if one.answers is not None else ""
    return f"comment {_quoted(one.id)} {_quoted(one.text)}{answers}{' resolved' * one.resolved}{_said(one)}"


def _margin(one: PageMargin) -> str:
    return f"margin {one.kind} {one.pages} {one.section} {_quoted(one.text)}"


def _said(one: TrackedChange | Comment) -> str:
    """By whom, when and where, as far as the document tells."""
    by = f" by {_quoted(one.author)}" if one.author else ""
    on = f" on {_quoted(one.date)}" if one.date else ""
    return by + on + (f" {_at(one.span)}" if one.span else "")


def _issue(one: Issue, labels: Mapping[str, str]) -> str:
    about = [labels[each] for each in one.elements if each in labels]
    place = (f" {_at(one.span)}" if one.span else "") + (f" p{one.page}" if one.page else "")
    return f"issue {one.code} {_quoted(one.message)}" + _listed(" about ", about) + place


def _listed(word: str, items: Iterable[str]) -> str:
    listed = ", ".join(items)
    return f"{word}{listed}" if listed else ""
