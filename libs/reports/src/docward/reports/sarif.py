"""SARIF 2.1.0: a result per finding, at its place in the Markdown, with its proposal as a fix.

Of a PDF or Word file no line can be named: its results carry the section, the page and the quote. Each document of a
suite is an artifact; what is said of the whole stands at the first one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import accumulate, count
from typing import Any
from urllib.parse import quote

from docward.events.findings import Finding, ProposedChange, Severity
from docward.events.ir import Span
from docward.reports.data import canonical
from docward.reports.reviewed import Part, Reviewed, requirement_key

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
                "semanticVersion": version("docward-reports"),
                "properties": {"engines": sorted({document.report.engine for document in documents})},
                "rules": [_rule(rules[origin]) for origin in index],
            }
        },
        "columnKind": "unicodeCodePoints",
        "artifacts": [artifact for document in documents for artifact in _artifacts(document)],
        "results": [
            _result(document, texts, finding, index[finding.origin])
            for document, texts in zip(documents, _texts(documents), strict=True)
            for finding in document.report.findings
        ],
    }


def _artifacts(document: Reviewed) -> list[dict[str, Any]]:
    artifacts: list[dict[str, Any]] = [
        {"location": _location(part), "mimeType": part.media_type, "hashes": {"sha-256": part.sha256}}
        for part in document.parts
    ]
    artifacts[0]["properties"] = {
        "compliance": document.report.compliance,
        "selfContainment": document.report.self_containment.score,
        "implementability": document.report.implementability.verdict,
        "verdicts": [
            {"requirement": requirement_key(verdict), "verdict": verdict.verdict}
            for verdict in document.report.verdicts
        ],
    }
    return artifacts


def _rule(finding: Finding) -> dict[str, Any]:
    name = finding.origin.partition(":")[2] or finding.origin
    return {
        "id": finding.origin,
        "name": "".join(part.capitalize() for part in name.replace(".", "-").split("-")),
        "shortDescription": {"text": f"{finding.family}: {finding.category.replace('-', ' ')} ({name})"},
        "properties": {"family": finding.family, "category": finding.category},
    }


def _location(part: Part) -> dict[str, str]:
    return {"uri": quote(part.file.replace("\\", "/"), safe="/._-~")}


def _result(document: Reviewed, texts: Sequence[_Text], finding: Finding, rule: int) -> dict[str, Any]:
    standing = document.standing(finding)
    first, *others = _places(document, texts, finding)
    result: dict[str, Any] = {
        "ruleId": finding.origin,
        "ruleIndex": rule,
        "level": _LEVELS[finding.severity],
        "rank": _RANKS[finding.severity],
        "message": {"text": f"{finding.title}. {finding.explanation}"},
        "locations": [first],
        "relatedLocations": [{"id": index, **place} for index, place in enumerate(others, 1)],
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
    if finding.proposal is not None:
        changed = texts[document.place(finding.proposal.document_id)]
        if changed.part.is_text:
            result["fixes"] = [_fix(changed, finding.proposal)]
    return result


def _places(document: Reviewed, texts: Sequence[_Text], finding: Finding) -> list[dict[str, Any]]:
    if not finding.quotes:
        return [{"physicalLocation": {"artifactLocation": texts[0].location}}]
    places = []
    for item in finding.quotes:
        text = texts[document.place(item.document_id)]
        physical: dict[str, Any] = {"artifactLocation": text.location}
        if text.part.is_text:
            physical["region"] = {**text.region(item.span), "snippet": {"text": item.text}}
        place: dict[str, Any] = {"physicalLocation": physical, "message": {"text": item.text}}
        if item.section:
            place["logicalLocations"] = [{"name": item.section, "kind": "section"}]
        if item.page is not None:
            place["properties"] = {"page": item.page}
        places.append(place)
    return places


def _fix(text: _Text, proposal: ProposedChange) -> dict[str, Any]:
    slots = f" Fill in: {', '.join(proposal.slots)}." if proposal.slots else ""
    edit = {"deletedRegion": text.region(proposal.span), "insertedContent": {"text": proposal.replacement}}
    return {
        "description": {"text": f"Proposed change.{slots}"},
        "artifactChanges": [{"artifactLocation": text.location, "replacements": [edit]}],
    }


class _Text:
    """An artifact and where things stand in it: line and column, counted from 1 in code points."""

    def __init__(self, part: Part, number: int) -> None:
        self.part = part
        self.location = {**_location(part), "index": number}
        self._starts = [0, *accumulate(len(line) + 1 for line in part.markdown.split("\n"))]

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


def _texts(documents: Sequence[Reviewed]) -> Iterator[list[_Text]]:
    """Of each document its parts, as the artifacts of a run are numbered."""
    number = count()
    for document in documents:
        yield [_Text(part, next(number)) for part in document.parts]
