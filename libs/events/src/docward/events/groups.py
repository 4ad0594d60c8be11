"""Document groups: commands and events of the stream `document-group:<id>`. Members are analysed as one suite."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from docward.events.documents import Description, Title, Visibility
from docward.events.messages import Command, Event

MAX_MEMBERS = 50
"""An analysis of the group names the objects of all of them in one event."""


def _visible(title: str) -> str:
    if not title.strip():
        raise ValueError("a title needs a visible character")
    return title


GroupTitle = Annotated[Title, AfterValidator(_visible)]
Members = Annotated[tuple[UUID, ...], Field(max_length=MAX_MEMBERS)]
IdentityGroup = Annotated[str, Field(min_length=1, max_length=255)]


# Commands


class CreateDocumentGroup(Command):
    """Without a primary the first member is the primary one."""

    title: GroupTitle
    description: Description = ""
    visibility: Visibility = "organization"
    groups: tuple[IdentityGroup, ...] = Field(default=(), max_length=50)
    """Of people, who may see it with the visibility `group`."""
    members: Members = ()
    primary: UUID | None = None


class RenameDocumentGroup(Command):
    title: GroupTitle | None = None
    description: Description | None = None


class AddGroupMember(Command):
    document_id: UUID


class RemoveGroupMember(Command):
    document_id: UUID


class SetPrimaryMember(Command):
    document_id: UUID


class DeleteDocumentGroup(Command):
    reason: str = Field(default="", max_length=2000)


# Events


class DocumentGroupCreated(Event):
    title: str
    description: str
    owner: str
    visibility: Visibility
    groups: tuple[str, ...]
    members: tuple[UUID, ...]
    primary: UUID | None
    """One of the members; none as long as there are none."""


class DocumentGroupRenamed(Event):
    title: str
    description: str


class GroupMemberAdded(Event):
    document_id: UUID


class GroupMemberRemoved(Event):
    document_id: UUID


class PrimaryMemberSet(Event):
    document_id: UUID


class DocumentGroupDeleted(Event):
    """The group alone: its members stay."""

    reason: str
