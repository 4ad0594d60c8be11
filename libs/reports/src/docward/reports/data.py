"""JSON: every field of every finding and verdict, keys sorted, so that equal results are equal bytes.

A document's entry reads as the analysis' own report (`report.v1`) with what this run knows of each finding beside it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from docward.reports.reviewed import Part, Reviewed

SCHEMA = "review.v1"


def written(documents: Sequence[Reviewed]) -> str:
    return canonical({"schema_version": SCHEMA, "documents": [entry(document) for document in documents]})


def canonical(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def entry(document: Reviewed) -> dict[str, Any]:
    report = document.report.model_dump(mode="json")
    for plain, finding in zip(report["findings"], document.report.findings, strict=True):
        standing = document.standing(finding)
        plain |= {
            "status": standing.status,
            "reason": standing.reason,
            "first_seen_analysis": standing.first_seen or document.analysis_id,
            "last_seen_analysis": standing.last_seen or document.analysis_id,
            "is_new": standing.is_new,
            "fails": standing.fails,
        }
    for plain, verdict in zip(report["verdicts"], document.report.verdicts, strict=True):
        plain["fails"] = document.fails(verdict)
    return {
        **report,
        "file": document.name,
        "title": document.title,
        "document_id": document.document_id,
        "analysis_id": document.analysis_id,
        "version": None if document.is_suite else document.parts[0].version,
        "sha256": document.sha256,
        "markdown_sha256": document.markdown_sha256,
        "media_type": "" if document.is_suite else document.parts[0].media_type,
        "converter": document.parts[0].converter,
        "analysed_at": document.analysed_at or None,
        "releases": [vars(release) for release in document.releases],
        **({"members": list(map(_member, document.parts))} if document.is_suite else {}),
    }


def _member(part: Part) -> dict[str, Any]:
    return {name: value for name, value in vars(part).items() if name != "markdown"}
