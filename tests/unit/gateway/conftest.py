"""A running gateway for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from unit.gateway.running import Running, started


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """As in a service: without the values of all variables, which take a minute to print."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with started(tmp_path) as gateway:
        yield gateway
