"""Policy repositories, their policies and releases. Everybody may read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field

from docward.events.policies import PackInfo, Policy


class Repository(BaseModel):
    repository_id: UUID
    name: str
    title: str
    description: str
    pack: PackInfo | None = Field(description="The pack that was imported last.")
    latest_release: int | None
    policy_count: int
    archived: bool
    created_at: datetime
    created_by: str
    updated_at: datetime
    stream_version: int = Field(description="What If-Match names: `d<stream_version>.a0`.")


class RepositoryDetails(Repository):
    policies: list[Policy] = Field(description="As they are, published or not.")


class Release(BaseModel):
    repository_id: UUID
    repository: str
    release: int
    notes: str
    policy_count: int
    sha256: str
    policies: list[Policy]
    published_at: datetime
    published_by: str


class KnownRepository(BaseModel):
    """What there is to know before a repository is assigned to a document."""

    repository_id: UUID
    latest_release: int | None
    archived: bool


async def by_name(pool: asyncpg.Pool, after: str | None, limit: int) -> list[Repository]:
    rows = await pool.fetch(
        """
        select * from read.repositories
        where ($1::text is null or name collate "C" > $1)
        order by name collate "C"
        limit $2
        """,
        after,
        limit,
    )
    return [Repository.model_validate(dict(row)) for row in rows]


async def get(pool: asyncpg.Pool, repository_id: UUID) -> RepositoryDetails | None:
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow("select * from read.repositories where repository_id = $1", repository_id)
        if row is None:
            return None
        policies = await connection.fetch(
            "select policy from read.policies where repository_id = $1 order by ordinal", repository_id
        )
    return RepositoryDetails.model_validate({**row, "policies": [policy["policy"] for policy in policies]})


async def release(pool: asyncpg.Pool, repository_id: UUID, number: int) -> Release | None:
    row = await pool.fetchrow(
        "select * from read.releases where repository_id = $1 and release = $2", repository_id, number
    )
    return None if row is None else Release.model_validate(dict(row))


async def known(pool: asyncpg.Pool, ids: Sequence[UUID]) -> dict[UUID, KnownRepository]:
    rows = await pool.fetch(
        "select repository_id, latest_release, archived from read.repositories where repository_id = any ($1::uuid[])",
        list(ids),
    )
    return {row["repository_id"]: KnownRepository.model_validate(dict(row)) for row in rows}
