"""The read model `analyses`: every analysis from request to end, with its counts and scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from docward.events.analyses import (
    AnalysisCancelled,
    AnalysisCompleted,
    AnalysisFailed,
    AnalysisRequested,
    SuiteAnalysisRequested,
)
from docward.events.codec import Envelope
from docward.events.messages import CommandRejected, Message
from docward.events.topics import ANALYSIS_EVENTS
from docward.projector.projections.columns import at_and_by, ddl, moved, plain, plain_list
from docward.runtime.projections import Patch, Position, Projection, Upsert, Write


def project(envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:  # noqa: ARG001 -- one signature
    match message:
        case CommandRejected():
            return
        case AnalysisRequested() | SuiteAnalysisRequested():
            yield _requested(envelope, message)
        case AnalysisCompleted():
            yield _finished(envelope, message.analysis_id, "completed", _results(message))
        case AnalysisFailed(analysis_id=analysis_id, reason=reason, detail=detail):
            yield _finished(envelope, analysis_id, "failed", {"failure_reason": reason, "failure_detail": detail})
        case AnalysisCancelled(analysis_id=analysis_id):
            yield _finished(envelope, analysis_id, "cancelled", {})
    yield Upsert("analysis_streams", {"document_id": envelope.key}, moved(envelope))


def _requested(envelope: Envelope, event: AnalysisRequested | SuiteAnalysisRequested) -> Write:
    return Upsert(
        "analyses",
        {"analysis_id": event.analysis_id},
        {
            "document_id": envelope.key,
            "version": event.version,
            "status": "requested",
            "engine": event.engine,
            "model": event.model,
            "focus": list(event.focus),
            "repositories": plain_list(event.repositories),
            **at_and_by("requested", envelope),
            "requested_version": envelope.stream_version,
        },
    )


def _finished(envelope: Envelope, analysis_id: UUID, status: str, columns: dict[str, Any]) -> Write:
    end = {"status": status, "finished_at": envelope.time, "finished_version": envelope.stream_version}
    return Patch("analyses", {"analysis_id": analysis_id}, {**end, **columns})


def _results(event: AnalysisCompleted) -> dict[str, Any]:
    return {
        "engine": event.engine,
        "releases": plain_list(event.releases),
        "finding_counts": dict(event.findings),
        "verdict_counts": dict(event.verdicts),
        "fingerprints": list(event.fingerprints),
        "compliance": event.compliance,
        "self_containment": plain(event.self_containment),
        "implementability": plain(event.implementability),
        "report": plain(event.report),
    }


ANALYSES = Projection(name="analyses", version=1, topics=(ANALYSIS_EVENTS,), ddl=ddl("analyses"), project=project)
