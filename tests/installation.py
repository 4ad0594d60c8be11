"""A place of one test's own on the shared servers, and real services that run in it as child processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from docward.events.actor import Signer
from docward.gateway.auth import development_token
from docward.localstack.environment import KEY_HOLDERS
from docward.localstack.stack import KAFKA_VARIABLE, POSTGRES_VARIABLE, Stack, start_stack
from docward.runtime.settings import Settings

KEYS = {name: f"{index:02x}" * 32 for index, name in enumerate(KEY_HOLDERS, start=1)}
SERVICES = ("converter", "analyzer", "projector", "gateway")

T = TypeVar("T")


@dataclass
class Installation:
    kafka: str
    dsn: str
    prefix: str
    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: dict(zip(SERVICES, _free_ports(len(SERVICES)), strict=True)))
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    session_timeout_ms: int = 6_000
    """Short, so that a test of a taken-away partition need not wait for a long one."""

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    def environment(self, service: str) -> dict[str, str]:
        return {
            "DOCWARD_KAFKA__BOOTSTRAP_SERVERS": self.kafka,
            "DOCWARD_KAFKA__TOPIC_PREFIX": self.prefix,
            "DOCWARD_KAFKA__SESSION_TIMEOUT_MS": str(self.session_timeout_ms),
            "DOCWARD_POSTGRES__DSN": self.dsn,
            "DOCWARD_OBJECTS__URL": self.objects.as_uri(),
            "DOCWARD_HTTP__PORT": str(self.ports.get(service, 0)),
            "DOCWARD_SIGNING__KEY_ID": service,
            "DOCWARD_SIGNING__KEY": KEYS[service],
            "DOCWARD_KEYRING": json.dumps(KEYS),
            "DOCWARD_INSTANCE": "one",
        }

    def settings(self, service: str, cls: type[Any] = Settings) -> Any:
        """The settings of a part that runs inside the test."""
        values = {
            "kafka": {
                "bootstrap_servers": self.kafka,
                "topic_prefix": self.prefix,
                "session_timeout_ms": self.session_timeout_ms,
            },
            "postgres": {"dsn": self.dsn},
            "objects": {"url": self.objects.as_uri()},
            "http": {"port": self.ports.get(service, 0)},
            "signing": {"key_id": service, "key": KEYS[service]},
            "keyring": KEYS,
            "instance": f"test-{uuid4().hex[:8]}",
        }
        return cls(**values)

    def signer(self, name: str) -> Signer:
        return Signer(name, bytes.fromhex(KEYS[name]))

    def log(self, service: str) -> str:
        return (self.folder / f"{service}.log").read_text(errors="replace")

    def start(self, *services: str, **extra: str) -> None:
        for service in services or SERVICES:
            with (self.folder / f"{service}.log").open("ab") as log:
                self.running[service] = subprocess.Popen(
                    [sys.executable, "-m", f"docward.{service}"],
                    env={**os.environ, **self.environment(service), **extra},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )

    async def ready(self, *services: str, within: float = 60) -> None:
        async with httpx.AsyncClient() as client:

            async def answers(service: str) -> bool:
                assert self.running[service].poll() is None, f"{service} has ended:\n{self.log(service)[-3000:]}"
                try:
                    answer = await client.get(f"http://127.0.0.1:{self.ports[service]}/health/ready")
                except httpx.TransportError:
                    return False
                return answer.status_code == 200

            for service in services or tuple(self.running):
                await until(lambda service=service: answers(service), within=within)  # type: ignore[misc]  # a default binds it

    def kill(self, service: str) -> None:
        """kill -9."""
        process = self.running.pop(service)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def stop(self, service: str) -> int:
        """SIGTERM; the exit status."""
        process = self.running.pop(service)
        process.terminate()
        return process.wait(20)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @contextmanager
    def api(self, **claims: Any) -> Iterator[httpx.Client]:
        token = development_token(bytes.fromhex(KEYS["gateway"]), **claims)
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30) as client:
            yield client

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        connection = await asyncpg.connect(self.dsn)
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()

    async def delete_topic(self, name: str) -> None:
        """As Kafka's own tool does, until it is gone."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            await admin.delete_topics([self.prefix + name])

            async def gone() -> bool:
                return self.prefix + name not in await admin.list_topics()

            await until(gone)
        finally:
            await admin.close()

    async def start_with_analysed(self, documents: int) -> None:
        """Start all services, and submit so many documents; until they are analysed."""
        self.start()
        await self.ready()
        with self.api() as client:
            for number in range(documents):
                answer = client.post(
                    "/documents",
                    params={"filename": f"{number}.md"},
                    content=f"# Index {number}\n\nThe index is rebalanced every quarter.\n".encode(),
                    headers={"Idempotency-Key": str(uuid4()), "Content-Type": "text/markdown"},
                )
                assert answer.status_code == 202, answer.text

            async def finished() -> bool:
                items = client.get("/documents").json()["items"]
                return len(items) == documents and {each["status"] for each in items} == {"analyzed"}

            await until(finished, within=90)


@contextmanager
def started_servers(folder: Path, *, brokers: int = 1) -> Iterator[Stack]:
    """Servers that may be stopped without harm to another test."""
    with pytest.MonkeyPatch.context() as environment:
        for variable in (KAFKA_VARIABLE, POSTGRES_VARIABLE):
            environment.delenv(variable, raising=False)
        stack = start_stack(folder, durable=False, brokers=brokers)
    yield stack
    stack.remove()


@asynccontextmanager
async def new_installation(servers: Stack, folder: Path, **options: Any) -> AsyncIterator[Installation]:
    name = f"test_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(servers.postgres_dsn)
    try:
        await connection.execute(f"create database {name}")
    finally:
        await connection.close()
    parts = urlsplit(servers.postgres_dsn)
    dsn = urlunsplit(parts._replace(path=f"/{name}"))
    place = Installation(servers.kafka_bootstrap, dsn, f"{name}-", folder, **options)
    try:
        yield place
    finally:
        for process in place.running.values():
            process.terminate()
        for process in place.running.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


async def until(true: Callable[[], Awaitable[T]], *, within: float = 30, every: float = 0.05) -> T:
    """What `true` returns as soon as it is truthy; fails after `within` seconds."""
    deadline = time.monotonic() + within
    while not (value := await true()):
        assert time.monotonic() < deadline, f"not true within {within} s"
        await asyncio.sleep(every)
    return value


def _free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
