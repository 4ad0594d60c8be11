"""/audit, /documents/{id}/audit and /document-groups/{id}/audit: who did what, and when."""

# ruff: noqa: FAST003  # KnownDocument and KnownGroup take the id from the path

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from docward.events.messages import Actor
from docward.gateway import pagination
from docward.gateway.auth import Auditor, Caller, sees_everything
from docward.gateway.context import Context, KnownDocument
from docward.gateway.pagination import Page, Paging
from docward.gateway.problems import ProblemError, documented
from docward.gateway.queries import audit
from docward.gateway.queries.audit import AuditEntry, AuditFilters
from docward.gateway.routes.groups import KnownGroup

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
    _require_reader(caller, document.owner, "document")
    return await _page(gateway, AuditFilters(aggregate_id=document.document_id), paging)


@router.get(
    "/document-groups/{group_id}/audit", summary="Read a document group's audit trail", responses=documented(404)
)
async def read_group_trail(
    group: KnownGroup, caller: Caller, gateway: Context, paging: Annotated[Paging, Query()]
) -> Page[AuditEntry]:
    """For auditors, admins and the group's owner; of a deleted group too. The newest first."""
    _require_reader(caller, group.owner, "group")
    return await _page(gateway, AuditFilters(aggregate_id=group.group_id), paging)


def _require_reader(caller: Actor, owner: str, what: str) -> None:
    if not sees_everything(caller) and owner != caller.subject:
        raise ProblemError(403, "forbidden", f"Only the {what}'s owner, auditors and admins may read its trail.")


async def _page(gateway: Context, filters: AuditFilters, paging: Paging) -> Page[AuditEntry]:
    after = pagination.decode(paging.cursor, tuple[datetime, UUID])
    rows = await audit.newest(gateway.reads, filters, after, paging.limit + 1)
    return pagination.page(rows, paging.limit, lambda e: (e.time, e.event_id))
