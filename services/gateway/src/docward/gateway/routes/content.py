"""A version's bytes: its Markdown, its IR and what follows from that, what its conversion lost, the file as it came."""

# VisibleDocument takes `document_id` from the path

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from docward.events.graph import Graph
from docward.events.ir import Ir
from docward.events.losses import LossReport
from docward.events.messages import ObjectRef
from docward.gateway.context import Context, Gateway, VisibleDocument
from docward.gateway.preconditions import not_modified
from docward.gateway.problems import ProblemError, documented, not_found
from docward.gateway.queries import documents
from docward.gateway.queries.documents import Document, StoredVersion
from docward.reports.irtext import ir_text
from docward.runtime.sniffing import SUFFIXES

router = APIRouter(prefix="/documents/{document_id}", tags=["content"])

Version = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the newest one that was converted.")]
OriginalVersion = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Default: the current one.")]

Form = Literal["json", "text"]

SAFE = {
    # Documents are other people's bytes: never rendered under the gateway's own origin.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-cache",
}


def _text(schema: dict[str, str], media_type: str, what: str) -> dict[int | str, dict[str, object]]:
    return {**documented(304, 404, 410), 200: {"description": what, "content": {media_type: {"schema": schema}}}}


@router.get(
    "/content",
    summary="Read the Markdown",
    response_class=Response,
    responses=_text({"type": "string"}, "text/markdown", "The text to which all spans refer."),
)
async def content(request: Request, document: VisibleDocument, gateway: Context, version: Version = None) -> Response:
    stored = await converted_version(gateway, document, version)
    return await _object(
        request, gateway, stored.markdown, media_type="text/markdown; charset=utf-8", version=stored.version
    )


@router.get(
    "/ir",
    summary="Read the semantic IR",
    response_model=Ir,
    responses={
        **documented(304, 404, 410),
        200: {"description": "In the form asked for.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    },
)
async def ir(
    request: Request,
    document: VisibleDocument,
    gateway: Context,
    version: Version = None,
    form: Annotated[
        Form | None, Query(description="Default: text where `Accept` asks for text/plain, else JSON.")
    ] = None,
) -> Response:
    """As text it is one line per element, for language models and people (docs/contracts/ir-text.md)."""
    stored = await converted_version(gateway, document, version)
    if form == "text" or (form is None and _asks_for_text(request.headers.get("accept", ""))):
        return await _derived(request, gateway, stored, "text", lambda found: ir_text(found).encode())
    return await _object(
        request, gateway, stored.ir, media_type="application/json", version=stored.version, headers={"Vary": "Accept"}
    )


def _asks_for_text(accept: str) -> bool:
    return "text/plain" in accept and "json" not in accept


@router.get("/graph", summary="Read what is built from what", response_model=Graph, responses=documented(304, 404, 410))
async def graph(
    request: Request,
    document: VisibleDocument,
    gateway: Context,
    version: Version = None,
    of: Annotated[
        str | None, Query(min_length=1, max_length=500, description="Id, name or alias: only what it has to do with.")
    ] = None,
) -> Response:
    """Definitions, formulas and parameters of the semantic IR, with what each uses; cycles, and an order in which what
    is used comes first. With `of`: what it is built from, and what a change of it reaches."""
    stored = await converted_version(gateway, document, version)

    def drawn(found: Ir) -> bytes:
        whole = Graph.of(found)
        if of is None:
            return whole.model_dump_json().encode()
        ids = whole.named(of)
        if not ids:
            raise not_found("term, formula or parameter in this version")
        return whole.around(ids).model_dump_json().encode()

    return await _derived(request, gateway, stored, f"graph {of or ''}", drawn)


async def _derived(
    request: Request, gateway: Gateway, stored: StoredVersion, what: str, made: Callable[[Ir], bytes]
) -> Response:
    """What is computed from a version's IR, beside the event loop."""
    data = await bytes_of(gateway, stored.ir)
    etag = f'"{hashlib.sha256(data + what.encode()).hexdigest()}"'
    shared = {**SAFE, "ETag": etag, "Docward-Version": str(stored.version), "Vary": "Accept"}
    if not_modified(request, etag):
        return Response(status_code=304, headers=shared)
    body = await asyncio.get_running_loop().run_in_executor(
        gateway.computing, lambda: made(Ir.model_validate_json(data))
    )
    kind = "text/plain; charset=utf-8" if what == "text" else "application/json"
    return Response(body, headers={**shared, "Content-Type": kind})


@router.get(
    "/conversion",
    summary="Read what the conversion lost",
    response_model=LossReport,
    responses=documented(304, 404, 410),
)
async def conversion(
    request: Request, document: VisibleDocument, gateway: Context, version: Version = None
) -> Response:
    """Characters in and out, what was left out and why, and what could not be converted exactly."""
    stored = await converted_version(gateway, document, version)
    return await _object(request, gateway, stored.report, media_type="application/json", version=stored.version)


@router.get(
    "/original",
    summary="Download the file",
    response_class=Response,
    responses=_text({"type": "string", "format": "binary"}, "application/octet-stream", "As it was uploaded."),
)
async def original(
    request: Request, document: VisibleDocument, gateway: Context, version: OriginalVersion = None
) -> Response:
    stored = await documents.stored(gateway.reads, document.document_id, version or document.current_version)
    if stored is None or stored.original is None:
        raise not_found("version")
    headers = {"Content-Disposition": attachment(stored.filename or "document")}
    return await _object(
        request,
        gateway,
        stored.original,
        media_type=_served(stored.original.media_type),
        version=stored.version,
        headers=headers,
    )


async def converted_version(gateway: Gateway, document: Document, version: int | None) -> StoredVersion:
    wanted = version or document.latest_converted_version
    stored = None if wanted is None else await documents.stored(gateway.reads, document.document_id, wanted)
    if version is not None and stored is None:
        raise not_found("version")
    if stored is None or stored.markdown is None:
        raise ProblemError(404, "not-converted", "This version has no Markdown: its conversion is not done, or failed.")
    return stored


async def _object(
    request: Request,
    gateway: Gateway,
    ref: ObjectRef | None,
    *,
    media_type: str,
    version: int,
    headers: dict[str, str] | None = None,
) -> Response:
    """The proven bytes of the reference; its hash is its ETag."""
    if ref is None:
        raise not_found("version")
    etag = f'"{ref.sha256}"'
    shared = {**SAFE, **(headers or {}), "ETag": etag, "Docward-Version": str(version)}
    if not_modified(request, etag):
        return Response(status_code=304, headers=shared)
    # `content-type` is set as a header: starlette would add a charset to text types by itself.
    return Response(await bytes_of(gateway, ref), headers={**shared, "Content-Type": media_type})


async def bytes_of(gateway: Gateway, ref: ObjectRef | None) -> bytes:
    """The proven bytes of the reference. Raises ProblemError 404 when there is none."""
    if ref is None:
        raise not_found("version")
    return await gateway.store.get(ref)


def _served(media_type: str) -> str:
    """Other systems submit documents too, with whatever type they say: none but the known ones becomes a header."""
    return media_type if media_type in SUFFIXES else "application/octet-stream"


def attachment(filename: str) -> str:
    """Content-Disposition (RFC 6266): saved, never shown; the name in UTF-8, and in ASCII for old readers."""
    ascii_name = "".join(
        char if char.isascii() and char.isprintable() and char not in '"\\%' else "_" for char in filename
    )
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(filename, safe='')}"
