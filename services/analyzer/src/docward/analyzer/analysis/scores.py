"""What the findings mean together: self-containment, implementability, compliance, what is missing or depended upon."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from docward.analyzer.analysis.bounds import QUOTES
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Outcome
from docward.events.findings import (
    Category,
    Compliance,
    ExternalDependency,
    Finding,
    Implementability,
    ImplementationGap,
    MissingDocument,
    ScorePart,
    SelfContainment,
    Verdict,
)

_PARTS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("references", 3, ("internal-references", "external-documents")),
    ("formulas", 3, ("formula-symbols", "formula-windows", "division-by-zero", "unspecified-computations")),
    ("parameters", 3, ("stated-values", "required-values", "conflicting-values", "placeholders")),
    ("terms", 2, ("acronyms", "double-definitions")),
    ("sources", 2, ("named-sources", "unsourced-inputs")),
    ("calendar and time", 2, ("business-calendars", "several-markets", "time-zones")),
    ("reproducibility", 2, ("rounding", "missing-data", "ties")),
    ("wording", 2, ("vague-wording",)),
)
"""Name, weight, and the checks whose results count. Weights: what cannot be looked up anywhere else weighs most."""

_BLOCKING: frozenset[Category] = frozenset(
    {
        "missing-reference",
        "undefined-parameter",
        "incomplete-formula",
        "inconsistent-content",
        "data-source-unspecified",
        "external-dependency",
        "ambiguous-methodology",
        "market-calendar",
    }
)
_GAPS = frozenset(
    {
        "undefined-parameter",
        "incomplete-formula",
        "ambiguous-methodology",
        "implementation-precision",
        "market-calendar",
    }
)
_SOURCE = re.compile(r"\b(?:source|vendor|provider|feed)\b", re.IGNORECASE)


_COST = {"critical": 0.3, "high": 0.15, "medium": 0.05}
"""What one open finding takes from the part `open findings`."""


def self_containment(outcomes: Mapping[str, Outcome], findings: Sequence[Finding]) -> SelfContainment:
    """Each part is clean places / all places that its checks looked at; a part without any is left out. What is open,
    in the text or of a requirement, is a part of its own: a document with serious findings is never perfect.
    """
    parts = []
    for name, weight, checks in _PARTS:
        found = sum(len(outcomes[check].drafts) for check in checks)
        clean = sum(len(outcomes[check].examined) for check in checks)
        if found + clean:
            parts.append(
                ScorePart(
                    name=name,
                    value=round(clean / (found + clean), 4),
                    weight=weight,
                    explanation=f"{clean} of {found + clean} places examined are clean ({', '.join(checks)})",
                )
            )
    opened = _open(findings)
    if not parts:
        parts = [
            ScorePart(name="content", value=0, weight=1, explanation="the document has nothing that can be implemented")
        ]
    elif opened is not None:
        parts.append(opened)
    score = sum(part.value * part.weight for part in parts) / sum(part.weight for part in parts)
    return SelfContainment(score=round(score, 4), parts=tuple(parts))


def _open(findings: Sequence[Finding]) -> ScorePart | None:
    counts = {severity: sum(f.severity == severity for f in findings) for severity in _COST}
    if not any(counts.values()):
        return None
    cost = sum(_COST[severity] * count for severity, count in counts.items())
    named = ", ".join(f"{count} {severity} × {_COST[severity]}" for severity, count in counts.items() if count)
    return ScorePart(
        name="open findings", value=round(max(0.0, 1 - cost), 4), weight=4, explanation=f"1 less {named}, at least 0"
    )


def implementability(findings: Sequence[Finding]) -> Implementability:
    no_specification = [f for f in findings if f.origin == "check:document-kind"]
    if no_specification:
        return Implementability(
            verdict="not-implementable",
            explanation="The text does not read as a specification.",
            blocking=tuple(f.fingerprint for f in no_specification),
        )
    blocking = [f for f in findings if f.category in _BLOCKING and f.severity == "critical"]
    assumed = [
        f
        for f in findings
        if f.severity in {"critical", "high"} or (f.category in _BLOCKING | _GAPS and f.severity == "medium")
    ]
    if blocking:
        return Implementability(
            verdict="not-implementable",
            explanation=f"{len(blocking)} critical finding(s) leave no way to implement what is described.",
            blocking=tuple(f.fingerprint for f in blocking),
        )
    if assumed:
        return Implementability(
            verdict="with-assumptions",
            explanation=f"Implementable only with own assumptions about {len(assumed)} point(s).",
            blocking=tuple(f.fingerprint for f in assumed if f.severity in {"critical", "high"}),
        )
    return Implementability(verdict="implementable", explanation="No finding stands in the way of an implementation.")


def compliance(verdicts: Iterable[Verdict]) -> Compliance | None:
    """Over the MUSTs that apply. What was not assessed is never compliant, but makes nothing non-compliant."""
    kinds = [v.verdict for v in verdicts if v.level == "MUST" and v.verdict != "not-applicable"]
    if not kinds:
        return None
    if all(kind == "covered" for kind in kinds):
        return "compliant"
    if all(kind in {"covered", "partial", "not-assessed"} for kind in kinds):
        return "partial"
    return "non-compliant"


def missing_documents(document: Document) -> tuple[MissingDocument, ...]:
    """Documents and appendices that the text relies on and that are not here."""
    found: dict[str, MissingDocument] = {}
    for reference in document.ir.references:
        if not (reference.kind == "document" and reference.external) and not (
            reference.kind == "appendix" and not reference.resolved
        ):
            continue
        quote = document.quote(reference.span)
        sentence = document.sentence_at(reference.span.start)
        known = found.get(reference.target.casefold())
        found[reference.target.casefold()] = MissingDocument(
            name=reference.target,
            referenced_at=(*(known.referenced_at if known else ()), quote)[:QUOTES],
            purpose=(known.purpose if known else "") or (" ".join(sentence.text.split())[:300] if sentence else ""),
            criticality="critical" if reference.kind == "appendix" else "medium" if reference.version else "high",
        )
    return tuple(found.values())


def external_dependencies(document: Document, findings: Sequence[Finding]) -> tuple[ExternalDependency, ...]:
    """Sources that tables name, and those that the text uses without a name."""
    found: dict[str, ExternalDependency] = {}
    for sentence in document.body:
        for column, cell in sentence.cells:
            if _SOURCE.search(column) and cell.text.strip() and cell.span.end > cell.span.start:
                quote = document.quote(cell.span)
                versioned = re.search(r"\b(?:release|version|edition|format|v)\s?\d", cell.text, re.IGNORECASE)
                found.setdefault(
                    cell.text,
                    ExternalDependency(
                        name=cell.text, kind="data-feed", unspecified=() if versioned else ("version",), quotes=(quote,)
                    ),
                )
    for finding in findings:
        if finding.family == "SRC":
            name = re.sub(r"^generic source '(?:the |our |an? )?|'$", "", finding.decision[0])
            unspecified = ("name", "product or feed", "version")
            dependency = ExternalDependency(name=name, kind=_kind(name), unspecified=unspecified, quotes=finding.quotes)
            found.setdefault(name, dependency)
    return tuple(found.values())


def _kind(name: str) -> Literal["data-feed", "vendor", "system"]:
    if re.search(r"vendor|provider|agenc|manager", name, re.IGNORECASE):
        return "vendor"
    return "system" if re.search(r"platform|model|terminal", name, re.IGNORECASE) else "data-feed"


def gaps(findings: Sequence[Finding]) -> tuple[ImplementationGap, ...]:
    return tuple(
        ImplementationGap(
            title=f.title, needed=(f.proposal.replacement if f.proposal else f.explanation).strip(), quotes=f.quotes
        )
        for f in findings
        if f.category in _GAPS and f.severity in {"critical", "high", "medium"} and f.origin.startswith("check:")
    )
