"""Documents: commands and events of the stream `document:<id>`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from docward.events.ir import Span
from docward.events.messages import Command, Event, Number, ObjectRef, RepositoryRef, Sha256, Value

Title = Annotated[str, Field(min_length=1, max_length=255)]
Description = Annotated[str, Field(max_length=2000)]
Tag = Annotated[str, Field(min_length=1, max_length=50)]
Tags = Annotated[tuple[Tag, ...], Field(max_length=20)]
Visibility = Literal["private", "group", "organization"]
VersionOrigin = Literal["upload", "revision", "changes", "restore"]
FailureReason = Literal[
    "encrypted",
    "damaged",
    "empty",
    "needs-ocr",
    "unsupported-type",
    "too-large",
    "too-slow",
    "too-much-memory",
    "converter-crashed",
    "object-missing",
    "changes-do-not-apply",
    "internal-error",
]


class Edit(Value):
    """Replace `original`, which stands exactly at `span` of the version's Markdown, by `replacement`."""

    span: Span
    original: str
    replacement: str
    finding: str | None = None
    """Fingerprint of the finding it answers."""


# Commands


class SubmitDocument(Command):
    title: Title
    filename: str = Field(min_length=1, max_length=255)
    original: ObjectRef
    description: Description = ""
    tags: Tags = ()
    visibility: Visibility = "organization"
    groups: tuple[str, ...] = ()
    repositories: tuple[RepositoryRef, ...] = ()

    @field_validator("title")
    @classmethod
    def not_blank(cls, title: str) -> str:
        if not title.strip():
            raise ValueError("a title needs a visible character")
        return title


class SubmitRevision(Command):
    filename: str = Field(min_length=1, max_length=255)
    original: ObjectRef
    comment: Description = ""


class EditDetails(Command):
    title: Title | None = None
    description: Description | None = None
    tags: Tags | None = None


class AssignRepositories(Command):
    repositories: tuple[RepositoryRef, ...]


class ShareWithGroups(Command):
    groups: tuple[str, ...] = Field(min_length=1)


class MakePrivate(Command):
    pass


class TransferOwnership(Command):
    owner: str = Field(min_length=1, max_length=255)


class ApplyChanges(Command):
    """Make a version in which these edits of `version` are done."""

    version: Number
    edits: tuple[Edit, ...] = Field(min_length=1)
    markdown_sha256: Sha256 | None = None
    """Of the text that the edits are of, for a version may be converted anew. Without it, their words alone tell."""


class RestoreVersion(Command):
    version: Number


class RequestConversion(Command):
    """Convert a version again, with the converter that runs when it is done."""

    version: Number


class RequestExport(Command):
    version: Number
    format: Literal["markdown", "docx", "html"]


class DeleteDocument(Command):
    reason: str = Field(default="", max_length=2000)


# Events


class DocumentSubmitted(Event):
    """Version 1 of the document; its conversion is under way."""

    title: str
    description: str
    tags: tuple[str, ...]
    owner: str
    visibility: Visibility
    groups: tuple[str, ...]
    repositories: tuple[RepositoryRef, ...]
    filename: str
    original: ObjectRef


class RevisionSubmitted(Event):
    version: int
    filename: str
    original: ObjectRef
    comment: str


class DetailsEdited(Event):
    title: str
    description: str
    tags: tuple[str, ...]


class RepositoriesAssigned(Event):
    repositories: tuple[RepositoryRef, ...]


class DocumentShared(Event):
    groups: tuple[str, ...]


class DocumentMadePrivate(Event):
    pass


class OwnershipTransferred(Event):
    owner: str
    previous: str


class ConversionRequested(Event):
    version: int


class DocumentConverted(Event):
    """The version's Markdown and IR are in the object store."""

    version: int
    origin: VersionOrigin
    markdown: ObjectRef
    ir: ObjectRef
    report: ObjectRef
    repositories: tuple[RepositoryRef, ...]
    """Those assigned at this moment: whoever reacts needs no state."""
    converter: str
    """Name and version of the converter."""
    sandbox: str
    pages: int | None = None
    sections: int = 0
    characters: int = 0
    warnings: int = 0
    partial: bool = False
    """Pages that could not be read are missing; the report names them."""


class ConversionFailed(Event):
    version: int
    reason: FailureReason
    detail: str
    """A sentence for the person who uploaded it: what is wrong, and what to do."""


class ChangesRequested(Event):
    """The new version `version` is `base` with these edits; it is being made."""

    version: int
    base: int
    edits: tuple[Edit, ...]


class ChangesApplied(Event):
    version: int
    base: int
    original: ObjectRef
    """The new version's text, as if it had been uploaded."""


class VersionRestored(Event):
    """Version `version` is `restored` again, under a new number."""

    version: int
    restored: int


class ExportRequested(Event):
    version: int
    format: str


class DocumentExported(Event):
    version: int
    format: str
    object: ObjectRef


class DocumentDeleted(Event):
    reason: str
