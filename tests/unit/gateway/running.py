"""A gateway with a broker in memory and an object store in a folder; nothing that needs a read model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from docward.gateway.app import create_app
from docward.gateway.auth import Authenticator, development_token
from docward.gateway.context import Gateway
from docward.gateway.publishing import Publishing
from docward.runtime.objects import ObjectStore
from unit.gateway.described import Described
from unit.gateway.fakes import KEY, Clock, MemoryKeys, MemoryPublisher

LIMIT = 200_000


class NoReadModel:
    """Whoever asks it for something has a bug or a broken database."""

    async def fetchrow(self, *_: Any) -> Any:
        raise ConnectionRefusedError("postgres://user:secret@host/db is down")

    fetch = fetchrow


@dataclass
class Running:
    """The gateway's parts, and a client that is signed in as a contributor."""

    app: FastAPI
    gateway: Gateway
    publisher: MemoryPublisher
    store: ObjectStore
    folder: Path
    client: httpx.AsyncClient

    def stored(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


def signed_in(*roles: str, subject: str = "mira", groups: tuple[str, ...] = ()) -> dict[str, str]:
    token = development_token(KEY, subject=subject, name="Mira", roles=roles, groups=groups)
    return {"Authorization": f"Bearer {token}"}


@cache
def _app() -> FastAPI:
    """Made once: most of a test's time went into it."""
    nothing: Any = None
    return create_app(nothing, Authenticator(KEY), dict)


@cache
def _described() -> Described:
    return Described(_app().openapi())


@asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Running]:
    publisher, store = MemoryPublisher(), ObjectStore(folder.as_uri())
    reads: Any = NoReadModel()
    publishing = Publishing(publisher, MemoryKeys(Clock()))
    gateway = Gateway(reads=reads, store=store, publishing=publishing, max_upload_bytes=LIMIT)
    app = _app()
    app.state.gateway = gateway
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = signed_in("contributor")
    hooks: Any = {"response": [_described()]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://gateway", headers=headers, event_hooks=hooks
    ) as client:
        yield Running(app, gateway, publisher, store, folder, client)
