"""Servers that may be stopped and killed without harm to another test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.forms import BRIEF
from chaos.runner import Ground
from docward.localstack.stack import KAFKA_VARIABLE, POSTGRES_VARIABLE, Stack, start_stack


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with pytest.MonkeyPatch.context() as environment:
        for variable in (KAFKA_VARIABLE, POSTGRES_VARIABLE):
            environment.delenv(variable, raising=False)
        brokers = getattr(request.module, "BROKERS", 1)
        stack = start_stack(tmp_path_factory.mktemp("own-servers"), durable=False, brokers=brokers)
    yield stack
    stack.remove()


@pytest.fixture
def ground(own_servers: Stack, tmp_path: Path) -> Ground:
    return Ground(own_servers, tmp_path, "brief", BRIEF)
