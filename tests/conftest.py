"""What every test of the servers shares: one broker and one Postgres for the whole run.

With DOCWARD_KAFKA__BOOTSTRAP_SERVERS and DOCWARD_POSTGRES__DSN set, those are used. A missing server fails the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from docward.localstack.stack import Stack, start_stack
from installation import Installation, new_installation


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = start_stack(tmp_path_factory.mktemp("servers"), durable=False)
    yield stack
    stack.remove()


@pytest.fixture
async def installation(servers: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    """Docward's place on the servers, of this test alone: a database, a topic prefix and an object store."""
    async with new_installation(servers, tmp_path) as place:
        yield place
