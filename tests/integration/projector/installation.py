"""A projector on real servers: a database, a topic prefix and an object store of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from contracts.golden import SIGNER
from docward.events.codec import Encoded
from docward.events.messages import ObjectRef
from docward.events.topics import TOPICS, Topic
from docward.localstack.stack import Stack
from docward.projector.app import SCHEMA, loops, views
from docward.projector.projections import PROJECTIONS
from docward.projector.settings import ProjectorSettings
from docward.runtime.generations import prepare_schemas
from docward.runtime.infrastructure import PROJECTING, Infrastructure, infrastructure
from docward.runtime.kafka import partition_of
from docward.runtime.postgres import Pool
from docward.runtime.projections import Projection
from unit.projector.story import Told

DEADLINE_S = 60.0
TABLES = {
    "documents": ("documents", "document_versions", "document_exports"),
    "search": ("document_texts",),
    "analyses": ("analyses", "analysis_streams"),
    "findings": ("findings", "finding_streams"),
    "verdicts": ("verdicts", "verdict_streams"),
    "repositories": ("repositories", "pack_imports", "policy_changes", "releases"),
    "operations": ("operations",),
    "audit": ("audit",),
}


@dataclass
class Installation:
    around: Infrastructure
    published: Counter[tuple[str, int]] = field(default_factory=Counter)
    """Records per topic and partition: as the topics are fresh, the position after the last one."""

    @property
    def pool(self) -> Pool:
        return self.around.pool

    async def publish(self, messages: Iterable[Told]) -> None:
        for message in messages:
            await self.write(message.topic, message.encoded())

    async def set_aside(self, topic: Topic, message: Told) -> None:
        """As a dead letter: the record as it was, and where it lay."""
        encoded = message.encoded()
        notes = {
            "dlq-topic": message.topic.name,
            "dlq-partition": "2",
            "dlq-offset": "7",
            "dlq-reason": "unexpected",
            "dlq-error-message": "it broke",
        }
        headers = tuple((name, text.encode()) for name, text in notes.items())
        await self.write(topic, encoded._replace(headers=(*encoded.headers, *headers)))

    async def write(self, topic: Topic, encoded: Encoded) -> None:
        partition = partition_of(encoded.key, topic.partitions)
        await self.around.publisher.write(topic, partition, [encoded])
        self.published[topic.name, partition] += 1

    async def store(self, uri: str, text: str) -> ObjectRef:
        return await self.around.objects.put(uri, text.encode(), "text/markdown")

    def lose(self, uri: str) -> None:
        """The object is no longer in the store."""
        Path(unquote(urlsplit(self.around.settings.objects.url).path), uri).unlink()

    @asynccontextmanager
    async def projecting(self, projections: Sequence[Projection] = PROJECTIONS) -> AsyncIterator[None]:
        """The projector's loops run; inside, `settled` waits for them."""
        running = loops(projections, self.around)
        tasks = [asyncio.create_task(loop.run()) for loop in running]
        try:
            yield
        finally:
            for loop in running:
                loop.stop()
            await asyncio.gather(*tasks)

    async def settled(self, projections: Sequence[Projection] = PROJECTIONS) -> None:
        """Every projection has stored the position after the last record that was published."""
        wanted = {
            (projection.consumer, topic.name, partition): number
            for projection in projections
            for topic in projection.topics
            for (name, partition), number in self.published.items()
            if name == topic.name
        }
        async with asyncio.timeout(DEADLINE_S):
            while wanted:
                rows = await self.pool.fetch("select consumer, topic, partition, next_offset from checkpoints")
                reached = {(r["consumer"], r["topic"], r["partition"]): r["next_offset"] for r in rows}
                wanted = {place: number for place, number in wanted.items() if reached.get(place, 0) < number}
                await asyncio.sleep(0.05 if wanted else 0)

    async def view(self, name: str, where: str = "true", *arguments: Any) -> list[dict[str, Any]]:
        rows = await self.pool.fetch(f"select * from read.{name} where {where}", *arguments)  # noqa: S608 -- of tests
        return [dict(row) for row in rows]

    async def row(self, name: str, where: str, *arguments: Any) -> dict[str, Any]:
        (row,) = await self.view(name, where, *arguments)
        return row

    async def tables(self, version: int = 1) -> dict[str, list[str]]:
        """Every row of every read model, as text, in an order of its own."""
        found = {}
        for projection, tables in TABLES.items():
            for table in tables:
                rows = await self.pool.fetch(f"select t::text as row from {projection}_v{version}.{table} t")  # noqa: S608 -- of tests
                found[table] = sorted(row["row"] for row in rows)
        return found


def again(version: int) -> list[Projection]:
    """The same projections, as another version: other tables, read from the beginning."""
    return [replace(projection, version=version) for projection in PROJECTIONS]


@asynccontextmanager
async def installed(stack: Stack, objects: Path) -> AsyncIterator[Installation]:
    name = f"projector_{uuid4().hex[:12]}"
    admin = await asyncpg.connect(stack.postgres_dsn)
    try:
        await admin.execute(f"create database {name}")
        dsn = urlunsplit(urlsplit(stack.postgres_dsn)._replace(path=f"/{name}"))
        settings = ProjectorSettings.model_validate(
            {
                "kafka": {"bootstrap_servers": stack.kafka_bootstrap, "topic_prefix": f"{name}-"},
                "postgres": {"dsn": dsn, "pool_size": 12},
                "objects": {"url": objects.as_uri()},
                "http": {"port": 0},
                "signing": {"key_id": SIGNER.key_id, "key": SIGNER.key.hex()},
                "keyring": {SIGNER.key_id: SIGNER.key.hex()},
            }
        )
        async with infrastructure(
            "projector", settings, schema=SCHEMA, migrations=[PROJECTING], topics=TOPICS
        ) as around:
            await prepare_schemas(around.pool, PROJECTIONS, views())
            yield Installation(around)
    finally:
        await admin.execute(f"drop database if exists {name} with (force)")
        await admin.close()
