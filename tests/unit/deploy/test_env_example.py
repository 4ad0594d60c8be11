"""`.env.example` names every variable of the services with its default, and becomes a `.env` that they accept."""

from __future__ import annotations

import re
import runpy
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from docward.runtime.settings import PLACEHOLDERS


@pytest.fixture(scope="session")
def example(root: Path) -> dict[str, str]:
    """Variable to value, of the lines in force and of those commented out."""
    lines = re.findall(r"(?m)^#?([A-Z][A-Z0-9_]*)=(.*)$", (root / ".env.example").read_text(encoding="utf-8"))
    return dict(lines)


@pytest.fixture(scope="session")
def new_env(root: Path) -> dict[str, Any]:
    return runpy.run_path(str(root / "deploy/local/new_env.py"))


def test_every_variable_of_the_settings_is_documented(
    example: dict[str, str], known_fields: dict[str, FieldInfo], field_of: Callable[[str], str | None]
) -> None:
    assert set(known_fields) - {field_of(name) for name in example} == set()


def test_every_documented_variable_is_read_by_a_service(
    example: dict[str, str], field_of: Callable[[str], str | None]
) -> None:
    assert [name for name in example if name.startswith("DOCWARD_") and field_of(name) is None] == []


def test_every_variable_that_compose_asks_for_is_documented(example: dict[str, str], root: Path) -> None:
    asked = set(re.findall(r"\$\{([A-Z0-9_]+)", (root / "docker-compose.yml").read_text(encoding="utf-8")))
    assert asked - set(example) == set()


def test_documented_defaults_are_those_of_the_settings(
    example: dict[str, str], known_fields: dict[str, FieldInfo]
) -> None:
    defaults = {
        name: str(field.default)
        for name, field in known_fields.items()
        if not field.is_required() and field.default is not None and field.default_factory is None
    }
    assert {name: example[name] for name in defaults} == defaults


def test_it_holds_no_secret(example: dict[str, str]) -> None:
    secrets = [name for name in example if "KEY" in name.split("__")[-1] or "KEYRING" in name or "PASSWORD" in name]
    assert {name: example[name] for name in secrets if example[name]} == {"DOCWARD_SIGNING__KEY_ID": "gateway"}


def test_a_new_env_has_a_fresh_secret_for_every_empty_value(
    root: Path, tmp_path: Path, new_env: dict[str, Any]
) -> None:
    (tmp_path / ".env.example").write_text((root / ".env.example").read_text(encoding="utf-8"), encoding="utf-8")
    assert new_env["main"](tmp_path) == 0
    values = re.findall(r"(?m)^[A-Z][A-Z0-9_]*=(.*)$", (tmp_path / ".env").read_text(encoding="utf-8"))
    assert not PLACEHOLDERS & set(values)
    assert len(set(values)) == len(values) == 11
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_an_env_that_is_there_is_kept(
    tmp_path: Path, new_env: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".env.example").write_text("POSTGRES_PASSWORD=\n", encoding="utf-8")
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=mine\n", encoding="utf-8")
    assert new_env["main"](tmp_path) == 1
    assert (tmp_path / ".env").read_text(encoding="utf-8") == "POSTGRES_PASSWORD=mine\n"
    assert "is there already" in capsys.readouterr().err
