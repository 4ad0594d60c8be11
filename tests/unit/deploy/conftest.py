"""What the deployment's files are compared with: the settings that each service reads."""

from __future__ import annotations

import importlib
import importlib.util
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docward.runtime.settings import Settings, load

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("gateway", "converter", "analyzer", "projector")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "service" in metafunc.fixturenames:
        metafunc.parametrize("service", SERVICES)


def settings_class(service: str) -> type[Settings]:
    """The class that the service's settings module defines; without such a module, the one that all share."""
    name = f"docward.{service}.settings"
    if importlib.util.find_spec(name) is None:
        return Settings
    found = [
        item
        for item in vars(importlib.import_module(name)).values()
        if isinstance(item, type) and issubclass(item, Settings) and item.__module__ == name
    ]
    return found[0] if found else Settings


def fields(model: type[BaseModel], prefix: str = "DOCWARD_") -> Iterator[tuple[str, FieldInfo]]:
    """Every variable that the model reads, with its field."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", field


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def services() -> tuple[str, ...]:
    return SERVICES


@pytest.fixture(scope="session")
def version() -> str:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


@pytest.fixture(scope="session")
def known_fields() -> dict[str, FieldInfo]:
    """The variables of all services."""
    return {name: field for service in SERVICES for name, field in fields(settings_class(service))}


@pytest.fixture(scope="session")
def field_of(known_fields: dict[str, FieldInfo]) -> Callable[[str], str | None]:
    """The field that a variable sets; an entry of a mapping (DOCWARD_KEYRING__NAME) sets the mapping."""

    def find(variable: str) -> str | None:
        if variable in known_fields:
            return variable
        mapping = variable.rpartition("__")[0]
        field = known_fields.get(mapping)
        return mapping if field is not None and get_origin(field.annotation) is dict else None

    return find


@pytest.fixture
def started_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Mapping[str, str]], Settings]:
    """The settings that a service reads from exactly these variables."""

    def read(service: str, environment: Mapping[str, str]) -> Settings:
        for name in list(os.environ):
            if name.startswith("DOCWARD_"):
                monkeypatch.delenv(name)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return load(settings_class(service))

    return read
