"""Shapes of what operators see: field by field what the command's `--json` shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, Literal, Self, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from docward.runtime.parking import Reason
from docward.runtime.replays import Source


class Shown(BaseModel):
    """What the runtime tells, with nothing left out."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def shown(cls, told: dict[str, Any]) -> Self:
        return cls.model_validate(told)

    @classmethod
    def listed(cls, told: Sequence[dict[str, Any]]) -> Listed[Self]:
        return Listed(items=[cls.shown(each) for each in told])


T = TypeVar("T", bound=Shown)


class Listed(BaseModel, Generic[T]):
    items: list[T]


class Generation(Shown):
    """One filling of a read model's tables."""

    name: str
    version: int
    generation: int
    state: Literal["live", "filling", "standby", "requested", "dropping"] = Field(
        description="The views stand over the live one; standby: was live."
    )
    schema_: str = Field(alias="schema", description="Where its tables lie.")
    fed: bool = Field(description="Whether a projector has said in the last 30 s that it feeds it.")
    records: int = Field(description="That it has read.")
    of: int = Field(description="That its topics hold.")
    lag: int
    parked: int = Field(description="Records whose content it lacks.")
    indexed: bool
    eta_seconds: float | None


class Switched(Shown):
    state: Literal["asked", "done"] = Field(description="Asked: no projector has done it yet.")
    schemas: list[str] | None
    seconds: float | None = Field(description="For which the generations before were held up.")


class Dropped(Shown):
    schema_: str = Field(alias="schema")
    state: Literal["dropping", "dropped"]


class Part(BaseModel):
    topic: str | None
    partition: int | None
    since: int | datetime | None
    until: int | datetime | None
    keys: list[UUID]


class Touched(BaseModel):
    topic: str
    partition: int
    from_: int = Field(alias="from")
    to: int = Field(description="The first that was not read.")
    records: int
    streams: int


class Unsettled(BaseModel):
    partition: int
    key: UUID
    state: Literal["failed", "differs"]
    error: str | None


class Replay(Shown):
    replay: int = Field(description="Its number.")
    name: str
    schema_: str = Field(alias="schema")
    action: Literal["survey", "replay", "verify"]
    state: Literal["asked", "running", "cancelling", "done", "failed", "cancelled"]
    source: Source
    chosen: Part
    rate: float | None
    records: int = Field(description="Read so far.")
    of: int = Field(description="To be read.")
    keys: int
    settled: int = Field(description="Keys that were swapped in, compared or left.")
    touched: list[Touched]
    seconds: float | None = Field(description="The estimate; null where nothing tells.")
    error: str | None
    who: str
    why: str
    asked_at: datetime
    finished_at: datetime | None
    unsettled: list[Unsettled] = Field(description="The first 100.")


class ParkedRecord(Shown):
    record: str = Field(description="SCHEMA/ID")
    consumer: str
    topic: str
    partition: int
    offset: int
    key: str | None
    reason: Reason
    error_class: str
    error_message: str
    attempts: int
    blocks: bool = Field(description="Whether later records of its key queue behind it.")
    action: Literal["redrive", "discard"] | None = Field(description="What was asked for and is not done yet.")
    parked_at: datetime


class Told(BaseModel):
    """Of an envelope that can be read."""

    id: UUID
    type: str
    subject: str
    time: datetime
    source: str
    stream_version: int | None
    correlation_id: UUID


class ParkedContent(ParkedRecord):
    headers: dict[str, str | None]
    key_base64: str | None
    value_base64: str | None
    message: dict[str, Any] | None
    envelope: Told | None
    undecodable: str | None = Field(description="Why there is no message.")
    queued_behind: int


class Outcome(ParkedRecord):
    outcome: Literal["redriven", "discarded", "parked-again", "waiting", "too-many-attempts", "dry-run"]


class TopicShown(Shown):
    topic: str
    partitions: int
    records: int | None = Field(description="Null: it is not there.")
    retention_ms: int
    max_bytes: int
    about: str


class Difference(Shown):
    topic: str
    setting: str
    is_: str | int | None = Field(alias="is")
    should: str | int
    applicable: bool


class Republished(Shown):
    topic: str
    partitions: list[int]
    events: int
    unpublished: int


class Lag(Shown):
    group: str
    topic: str
    partition: int
    next_offset: int
    end_offset: int
    lag: int
    seconds: float = Field(description="Since the first record that waits was written.")
    stored: Literal["postgres", "kafka"]


class Standing(Shown):
    group: str
    topic: str
    partition: int
    next_offset: int
    epoch: int
    first_offset: int
    end_offset: int
    recognised: bool | None = Field(description="Whether the record before it is the one that was read; null: unknown.")
    lost: str | None = Field(description="Why it means nothing in its log.")
    refused: str | None = Field(description="What a tool has set that is not followed.")
