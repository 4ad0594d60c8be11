"""/operations: what became of what was accepted."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from docward.gateway import pagination
from docward.gateway.auth import Caller, sees_everything
from docward.gateway.context import Context, Gateway, as_json
from docward.gateway.pagination import Page, Paging
from docward.gateway.preconditions import Wait
from docward.gateway.problems import documented, not_found
from docward.gateway.queries import operations
from docward.gateway.queries.operations import Operation, OperationStatus, Progress

router = APIRouter(prefix="/operations", tags=["operations"])

APPEARS_WITHIN_SECONDS = 2.0
"""How long an id that is not known yet is looked for: an operation is read from its topic a moment after its 202."""


class OperationsQuery(Paging):
    status: OperationStatus | None = None
    document_id: UUID | None = Field(default=None, description="Those for this document.")


@router.get("", summary="List operations", responses=documented())
async def list_operations(
    caller: Caller, gateway: Context, query: Annotated[OperationsQuery, Query()]
) -> Page[Operation]:
    """The caller's own; everybody's for auditors and admins. The newest first."""
    after = pagination.decode(query.cursor, tuple[datetime, UUID])
    rows = await operations.newest(
        gateway.reads,
        caller,
        status=query.status,
        document_id=query.document_id,
        after=after,
        limit=query.limit + 1,
    )
    told = [_with_progress(row, gateway) for row in rows]
    return pagination.page(told, query.limit, lambda o: (o.accepted_at, o.operation_id))


@router.get("/{operation_id}", summary="Read an operation", response_model=Operation, responses=documented(404))
async def read_operation(operation_id: UUID, caller: Caller, gateway: Context, wait: Wait) -> Response:
    """With `Prefer: wait=N`, when it is settled and its result can be read, or after N seconds as it is then."""
    now = asyncio.get_running_loop().time()

    async def look() -> Operation | None:
        return await operations.get(gateway.reads, operation_id)

    async def settled() -> Operation | None:
        found = await look()
        return found if found is not None and found.settled else None

    key = f"command:{operation_id}"
    operation = await gateway.read_model.until(look, now + APPEARS_WITHIN_SECONDS, key)
    if operation is None or not (sees_everything(caller) or operation.actor_subject == caller.subject):
        raise not_found("operation")
    if wait is None or operation.settled:
        return as_json(_with_progress(operation, gateway))
    streams = [operation.stream] if operation.stream else []
    operation = await gateway.read_model.until(settled, now + wait, key, *streams) or await look() or operation
    return as_json(_with_progress(operation, gateway), headers={"Preference-Applied": f"wait={wait:.0f}"})


def _with_progress(operation: Operation, gateway: Gateway) -> Operation:
    report = gateway.progress.last(operation.operation_id) if operation.status == "running" else None
    if report is None:
        return operation
    told = Progress(stage=report.stage, done=report.done, total=report.total, unit=report.unit)
    return operation.model_copy(update={"progress": told})
