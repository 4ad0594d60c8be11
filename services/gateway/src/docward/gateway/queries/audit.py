"""The audit trail: every event of every stream, and who was behind it. Live events of a document come from it too."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, BaseModel, Field

from docward.gateway.preconditions import Versions


class AuditEntry(BaseModel):
    event_id: UUID
    type: str
    time: datetime
    stream: str
    stream_version: int
    aggregate_id: UUID
    actor_subject: str
    actor_name: str
    actor_kind: str
    correlation_id: UUID
    causation_id: UUID | None = Field(description="The command behind it.")
    body: dict[str, Any] = Field(description="The event, its long lists counted instead of repeated.")


class AuditFilters(BaseModel):
    aggregate_id: UUID | None = None
    actor: str | None = None
    type: str | None = None
    correlation_id: UUID | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


async def newest(
    pool: asyncpg.Pool, filters: AuditFilters, after: tuple[datetime, UUID] | None, limit: int
) -> list[AuditEntry]:
    rows = await pool.fetch(
        """
        select * from read.audit
        where ($1::uuid is null or aggregate_id = $1)
          and ($2::text is null or actor_subject = $2)
          and ($3::text is null or type = $3)
          and ($4::uuid is null or correlation_id = $4)
          and ($5::timestamptz is null or time >= $5)
          and ($6::timestamptz is null or time < $6)
          and ($7::timestamptz is null or (time, event_id) < ($7, $8::uuid))
        order by time desc, event_id desc
        limit $9
        """,
        filters.aggregate_id,
        filters.actor,
        filters.type,
        filters.correlation_id,
        filters.since,
        filters.until,
        *(after or (None, None)),
        limit,
    )
    return [AuditEntry.model_validate(dict(row)) for row in rows]


async def since(pool: asyncpg.Pool, document_id: UUID, seen: Versions, limit: int) -> list[AuditEntry]:
    """Events of the document and its analyses that a reader who has seen `seen` has not, in an order of their time
    that keeps each stream's own.
    """
    rows = await pool.fetch(
        """
        select * from (
            (select * from read.audit where stream = $1 and stream_version > $2 order by stream_version limit $5)
            union all
            (select * from read.audit where stream = $3 and stream_version > $4 order by stream_version limit $5)
        ) unseen
        order by stream = $1 desc, stream_version
        """,
        f"document:{document_id}",
        seen.document,
        f"analysis:{document_id}",
        seen.analysis,
        limit,
    )
    entries = [AuditEntry.model_validate(dict(row)) for row in rows]
    own = [entry for entry in entries if entry.stream.startswith("document:")]
    return _merged(own, entries[len(own) :])


def _merged(left: list[AuditEntry], right: list[AuditEntry]) -> list[AuditEntry]:
    """Both in their own order, the earlier head first: clocks of two services never reorder one stream."""
    merged: list[AuditEntry] = []
    a, b = iter(left), iter(right)
    head_a, head_b = next(a, None), next(b, None)
    while head_a is not None and head_b is not None:
        if head_a.time <= head_b.time:
            merged.append(head_a)
            head_a = next(a, None)
        else:
            merged.append(head_b)
            head_b = next(b, None)
    for head, rest in ((head_a, a), (head_b, b)):
        if head is not None:
            merged += [head, *rest]
    return merged
