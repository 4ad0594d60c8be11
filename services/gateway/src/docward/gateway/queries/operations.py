"""Operations: what became of each command."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

import asyncpg
from pydantic import BaseModel, Field, model_validator

from docward.events.messages import Actor
from docward.gateway.auth import sees_everything

OperationStatus = Literal["accepted", "running", "succeeded", "failed", "rejected", "parked"]
FINAL = ("succeeded", "failed", "rejected")


class Progress(BaseModel):
    """How far the work of a running operation is. Telemetry: the last that was told."""

    stage: str = Field(description="`converting` or `analyzing`.")
    done: int
    total: int
    unit: str = Field(description="What is counted: `pages`, `checks`, …")


class Operation(BaseModel):
    operation_id: UUID
    type: str | None
    stream: str | None = Field(description="What the command is for: `document:<id>`, …")
    status: OperationStatus
    accepted_at: datetime | None
    updated_at: datetime | None
    actor_subject: str | None
    expected_version: int | None
    last_event: str | None
    document_id: UUID | None
    repository_id: UUID | None
    group_id: UUID | None = None
    version: int | None = Field(description="The document's version that it made or works on.")
    analysis_id: UUID | None
    code: str | None = Field(description="Why it failed, was rejected or is parked. Stable.")
    detail: str | None
    current_version: int | None = Field(description="Of the stream, when it was rejected.")
    visible: bool = Field(description="Everything that it led to so far can be read.")
    progress: Progress | None = Field(default=None, description="While it is running; None: nothing was told.")

    @model_validator(mode="after")
    def of_a_group(self) -> Operation:
        """An analysis of a group is kept under the group's id."""
        return self if self.group_id is None else self.model_copy(update={"document_id": None})

    @property
    def settled(self) -> bool:
        """It has its outcome, and whoever reads now sees it."""
        return self.status in FINAL and self.visible


async def get(pool: asyncpg.Pool, operation_id: UUID) -> Operation | None:
    row = await pool.fetchrow("select * from read.operations where operation_id = $1", operation_id)
    return None if row is None else Operation.model_validate(dict(row))


async def newest(
    pool: asyncpg.Pool,
    caller: Actor,
    *,
    status: OperationStatus | None,
    document_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Operation]:
    """The caller's own, or everybody's for those who see everything; the newest first."""
    rows = await pool.fetch(
        """
        select * from read.operations
        where ($1::boolean or actor_subject = $2)
          and accepted_at is not null
          and ($3::text is null or status = $3)
          and ($4::uuid is null or document_id = $4)
          and ($5::timestamptz is null or (accepted_at, operation_id) < ($5, $6::uuid))
        order by accepted_at desc, operation_id desc
        limit $7
        """,
        sees_everything(caller),
        caller.subject,
        status,
        document_id,
        *(after or (None, None)),
        limit,
    )
    return [Operation.model_validate(dict(row)) for row in rows]
