"""The read model `findings`: one row per document and fingerprint, whatever number of analyses saw it.

An analysis renews what a finding says and when it was last seen; a person's decision outlives it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from docward.events.analyses import (
    FindingAccepted,
    FindingModified,
    FindingRejected,
    FindingReopened,
    FindingsRecorded,
)
from docward.events.codec import Envelope
from docward.events.findings import Finding
from docward.events.messages import CommandRejected, Message
from docward.events.topics import ANALYSIS_EVENTS
from docward.projector.projections.columns import at_and_by, ddl, plain, plain_list
from docward.runtime.projections import Patch, Position, Projection, Upsert, Write


def project(envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:  # noqa: ARG001 -- one signature
    match message:
        case CommandRejected():
            return
        case FindingsRecorded(analysis_id=analysis_id, version=version, findings=findings):
            for finding in findings:
                yield _seen(envelope, analysis_id, version, finding)
        case FindingAccepted(fingerprint=fingerprint, comment=comment):
            yield _decided(envelope, fingerprint, "accepted", comment)
        case FindingModified(fingerprint=fingerprint, text=text, comment=comment):
            yield _decided(envelope, fingerprint, "modified", comment, replacement=text)
        case FindingRejected(fingerprint=fingerprint, reason=reason):
            yield _decided(envelope, fingerprint, "rejected", reason)
        case FindingReopened(fingerprint=fingerprint, comment=comment):
            yield _decided(envelope, fingerprint, "open", comment)
    yield Upsert("finding_streams", {"document_id": envelope.key}, {"stream_version": envelope.stream_version})


def _seen(envelope: Envelope, analysis_id: UUID, version: int, finding: Finding) -> Write:
    return Upsert(
        "findings",
        {"document_id": envelope.key, "fingerprint": finding.fingerprint},
        {**_said(finding), **_sight("last", envelope, analysis_id, version)},
        initial={"status": "open", **_sight("first", envelope, analysis_id, version)},
    )


def _said(finding: Finding) -> dict[str, Any]:
    return {
        "family": finding.family,
        "category": finding.category,
        "severity": finding.severity,
        "title": finding.title,
        "explanation": finding.explanation,
        "quotes": plain_list(finding.quotes),
        "searched": list(finding.searched),
        "policy": plain(finding.policy) if finding.policy else None,
        "proposal": plain(finding.proposal) if finding.proposal else None,
        "confidence": finding.confidence,
        "origin": finding.origin,
        "decision": list(finding.decision),
    }


def _sight(which: str, envelope: Envelope, analysis_id: UUID, version: int) -> dict[str, Any]:
    return {
        f"{which}_seen_analysis": analysis_id,
        f"{which}_seen_version": version,
        f"{which}_seen_at": envelope.time,
    }


def _decided(
    envelope: Envelope, fingerprint: str, status: str, comment: str, *, replacement: str | None = None
) -> Write:
    return Patch(
        "findings",
        {"document_id": envelope.key, "fingerprint": fingerprint},
        {"status": status, "comment": comment, "replacement": replacement, **at_and_by("decided", envelope)},
    )


FINDINGS = Projection(name="findings", version=1, topics=(ANALYSIS_EVENTS,), ddl=ddl("findings"), project=project)
