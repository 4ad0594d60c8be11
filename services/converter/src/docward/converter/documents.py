"""The Document aggregate: pure functions that decide its commands and evolve its state."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Literal

from docward.events import documents as d
from docward.events.messages import ObjectRef, RepositoryRef, Value
from docward.events.topics import DOCUMENT_COMMANDS, DOCUMENT_EVENTS
from docward.runtime.aggregates import Aggregate, Decision, JobSpec, Rejected, Request, accepted

CONVERT, APPLY_CHANGES = "convert", "apply-changes"
MARKDOWN = "text/markdown"


@dataclass(frozen=True, slots=True)
class Version:
    number: int
    origin: d.VersionOrigin
    filename: str
    original: ObjectRef | None
    """None while the changes that make it are being applied."""
    markdown: ObjectRef | None = None
    status: Literal["converting", "converted", "failed"] = "converting"


@dataclass(frozen=True, slots=True)
class Document:
    owner: str = ""
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    visibility: d.Visibility = "organization"
    repositories: tuple[RepositoryRef, ...] = ()
    versions: tuple[Version, ...] = ()
    deleted: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.versions)

    @property
    def latest(self) -> Version:
        return self.versions[-1]

    def version(self, number: int) -> Version | None:
        return self.versions[number - 1] if 1 <= number <= len(self.versions) else None


# Internal commands: decided when a job completes, never on a topic.


@dataclass(frozen=True, slots=True)
class RecordConversion:
    version: int
    markdown: ObjectRef
    ir: ObjectRef
    report: ObjectRef
    converter: str
    sandbox: str
    pages: int | None
    sections: int
    characters: int
    warnings: int
    partial: bool = False


@dataclass(frozen=True, slots=True)
class RecordConversionFailure:
    version: int
    reason: d.FailureReason
    detail: str


@dataclass(frozen=True, slots=True)
class RecordChanges:
    version: int
    base: int
    original: ObjectRef


class ConvertPayload(Value):
    """Of a `convert` job."""

    version: int
    original: ObjectRef
    filename: str


class ApplyChangesPayload(Value):
    """Of an `apply-changes` job."""

    version: int
    base: int
    markdown: ObjectRef
    edits: tuple[d.Edit, ...]


def decide(document: Document, command: Any, request: Request) -> Decision:
    match command:
        case d.SubmitDocument():
            return _submit(document, command, request)
        case RecordConversion() | RecordConversionFailure() | RecordChanges():
            return _record(document, command)
    if not document.exists:
        return Rejected("not-found", "there is no such document")
    if document.deleted:
        return Rejected("deleted", "the document has been deleted")
    if not request.actor.manages(document.owner):
        return Rejected("forbidden", "only the owner or an administrator may do this")
    return _edit(document, command)


def _submit(document: Document, command: d.SubmitDocument, request: Request) -> Decision:
    if document.exists:
        return Rejected("already-exists", "there is a document with this id")
    if not request.actor.has("contributor"):
        return Rejected("forbidden", "submitting a document needs the role contributor")
    event = d.DocumentSubmitted(
        title=command.title.strip(),
        description=command.description,
        tags=command.tags,
        owner=request.actor.subject,
        visibility=command.visibility,
        groups=command.groups,
        repositories=command.repositories,
        filename=command.filename,
        original=command.original,
    )
    return accepted(event, jobs=[_convert(1, command.original, command.filename)])


def _edit(document: Document, command: Any) -> Decision:  # noqa: C901 -- one line per command, nothing nested
    match command:
        case d.SubmitRevision():
            return _revise(document, command)
        case d.EditDetails(title=None, description=None, tags=None):
            return Rejected("nothing-to-do", "neither a title, a description nor tags are given")
        case d.EditDetails():
            return accepted(_edited(document, command))
        case d.AssignRepositories(repositories=repositories):
            return accepted(d.RepositoriesAssigned(repositories=repositories))
        case d.ShareWithGroups(groups=groups):
            return accepted(d.DocumentShared(groups=groups))
        case d.MakePrivate():
            return accepted(d.DocumentMadePrivate())
        case d.TransferOwnership(owner=owner):
            return accepted(d.OwnershipTransferred(owner=owner, previous=document.owner))
        case d.ApplyChanges():
            return _apply_changes(document, command)
        case d.RestoreVersion():
            return _restore(document, command)
        case d.RequestConversion(version=number):
            return _convert_again(document, number)
        case d.RequestExport():
            return Rejected("not-available", "this release does not export documents")
        case d.DeleteDocument(reason=reason):
            return accepted(d.DocumentDeleted(reason=reason))
    return Rejected("misaddressed", f"{command.TYPE} is no command of a document")


def _revise(document: Document, command: d.SubmitRevision) -> Decision:
    number = document.latest.number + 1
    event = d.RevisionSubmitted(
        version=number, filename=command.filename, original=command.original, comment=command.comment
    )
    return accepted(event, jobs=[_convert(number, command.original, command.filename)])


def _edited(document: Document, command: d.EditDetails) -> d.DetailsEdited:
    return d.DetailsEdited(
        title=document.title if command.title is None else command.title,
        description=document.description if command.description is None else command.description,
        tags=document.tags if command.tags is None else command.tags,
    )


def _apply_changes(document: Document, command: d.ApplyChanges) -> Decision:
    base = document.version(command.version)
    if base is None or base.markdown is None:
        return Rejected("unknown-version", f"there is no converted version {command.version}")
    if base.number != document.latest.number:
        detail = f"the changes are for version {base.number}, the document is at version {document.latest.number}"
        return Rejected("stale-version", detail)
    if command.markdown_sha256 not in {None, base.markdown.sha256}:
        detail = f"version {base.number} has been converted anew, and its text is another one: have it analysed again"
        return Rejected("stale-text", detail)
    for first, second in itertools.pairwise(sorted(command.edits, key=lambda e: (e.span.start, e.span.end))):
        if second.span.start < first.span.end:
            names = " and ".join(edit.finding or repr(edit.original) for edit in (first, second))
            return Rejected("overlapping-changes", f"the changes of {names} are of the same words: choose one of them")
    number = base.number + 1
    payload = ApplyChangesPayload(version=number, base=base.number, markdown=base.markdown, edits=command.edits)
    return accepted(
        d.ChangesRequested(version=number, base=base.number, edits=command.edits),
        jobs=[JobSpec(APPLY_CHANGES, payload.model_dump(mode="json"))],
    )


def _restore(document: Document, command: d.RestoreVersion) -> Decision:
    restored = document.version(command.version)
    if restored is None or restored.original is None:
        return Rejected("unknown-version", f"there is no version {command.version}")
    number = document.latest.number + 1
    return accepted(
        d.VersionRestored(version=number, restored=restored.number),
        jobs=[_convert(number, restored.original, restored.filename)],
    )


def _convert_again(document: Document, number: int) -> Decision:
    version = document.version(number)
    if version is None or version.original is None:
        return Rejected("unknown-version", f"there is no version {number}")
    if version.status == "converting":
        return Rejected("conversion-running", f"version {number} is being converted")
    return accepted(d.ConversionRequested(version=number), jobs=[_convert(number, version.original, version.filename)])


def _record(document: Document, command: RecordConversion | RecordConversionFailure | RecordChanges) -> Decision:
    version = document.version(command.version)
    if version is None or document.deleted:
        return Rejected("deleted", "the document was deleted meanwhile")
    match command:
        case RecordConversion():
            return accepted(_converted(document, version, command))
        case RecordConversionFailure(version=number, reason=reason, detail=detail):
            return accepted(d.ConversionFailed(version=number, reason=reason, detail=detail))
        case RecordChanges(version=number, base=base, original=original):
            return accepted(
                d.ChangesApplied(version=number, base=base, original=original),
                jobs=[_convert(number, original, version.filename)],
            )


def _converted(document: Document, version: Version, command: RecordConversion) -> d.DocumentConverted:
    return d.DocumentConverted(
        version=version.number,
        origin=version.origin,
        markdown=command.markdown,
        ir=command.ir,
        report=command.report,
        repositories=document.repositories,
        converter=command.converter,
        sandbox=command.sandbox,
        pages=command.pages,
        sections=command.sections,
        characters=command.characters,
        warnings=command.warnings,
        partial=command.partial,
    )


def _convert(number: int, original: ObjectRef, filename: str) -> JobSpec:
    payload = ConvertPayload(version=number, original=original, filename=filename)
    return JobSpec(CONVERT, payload.model_dump(mode="json"))


def evolve(document: Document, event: Any) -> Document:  # noqa: C901 -- one line per event, nothing nested
    match event:
        case d.DocumentSubmitted():
            first = Version(1, "upload", event.filename, event.original)
            return Document(
                event.owner, event.title, event.description, event.tags, event.visibility, event.repositories, (first,)
            )
        case d.RevisionSubmitted():
            return _added(document, Version(event.version, "revision", event.filename, event.original))
        case d.DetailsEdited():
            return replace(document, title=event.title, description=event.description, tags=event.tags)
        case d.RepositoriesAssigned():
            return replace(document, repositories=event.repositories)
        case d.DocumentShared():
            return replace(document, visibility="group")
        case d.DocumentMadePrivate():
            return replace(document, visibility="private")
        case d.OwnershipTransferred():
            return replace(document, owner=event.owner)
        case d.ConversionRequested():
            return _changed(document, event.version, status="converting")
        case d.DocumentConverted():
            return _changed(document, event.version, status="converted", markdown=event.markdown)
        case d.ConversionFailed():
            return _changed(document, event.version, status="failed")
        case d.ChangesRequested():
            return _added(document, Version(event.version, "changes", "changes.md", None))
        case d.ChangesApplied():
            return _changed(document, event.version, original=event.original)
        case d.VersionRestored():
            restored = document.versions[event.restored - 1]
            return _added(document, Version(event.version, "restore", restored.filename, restored.original))
        case d.DocumentDeleted():
            return replace(document, deleted=True)
    return document


def _added(document: Document, version: Version) -> Document:
    return replace(document, versions=(*document.versions, version))


def _changed(document: Document, number: int, **changes: Any) -> Document:
    versions = tuple(replace(v, **changes) if v.number == number else v for v in document.versions)
    return replace(document, versions=versions)


DOCUMENT = Aggregate("document", DOCUMENT_COMMANDS, DOCUMENT_EVENTS, Document(), evolve, decide)
