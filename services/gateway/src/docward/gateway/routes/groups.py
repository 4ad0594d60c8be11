"""/document-groups: documents that are kept together, and who may change which of them are."""

# ruff: noqa: FAST003  # VisibleGroup takes `group_id` from the path

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from docward.events.documents import Description, Visibility
from docward.events.groups import (
    MAX_MEMBERS,
    AddGroupMember,
    CreateDocumentGroup,
    DeleteDocumentGroup,
    GroupTitle,
    IdentityGroup,
    RemoveGroupMember,
    RenameDocumentGroup,
    SetPrimaryMember,
)
from docward.events.messages import Command, derived_id
from docward.events.topics import DOCUMENT_COMMANDS
from docward.gateway import pagination
from docward.gateway.auth import Caller, Contributor
from docward.gateway.context import API, Context, Show, Write, Writing, as_json
from docward.gateway.pagination import Page, Paging
from docward.gateway.preconditions import IfMatch, Versions, not_modified, require_current
from docward.gateway.problems import ProblemError, documented, invalid, not_found
from docward.gateway.publishing import Order
from docward.gateway.queries import documents, groups
from docward.gateway.queries.groups import DocumentGroup, GroupFilters
from docward.gateway.queries.operations import Operation
from docward.gateway.routes.answers import SmallBody, written
from docward.gateway.shapes import Sent, SentPart

router = APIRouter(prefix="/document-groups", tags=["document groups"], route_class=SmallBody)


class GroupsQuery(GroupFilters, Paging):
    pass


class NewGroup(Sent):
    title: GroupTitle
    description: Description = ""
    visibility: Visibility = "organization"
    groups: tuple[IdentityGroup, ...] = Field(default=(), max_length=50, description="With visibility `group`.")
    members: tuple[UUID, ...] = Field(default=(), max_length=MAX_MEMBERS)
    primary: UUID | None = Field(default=None, description="Default: the first member.")


class GroupDetails(SentPart):
    """What is given is changed."""

    title: GroupTitle | None = None
    description: Description | None = None


class Member(Sent):
    document_id: UUID


async def known_group(group_id: UUID, caller: Caller, gateway: Context) -> DocumentGroup:
    """The group of the path, deleted or not. 404 when there is none that the caller may see."""
    group = await groups.get(gateway.reads, group_id, caller)
    if group is None:
        raise not_found("document group")
    return group


KnownGroup = Annotated[DocumentGroup, Depends(known_group)]


async def visible_group(group: KnownGroup) -> DocumentGroup:
    """The group of the path. 410 when it was deleted."""
    if group.deleted:
        raise ProblemError(410, "deleted", "The document group was deleted.")
    return group


VisibleGroup = Annotated[DocumentGroup, Depends(visible_group)]


async def managed_group(group: KnownGroup, caller: Caller) -> DocumentGroup:
    """The group of the path, which the caller may change."""
    if not caller.manages(group.owner):
        raise ProblemError(403, "forbidden", "Only the group's owner or an admin may do this.")
    return group


ManagedGroup = Annotated[DocumentGroup, Depends(managed_group)]


@router.get("", summary="List document groups", responses=documented())
async def list_groups(caller: Caller, gateway: Context, query: Annotated[GroupsQuery, Query()]) -> Page[DocumentGroup]:
    """The newest first."""
    after = pagination.decode(query.cursor, tuple[datetime, UUID])
    rows = await groups.newest(gateway.reads, caller, query, after, query.limit + 1)
    return pagination.page(rows, query.limit, lambda g: (g.created_at, g.group_id))


@router.post("", status_code=202, summary="Create a document group", responses=written(DocumentGroup, status=201))
async def create(new: NewGroup, write: Writing, _: Contributor) -> Response:
    """Of documents that the caller sees."""
    if (new.visibility == "group") != bool(new.groups):
        raise invalid("body.groups", "are given with the visibility `group`, and only with it")
    if new.primary is not None and new.primary not in new.members:
        raise invalid("body.primary", "is one of the members")
    async with write.attempt() as attempt:
        group_id = derived_id("document-group", attempt.command_id)
        accepted = attempt.repeated("create-group", new)
        if accepted is None:
            await _require_seen(write, new.members, "body.members")
            accepted = await attempt.publish(_order(group_id, CreateDocumentGroup(**new.model_dump())))
    return await write.answer(accepted, shows_group(write, group_id, 201))


