"""The read model `verdicts`: what each analysis says of each policy of the releases it used."""

from __future__ import annotations

from collections.abc import Iterator

from docward.events.analyses import VerdictsRecorded
from docward.events.codec import Envelope
from docward.events.findings import Verdict
from docward.events.messages import CommandRejected, Message
from docward.events.topics import ANALYSIS_EVENTS
from docward.projector.projections.columns import ddl, plain_list
from docward.runtime.projections import Position, Projection, Upsert, Write

CHUNK = 10_000
"""More than the verdicts that one event of 256 KB can hold."""


def project(envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:  # noqa: ARG001 -- one signature
    match message:
        case CommandRejected():
            return
        case VerdictsRecorded():
            for ordinal, verdict in enumerate(message.verdicts, message.chunk * CHUNK):
                yield _verdict(envelope, message, ordinal, verdict)
    yield Upsert("verdict_streams", {"document_id": envelope.key}, {"stream_version": envelope.stream_version})


def _verdict(envelope: Envelope, event: VerdictsRecorded, ordinal: int, verdict: Verdict) -> Write:
    policy = verdict.policy
    return Upsert(
        "verdicts",
        {
            "analysis_id": event.analysis_id,
            "repository_id": policy.repository_id,
            "policy_id": policy.policy_id,
        },
        {
            "document_id": envelope.key,
            "version": event.version,
            "repository": policy.repository,
            "release": policy.release,
            "level": verdict.level,
            "title": verdict.title,
            "citation": verdict.citation,
            "verdict": verdict.verdict,
            "explanation": verdict.explanation,
            "quotes": plain_list(verdict.quotes),
            "searched": list(verdict.searched),
            "facets": plain_list(verdict.facets),
            "ordinal": ordinal,
            "recorded_at": envelope.time,
        },
    )


VERDICTS = Projection(name="verdicts", version=1, topics=(ANALYSIS_EVENTS,), ddl=ddl("verdicts"), project=project)
