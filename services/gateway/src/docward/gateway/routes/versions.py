"""A document's versions: list them, set them beside each other, restore one, convert one again."""

# VisibleDocument takes `document_id` from the path

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import Field

from docward.events.documents import RequestConversion, RestoreVersion
from docward.gateway import pagination
from docward.gateway.auth import Contributor
from docward.gateway.context import (
    Context,
    ManagedDocument,
    VisibleDocument,
    Writing,
    document_order,
    expected_version,
    shows_document,
)
from docward.gateway.pagination import Page, Paging
from docward.gateway.preconditions import IfMatch, not_modified
from docward.gateway.problems import documented, not_found
from docward.gateway.publishing import Order
from docward.gateway.queries import documents
from docward.gateway.queries.documents import Document, DocumentVersion
from docward.gateway.routes.answers import SmallBody, VersionInPath, VersionNumber, written
from docward.gateway.routes.content import SAFE, bytes_of, converted_version
from docward.gateway.shapes import Sent
from docward.reports.differences import Difference, Outline, Text, difference

router = APIRouter(prefix="/documents/{document_id}", tags=["versions"], route_class=SmallBody)


class Restoration(Sent):
    version: VersionNumber


class Reconversion(Sent):
    version: VersionNumber | None = Field(default=None, description="Default: the current one.")


@router.get("/versions", summary="List a document's versions", responses=documented(404, 410))
async def list_versions(
    document: VisibleDocument, gateway: Context, paging: Annotated[Paging, Query()]
) -> Page[DocumentVersion]:
    """The newest first."""
    after = pagination.decode(paging.cursor, tuple[int])
    before = None if after is None else after[0]
    rows = await documents.versions(gateway.reads, document.document_id, before, paging.limit + 1)
    return pagination.page(rows, paging.limit, lambda v: (v.version,))


@router.get("/versions/{version}", summary="Read a version", responses=documented(404, 410))
async def read_version(version: VersionInPath, document: VisibleDocument, gateway: Context) -> DocumentVersion:
    found = await documents.version(gateway.reads, document.document_id, version)
    if found is None:
        raise not_found("version")
    return found


@router.get(
    "/versions/{version}/diff/{other}",
    summary="Compare two versions",
    response_model=Difference,
    responses=documented(304, 404, 410),
)
async def diff(
    version: VersionInPath, other: VersionInPath, request: Request, document: VisibleDocument, gateway: Context
) -> Response:
    """From `version` to `other`: blocks that were inserted, deleted, moved or changed, with their place in both, and
    the words that changed in them."""
    stored = [await converted_version(gateway, document, number) for number in (version, other)]
    etag = '"' + ".".join(one.ir.sha256 for one in stored if one.ir) + '"'
    headers = {**SAFE, "ETag": etag}
    if not_modified(request, etag):
        return Response(status_code=304, headers=headers)
    sides = [(one.version, *[await bytes_of(gateway, ref) for ref in (one.markdown, one.ir)]) for one in stored]
    body = await asyncio.get_running_loop().run_in_executor(gateway.computing, _compared, sides)
    return Response(body, headers=headers, media_type="application/json")


def _compared(sides: Sequence[Any]) -> bytes:
    """Of versions with the bytes of their Markdown and IR."""
    before, after = (
        Text(version, markdown.decode(), Outline.model_validate_json(ir)) for version, markdown, ir in sides
    )
    return difference(before, after).model_dump_json().encode()


@router.post("/restore", status_code=202, summary="Restore a version", responses=written(Document))
async def restore(
    restoration: Restoration, document: ManagedDocument, write: Writing, if_match: IfMatch, _: Contributor
) -> Response:
    """Makes a new version that is an earlier one again."""

    async def order() -> Order:
        command = RestoreVersion(version=restoration.version, expected_version=expected_version(document, if_match))
        return document_order(document.document_id, command)

    request = ("restore", document.document_id, if_match, restoration)
    return await write.send(request, order, shows_document(write, document.document_id))


@router.post("/conversion", status_code=202, summary="Convert a version again", responses=written(Document))
async def convert_again(
    document: ManagedDocument,
    write: Writing,
    if_match: IfMatch,
    _: Contributor,
    reconversion: Reconversion | None = None,
) -> Response:
    """With the converter that runs now; its analysis follows. What says the same keeps its ids, and findings in it
    their fingerprints and their answers."""

    async def order() -> Order:
        version = (reconversion or Reconversion()).version or document.current_version
        command = RequestConversion(version=version, expected_version=expected_version(document, if_match))
        return document_order(document.document_id, command)

    request = ("convert", document.document_id, if_match, reconversion)
    return await write.send(request, order, shows_document(write, document.document_id))