@router.get(
    "/{group_id}", summary="Read a document group", response_model=DocumentGroup, responses=documented(304, 404, 410)
)
async def read_group(request: Request, group: VisibleGroup) -> Response:
    if not_modified(request, group.versions.etag):
        return Response(status_code=304, headers={"ETag": group.versions.etag})
    return _response(group)


@router.patch("/{group_id}", status_code=202, summary="Rename a document group", responses=written(DocumentGroup))
async def rename(details: GroupDetails, group: ManagedGroup, write: Writing, if_match: IfMatch) -> Response:
    """Change its title or its description."""
    return await _send(write, group, if_match, RenameDocumentGroup(**details.model_dump()))


@router.delete("/{group_id}", status_code=202, summary="Delete a document group", responses=written(Operation))
async def delete(
    group: ManagedGroup, write: Writing, if_match: IfMatch, reason: Annotated[str, Query(max_length=2000)] = ""
) -> Response:
    """The group alone: its documents stay, and so does its audit trail."""

    async def show(operation: Operation) -> Response:
        return as_json(operation)

    return await _send(write, group, if_match, DeleteDocumentGroup(reason=reason), show)


@router.post("/{group_id}/members", status_code=202, summary="Add a member", responses=written(DocumentGroup))
async def add_member(member: Member, group: ManagedGroup, write: Writing, if_match: IfMatch) -> Response:
    """A document that the caller sees. The first one is the primary member."""
    return await _send(write, group, if_match, AddGroupMember(document_id=member.document_id), adds=member.document_id)


@router.delete(
    "/{group_id}/members/{document_id}", status_code=202, summary="Remove a member", responses=written(DocumentGroup)
)
async def remove_member(document_id: UUID, group: ManagedGroup, write: Writing, if_match: IfMatch) -> Response:
    """Not the primary one: make another one primary first."""
    return await _send(write, group, if_match, RemoveGroupMember(document_id=document_id))


@router.put("/{group_id}/primary", status_code=202, summary="Set the primary member", responses=written(DocumentGroup))
async def set_primary(member: Member, group: ManagedGroup, write: Writing, if_match: IfMatch) -> Response:
    return await _send(write, group, if_match, SetPrimaryMember(document_id=member.document_id))


async def _send(
    write: Write,
    group: DocumentGroup,
    if_match: Versions | None,
    command: Command,
    show: Show | None = None,
    *,
    adds: UUID | None = None,
) -> Response:
    async def order() -> Order:
        await visible_group(group)
        if adds is not None:
            await _require_seen(write, [adds], "body.document_id")
        if if_match is None:
            return _order(group.group_id, command)
        require_current(if_match.document, group.stream_version)
        return _order(group.group_id, command.model_copy(update={"expected_version": if_match.document}))

    request = (command.TYPE, group.group_id, if_match, command)
    return await write.send(request, order, show or shows_group(write, group.group_id))


async def _require_seen(write: Write, ids: Sequence[UUID], field: str) -> None:
    """Raises ProblemError 422 for a document that is not there, was deleted, or may not be seen by the caller."""
    seen = await documents.among(write.gateway.reads, ids, write.caller)
    for ident in ids:
        if ident not in seen or seen[ident].status == "deleted":
            raise invalid(field, f"there is no document {ident}", code="unknown-document")


def shows_group(write: Write, group_id: UUID, status: int = 200) -> Show:
    async def show(_: Operation) -> Response:
        return _response(await visible_group(await known_group(group_id, write.caller, write.gateway)), status)

    return show


def _response(group: DocumentGroup, status: int = 200) -> Response:
    return as_json(group, status, {"ETag": group.versions.etag, "Content-Location": group_path(group.group_id)})


def group_path(group_id: UUID) -> str:
    return f"{API}/document-groups/{group_id}"


def _order(group_id: UUID, command: Command) -> Order:
    return Order(DOCUMENT_COMMANDS, "document-group", group_id, command, group_path(group_id), "document-group")
