"""Kafka and Postgres from the images of docker-compose.yml, for `pytest --stack=containers`.

Needs a Docker engine that answers; where none does, NoEngineError says so, and nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from docward.localstack.stack import Stack
from installation import _free_ports

COMPOSE = Path(__file__).parents[1] / "docker-compose.yml"
PASSWORD = "of-a-test"


class NoEngineError(Exception):
    """No Docker engine answers."""


@contextmanager
def container_stack(data_dir: Path) -> Iterator[Stack]:
    """Both servers, until the block ends. Raises NoEngineError."""
    (port,) = _free_ports(1)  # the broker tells its clients where it is, so the port is known before it starts
    try:
        kafka, postgres = _kafka(port), _postgres()
    except DockerException as error:
        raise NoEngineError(
            f"--stack=containers needs a Docker engine, and none answers ({error}). Start one, or leave the option "
            "away: the local stack needs none."
        ) from error
    with kafka, postgres:
        address = f"127.0.0.1:{postgres.get_exposed_port(5432)}"
        yield Stack(data_dir, f"127.0.0.1:{port}", f"postgresql://docward:{PASSWORD}@{address}/docward")


def _service(name: str) -> dict[str, dict[str, str]]:
    """As docker-compose.yml describes it."""
    found: dict[str, dict[str, str]] = yaml.safe_load(COMPOSE.read_text())["services"][name]
    return found


def _kafka(port: int) -> DockerContainer:
    described = _service("kafka")
    container = DockerContainer(str(described["image"])).with_bind_ports(29092, port)
    values = described["environment"] | {
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"INSIDE://localhost:9092,OUTSIDE://127.0.0.1:{port}",
    }
    for name, value in values.items():
        container.with_env(name, str(value))
    return container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))


def _postgres() -> DockerContainer:
    described = _service("postgres")
    container = DockerContainer(str(described["image"])).with_exposed_ports(5432)
    for name, value in {"USER": "docward", "DB": "docward", "PASSWORD": PASSWORD}.items():
        container.with_env(f"POSTGRES_{name}", value)
    container.with_command("postgres -c max_connections=200 -c jit=off -c fsync=off")
    # Once while it initialises, on its socket only, and once for good.
    return container.waiting_for(LogMessageWaitStrategy("database system is ready to accept connections", times=2))
