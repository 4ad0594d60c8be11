"""Idempotency keys in Postgres, the gateway's own schema, and what its reading role may not do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from docward.gateway.app import SCHEMA
from docward.gateway.idempotency import BUSY, KEEP, PostgresIdempotencyKeys, command_id, utc_now
from docward.runtime.postgres import connect_pool
from docward.runtime.projections import READER_ROLE
from installation import until
from integration.gateway.served import Served
from integration.gateway.test_writing import TEXT
from unit.gateway.fakes import Clock
from unit.gateway.keys_suite import ANSWER, SUITE


@pytest.fixture
async def pool(gateway: Served) -> AsyncIterator[asyncpg.Pool]:
    dsn = gateway.settings.postgres.dsn.get_secret_value()
    async with await connect_pool(dsn, name="keys", schema=SCHEMA, size=2) as connected:
        yield connected


@pytest.mark.parametrize("check", SUITE, ids=lambda check: check.__name__)
async def test_keys_in_postgres(pool: asyncpg.Pool, check: Any) -> None:
    clock = Clock()
    await check(PostgresIdempotencyKeys(pool, clock), clock)


async def test_old_keys_are_forgotten(pool: asyncpg.Pool) -> None:
    clock = Clock()
    clock.time -= timedelta(days=400)
    keys = PostgresIdempotencyKeys(pool, clock)
    await keys.complete(await keys.reserve("old", "key"), "request", ANSWER)
    clock.passes(KEEP.total_seconds() - 1)
    await keys.forget_old()
    assert (await keys.reserve("old", "key")).answer == ANSWER
    clock.passes(2)
    await keys.forget_old()
    assert (await keys.reserve("old", "key")).answer is None


async def test_a_request_whose_gateway_died_before_it_published_is_repeated_within_moments_under_the_same_id(
    gateway: Served, pool: asyncpg.Pool
) -> None:
    key, subject = f"k-{uuid4()}", "mara.lindqvist"
    clock = Clock()
    clock.time = utc_now() - BUSY + timedelta(seconds=2)
    died = await PostgresIdempotencyKeys(pool, clock).reserve(subject, key)
    await gateway.installation.store(f"uploads/{died.command_id}", TEXT.decode())
    async with gateway.client(subject=subject) as client:

        async def post() -> httpx.Response:
            return await client.post(
                "/api/v1/documents", params={"filename": "m.md"}, content=TEXT, headers={"Idempotency-Key": key}
            )

        busy = await post()
        assert (busy.status_code, busy.json()["code"]) == (409, "request-in-progress")

        async def accepted() -> httpx.Response | None:
            answer = await post()
            return answer if answer.status_code == httpx.codes.ACCEPTED else None

        answer = await until(accepted)
        assert answer is not None
        assert answer.json()["operation_id"] == str(died.command_id) == str(command_id(subject, key))


async def test_the_reading_role_only_reads_views(gateway: Served) -> None:
    dsn = gateway.settings.postgres.dsn.get_secret_value()
    async with await connect_pool(dsn, name="reader", schema="read", size=1, role=READER_ROLE) as reads:
        assert await reads.fetchval("select count(*) from read.documents")
        for statement in (
            "delete from read.audit",
            "select * from documents_v1.documents",
            "select * from projector.checkpoints",
            "select * from gateway.idempotency_keys",
            "create table read.mine (a int)",
        ):
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.ObjectNotInPrerequisiteStateError)):
                await reads.execute(statement)
