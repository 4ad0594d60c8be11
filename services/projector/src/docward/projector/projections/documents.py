"""The read model `documents`: documents, their versions, and what was exported of them.

A document's own row moves forward only. The outcome of conversions stands with each version, because an old version
that is converted again must not change what its document says of the current one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from docward.events.codec import Envelope
from docward.events.documents import (
    ChangesApplied,
    ChangesRequested,
    ConversionFailed,
    ConversionRequested,
    DetailsEdited,
    DocumentConverted,
    DocumentDeleted,
    DocumentExported,
    DocumentMadePrivate,
    DocumentShared,
    DocumentSubmitted,
    OwnershipTransferred,
    RepositoriesAssigned,
    RevisionSubmitted,
    VersionRestored,
)
from docward.events.messages import Message, stream_id
from docward.events.topics import DOCUMENT_EVENTS
from docward.projector.projections.columns import at_and_by, ddl, moved, plain, plain_list
from docward.runtime.projections import Patch, Position, Projection, Upsert, Write


def project(envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:  # noqa: ARG001 -- one signature
    if envelope.subject != stream_id("document", envelope.key):  # rejected commands, and document groups
        return
    match message:
        case DocumentSubmitted():
            yield _submitted(envelope, message)
        case _:
            changes = _document_changes(envelope, message)
            yield Patch("documents", {"document_id": envelope.key}, {**changes, **moved(envelope)})
    yield from _versions(envelope, message)


def _submitted(envelope: Envelope, event: DocumentSubmitted) -> Write:
    return Upsert(
        "documents",
        {"document_id": envelope.key},
        {
            "title": event.title,
            "description": event.description,
            "tags": list(event.tags),
            "owner": event.owner,
            "visibility": event.visibility,
            "groups": list(event.groups),
            "repositories": plain_list(event.repositories),
            "current_version": 1,
            **at_and_by("created", envelope),
            **moved(envelope),
        },
    )


def _document_changes(envelope: Envelope, message: Message) -> dict[str, Any]:
    match message:
        case RevisionSubmitted() | ChangesRequested() | VersionRestored():
            return {"current_version": message.version}
        case DetailsEdited():
            return {"title": message.title, "description": message.description, "tags": list(message.tags)}
        case RepositoriesAssigned():
            return {"repositories": plain_list(message.repositories)}
        case DocumentShared():
            return {"visibility": "group", "groups": list(message.groups)}
        case DocumentMadePrivate():
            return {"visibility": "private", "groups": []}
        case OwnershipTransferred():
            return {"owner": message.owner}
        case DocumentDeleted():
            return {"deleted_at": envelope.time, "deletion_reason": message.reason}
    return {}


def _versions(envelope: Envelope, message: Message) -> Iterator[Write]:
    match message:
        case DocumentSubmitted(filename=filename, original=original):
            yield _version(
                envelope, 1, origin="upload", status="submitted", filename=filename, original=plain(original)
            )
        case RevisionSubmitted(version=version, filename=filename, original=original, comment=comment):
            yield _version(
                envelope,
                version,
                origin="revision",
                status="submitted",
                filename=filename,
                original=plain(original),
                comment=comment,
            )
        case ChangesRequested(version=version, base=base):
            yield _version(envelope, version, origin="changes", status="converting", base_version=base)
        case ChangesApplied(version=version, original=original):
            yield _of_version(envelope, version, original=plain(original))
        case VersionRestored(version=version, restored=restored):
            yield _version(envelope, version, origin="restore", status="converting", base_version=restored)
        case ConversionRequested(version=version):
            yield _of_version(envelope, version, status="converting", failure_reason=None, failure_detail=None)
        case DocumentConverted():
            yield _converted(envelope, message)
        case ConversionFailed(version=version, reason=reason, detail=detail):
            yield _of_version(
                envelope,
                version,
                status="conversion-failed",
                failure_reason=reason,
                failure_detail=detail,
                finished_at=envelope.time,
            )
        case DocumentExported(version=version, format=format_, object=exported):
            key = {"document_id": envelope.key, "version": version, "format": format_}
            yield Upsert("document_exports", key, {"object": plain(exported), "exported_at": envelope.time})


def _converted(envelope: Envelope, event: DocumentConverted) -> Write:
    return _of_version(
        envelope,
        event.version,
        status="converted",
        markdown=plain(event.markdown),
        ir=plain(event.ir),
        report=plain(event.report),
        converter=event.converter,
        sandbox=event.sandbox,
        pages=event.pages,
        sections=event.sections,
        characters=event.characters,
        warnings=event.warnings,
        partial=event.partial,
        failure_reason=None,
        failure_detail=None,
        finished_at=envelope.time,
    )


def _version(envelope: Envelope, version: int, *, comment: str = "", **columns: Any) -> Write:
    key = {"document_id": envelope.key, "version": version}
    return Upsert("document_versions", key, {**columns, "comment": comment, **at_and_by("created", envelope)})


def _of_version(envelope: Envelope, version: int, **columns: Any) -> Write:
    return Patch("document_versions", {"document_id": envelope.key, "version": version}, columns)


DOCUMENTS = Projection(name="documents", version=1, topics=(DOCUMENT_EVENTS,), ddl=ddl("documents"), project=project)
