"""A stack of these tests' own, since they kill it; whatever they start is gone at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docward.localstack import Stack, start_stack
from docward.localstack.stack import KAFKA_VARIABLE, POSTGRES_VARIABLE


@pytest.fixture(scope="module", autouse=True)
def _no_external_servers() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(KAFKA_VARIABLE, raising=False)
        patch.delenv(POSTGRES_VARIABLE, raising=False)
        yield


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, _no_external_servers: None) -> Iterator[Stack]:
    stack = start_stack(tmp_path_factory.mktemp("stack"), durable=False)
    yield stack
    stack.remove()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def wait_until(condition: Callable[[], bool], *, within: float = 60.0) -> None:
    """Return when the condition holds; fail after the time (seconds)."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.05)
