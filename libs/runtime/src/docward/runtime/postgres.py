"""Postgres: pools whose sessions cannot hold a lock for ever, forward-only migrations, and wake-ups by NOTIFY."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from importlib.resources.abc import Traversable
from typing import Any, TypeAlias

import asyncpg
import structlog

from docward.runtime.errors import OPERATIONAL, DatabaseUnreachableError

log = structlog.get_logger()

SESSION = {
    # A frozen owner would otherwise hold its checkpoint row for ever, and no fence could fire.
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "5s",
    "statement_timeout": "30s",
    "jit": "off",
}

BY_KEY = {
    **SESSION,
    # Deciders and projections look for rows by key alone. A statement that is planned while a table is new and empty,
    # as in a rebuild, would read all of it at every batch, for as long as the plan lives.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}

Pool: TypeAlias = asyncpg.Pool
Connection: TypeAlias = asyncpg.Connection


async def connect_pool(
    dsn: str,
    *,
    name: str,
    schema: str | None = None,
    size: int = 8,
    role: str | None = None,
    session: Mapping[str, str] = SESSION,
) -> Pool:
    """A pool whose connections speak JSON, find the tables of `schema`, and act as `role`."""

    async def prepare(connection: Connection) -> None:
        await connection.set_type_codec("json", encoder=_dumps, decoder=json.loads, schema="pg_catalog")
        # Binary, as COPY writes.
        await connection.set_type_codec(
            "jsonb", encoder=_to_jsonb, decoder=_from_jsonb, schema="pg_catalog", format="binary"
        )

    options = {**session, "application_name": name}
    if schema is not None:
        options["search_path"] = schema
    if role is not None:
        options["role"] = role
    return await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=size,
        connect=connect,
        init=prepare,
        server_settings=options,
        timeout=5,
        command_timeout=30,
    )


async def connect(*args: Any, **options: Any) -> Connection:
    """As the driver connects. Raises OPERATIONAL for whatever the system has to say about it: with several addresses
    that is a bare OSError, without a number."""
    try:
        return await asyncpg.connect(*args, **options)
    except OSError as error:
        raise DatabaseUnreachableError(str(error)) from error


async def answers(pool: Pool) -> bool:
    """Whether the database is well enough to answer at once."""
    try:
        async with asyncio.timeout(2):
            await pool.fetchval("select 1")
    except OPERATIONAL:
        return False
    return True


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _to_jsonb(value: Any) -> bytes:
    """Bytes are JSON already."""
    return b"\x01" + (value if isinstance(value, bytes) else _dumps(value).encode())


def _from_jsonb(data: bytes) -> Any:
    return json.loads(data[1:])


async def migrate(dsn: str, schema: str, migrations: Traversable) -> list[str]:
    """Run the `.sql` files of a folder that this schema has not run yet, in order, and name them.

    Forward only. A file that has run and has changed since is an error: what is released is frozen. Processes that
    start at once wait for each other.
    """
    connection = await connect(dsn, timeout=10)
    try:
        await connection.execute("select pg_advisory_lock(hashtext($1))", f"docward-migrate-{schema}")
        await connection.execute(f'create schema if not exists "{schema}"')
        await connection.execute(f'set search_path to "{schema}"')
        await connection.execute("create table if not exists migrations (name text primary key, sha256 text not null)")
        done = dict(await connection.fetch("select name, sha256 from migrations"))
        ran = []
        for file in sorted((f for f in migrations.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name):
            script = file.read_text(encoding="utf-8")
            digest = hashlib.sha256(script.encode()).hexdigest()
            if file.name in done:
                if done[file.name] != digest:
                    raise RuntimeError(f"migration {schema}/{file.name} has changed since it ran")
                continue
            async with connection.transaction():
                await connection.execute(script)
                await connection.execute("insert into migrations values ($1, $2)", file.name, digest)
            ran.append(file.name)
        return ran
    finally:
        await connection.close()


class Listener:
    """One connection that LISTENs. Reconnects by itself, and calls every handler after a reconnect, with an empty
    payload: whatever was notified in between is looked for, not lost.
    """

    def __init__(self, dsn: str, *, name: str) -> None:
        self._dsn = dsn
        self.name = f"{name}-listener"
        self.beat = time.monotonic()
        self._handlers: dict[str, list[Callable[[str], None]]] = {}
        self._look = asyncio.Event()

    def on(self, channel: str, handler: Callable[[str], None]) -> None:
        """Call `handler(payload)` at each notification, from now on."""
        self._handlers.setdefault(channel, []).append(handler)
        self._look.set()

    async def run(self) -> None:
        while True:
            self.beat = time.monotonic()
            try:
                await self._listen()
            except OPERATIONAL as error:
                log.warning("listener lost its connection", error=str(error))
                await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        connection = await connect(
            self._dsn, timeout=5, command_timeout=5, server_settings={"application_name": self.name}
        )
        connection.add_termination_listener(lambda _: self._look.set())
        heard: set[str] = set()
        try:
            while not connection.is_closed():
                self.beat = time.monotonic()
                self._look.clear()
                for channel in [channel for channel in self._handlers if channel not in heard]:
                    heard.add(channel)
                    await connection.add_listener(channel, self._notified)
                    self._notified(None, 0, channel, "")
                try:
                    async with asyncio.timeout(5):
                        await self._look.wait()
                except TimeoutError:
                    await connection.execute("select 1")  # a dead peer is noticed without traffic
        finally:
            connection.terminate()

    def _notified(self, _connection: object, _pid: int, channel: str, payload: str) -> None:
        for handler in self._handlers[channel]:
            handler(payload)
