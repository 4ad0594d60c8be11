"""Servers that may be stopped and killed without harm to another test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.forms import BRIEF
from chaos.runner import Ground
from docward.localstack.stack import Stack
from installation import started_servers


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Stack]:
    with started_servers(
        tmp_path_factory.mktemp("own-servers"), brokers=getattr(request.module, "BROKERS", 1)
    ) as stack:
        yield stack


@pytest.fixture
def ground(own_servers: Stack, tmp_path: Path) -> Ground:
    return Ground(own_servers, tmp_path, "brief", BRIEF)
