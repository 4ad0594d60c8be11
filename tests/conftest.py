"""What every test of the servers shares: brokers and one Postgres for the whole run.

With DOCWARD_KAFKA__BOOTSTRAP_SERVERS and DOCWARD_POSTGRES__DSN set, those are used; else a local stack is started, with
`--brokers=3` one of three brokers, with `--stack=containers` one of images. A missing server fails the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from containers import NoEngineError, container_stack
from docward.localstack.stack import Stack, start_stack
from installation import Installation, new_installation


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--brokers", type=int, choices=(1, 3), default=1, help="of the local stack (default: 1)")
    parser.addoption(
        "--stack",
        choices=("local", "containers"),
        default="local",
        help="where Kafka and Postgres come from: packages, or images on a Docker engine (default: local)",
    )


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("servers")
    if pytestconfig.getoption("--stack") == "containers":
        try:
            with container_stack(folder) as stack:
                yield stack
        except NoEngineError as error:
            pytest.fail(str(error), pytrace=False)
        return
    stack = start_stack(folder, durable=False, brokers=pytestconfig.getoption("--brokers"))
    yield stack
    stack.remove()


@pytest.fixture
async def installation(servers: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    """Docward's place on the servers, of this test alone: a database, a topic prefix and an object store."""
    async with new_installation(servers, tmp_path) as place:
        yield place
