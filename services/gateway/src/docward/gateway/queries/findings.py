"""Findings of a document, with what people decided about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field

from docward.events.analyses import FindingStatus
from docward.events.findings import Category, Family, PolicyRef, ProposedChange, Quote, Severity


class DocumentFinding(BaseModel):
    document_id: UUID
    fingerprint: str
    family: Family
    category: Category
    severity: Severity
    title: str
    explanation: str
    quotes: list[Quote]
    searched: list[str]
    policy: PolicyRef | None
    proposal: ProposedChange | None
    confidence: float
    origin: str
    decision: list[str] = Field(description="How the check came to it.")
    status: FindingStatus
    present: bool = Field(description="The latest completed analysis saw it.")
    replacement: str | None = Field(description="The text that a person put in place of the proposal.")
    comment: str | None
    decided_at: datetime | None
    decided_by: str | None
    first_seen_analysis: UUID
    first_seen_version: int
    last_seen_analysis: UUID
    last_seen_version: int


class FindingFilters(BaseModel):
    status: list[FindingStatus] = []
    severity: list[Severity] = []
    category: list[Category] = []
    policy: str | None = None
    present: bool | None = None


async def of_document(
    pool: asyncpg.Pool,
    document_id: UUID,
    filters: FindingFilters,
    after: tuple[int, int, str] | None,
    limit: int,
) -> list[tuple[tuple[int, int, str], DocumentFinding]]:
    """The worst first, then in the order of the text; each with its place in that order."""
    rows = await pool.fetch(
        """
        select f.*
        from (
            select *, coalesce((quotes -> 0 -> 'span' ->> 'start')::integer, 2147483647) as place
            from read.findings
            where document_id = $1
        ) f
        where (cardinality($2::text[]) = 0 or f.status = any ($2))
          and (cardinality($3::text[]) = 0 or f.severity = any ($3))
          and (cardinality($4::text[]) = 0 or f.category = any ($4))
          and ($5::text is null or f.policy ->> 'policy_id' = $5)
          and ($6::boolean is null or f.present = $6)
          and ($7::integer is null or (f.severity_rank, f.place, f.fingerprint) > ($7, $8::integer, $9::text))
        order by f.severity_rank, f.place, f.fingerprint
        limit $10
        """,
        document_id,
        filters.status,
        filters.severity,
        filters.category,
        filters.policy,
        filters.present,
        *(after or (None, None, None)),
        limit,
    )
    return [((row["severity_rank"], row["place"], row["fingerprint"]), _finding(row)) for row in rows]


async def get(pool: asyncpg.Pool, document_id: UUID, fingerprint: str) -> DocumentFinding | None:
    row = await pool.fetchrow(
        "select * from read.findings where document_id = $1 and fingerprint = $2", document_id, fingerprint
    )
    return None if row is None else _finding(row)


async def among(pool: asyncpg.Pool, document_id: UUID, fingerprints: Sequence[str]) -> list[DocumentFinding]:
    """Those of the fingerprints that the document has, in one query."""
    rows = await pool.fetch(
        "select * from read.findings where document_id = $1 and fingerprint = any ($2::text[])",
        document_id,
        fingerprints,
    )
    return [_finding(row) for row in rows]


def _finding(row: Any) -> DocumentFinding:
    return DocumentFinding.model_validate(dict(row))
