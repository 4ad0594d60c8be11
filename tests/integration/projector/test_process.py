"""The projector as a process: ready when it owns its partitions, ended by SIGTERM, and back where it was."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from docward.localstack.stack import Stack
from integration.projector.installation import DEADLINE_S, Installation
from unit.projector.story import command_id, told


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def _process(projected: Installation, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    settings = projected.around.settings
    key = settings.signing.key.get_secret_value()
    environment = {
        "DOCWARD_KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "DOCWARD_KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
        "DOCWARD_POSTGRES__DSN": settings.postgres.dsn.get_secret_value(),
        "DOCWARD_OBJECTS__URL": settings.objects.url,
        "DOCWARD_HTTP__PORT": str(port),
        "DOCWARD_SIGNING__KEY_ID": settings.signing.key_id,
        "DOCWARD_SIGNING__KEY": key,
        "DOCWARD_KEYRING": json.dumps({settings.signing.key_id: key}),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "docward.projector", env=environment, stdout=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ready(port: int) -> None:
    async with asyncio.timeout(DEADLINE_S), httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        while True:
            try:
                if (await client.get("/health/ready")).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)


async def test_a_killed_projector_goes_on_where_it_was(projected: Installation, servers: Stack) -> None:
    port = _free_port()
    async with _process(projected, port) as process:
        await _ready(port)
        process.kill()
        await process.wait()
    await projected.publish([told("edit-details", by=9001)])
    async with _process(projected, port) as process:
        await _ready(port)
        await projected.settled()
        assert len(await projected.view("operations", "operation_id = $1", command_id(9001))) == 1
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await process.wait() == 0
