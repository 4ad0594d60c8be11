"""/documents: list, search, read, change, delete."""

# ruff: noqa: FAST003  # VisibleDocument takes `document_id` from the path

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from docward.events.documents import (
    AssignRepositories,
    DeleteDocument,
    Description,
    EditDetails,
    Tags,
    Title,
)
from docward.gateway import pagination
from docward.gateway.assignments import references
from docward.gateway.auth import Caller, Contributor
from docward.gateway.context import (
    Context,
    KnownDocument,
    ManagedDocument,
    VisibleDocument,
    Writing,
    as_json,
    document_order,
    document_response,
    expected_version,
    require_manager,
    require_present,
    shows_document,
)
from docward.gateway.pagination import Page, Paging
from docward.gateway.preconditions import IfMatch, not_modified
from docward.gateway.problems import documented
from docward.gateway.publishing import Order
from docward.gateway.queries import documents
from docward.gateway.queries.documents import Document, Filters
from docward.gateway.queries.operations import Operation
from docward.gateway.routes.answers import RepositoryName, SmallBody, written
from docward.gateway.shapes import Sent, SentPart

router = APIRouter(prefix="/documents", tags=["documents"], route_class=SmallBody)


class DocumentsQuery(Filters, Paging):
    q: str | None = Field(default=None, min_length=1, max_length=500, description="Search titles, tags and texts.")


class Details(SentPart):
    """What is given is changed."""

    title: Title | None = None
    description: Description | None = None
    tags: Tags | None = None


class Assignment(Sent):
    repositories: tuple[RepositoryName, ...] = Field(
        max_length=50, description="All of them: `NAME` or `NAME@release`."
    )


@router.get("", summary="List or search documents", responses=documented())
async def list_documents(caller: Caller, gateway: Context, query: Annotated[DocumentsQuery, Query()]) -> Page[Document]:
    """The newest first; with `q` the best match first."""
    if query.q is None:
        after = pagination.decode(query.cursor, tuple[datetime, UUID])
        rows = await documents.newest(gateway.reads, caller, query, after, query.limit + 1)
        return pagination.page(rows, query.limit, lambda d: (d.created_at, d.document_id))
    ranked_after = pagination.decode(query.cursor, tuple[float, UUID])
    ranked = await documents.search(
        gateway.reads, caller, query, query=query.q, after=ranked_after, limit=query.limit + 1
    )
    found = pagination.page(ranked, query.limit, lambda row: (row[0], row[1].document_id))
    return Page(items=[document for _, document in found.items], next_cursor=found.next_cursor)


@router.get("/{document_id}", summary="Read a document", response_model=Document, responses=documented(304, 404, 410))
async def read_document(request: Request, document: VisibleDocument) -> Response:
    if not_modified(request, document.versions.etag):
        return Response(status_code=304, headers={"ETag": document.versions.etag})
    return document_response(document)


@router.patch(
    "/{document_id}", status_code=202, summary="Change title, description or tags", responses=written(Document)
)
async def edit(
    details: Details, document: ManagedDocument, write: Writing, if_match: IfMatch, _: Contributor
) -> Response:
    async def order() -> Order:
        command = EditDetails(**details.model_dump(), expected_version=expected_version(document, if_match))
        return document_order(document.document_id, command)

    request = ("edit", document.document_id, if_match, details)
    return await write.send(request, order, shows_document(write, document.document_id))


@router.put(
    "/{document_id}/repositories", status_code=202, summary="Assign policy repositories", responses=written(Document)
)
async def assign(
    assignment: Assignment, document: ManagedDocument, write: Writing, if_match: IfMatch, _: Contributor
) -> Response:
    """Replaces the repositories against which the document is analysed."""

    async def order() -> Order:
        assigned = await references(write.gateway.reads, assignment.repositories, field="body.repositories")
        command = AssignRepositories(repositories=assigned, expected_version=expected_version(document, if_match))
        return document_order(document.document_id, command)

    request = ("assign", document.document_id, if_match, assignment)
    return await write.send(request, order, shows_document(write, document.document_id))


@router.delete("/{document_id}", status_code=202, summary="Delete a document", responses=written(Operation))
async def delete(
    document: KnownDocument,
    write: Writing,
    if_match: IfMatch,
    reason: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """For its owner and admins. A deleted document stays deleted; its audit trail stays."""
    require_manager(document, write.caller)

    async def order() -> Order:
        require_present(document)
        command = DeleteDocument(reason=reason, expected_version=expected_version(document, if_match))
        return document_order(document.document_id, command)

    async def show(operation: Operation) -> Response:
        return as_json(operation)

    return await write.send(("delete", document.document_id, if_match, reason), order, show)
