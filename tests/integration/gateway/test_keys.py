"""Idempotency keys in Postgres, the gateway's own schema, and what its reading role may not do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from docward.gateway.app import SCHEMA
from docward.gateway.idempotency import KEEP, PostgresIdempotencyKeys
from docward.runtime.postgres import connect_pool
from docward.runtime.projections import READER_ROLE
from integration.gateway.served import Served
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
