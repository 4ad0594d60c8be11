"""/documents/{id}/events: what happens to a document, as it happens.

Facts carry an id, `d<version>.a<version>`: whoever comes back with the last one as `Last-Event-ID` misses nothing and
gets nothing twice. Progress carries none: it is telemetry. A fact that was sent can be read.
"""

# VisibleDocument takes `document_id` from the path

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent

from docward.gateway.auth import Caller
from docward.gateway.context import Context, VisibleDocument
from docward.gateway.preconditions import Versions, parse_versions
from docward.gateway.problems import documented, invalid
from docward.gateway.queries import audit, documents
from docward.gateway.queries.audit import AuditEntry
from docward.runtime.errors import OPERATIONAL

log = structlog.get_logger()
router = APIRouter(tags=["live events"])

BATCH = 200
RETRY_MS = 2000
"""After which a browser comes back when the connection is lost."""


async def last_event_id(
    value: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=100, description="Go on after this one; default: all.")
    ] = None,
) -> Versions:
    versions = parse_versions(value) if value else Versions()
    if versions is None:
        raise invalid("header.Last-Event-ID", "is not an id of these events", code="invalid-event-id")
    return versions


@router.get(
    "/documents/{document_id}/events",
    summary="Watch a document",
    response_class=EventSourceResponse,
    responses=documented(404, 410),
)
async def watch(
    document: VisibleDocument, caller: Caller, gateway: Context, seen: Annotated[Versions, Depends(last_event_id)]
) -> AsyncIterator[ServerSentEvent]:
    """Server-sent events, named by their type: every event of the document and its analyses, and `progress`.

    The stream ends when the document is deleted or may no longer be seen.
    """
    ident = document.document_id
    yield ServerSentEvent(comment="watching", retry=RETRY_MS)
    with (
        gateway.read_model.watching(f"document:{ident}", f"analysis:{ident}") as changed,
        gateway.progress.watching(ident, changed) as reports,
    ):
        while not gateway.read_model.closed:
            changed.clear()
            try:
                entries = await audit.since(gateway.reads, ident, seen, BATCH)
                still_visible = not entries or await documents.get(gateway.reads, ident, caller) is not None
            except OPERATIONAL as error:
                log.warning("a live stream ends", error=str(error))
                return  # the reader comes back with the last id
            if not still_visible:
                return
            for entry in entries:
                seen = _after(seen, entry)
                yield ServerSentEvent(event=entry.type, id=seen.tag, data=entry)
                if entry.type == "document-deleted":
                    return
            for report in reports.take():
                yield ServerSentEvent(event="progress", data=report)
            if len(entries) < BATCH:
                await changed.wait()


def _after(seen: Versions, entry: AuditEntry) -> Versions:
    if entry.stream.startswith("document:"):
        return seen._replace(document=entry.stream_version)
    return seen._replace(analysis=entry.stream_version)
