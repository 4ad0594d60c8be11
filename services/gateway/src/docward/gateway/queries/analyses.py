"""Analyses of a document, and the verdict per policy."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field

from docward.events.analyses import ReleaseUsed
from docward.events.findings import (
    Compliance,
    FacetResult,
    Implementability,
    Level,
    Quote,
    SelfContainment,
    VerdictKind,
)
from docward.events.messages import ObjectRef, RepositoryRef


class Analysis(BaseModel):
    analysis_id: UUID
    document_id: UUID
    version: int
    status: Literal["requested", "completed", "failed", "cancelled"]
    engine: str
    model: str | None
    focus: list[str]
    repositories: list[RepositoryRef] = Field(description="Asked for.")
    releases: list[ReleaseUsed] | None = Field(description="Used.")
    finding_counts: dict[str, int] | None
    verdict_counts: dict[str, int] | None
    compliance: Compliance | None
    self_containment: SelfContainment | None
    implementability: Implementability | None
    failure_reason: str | None
    failure_detail: str | None
    requested_at: datetime
    requested_by: str
    finished_at: datetime | None
    latest: bool = Field(description="The completed analysis that speaks for the document.")


class PolicyVerdict(BaseModel):
    analysis_id: UUID
    document_id: UUID
    version: int
    repository_id: UUID
    repository: str
    release: int
    policy_id: str
    level: Level
    title: str
    citation: str
    verdict: VerdictKind
    explanation: str
    quotes: list[Quote]
    searched: list[str]
    facets: list[FacetResult]
    ordinal: int


async def of_document(
    pool: asyncpg.Pool, document_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[Analysis]:
    """The newest first."""
    rows = await pool.fetch(
        """
        select * from read.analyses
        where document_id = $1 and ($2::timestamptz is null or (requested_at, analysis_id) < ($2, $3::uuid))
        order by requested_at desc, analysis_id desc
        limit $4
        """,
        document_id,
        *(after or (None, None)),
        limit,
    )
    return [Analysis.model_validate(dict(row)) for row in rows]


async def get(pool: asyncpg.Pool, analysis_id: UUID) -> Analysis | None:
    row = await pool.fetchrow("select * from read.analyses where analysis_id = $1", analysis_id)
    return None if row is None else Analysis.model_validate(dict(row))


async def verdicts(
    pool: asyncpg.Pool,
    analysis_id: UUID,
    *,
    kind: VerdictKind | None,
    level: Level | None,
    after: tuple[int, str, str] | None,
    limit: int,
) -> list[PolicyVerdict]:
    """In the order of the analysis."""
    rows = await pool.fetch(
        """
        select * from read.verdicts
        where analysis_id = $1
          and ($2::text is null or verdict = $2)
          and ($3::text is null or level = $3)
          and ($4::integer is null or (ordinal, repository, policy_id) > ($4, $5::text, $6::text))
        order by ordinal, repository, policy_id
        limit $7
        """,
        analysis_id,
        kind,
        level,
        *(after or (None, None, None)),
        limit,
    )
    return [PolicyVerdict.model_validate(dict(row)) for row in rows]


class Comparison(BaseModel):
    analysis_id: UUID
    compared_with: UUID | None = Field(description="None: no analysis of the document was completed before.")
    new: list[str]
    persisting: list[str]
    resolved: list[str]


async def report_of(pool: asyncpg.Pool, analysis_id: UUID) -> ObjectRef | None:
    """Where the report of a completed analysis lies."""
    stored = await pool.fetchval("select report from read.analyses where analysis_id = $1", analysis_id)
    return None if stored is None else ObjectRef.model_validate(stored)


async def compared(pool: asyncpg.Pool, analysis_id: UUID, other: UUID | None) -> Comparison:
    """Fingerprints of a completed analysis beside those of another one of its document, by default the one before."""
    row = await pool.fetchrow(
        """
        select a.fingerprints, before.analysis_id, before.fingerprints as before
        from read.analyses a
        left join lateral (
            select b.analysis_id, b.fingerprints
            from read.analyses b
            where b.document_id = a.document_id and b.status = 'completed'
              and case
                  when $2::uuid is null then (b.version, b.finished_version) < (a.version, a.finished_version)
                  else b.analysis_id = $2
              end
            order by b.version desc, b.finished_version desc
            limit 1
        ) before on true
        where a.analysis_id = $1
        """,
        analysis_id,
        other,
    )
    own, before = row["fingerprints"] or [], row["before"] or []
    return Comparison(
        analysis_id=analysis_id,
        compared_with=row["analysis_id"],
        new=[each for each in own if each not in set(before)],
        persisting=[each for each in own if each in set(before)],
        resolved=[each for each in before if each not in set(own)],
    )
