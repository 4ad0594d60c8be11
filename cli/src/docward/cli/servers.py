"""The servers as the operators' verbs reach them: of the environment, or of the local stack."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
from aiokafka.errors import KafkaError

from docward.cli import codes
from docward.cli.client import ClientError
from docward.localstack import LocalStackError
from docward.localstack.stack import Stack, find_stack
from docward.runtime.operating import NotPossibleError, NotThereError, Operator
from docward.runtime.postgres import Connection
from docward.runtime.settings import Kafka

T = TypeVar("T")

Why = Annotated[str, typer.Option("--why", help="The reason, for the audit.")]


def running_stack(data_dir: Path) -> Stack:
    try:
        stack = find_stack(data_dir)
    except LocalStackError as error:
        raise ClientError(str(error), codes.USAGE) from error
    if stack is None:
        raise ClientError(f"nothing runs in {data_dir}; start it with: docward up", codes.NOT_RUNNING)
    return stack


def topic_prefix() -> str:
    return os.environ.get("DOCWARD_KAFKA__TOPIC_PREFIX", "")


def operator(why: str) -> Operator:
    """Who is at the keyboard."""
    return Operator(f"{getpass.getuser()}@{socket.gethostname()}", why)


def kafka(data_dir: Path) -> Kafka:
    return Kafka(bootstrap_servers=running_stack(data_dir).kafka_bootstrap, topic_prefix=topic_prefix())


def moment(said: str | None) -> datetime | None:
    """A time, or an age."""
    if said is None:
        return None
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if said[:-1].isdigit() and said[-1] in units:
        return datetime.now(UTC) - timedelta(**{units[said[-1]]: int(said[:-1])})
    try:
        found = datetime.fromisoformat(said)
    except ValueError as error:
        raise ClientError(f"{said!r} is neither a time (RFC 3339) nor an age (30m, 2h, 1d)", codes.USAGE) from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def ask(question: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(question)
    except NotThereError as error:
        raise ClientError(str(error), codes.NOT_FOUND) from error
    except NotPossibleError as error:
        raise ClientError(str(error), codes.FAILED) from error
    except KafkaError as error:
        raise ClientError(f"the broker does not answer: {error}", codes.NOT_RUNNING) from error
    except (asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, OSError) as error:
        raise ClientError(f"a server does not answer: {error}", codes.NOT_RUNNING) from error
    except asyncpg.PostgresError as error:
        raise ClientError(f"the database refuses: {error}; nothing was changed", codes.FAILED) from error


@asynccontextmanager
async def database(data_dir: Path, schema: str | None = None) -> AsyncIterator[Connection]:
    """A connection, which finds the tables of `schema`."""
    connection = await asyncpg.connect(running_stack(data_dir).postgres_dsn, timeout=10)
    try:
        for kind in ("json", "jsonb"):
            await connection.set_type_codec(kind, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        await connection.execute("set lock_timeout = '5s'; set idle_in_transaction_session_timeout = '30s'")
        if schema is not None:
            await connection.execute("select set_config('search_path', $1, false)", schema)
        yield connection
    finally:
        await connection.close()


async def until_state(look: Callable[[], Awaitable[Any]], over: Callable[[Any], bool], timeout: float) -> Any:
    """What `look` finds when it is over, or when the time is."""
    deadline = time.monotonic() + timeout
    while True:
        found = await look()
        if over(found) or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.1)
