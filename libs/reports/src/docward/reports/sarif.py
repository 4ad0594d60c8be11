"""SARIF 2.1.0: a result per finding, at its place in the Markdown, with its proposal as a fix.

Of a PDF or Word file no line can be named: its results carry the section, the page and the quote.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any
from urllib.parse import quote

from docward.events.findings import Finding, ProposedChange, Severity
from docward.events.ir import Span
from docward.reports.data import canonical
from docward.reports.reviewed import Reviewed, requirement_key

_LEVELS: dict[Severity, str] = {
    "critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note",
}  # fmt: skip
_RANKS: dict[Severity, float] = {"critical": 100.0, "high": 75.0, "medium": 50.0, "low": 25.0, "info": 0.0}


def written(documents: Sequence[Reviewed]) -> str:
    return canonical({"version": "2.1.0", "runs": [_run(documents)]})


def _run(documents: Sequence[Reviewed]) -> dict[str, Any]:
    rules = {finding.origin: finding for document in documents for finding in document.report.findings}
    index = {origin: number for number, origin in enumerate(sorted(rules))}
    return {
        "tool": {
            "driver": {
                "name": "Docward",
                "semanticVersion": "0.1.0",
                "properties": {"engines": sorted({document.report.engine for document in documents})},
                "rules": [_rule(rules[origin]) for origin in index],
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [
            {
                "location": _location(document),
                "mimeType": document.media_type,
                "hashes": {"sha-256": document.sha256},
                "properties": {
                    "compliance": document.report.compliance,
                    "selfContainment": document.report.self_containment.score,
                    "implementability": document.report.implementability.verdict,
                    "verdicts": [
                        {"requirement": requirement_key(verdict), "verdict": verdict.verdict}
                        for verdict in document.report.verdicts
                    ],
                },
            }
            for document in documents
        ],
        "results": [
            _result(document, number, lines, finding, index[finding.origin])
            for number, document in enumerate(documents)
            for lines in [_Lines(document.markdown)]
            for finding in document.report.findings
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    name = finding.origin.partition(":")[2] or finding.origin
    return {
        "id": finding.origin,
        "name": "".join(part.capitalize() for part in name.replace(".", "-").split("-")),
        "shortDescription": {"text": f"{finding.family}: {finding.category.replace('-', ' ')} ({name})"},
        "properties": {"family": finding.family, "category": finding.category},
    }


def _location(document: Reviewed) -> dict[str, str]:
    return {"uri": quote(document.name.replace("\\", "/"), safe="/._-~")}


def _result(document: Reviewed, number: int, lines: _Lines, finding: Finding, rule: int) -> dict[str, Any]:
    standing = document.standing(finding)
    result: dict[str, Any] = {
        "ruleId": finding.origin,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "rank": _RANKS[finding.severity],
        "message": {"text": f"{finding.title}. {finding.explanation}"},
        "locations": _places(document, number, lines, finding)[:1],
        "relatedLocations": [
            {"id": index, **place} for index, place in enumerate(_places(document, number, lines, finding)[1:], 1)
        ],
        "partialFingerprints": {"docward/v1": finding.fingerprint},
        "properties": {
            "severity": finding.severity,
            "category": finding.category,
            "confidence": finding.confidence,
            "searched": list(finding.searched),
            "decision": list(finding.decision),
            "status": standing.status,
        },
    }
    if standing.is_new is not None:
        result["baselineState"] = "new" if standing.is_new else "unchanged"
    if standing.status == "rejected":
        result["suppressions"] = [{"kind": "external", "justification": standing.reason}]
    if finding.proposal is not None and document.is_text:
        result["fixes"] = [_fix(document, lines, finding.proposal)]
    return result


def _places(document: Reviewed, number: int, lines: _Lines, finding: Finding) -> list[dict[str, Any]]:
    artifact = {"artifactLocation": {**_location(document), "index": number}}
    if not finding.quotes:
        return [{"physicalLocation": artifact}]
    places = []
    for item in finding.quotes:
        physical: dict[str, Any] = dict(artifact)
        if document.is_text:
            physical["region"] = {**lines.region(item.span), "snippet": {"text": item.text}}
        place: dict[str, Any] = {"physicalLocation": physical, "message": {"text": item.text}}
        if item.section:
            place["logicalLocations"] = [{"name": item.section, "kind": "section"}]
        if item.page is not None:
            place["properties"] = {"page": item.page}
        places.append(place)
    return places


def _fix(document: Reviewed, lines: _Lines, proposal: ProposedChange) -> dict[str, Any]:
    slots = f" Fill in: {', '.join(proposal.slots)}." if proposal.slots else ""
    edit = {"deletedRegion": lines.region(proposal.span), "insertedContent": {"text": proposal.replacement}}
    return {
        "description": {"text": f"Proposed change.{slots}"},
        "artifactChanges": [{"artifactLocation": _location(document), "replacements": [edit]}],
    }


class _Lines:
    """Line and column, counted from 1 in code points, of offsets into a text."""

    def __init__(self, text: str) -> None:
        self._starts = [0, *accumulate(len(line) + 1 for line in text.split("\n"))]

    def region(self, span: Span) -> dict[str, int]:
        (first, start), (last, end) = self._at(span.start), self._at(span.end)
        return {
            "startLine": first,
            "startColumn": start,
            "endLine": last,
            "endColumn": end,
            "charOffset": span.start,
            "charLength": span.end - span.start,
        }

    def _at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
