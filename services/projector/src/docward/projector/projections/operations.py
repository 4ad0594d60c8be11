"""The read model `operations`: every command by its id, from its topic to its outcome.

It reads the command topics too, so that an operation is there before its decision. Command topics, event topics and
dead-letter topics each write columns of their own: in whatever order they are read, the row is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from docward.events.analyses import (
    AnalysisFailed,
    AnalysisRequested,
    FindingsRecorded,
    SuiteAnalysisRequested,
    VerdictsRecorded,
)
from docward.events.codec import Envelope
from docward.events.documents import (
    ChangesApplied,
    ChangesRequested,
    ConversionFailed,
    ConversionRequested,
    DocumentSubmitted,
    ExportRequested,
    RevisionSubmitted,
    VersionRestored,
)
from docward.events.messages import Command, CommandRejected, Event, Message
from docward.events.policies import PackImported
from docward.events.topics import (
    ANALYSIS_COMMANDS,
    ANALYSIS_EVENTS,
    ANALYZER_DEAD_LETTERS,
    CONVERTER_DEAD_LETTERS,
    DOCUMENT_COMMANDS,
    DOCUMENT_EVENTS,
    POLICY_COMMANDS,
    POLICY_EVENTS,
)
from docward.projector.projections.columns import ddl
from docward.runtime.projections import DeadLettered, Position, Projection, Upsert, Write

Progress = Literal["running", "succeeded", "failed"]

_COMMAND_TOPICS = {DOCUMENT_COMMANDS.name, POLICY_COMMANDS.name, ANALYSIS_COMMANDS.name}


def project(envelope: Envelope, message: Message | DeadLettered, position: Position) -> Iterator[Write]:
    match message:
        case Command():
            yield _operation(envelope.id, _asked(envelope, message))
        case CommandRejected() if envelope.causation_id is not None and envelope.causation_id != message.command_id:
            # What the command's job came to could not be recorded.
            yield _operation(envelope.causation_id, _unrecorded(message))
        case CommandRejected():
            yield _operation(message.command_id, _rejected(envelope, message))
        case DeadLettered():
            if message.topic in _COMMAND_TOPICS:  # an event that was set aside is nobody's operation
                yield _operation(envelope.id, _parked(envelope, message, position))
        case Event():
            if envelope.causation_id is not None:
                yield _operation(envelope.causation_id, _led_to(envelope, message))


def progress(event: Event) -> Progress:
    """What an event says of the command that led to it, directly or through its job.

    Slow work ends with its own event; any other command has done what it asked for with its first one.
    """
    match event:
        case (
            DocumentSubmitted()
            | RevisionSubmitted()
            | ConversionRequested()
            | ChangesRequested()
            | ChangesApplied()
            | VersionRestored()
            | ExportRequested()
            | AnalysisRequested()
            | SuiteAnalysisRequested()
            | FindingsRecorded()
            | VerdictsRecorded()
        ):
            return "running"
        case PackImported(chunk=chunk, chunks=chunks) if chunk < chunks:
            return "running"
        case ConversionFailed() | AnalysisFailed():
            return "failed"
    return "succeeded"


def _operation(command_id: UUID, columns: dict[str, Any]) -> Write:
    return Upsert("operations", {"operation_id": command_id}, columns)


def _asked(envelope: Envelope, command: Command) -> dict[str, Any]:
    """Without partition and offset: a command in the wrong partition is there twice, once forwarded."""
    return {
        "type": envelope.type,
        "stream": envelope.subject,
        "aggregate_id": envelope.key,
        "source": envelope.source,
        "accepted_at": envelope.time,
        "actor_subject": envelope.actor.subject,
        "actor_name": envelope.actor.name,
        "actor_kind": envelope.actor.kind,
        "correlation_id": envelope.correlation_id,
        "expected_version": command.expected_version,
    }


def _led_to(envelope: Envelope, event: Event) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "progress": progress(event),
        "last_event": envelope.type,
        "last_event_at": envelope.time,
        "result_stream": envelope.subject,
        "result_stream_version": envelope.stream_version,
        "result_aggregate_id": envelope.key,
    }
    match event:
        case DocumentSubmitted():
            columns["result_version"] = 1
        case ConversionFailed() | AnalysisFailed():
            columns |= {"failure_reason": event.reason, "failure_detail": event.detail}
    for column, field in (("result_version", "version"), ("result_analysis_id", "analysis_id")):
        if field in type(event).model_fields:
            columns[column] = getattr(event, field)
    return columns


def _unrecorded(event: CommandRejected) -> dict[str, Any]:
    return {"progress": "failed", "failure_reason": event.code, "failure_detail": event.detail}


def _rejected(envelope: Envelope, event: CommandRejected) -> dict[str, Any]:
    return {
        "rejected_at": envelope.time,
        "rejected_type": event.command_type,
        "rejected_stream": event.stream,
        "rejected_aggregate_id": envelope.key,
        "rejected_code": event.code,
        "rejected_detail": event.detail,
        "rejected_current_version": event.current_version,
    }


def _parked(envelope: Envelope, letter: DeadLettered, position: Position) -> dict[str, Any]:
    return {
        "parked_at": datetime.fromtimestamp(position.timestamp / 1000, UTC),
        "parked_type": envelope.type,
        "parked_stream": envelope.subject,
        "parked_aggregate_id": envelope.key,
        "parked_reason": letter.reason,
        "parked_error": letter.error,
        "parked_topic": letter.topic,
        "parked_partition": letter.partition,
        "parked_offset": letter.offset,
    }


OPERATIONS = Projection(
    name="operations",
    version=1,
    topics=(
        DOCUMENT_COMMANDS,
        POLICY_COMMANDS,
        ANALYSIS_COMMANDS,
        DOCUMENT_EVENTS,
        POLICY_EVENTS,
        ANALYSIS_EVENTS,
        CONVERTER_DEAD_LETTERS,
        ANALYZER_DEAD_LETTERS,
    ),
    ddl=ddl("operations"),
    owner="coalesce(aggregate_id, result_aggregate_id, rejected_aggregate_id, parked_aggregate_id)",
    project=project,
)
