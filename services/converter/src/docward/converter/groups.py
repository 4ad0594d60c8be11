"""The DocumentGroup aggregate: pure functions that decide its commands and evolve its state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from docward.events import groups as g
from docward.events.messages import Event
from docward.events.topics import DOCUMENT_COMMANDS, DOCUMENT_EVENTS
from docward.runtime.aggregates import Aggregate, Decision, Rejected, Request, accepted


@dataclass(frozen=True, slots=True)
class DocumentGroup:
    owner: str = ""
    title: str = ""
    description: str = ""
    members: tuple[UUID, ...] = ()
    primary: UUID | None = None
    """One of the members; None as long as there are none."""
    deleted: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.owner)


def decide(group: DocumentGroup, command: Any, request: Request) -> Decision:
    if isinstance(command, g.CreateDocumentGroup):
        return _create(group, command, request)
    if not group.exists:
        return Rejected("not-found", "there is no such document group")
    if group.deleted:
        return Rejected("deleted", "the document group has been deleted")
    if not request.actor.manages(group.owner):
        return Rejected("forbidden", "only the owner or an administrator may do this")
    return _edit(group, command)


def _create(group: DocumentGroup, command: g.CreateDocumentGroup, request: Request) -> Decision:
    if group.exists:
        return Rejected("already-exists", "there is a document group with this id")
    if not request.actor.has("contributor"):
        return Rejected("forbidden", "creating a document group needs the role contributor")
    if twice := _repeated(command.members):
        return Rejected("duplicate-member", f"the document {twice} is named twice")
    primary = command.primary or next(iter(command.members), None)
    if primary is not None and primary not in command.members:
        return Rejected("not-a-member", f"the document {primary} is to be the primary one, and is no member")
    return accepted(
        g.DocumentGroupCreated(
            title=command.title.strip(),
            description=command.description,
            owner=request.actor.subject,
            visibility=command.visibility,
            groups=command.groups,
            members=command.members,
            primary=primary,
        )
    )


def _edit(group: DocumentGroup, command: Any) -> Decision:
    match command:
        case g.RenameDocumentGroup(title=None, description=None):
            return Rejected("nothing-to-do", "neither a title nor a description is given")
        case g.RenameDocumentGroup():
            return _rename(group, command)
        case g.AddGroupMember(document_id=ident):
            return _add(group, ident)
        case g.RemoveGroupMember(document_id=ident):
            return _remove(group, ident)
        case g.SetPrimaryMember(document_id=ident):
            return _set_primary(group, ident)
        case g.DeleteDocumentGroup(reason=reason):
            return accepted(g.DocumentGroupDeleted(reason=reason))
    return Rejected("misaddressed", f"{command.TYPE} is no command of a document group")


def _rename(group: DocumentGroup, command: g.RenameDocumentGroup) -> Decision:
    title = group.title if command.title is None else command.title.strip()
    description = group.description if command.description is None else command.description
    if (title, description) == (group.title, group.description):
        return Rejected("unchanged", "the document group has this title and this description")
    return accepted(g.DocumentGroupRenamed(title=title, description=description))


def _add(group: DocumentGroup, ident: UUID) -> Decision:
    if ident in group.members:
        return Rejected("duplicate-member", f"the document {ident} is a member")
    if len(group.members) == g.MAX_MEMBERS:
        return Rejected("too-many-members", f"a document group has at most {g.MAX_MEMBERS} members")
    events: list[Event] = [g.GroupMemberAdded(document_id=ident)]
    if group.primary is None:
        events.append(g.PrimaryMemberSet(document_id=ident))
    return accepted(*events)


def _remove(group: DocumentGroup, ident: UUID) -> Decision:
    if ident not in group.members:
        return _no_member(ident)
    if ident == group.primary:
        return Rejected("primary-member", f"the document {ident} is the primary one: make another one primary first")
    return accepted(g.GroupMemberRemoved(document_id=ident))


def _set_primary(group: DocumentGroup, ident: UUID) -> Decision:
    if ident not in group.members:
        return _no_member(ident)
    if ident == group.primary:
        return Rejected("unchanged", f"the document {ident} is the primary one")
    return accepted(g.PrimaryMemberSet(document_id=ident))


def _no_member(ident: UUID) -> Rejected:
    return Rejected("not-a-member", f"the document {ident} is no member")


def _repeated(idents: Sequence[UUID]) -> UUID | None:
    return next((ident for place, ident in enumerate(idents) if ident in idents[:place]), None)


def evolve(group: DocumentGroup, event: Any) -> DocumentGroup:
    match event:
        case g.DocumentGroupCreated():
            return DocumentGroup(event.owner, event.title, event.description, event.members, event.primary)
        case g.DocumentGroupRenamed():
            return replace(group, title=event.title, description=event.description)
        case g.GroupMemberAdded():
            return replace(group, members=(*group.members, event.document_id))
        case g.GroupMemberRemoved():
            return replace(group, members=tuple(m for m in group.members if m != event.document_id))
        case g.PrimaryMemberSet():
            return replace(group, primary=event.document_id)
        case g.DocumentGroupDeleted():
            return replace(group, deleted=True)
    return group


GROUP = Aggregate("document-group", DOCUMENT_COMMANDS, DOCUMENT_EVENTS, DocumentGroup(), evolve, decide)
