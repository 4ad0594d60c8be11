"""/admin: read models, replays, parked records, topics and lag, for admins. The same as the `docward` command does."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from docward.events.messages import Actor
from docward.events.topics import TOPICS
from docward.gateway.auth import Admin
from docward.gateway.context import Context
from docward.gateway.operated import (
    Difference,
    Dropped,
    Generation,
    Lag,
    Listed,
    Outcome,
    ParkedContent,
    ParkedRecord,
    Replay,
    Republished,
    Standing,
    Switched,
    TopicShown,
)
from docward.gateway.operators import Operators, operator
from docward.gateway.problems import ProblemError, documented, invalid, not_found
from docward.gateway.shapes import Sent
from docward.runtime import generations, operating, readmodels, replays, setaside, switching
from docward.runtime.lag import lags
from docward.runtime.operating import Selection
from docward.runtime.parking import Reason
from docward.runtime.replays import Chosen, Source, utc
from docward.runtime.setaside import Asked
from docward.runtime.standing import standings
from docward.runtime.topics import described, differences

router = APIRouter(prefix="/admin", tags=["admin"])

Name = Annotated[str, Path(pattern=r"^[a-z-]{1,40}$")]
Schema = Annotated[str, Path(pattern=r"^[a-z_0-9-]{1,80}$")]


async def operators_of(gateway: Context) -> Operators:
    if gateway.operators is None:
        raise ProblemError(503, "read-model-unavailable", "Nothing can be operated here.")
    return gateway.operators


Operating = Annotated[Operators, Depends(operators_of)]


class Because(Sent):
    why: str = Field(min_length=1, max_length=1000, description="The reason, for the audit.")


class Switching(Because):
    force: bool = Field(default=False, description="Even when it lags or lacks what parked records say.")


class Filter(Sent):
    reason: Reason | None = None
    error_class: str | None = None
    consumer: str | None = None
    key: str | None = Field(default=None, description="The id of an aggregate.")
    since: datetime | None = Field(default=None, description="Parked since.")
    until: datetime | None = Field(default=None, description="Parked before.")

    def selection(self) -> Selection:
        return Selection(
            consumer=self.consumer,
            reason=self.reason,
            error_class=self.error_class,
            key=None if self.key is None else self.key.encode(),
            since=self.since and utc(self.since),
            until=self.until and utc(self.until),
        )


class Redriving(Because, Filter):
    records: list[str] = Field(
        default=[], max_length=1000, description="As SCHEMA/ID; none: all that the filters leave."
    )
    limit: int | None = Field(default=None, ge=1)
    force: bool = Field(default=False, description="Also records that failed many times.")
    dry_run: bool = False


class Discarding(Because):
    records: list[str] = Field(min_length=1, max_length=1000, description="As SCHEMA/ID.")
    dry_run: bool = False


class Replaying(Because):
    projection: str
    action: Literal["survey", "replay", "verify"] = Field(
        default="replay", description="Only say what would be touched, recompute and swap in, or compare."
    )
    source: Source = Field(default="topics", description="Recompute from topics, or from the event stores.")
    topic: str | None = None
    partition: int | None = Field(default=None, ge=0, le=1000)
    since: datetime | Annotated[int, Field(ge=0)] | None = Field(default=None, description="A time, or an offset.")
    until: datetime | Annotated[int, Field(ge=0)] | None = Field(default=None, description="The first not read.")
    keys: list[UUID] = Field(default=[], max_length=10_000, description="Only these aggregates.")
    everything: bool = Field(default=False, description="All that the topics hold.")
    rate: float | None = Field(default=None, ge=1, description="Records read a second, at most.")

    def chosen(self) -> Chosen:
        since, until = (utc(p) if isinstance(p, datetime) else p for p in (self.since, self.until))
        return Chosen(self.topic, self.partition, since, until, tuple(self.keys))


class Republishing(Because):
    partition: int | None = Field(default=None, ge=0)


@router.get("/projections", summary="List the generations of read models", responses=documented())
async def list_projections(_: Admin, operators: Operating) -> Listed[Generation]:
    async with operators.connection() as connection:
        return Generation.listed(await readmodels.statuses(connection, operators.kafka))


@router.post(
    "/projections/{name}/rebuild", status_code=202, summary="Fill a read model anew", responses=documented(404, 409)
)
async def rebuild(name: Name, body: Because, admin: Admin, operators: Operating) -> Generation:
    async with operators.connection() as connection:
        row = await generations.rebuild(connection, name, operator(admin, body.why))
        return Generation.shown(await readmodels.status(connection, operators.kafka, generations.schema_of(row)))


@router.post(
    "/projections/{name}/switch",
    status_code=202,
    summary="Switch to the generation that was filled",
    responses=documented(404, 409),
)
async def switch(name: Name, body: Switching, admin: Admin, operators: Operating) -> Switched:
    return await _switched(name, body, admin, operators, back=False)


@router.post(
    "/projections/{name}/rollback",
    status_code=202,
    summary="Switch back to the generation before",
    responses=documented(404, 409),
)
async def roll_back(name: Name, body: Switching, admin: Admin, operators: Operating) -> Switched:
    return await _switched(name, body, admin, operators, back=True)


async def _switched(name: str, body: Switching, admin: Actor, operators: Operators, *, back: bool) -> Switched:
    """Waits a while for the projector."""
    async with operators.connection() as connection:
        await generations.live_one(connection, name)
        ident = await switching.ask(connection, [name], operator(admin, body.why), back=back, force=body.force)
        for _ in range(100):
            row = await switching.answer(connection, ident)
            if row["state"] != "asked":
                break
            await asyncio.sleep(0.1)
        if row["state"] == "refused":
            raise operating.NotPossibleError(row["error"])
        return Switched.shown({key: row[key] for key in ("state", "schemas", "seconds")})


@router.post(
    "/generations/{schema}/drop", status_code=202, summary="Remove a generation", responses=documented(404, 409)
)
async def drop(schema: Schema, body: Because, admin: Admin, operators: Operating) -> Dropped:
    async with operators.connection() as connection:
        row = await generations.find(connection, schema)
        await generations.drop(connection, row, operator(admin, body.why))
        return Dropped.shown({"schema": schema, "state": "dropping"})


@router.get("/replays", summary="List replays and verifications", responses=documented())
async def list_replays(
    _: Admin, operators: Operating, projection: Annotated[str | None, Query()] = None
) -> Listed[Replay]:
    async with operators.connection() as connection:
        rows = await replays.listed(connection, projection)
        return Replay.listed([await replays.shape(connection, row) for row in rows])


@router.post("/replays", status_code=202, summary="Recompute rows of a read model", responses=documented(404, 409))
async def ask_replay(body: Replaying, admin: Admin, operators: Operating) -> Replay:
    """Its progress, and with `survey` what it would touch, appear under its number."""
    chosen = body.chosen()
    if not (chosen.bounded or body.everything or body.action == "verify"):
        raise invalid("body.everything", "say which part of the topics, or everything")
    async with operators.connection() as connection:
        by = operator(admin, body.why)
        row = await replays.ask(
            connection, body.projection, body.action, chosen, by, rate=body.rate, source=body.source
        )
        return Replay.shown(await replays.shape(connection, row))


Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.get("/replays/{replay}", summary="Read a replay", responses=documented(404))
async def read_replay(replay: Number, _: Admin, operators: Operating) -> Replay:
    async with operators.connection() as connection:
        row = await replays.get(connection, replay)
        if row is None:
            raise not_found("replay")
        return Replay.shown(await replays.shape(connection, row))


@router.post("/replays/{replay}/cancel", status_code=202, summary="End a replay", responses=documented(404, 409))
async def cancel_replay(replay: Number, body: Because, admin: Admin, operators: Operating) -> Replay:
    async with operators.connection() as connection:
        if await replays.get(connection, replay) is None:
            raise not_found("replay")
        row = await replays.cancel(connection, replay, operator(admin, body.why))
        return Replay.shown(await replays.shape(connection, row))


@router.get("/parked", summary="List parked records", responses=documented())
async def list_parked(_: Admin, operators: Operating, filters: Annotated[Filter, Query()]) -> Listed[ParkedRecord]:
    async with operators.connection() as connection:
        return ParkedRecord.listed(await setaside.listed(connection, filters.selection()))


@router.get("/parked/{service}/{number}", summary="Show a parked record", responses=documented(404))
async def show_parked(
    service: Literal["converter", "analyzer", "projector"], number: Number, _: Admin, operators: Operating
) -> ParkedContent:
    async with operators.connection() as connection:
        return ParkedContent.shown(await setaside.shown(connection, f"{service}/{number}"))


@router.post("/parked/redrive", status_code=202, summary="Process parked records again", responses=documented(404))
async def redrive(body: Redriving, admin: Admin, operators: Operating) -> Listed[Outcome]:
    if not body.records and body.selection() == Selection():
        raise invalid("body.records", "name records, or a filter")
    asked = Asked(
        action="redrive",
        by=operator(admin, body.why),
        limit=body.limit,
        force=body.force,
        dry_run=body.dry_run,
        timeout=5,
    )
    return await _acted(operators, body.records, body.selection(), asked)


@router.post("/parked/discard", status_code=202, summary="Give parked records up", responses=documented(404))
async def discard(body: Discarding, admin: Admin, operators: Operating) -> Listed[Outcome]:
    asked = Asked(action="discard", by=operator(admin, body.why), force=True, dry_run=body.dry_run, timeout=5)
    return await _acted(operators, body.records, Selection(), asked)


async def _acted(operators: Operators, records: list[str], selection: Selection, asked: Asked) -> Listed[Outcome]:
    try:
        chosen = setaside.named(records)
    except ValueError as error:
        raise invalid("body.records", str(error)) from error
    async with operators.connection() as connection:
        return Outcome.listed(await setaside.act(connection, chosen, selection, asked))


@router.get("/topics", summary="List topics", responses=documented())
async def list_topics(_: Admin, operators: Operating) -> Listed[TopicShown]:
    return TopicShown.listed(await described(operators.kafka))


@router.get("/topics/differences", summary="Compare topics with their declaration", responses=documented())
async def compare_topics(_: Admin, operators: Operating) -> Listed[Difference]:
    return Difference.listed(await differences(operators.kafka))


@router.post(
    "/topics/{name}/republish", status_code=202, summary="Publish an event topic again", responses=documented(404)
)
async def republish(name: Name, body: Republishing, admin: Admin, operators: Operating) -> Republished:
    topic = next((each for each in TOPICS if each.name == name and name.endswith("-events")), None)
    if topic is None:
        raise not_found("event topic")
    if body.partition is not None and body.partition >= topic.partitions:
        raise invalid("body.partition", f"is none of 0 to {topic.partitions - 1}")
    (schema,) = topic.producers
    commands = name.removesuffix("-events") + "-commands"
    async with operators.connection() as connection:
        rows = await operating.republish(connection, schema, commands, body.partition, operator(admin, body.why))
        return Republished(
            topic=name,
            partitions=sorted(row["partition"] for row in rows),
            events=sum(row["last_seq"] for row in rows),
            unpublished=await operating.unpublished(connection, schema, commands, body.partition),
        )


@router.get("/lag", summary="How far consumers are behind", responses=documented())
async def show_lag(_: Admin, operators: Operating) -> Listed[Lag]:
    async with operators.connection() as connection:
        return Lag.listed(await lags(connection, operators.kafka))


@router.get("/positions", summary="Where stored positions stand in their logs", responses=documented())
async def show_positions(_: Admin, operators: Operating) -> Listed[Standing]:
    async with operators.connection() as connection:
        return Standing.listed(await standings(connection, operators.kafka))
