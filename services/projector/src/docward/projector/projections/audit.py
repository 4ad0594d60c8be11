"""The read model `audit`: every event, once, with who did it and why. Live feeds resume from it, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docward.events.analyses import AnalysisCompleted, FindingsRecorded, VerdictsRecorded
from docward.events.codec import Envelope
from docward.events.messages import Message
from docward.events.policies import PackImported
from docward.events.topics import ANALYSIS_EVENTS, DOCUMENT_EVENTS, POLICY_EVENTS
from docward.projector.projections.columns import ddl, plain
from docward.runtime.projections import Position, Projection, Upsert, Write


def project(envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:
    yield Upsert(
        "audit",
        {"stream": envelope.subject, "stream_version": envelope.stream_version},
        {
            "aggregate_id": envelope.key,
            "event_id": envelope.id,
            "type": envelope.type,
            "time": envelope.time,
            "actor_subject": envelope.actor.subject,
            "actor_name": envelope.actor.name,
            "actor_kind": envelope.actor.kind,
            "correlation_id": envelope.correlation_id,
            "causation_id": envelope.causation_id,
            "topic": position.topic,
            "partition": position.partition,
            "body": body(message),
        },
    )


def body(message: Message) -> dict[str, Any]:
    """The event without what the read models hold in full: long lists are named, not repeated."""
    match message:
        case FindingsRecorded(findings=findings):
            named: list[Any] = [
                {"fingerprint": f.fingerprint, "severity": f.severity, "category": f.category, "title": f.title}
                for f in findings
            ]
            return _with(message, "findings", named)
        case VerdictsRecorded(verdicts=verdicts):
            named = [
                {"repository": v.policy.repository, "policy_id": v.policy.policy_id, "verdict": v.verdict}
                for v in verdicts
            ]
            return _with(message, "verdicts", named)
        case PackImported(policies=policies):
            return _with(message, "policies", [{"id": p.id, "level": p.level, "title": p.title} for p in policies])
        case AnalysisCompleted(fingerprints=fingerprints):
            return _with(message, "fingerprints", len(fingerprints))
    return plain(message)


def _with(message: Message, field: str, value: Any) -> dict[str, Any]:
    return {**message.model_dump(mode="json", exclude={field}), field: value}


AUDIT = Projection(
    name="audit",
    version=1,
    topics=(DOCUMENT_EVENTS, POLICY_EVENTS, ANALYSIS_EVENTS),
    ddl=ddl("audit"),
    owner="aggregate_id",
    project=project,
)
