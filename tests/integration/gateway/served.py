"""The gateway as it is run, over HTTP, beside a projector, on real servers. What deciders would say, tests say."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx

from docward.events.messages import derived_id
from docward.gateway import app
from docward.gateway.auth import development_token
from docward.gateway.settings import GatewaySettings
from integration.projector.installation import Installation
from unit.gateway.described import Described
from unit.projector.story import Told, told

LIMIT = 300_000
DEADLINE_S = 60.0


@dataclass
class Served:
    installation: Installation
    settings: GatewaySettings
    described: Described

    def client(self, *roles: str, subject: str = "mara.lindqvist", groups: tuple[str, ...] = ()) -> httpx.AsyncClient:
        """Signed in; every answer is held against the API's description."""
        key = bytes.fromhex(self.settings.signing.key.get_secret_value())
        token = development_token(key, subject=subject, name="Mara", roles=roles or ("admin",), groups=groups)
        hooks: Any = {"response": [self.described]}
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, event_hooks=hooks, timeout=30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.http.port}"

    async def say(self, *messages: Told) -> None:
        """Publish, and wait until the read model shows it."""
        await self.installation.publish(messages)
        await self.installation.settled()


def because_of(command: UUID, message: Told) -> Told:
    """The event, as the outcome of that command."""
    envelope = message.envelope._replace(causation_id=command, correlation_id=command)
    return replace(message, envelope=envelope)


def an_event(name: str, version: int, /, *, key: UUID, command: UUID | str, **body: Any) -> Told:
    return because_of(UUID(str(command)), told(name, version, key=key, **body))


def a_rejection(command: UUID | str, key: UUID, **body: Any) -> Told:
    rejection = told("command-rejected", command_id=str(command), stream=f"document:{key}", **body)
    envelope = rejection.envelope._replace(id=derived_id("rejection", command), key=key)
    return because_of(UUID(str(command)), replace(rejection, envelope=envelope))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def gateway_settings(installation: Installation, **changes: Any) -> GatewaySettings:
    settings = installation.around.settings
    return GatewaySettings.model_validate(
        {
            "kafka": settings.kafka.model_dump(),
            "postgres": {"dsn": settings.postgres.dsn.get_secret_value(), "pool_size": 8},
            "objects": settings.objects.model_dump(),
            "http": {"port": free_port()},
            "signing": {"key_id": settings.signing.key_id, "key": settings.signing.key.get_secret_value()},
            "keyring": {settings.signing.key_id: settings.signing.key.get_secret_value()},
            "uploads": {"max_bytes": LIMIT},
            **changes,
        }
    )


@asynccontextmanager
async def served(installation: Installation) -> AsyncIterator[Served]:
    settings = gateway_settings(installation)
    stopping = asyncio.Event()
    process = asyncio.create_task(app.main(settings, stopping))
    try:
        yield Served(installation, settings, Described(await _ready(settings, process)))
    finally:
        stopping.set()
        async with asyncio.timeout(DEADLINE_S):
            await process


async def _ready(settings: GatewaySettings, process: asyncio.Task[None]) -> dict[str, Any]:
    """Waits for readiness; the API's description."""
    async with (
        asyncio.timeout(DEADLINE_S),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.http.port}") as client,
    ):
        while not process.done():
            try:
                if (await client.get("/health/ready")).status_code == httpx.codes.OK:
                    document: dict[str, Any] = (await client.get("/openapi.json")).json()
                    return document
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
        await process
        raise AssertionError("the gateway ended")
