"""Documents and their versions, as far as the caller may see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import asyncpg
from pydantic import AwareDatetime, BaseModel, Field

from docward.events.documents import Visibility
from docward.events.findings import Compliance
from docward.events.messages import Actor, ObjectRef
from docward.gateway.auth import sees_everything
from docward.gateway.preconditions import Versions

Status = Literal[
    "submitted",
    "converting",
    "converted",
    "conversion-failed",
    "analyzing",
    "analyzed",
    "analysis-failed",
    "deleted",
]

PARTIAL = "Pages were left out: the loss report names them. None: not converted, or by a release that did not say it."


class AssignedRepository(BaseModel):
    repository_id: UUID
    name: str | None = Field(description="None while no repository of this id exists.")
    release: int | None = Field(description="None: the newest one when it is used.")


class Document(BaseModel):
    document_id: UUID
    title: str
    description: str
    tags: list[str]
    owner: str
    visibility: Visibility
    groups: list[str]
    repositories: list[AssignedRepository]
    status: Status = Field(description="Of the current version, over conversion and analysis.")
    current_version: int
    latest_converted_version: int | None
    filename: str | None
    media_type: str | None
    size: int | None
    sha256: str | None
    pages: int | None
    sections: int | None
    characters: int | None
    warnings: int | None
    partial: bool | None = Field(default=None, description=PARTIAL)
    failure_reason: str | None
    failure_detail: str | None
    analysis_id: UUID | None = Field(description="Of the current version; the last one that was not cancelled.")
    latest_analysis_id: UUID | None = Field(description="The completed one that compliance and counts are from.")
    analyzed_version: int | None
    compliance: Compliance | None = Field(description="None: no repository, or no completed analysis.")
    self_containment: float | None
    implementability: str | None
    finding_counts: dict[str, int] | None
    open_findings: dict[str, int] = Field(description="Open findings by severity.")
    verdict_counts: dict[str, int] | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    stream_version: int = Field(description="The `d` of the ETag.")
    analysis_stream_version: int = Field(description="The `a` of the ETag.")

    @property
    def versions(self) -> Versions:
        return Versions(self.stream_version, self.analysis_stream_version)


class DocumentVersion(BaseModel):
    document_id: UUID
    version: int
    origin: Literal["upload", "revision", "changes", "restore"]
    status: Literal["submitted", "converting", "converted", "conversion-failed"]
    filename: str | None
    media_type: str | None
    size: int | None
    sha256: str | None
    comment: str | None
    base_version: int | None = Field(description="The version that was changed or restored.")
    converter: str | None
    sandbox: str | None
    pages: int | None
    sections: int | None
    characters: int | None
    warnings: int | None
    partial: bool | None = Field(default=None, description=PARTIAL)
    failure_reason: str | None
    failure_detail: str | None
    created_at: datetime
    created_by: str
    finished_at: datetime | None


class StoredVersion(BaseModel):
    """Where the bytes of a version lie. Never part of an answer."""

    version: int
    filename: str | None
    converter: str | None
    original: ObjectRef | None
    markdown: ObjectRef | None
    ir: ObjectRef | None
    report: ObjectRef | None


class Filters(BaseModel):
    status: Status | None = None
    tag: str | None = None
    owner: str | None = None
    repository: UUID | None = None
    compliance: Compliance | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


SEARCHED = 10_000
"""So many of the best matches are looked at."""
BATCH = 200

_NAMED = """
    select d.*, coalesce(named.repositories, '[]'::jsonb) as named_repositories
    from read.documents d
    left join lateral (
        select jsonb_agg(
            jsonb_build_object(
                'repository_id', a.item -> 'repository_id', 'name', r.name, 'release', a.item -> 'release'
            )
            order by a.place
        ) as repositories
        from jsonb_array_elements(d.repositories) with ordinality a (item, place)
        left join read.repositories r on r.repository_id = (a.item ->> 'repository_id')::uuid
    ) named on true
"""
VISIBLE = """
    ($1::boolean
     or d.owner = $2::text
     or d.visibility = 'organization'
     or (d.visibility = 'group' and d.groups ?| $3::text[]))
"""
"""Of a row `d` with owner, visibility and groups; $1 to $3 are `caller_of`."""
_FILTERED = """
    and ($4::text is null and d.status <> 'deleted' or d.status = $4)
    and ($5::text is null or d.tags ? $5)
    and ($6::text is null or d.owner = $6)
    and ($7::uuid is null or d.repositories @> jsonb_build_array(jsonb_build_object('repository_id', $7::uuid)))
    and ($8::text is null or d.compliance = $8)
    and ($9::timestamptz is null or d.created_at >= $9)
    and ($10::timestamptz is null or d.created_at < $10)
