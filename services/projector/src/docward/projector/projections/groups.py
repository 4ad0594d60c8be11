"""The read model `groups`: document groups, their members, and whose texts each analysis of them has read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from docward.events.analyses import SuiteAnalysisRequested
from docward.events.codec import Envelope
from docward.events.groups import (
    DocumentGroupCreated,
    DocumentGroupDeleted,
    DocumentGroupRenamed,
    GroupMemberAdded,
    GroupMemberRemoved,
    PrimaryMemberSet,
)
from docward.events.messages import Message, stream_id
from docward.events.topics import ANALYSIS_EVENTS, DOCUMENT_EVENTS
from docward.projector.projections.columns import at_and_by, ddl, moved
from docward.runtime.projections import Delete, Patch, Position, Projection, Upsert, Write

PLACES = 1000
"""More than the members that one event can name."""


def project(envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:  # noqa: ARG001 -- one signature
    match message:
        case SuiteAnalysisRequested():
            yield _analysed(envelope, message)
        case DocumentGroupCreated():
            yield _created(envelope, message)
        case _ if envelope.subject == stream_id("document-group", envelope.key):
            yield _patched(envelope, _changes(envelope, message))
    yield from _members(envelope, message)


def _created(envelope: Envelope, event: DocumentGroupCreated) -> Write:
    return Upsert(
        "document_groups",
        {"group_id": envelope.key},
        {
            "title": event.title,
            "description": event.description,
            "owner": event.owner,
            "visibility": event.visibility,
            "groups": list(event.groups),
            "primary_id": event.primary,
            **at_and_by("created", envelope),
            **moved(envelope),
        },
    )


def _patched(envelope: Envelope, changes: dict[str, Any]) -> Write:
    return Patch("document_groups", {"group_id": envelope.key}, {**changes, **moved(envelope)})


def _changes(envelope: Envelope, message: Message) -> dict[str, Any]:
    match message:
        case DocumentGroupRenamed(title=title, description=description):
            return {"title": title, "description": description}
        case PrimaryMemberSet(document_id=primary):
            return {"primary_id": primary}
        case DocumentGroupDeleted(reason=reason):
            return {"deleted_at": envelope.time, "deletion_reason": reason}
    return {}


def _members(envelope: Envelope, message: Message) -> Iterator[Write]:
    match message:
        case DocumentGroupCreated(members=members):
            yield from (_member(envelope, ident, place) for place, ident in enumerate(members))
        case GroupMemberAdded(document_id=ident):
            yield _member(envelope, ident, 0)
        case GroupMemberRemoved(document_id=ident):
            yield Delete("document_group_members", {"group_id": envelope.key, "document_id": ident})


def _member(envelope: Envelope, ident: UUID, place: int) -> Write:
    ordinal = (envelope.stream_version or 0) * PLACES + place
    key = {"group_id": envelope.key, "document_id": ident}
    return Upsert("document_group_members", key, {"ordinal": ordinal, **at_and_by("added", envelope)})


def _analysed(envelope: Envelope, event: SuiteAnalysisRequested) -> Write:
    members = [member.model_dump(mode="json", exclude={"markdown", "ir"}) for member in event.members]
    key = {"analysis_id": event.analysis_id}
    return Upsert("suite_analyses", key, {"group_id": envelope.key, "members": members})


GROUPS = Projection(
    name="groups",
    version=1,
    topics=(DOCUMENT_EVENTS, ANALYSIS_EVENTS),
    ddl=ddl("groups"),
    owner="group_id",
    project=project,
)
