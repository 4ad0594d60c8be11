"""The token that a person takes to the local API."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from docward.cli import codes
from docward.cli.main import app
from docward.events.messages import Actor
from docward.gateway.auth import Authenticator
from docward.localstack.environment import load_secrets
from docward.localstack.stack import KAFKA_VARIABLE, POSTGRES_VARIABLE


def token(folder: Path, *options: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["token", "--data-dir", str(folder), *options])
    assert result.exit_code == code, result.output
    return result.stdout.strip()


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a stack on servers that run elsewhere."""
    monkeypatch.setenv(KAFKA_VARIABLE, "127.0.0.1:1")
    monkeypatch.setenv(POSTGRES_VARIABLE, "postgresql://docward@127.0.0.1:1/docward")
    return tmp_path


def test_the_gateway_believes_it(running: Path) -> None:
    gateway = Authenticator(bytes.fromhex(load_secrets(running)["gateway"]))
    assert gateway.actor(token(running)).has("admin")
    claims = ("--subject", "vera", "--role", "viewer", "--role", "auditor", "--group", "quants")
    seen = gateway.actor(token(running, *claims))
    assert seen == Actor(subject="vera", name="Developer", roles=("viewer", "auditor"), groups=("quants",))


def test_a_role_that_does_not_exist_is_wrong_usage(running: Path) -> None:
    token(running, "--role", "king", code=codes.USAGE)


def test_where_nothing_runs_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (KAFKA_VARIABLE, POSTGRES_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    token(tmp_path, code=codes.NOT_RUNNING)
    assert list(tmp_path.iterdir()) == []
