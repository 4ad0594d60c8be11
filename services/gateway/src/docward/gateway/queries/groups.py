"""Document groups and their members, as far as the caller may see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field

from docward.events.documents import Visibility
from docward.events.findings import Compliance
from docward.events.messages import Actor
from docward.gateway.preconditions import Versions
from docward.gateway.queries import documents
from docward.gateway.queries.documents import VISIBLE, AssignedRepository, Document, caller_of


class GroupMember(BaseModel):
    """Of a document that the caller may not see, only that it is a member."""

    document_id: UUID
    primary: bool
    title: str | None = None
    filename: str | None = None
    status: documents.Status | None = None
    latest_converted_version: int | None = None
    repositories: list[AssignedRepository] = []


class DocumentGroup(BaseModel):
    group_id: UUID
    title: str
    description: str
    owner: str
    visibility: Visibility
    groups: list[str]
    members: list[GroupMember] = Field(description="In the order in which they came.")
    results_visible: bool = Field(
        description="The caller sees every document that the group's findings may quote, so may read them."
    )
    latest_analysis_id: UUID | None = Field(description="The completed one that compliance and counts are from.")
    compliance: Compliance | None
    self_containment: float | None
    implementability: str | None
    finding_counts: dict[str, int] | None
    verdict_counts: dict[str, int] | None
    created_at: datetime
    created_by: str
    updated_at: datetime
    deleted: bool
    stream_version: int = Field(description="The `d` of the ETag.")
    analysis_stream_version: int = Field(description="The `a` of the ETag.")

    @property
    def versions(self) -> Versions:
        return Versions(self.stream_version, self.analysis_stream_version)

    @property
    def primary_first(self) -> list[GroupMember]:
        return sorted(self.members, key=lambda member: not member.primary)


class AnalysedMember(BaseModel):
    """A version that an analysis of a group has read."""

    document_id: UUID
    version: int
    title: str
    filename: str


class GroupFilters(BaseModel):
    owner: str | None = None
    member: UUID | None = None


_GROUPS = "select d.* from read.document_groups d"


async def get(pool: asyncpg.Pool, group_id: UUID, caller: Actor) -> DocumentGroup | None:
    """The group, deleted ones too; None when there is none that the caller may see."""
    rows = await pool.fetch(f"{_GROUPS} where {VISIBLE} and d.group_id = $4", *caller_of(caller), group_id)
    return next(iter(await _whole(pool, caller, rows)), None)


async def newest(
    pool: asyncpg.Pool, caller: Actor, filters: GroupFilters, after: tuple[datetime, UUID] | None, limit: int
) -> list[DocumentGroup]:
    """The newest first, without deleted ones; `after` the last one seen."""
    rows = await pool.fetch(
        f"""
        {_GROUPS} where {VISIBLE} and d.deleted_at is null
          and ($4::text is null or d.owner = $4)
          and ($5::uuid is null or d.members @> to_jsonb($5::uuid))
          and ($6::timestamptz is null or (d.created_at, d.group_id) < ($6, $7::uuid))
        order by d.created_at desc, d.group_id desc
        limit $8
        """,
        *caller_of(caller),
        filters.owner,
        filters.member,
        *(after or (None, None)),
        limit,
    )
    return await _whole(pool, caller, rows)


async def analysed(pool: asyncpg.Pool, analysis_id: UUID) -> list[AnalysedMember]:
    """The members as that analysis has read them, the primary one first."""
    members = await pool.fetchval("select members from read.suite_analyses where analysis_id = $1", analysis_id)
    return [AnalysedMember.model_validate(member) for member in members or ()]


async def versions_read(pool: asyncpg.Pool, group_id: UUID, document_id: UUID) -> dict[UUID, int]:
    """By analysis of the group: the version of the document that it has read."""
    rows = await pool.fetch(
        """
        select s.analysis_id, (m.item ->> 'version')::integer as version
        from read.suite_analyses s, jsonb_array_elements(s.members) m (item)
        where s.group_id = $1 and (m.item ->> 'document_id')::uuid = $2
        """,
        group_id,
        document_id,
    )
    return {row["analysis_id"]: row["version"] for row in rows}


async def _whole(pool: asyncpg.Pool, caller: Actor, rows: Sequence[asyncpg.Record]) -> list[DocumentGroup]:
    named = {UUID(ident) for row in rows for ident in (*row["members"], *(row["analysed"] or ()))}
    seen = await documents.among(pool, list(named), caller)
    return [_group(row, seen) for row in rows]


def _group(row: asyncpg.Record, seen: dict[UUID, Document]) -> DocumentGroup:
    members = [UUID(ident) for ident in row["members"]]
    quoted = None if row["analysed"] is None else {*members, *map(UUID, row["analysed"])}
    return DocumentGroup.model_validate(
        {
            **row,
            "members": [_member(ident, seen.get(ident), primary=ident == row["primary_id"]) for ident in members],
            "results_visible": quoted is not None and quoted <= seen.keys(),
            "deleted": row["deleted_at"] is not None,
        }
    )


def _member(ident: UUID, document: Document | None, *, primary: bool) -> GroupMember:
    if document is None:
        return GroupMember(document_id=ident, primary=primary)
    shown = document.model_dump(include={"title", "filename", "status", "latest_converted_version", "repositories"})
    return GroupMember(document_id=ident, primary=primary, **shown)
