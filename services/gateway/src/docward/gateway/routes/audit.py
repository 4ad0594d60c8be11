"""/audit and /documents/{id}/audit: who did what, and when."""

# ruff: noqa: FAST003  # KnownDocument takes `document_id` from the path

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from docward.gateway import pagination
from docward.gateway.auth import Auditor, Caller, sees_everything
from docward.gateway.context import Context, KnownDocument
from docward.gateway.pagination import Page, Paging
from docward.gateway.problems import ProblemError, documented
from docward.gateway.queries import audit
from docward.gateway.queries.audit import AuditEntry, AuditFilters

router = APIRouter(tags=["audit"])


class AuditQuery(AuditFilters, Paging):
    pass


@router.get("/audit", summary="Read the audit trail", responses=documented())
async def read_trail(_: Auditor, gateway: Context, query: Annotated[AuditQuery, Query()]) -> Page[AuditEntry]:
    """For auditors and admins. The newest first."""
    return await _page(gateway, query, query)


@router.get("/documents/{document_id}/audit", summary="Read a document's audit trail", responses=documented(404))
async def read_document_trail(
    document: KnownDocument, caller: Caller, gateway: Context, paging: Annotated[Paging, Query()]
) -> Page[AuditEntry]:
    """For auditors, admins and the document's owner; of a deleted document too. The newest first."""
    if not sees_everything(caller) and document.owner != caller.subject:
        raise ProblemError(403, "forbidden", "Only the document's owner, auditors and admins may read its trail.")
    return await _page(gateway, AuditFilters(aggregate_id=document.document_id), paging)


async def _page(gateway: Context, filters: AuditFilters, paging: Paging) -> Page[AuditEntry]:
    after = pagination.decode(paging.cursor, tuple[datetime, UUID])
    rows = await audit.newest(gateway.reads, filters, after, paging.limit + 1)
    return pagination.page(rows, paging.limit, lambda e: (e.time, e.event_id))