"""


async def get(pool: asyncpg.Pool, document_id: UUID, caller: Actor) -> Document | None:
    """The document, deleted ones too; None when there is none that the caller may see."""
    row = await pool.fetchrow(f"{_NAMED} where {VISIBLE} and d.document_id = $4", *caller_of(caller), document_id)
    return None if row is None else _document(row)


async def among(pool: asyncpg.Pool, ids: Sequence[UUID], caller: Actor) -> dict[UUID, Document]:
    """Those of the documents that there are and that the caller may see, deleted ones too."""
    if not ids:
        return {}
    rows = await pool.fetch(
        f"{_NAMED} where {VISIBLE} and d.document_id = any ($4::uuid[])", *caller_of(caller), list(ids)
    )
    return {row["document_id"]: _document(row) for row in rows}


async def newest(
    pool: asyncpg.Pool, caller: Actor, filters: Filters, after: tuple[datetime, UUID] | None, limit: int
) -> list[Document]:
    """The newest first; `after` the last one seen."""
    rows = await pool.fetch(
        f"""{_NAMED} where {VISIBLE} {_FILTERED}
        and ($11::timestamptz is null or (d.created_at, d.document_id) < ($11, $12::uuid))
        order by d.created_at desc, d.document_id desc
        limit $13
        """,
        *caller_of(caller),
        *_filters(filters),
        *(after or (None, None)),
        limit,
    )
    return [_document(row) for row in rows]


async def search(
    pool: asyncpg.Pool,
    caller: Actor,
    filters: Filters,
    *,
    query: str,
    after: tuple[float, UUID] | None,
    limit: int,
) -> list[tuple[float, Document]]:
    """Documents whose title, description, tags or newest text match a web search, the best first, with their rank.

    Of the matches the best are taken first, and of these what the caller may see: the view of a document is costly.
    """
    matches = await pool.fetch(
        """
        select * from (
            select t.document_id, sum(ts_rank_cd(t.search, websearch_to_tsquery('english', $1)))::float8 as rank
            from read.document_texts t
            where t.search @@ websearch_to_tsquery('english', $1)
            group by t.document_id
        ) found
        where $2::float8 is null or (rank, document_id) < ($2, $3::uuid)
        order by rank desc, document_id desc
        limit $4
        """,
        query,
        *(after or (None, None)),
        SEARCHED,
    )
    found: list[tuple[float, Document]] = []
    for start in range(0, len(matches), BATCH):
        batch = {row["document_id"]: row["rank"] for row in matches[start : start + BATCH]}
        rows = await pool.fetch(
            f"{_NAMED} where {VISIBLE} {_FILTERED} and d.document_id = any ($11::uuid[])",
            *caller_of(caller),
            *_filters(filters),
            list(batch),
        )
        shown = {row["document_id"]: row for row in rows}
        found += [(rank, _document(shown[ident])) for ident, rank in batch.items() if ident in shown]
        if len(found) >= limit:
            break
    return found[:limit]


async def versions(pool: asyncpg.Pool, document_id: UUID, before: int | None, limit: int) -> list[DocumentVersion]:
    rows = await pool.fetch(
        """
        select * from read.document_versions
        where document_id = $1 and ($2::integer is null or version < $2)
        order by version desc
        limit $3
        """,
        document_id,
        before,
        limit,
    )
    return [DocumentVersion.model_validate(dict(row)) for row in rows]


async def version(pool: asyncpg.Pool, document_id: UUID, number: int) -> DocumentVersion | None:
    row = await pool.fetchrow(
        "select * from read.document_versions where document_id = $1 and version = $2", document_id, number
    )
    return None if row is None else DocumentVersion.model_validate(dict(row))


async def stored(pool: asyncpg.Pool, document_id: UUID, version: int) -> StoredVersion | None:
    row = await pool.fetchrow(
        """
        select version, filename, converter, original, markdown, ir, report from read.document_versions
        where document_id = $1 and version = $2
        """,
        document_id,
        version,
    )
    return None if row is None else StoredVersion.model_validate(dict(row))


def caller_of(caller: Actor) -> tuple[bool, str, list[str]]:
    """Whether they see everything, their subject, their groups."""
    return sees_everything(caller), caller.subject, list(caller.groups)


def _filters(filters: Filters) -> tuple[Any, ...]:
    return (
        filters.status,
        filters.tag,
        filters.owner,
        filters.repository,
        filters.compliance,
        filters.since,
        filters.until,
    )


def _document(row: asyncpg.Record) -> Document:
    return Document.model_validate({**row, "repositories": row["named_repositories"]})
