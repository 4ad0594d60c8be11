"""Without its broker the gateway still reads, without its database it says so; when they are back, so is it.

On servers of its own, since they are taken away.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from uuid import uuid4

import asyncpg
import httpx
import pytest

from docward.localstack.stack import Stack
from installation import started_servers
from integration.gateway.served import DEADLINE_S, Served, served
from integration.projector.installation import installed

TEXT = b"# Momentum\n"


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with started_servers(tmp_path_factory.mktemp("own-servers")) as stack:
        yield stack


@pytest.fixture(scope="module")
async def gateway(own_servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    # The database goes away in between, and with it the connection that would drop it in the end.
    with suppress(asyncpg.InterfaceError):
        async with (
            installed(own_servers, tmp_path_factory.mktemp("objects")) as installation,
            served(installation) as running,
        ):
            yield running


async def _until(status: int, ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = await ask()
            if answer.status_code == status:
                return answer
            await asyncio.sleep(0.1)


async def test_without_the_broker_nothing_is_accepted(gateway: Served, own_servers: Stack) -> None:
    async with gateway.client() as client:
        headers = {"Idempotency-Key": f"k-{uuid4()}"}
        broker = own_servers.servers["kafka-1"]
        await asyncio.to_thread(broker.kill)
        try:
            began = time.monotonic()
            answer = await client.post("/api/v1/documents", content=TEXT, headers=headers)
            took = time.monotonic() - began
            assert (answer.status_code, answer.json()["code"]) == (503, "broker-unavailable"), answer.text
            assert took <= 11
            assert 2 <= int(answer.headers["Retry-After"]) <= 10
            assert (await client.get("/api/v1/documents")).status_code == 200
            assert (await client.get("/health/live")).status_code == 200
            ready = await _until(503, lambda: client.get("/health/ready"))
            assert ready.json()["problems"] == {"broker": "cannot be reached"}
        finally:
            await asyncio.to_thread(broker.start)
        await _until(200, lambda: client.get("/health/ready"))

        async def repeat() -> httpx.Response:
            return await client.post("/api/v1/documents", content=TEXT, headers=headers)

        again = await _until(202, repeat)
        repeated = await repeat()
        assert repeated.json() == again.json()


async def test_without_the_database_nothing_is_read_or_accepted_with_a_key(gateway: Served, own_servers: Stack) -> None:
    async with gateway.client() as client:
        database = own_servers.servers["postgres"]
        await asyncio.to_thread(database.kill)
        try:
            for answer in (
                await client.get("/api/v1/documents"),
                await client.get("/api/v1/operations"),
                await client.post("/api/v1/documents", content=TEXT, headers={"Idempotency-Key": "k"}),
            ):
                assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable"), answer.text
                assert answer.headers["Retry-After"]
            assert (await client.get("/health/live")).status_code == 200
            await _until(503, lambda: client.get("/health/ready"))
        finally:
            await asyncio.to_thread(database.start)
        await _until(200, lambda: client.get("/api/v1/documents"))
        await _until(200, lambda: client.get("/health/ready"))
        answer = await client.post("/api/v1/documents", content=TEXT, headers={"Idempotency-Key": "k"})
        assert answer.status_code == 202
