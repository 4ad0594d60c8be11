"""What a service stands on: database, broker, object store, opened together at the start and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeVar

import structlog

from docward.events.actor import Keyring
from docward.events.topics import Topic
from docward.runtime import telemetry
from docward.runtime.errors import OPERATIONAL
from docward.runtime.kafka import Publisher, ensure_topics
from docward.runtime.objects import ObjectStore
from docward.runtime.postgres import BY_KEY, SESSION, Listener, Pool, connect_pool, migrate
from docward.runtime.settings import Settings

log = structlog.get_logger()

DECIDING: Traversable = files("docward.runtime") / "migrations" / "deciding"
"""Tables of a service with deciders."""
PROJECTING: Traversable = files("docward.runtime") / "migrations" / "projecting"
"""Tables of a service with projections."""

T = TypeVar("T")

START_WITHIN_S = 120.0
"""How long a service waits for its servers before it gives up, for its supervisor to say so."""


@dataclass(frozen=True, slots=True)
class Infrastructure:
    service: str
    settings: Settings
    pool: Pool
    publisher: Publisher
    objects: ObjectStore
    listener: Listener
    keyring: Keyring

    @property
    def version(self) -> str:
        return f"{self.service}/{version('docward-runtime')}"

    def instance(self, group: str) -> str:
        """Static membership: after a restart the replica gets its partitions back at once, not after a session."""
        return f"{self.settings.kafka.topic_prefix}{group}-{self.settings.instance}"


@asynccontextmanager
async def infrastructure(
    service: str, settings: Settings, *, schema: str, migrations: Sequence[Traversable], topics: Iterable[Topic]
) -> AsyncIterator[Infrastructure]:
    """Everything opened: migrations run, topics there. Waits for servers that are starting."""
    telemetry.configure(service, level=settings.telemetry.log_level, otlp_endpoint=settings.telemetry.otlp_endpoint)
    dsn = settings.postgres.dsn.get_secret_value()
    for folder in migrations:
        await patiently("postgres", lambda folder=folder: migrate(dsn, schema, folder))  # type: ignore[misc]  # a default binds the folder
    await patiently("kafka", lambda: ensure_topics(settings.kafka, topics))
    size = settings.postgres.pool_size
    session = BY_KEY if DECIDING in migrations or PROJECTING in migrations else SESSION
    pool = await patiently(
        "postgres", lambda: connect_pool(dsn, name=service, schema=schema, size=size, session=session)
    )
    publisher = Publisher(settings.kafka, settings.signer())
    try:
        await patiently("kafka", publisher.start)
        yield Infrastructure(
            service=service,
            settings=settings,
            pool=pool,
            publisher=publisher,
            objects=ObjectStore(settings.objects.url),
            listener=Listener(dsn, name=service),
            keyring=settings.keys(),
        )
    finally:
        await publisher.stop()
        pool.terminate()


async def patiently(what: str, open_it: Callable[[], Awaitable[T]]) -> T:
    """What `open_it` returns as soon as its server answers; raises its error when that takes too long."""
    deadline = asyncio.get_running_loop().time() + START_WITHIN_S
    while True:
        try:
            return await open_it()
        except OPERATIONAL as error:
            if asyncio.get_running_loop().time() > deadline:
                raise
            log.warning("waiting for a server", server=what, error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(0.5)
