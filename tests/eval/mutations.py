"""One seeded defect at a time in a document: the engine has to see it, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.statements import Statement, statements
from docward.events.findings import AnalysisReport

PER_KIND = 3
"""Mutants of one kind in one document."""
_COMMON = frozenset({"EUR", "USD", "GBP", "ETF"})
"""Abbreviations that need no definition, so that its deletion is no defect."""
_BAD = ("covered", "partial", "missing", "contradicted")


@dataclass(frozen=True)
class Mutant:
    kind: str
    text: str
    what: str


def mutants(document: Document) -> Iterator[Mutant]:
    for kind, operator in _OPERATORS.items():
        for number, (start, end, replacement) in enumerate(operator(document)):
            if number == PER_KIND:
                break
            before = document.markdown[start:end]
            text = document.markdown[:start] + replacement + document.markdown[end:]
            yield Mutant(kind, text, " ".join(f"{before} → {replacement or 'deleted'}".split())[:100])


Edits = Iterator[tuple[int, int, str]]


def _deleted_definitions(document: Document) -> Edits:
    """Of abbreviations and kinds of days, which nothing explains once their definition is gone."""
    for definition in document.ir.definitions:
        names = [
            name
            for name in (definition.term, *definition.aliases)
            if re.fullmatch(r"[A-Z]{3,6}", name) and name not in _COMMON
        ]
        rest = document.markdown[: definition.span.start] + document.markdown[definition.span.end :]
        if any(re.search(rf"\b{name}\b", rest) and not _explained(name, rest) for name in names):
            yield definition.span.start, definition.span.end, ""


def _explained(name: str, text: str) -> bool:
    """`Long name (LN)`, a row `LN | long name`, `LN means`: what explains an abbreviation a second time."""
    return bool(re.search(rf"\({name}\)|^\W*{name}\s*(?:\||:|–|means\b)", text, re.MULTILINE))


def _late_alerts(document: Document) -> Edits:
    for sentence in document.body:
        if re.search(r"\balerts?\b", sentence.text, re.IGNORECASE):
            for quantity in sentence.quantities:
                if quantity.dimension == "time" and quantity.value <= 5:
                    yield quantity.start, quantity.end, "30 seconds"


def _renumbered_sections(document: Document) -> Edits:
    """A section to which the text refers by number."""
    referred = {reference.target_id for reference in document.ir.references if reference.kind == "section"}
    for section in document.ir.sections:
        start = section.span.start
        heading = document.markdown[start : section.heading.end]
        if section.id in referred and section.number and section.number in heading:
            at = start + heading.index(section.number)
            yield at, at + len(section.number), f"{section.number.rpartition('.')[0] or ''}.99".lstrip(".")


_UNITS = ((r"\bseconds?\b", "minutes"), (r"\bminutes?\b", "seconds"), (r"\bbps?\b|\bbasis points?\b", "%"))


def _swapped_units(document: Document) -> Edits:
    """Of a parameter for which the document states one value in two places."""
    stated: dict[tuple[object, ...], list[Statement]] = {}
    for statement in statements(document):
        key = (statement.concept or statement.subject, statement.dimension, statement.value)
        stated.setdefault(key, []).append(statement)
    for same in stated.values():
        for pattern, other in _UNITS:
            if len(same) > 1 and re.search(pattern, same[-1].text):
                yield same[-1].span.start, same[-1].span.end, re.sub(pattern, other, same[-1].text)


def _dropped_where_entries(document: Document) -> Edits:
    """Of symbols that a formula uses and none computes: what has a left side of its own is explained without it."""
    entry = re.compile(
        r"(?:(?<=where )|(?<=, )|(?<=and ))(?P<symbol>[^,.]{1,30}?) is (?:the|a|an) "
        r"(?:[^,.]|\.(?=\d))+?(?:, (?:and )?|(?= and |\.))"
    )
    computed = {_plain(formula.name) for formula in document.ir.formulas if formula.name}
    used = {_plain(variable.symbol) for formula in document.ir.formulas for variable in formula.variables}
    for sentence in document.body:
        if sentence.text.lstrip().startswith("where "):
            found = entry.finditer(document.markdown, sentence.start, sentence.end)
            matches = [m for m in found if _plain(m["symbol"]) in used and _plain(m["symbol"]) not in computed]
            for match in matches[:1]:
                yield match.start(), match.end(), ""


def _plain(symbol: str) -> str:
    return re.sub(r"[$`\\{}\s]", "", symbol)


def _weakened_rules(document: Document) -> Edits:
    for sentence in document.body:
        for match in re.finditer(r"\b(?:shall|must)\b(?! not)", sentence.text):
            yield sentence.start + match.start(), sentence.start + match.end(), "should"


def _deleted_kill_switches(document: Document) -> Edits:
    for section in document.ir.sections:
        if re.search(r"\bkill\b", section.title, re.IGNORECASE):
            yield section.heading.end, section.span.end, "\n\n"


_OPERATORS: dict[str, Callable[[Document], Edits]] = {
    "definition deleted": _deleted_definitions,
    "alert after 30 s": _late_alerts,
    "section renumbered": _renumbered_sections,
    "unit swapped": _swapped_units,
    "where entry dropped": _dropped_where_entries,
    "shall becomes should": _weakened_rules,
    "kill switch deleted": _deleted_kill_switches,
}


@dataclass(frozen=True)
class Seen:
    killed: bool
    collateral: int
    what: tuple[str, ...]


def seen(before: AnalysisReport, after: AnalysisReport) -> Seen:
    """Killed by a finding that was not there, or a verdict that became worse. What is said more is collateral."""
    known = {finding.fingerprint for finding in before.findings}
    fresh = [finding.title for finding in after.findings if finding.fingerprint not in known]
    ranks = {(v.policy.repository, v.policy.policy_id): v.verdict for v in before.verdicts}
    worse = [
        f"{v.policy.policy_id} is {v.verdict}"
        for v in after.verdicts
        if v.verdict in _BAD
        and (was := ranks[v.policy.repository, v.policy.policy_id]) in _BAD
        and _BAD.index(v.verdict) > _BAD.index(was)
    ]
    return Seen(bool(fresh or worse), max(0, len(fresh) - 1), tuple(fresh or worse))
