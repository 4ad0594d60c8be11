"""What a service is told by environment variables, and the keys that the processes of one stack sign with."""

from __future__ import annotations

import json
import os
import secrets as random_source
from collections.abc import Mapping
from pathlib import Path

from docward.localstack.stack import KAFKA_VARIABLE, POSTGRES_VARIABLE, Stack
from docward.localstack.state import exclusive, read_json, write_private

SERVICES = ("converter", "analyzer", "projector", "gateway")
KEY_HOLDERS = (*SERVICES, "cli", "example")
_PREFERRED_PORTS = {"gateway": 8600}  # one address to remember; another is taken when it is not free
_OVERRIDABLE = ("DOCWARD_KAFKA__TOPIC_PREFIX", "DOCWARD_OBJECTS__URL")


def service_environment(
    name: str, stack: Stack, ports: Mapping[str, int], secrets: Mapping[str, str]
) -> dict[str, str]:
    """The DOCWARD_… variables of a service, or of the `cli` or `example` client, that belongs to the stack.

    `ports` are the HTTP ports by service; `secrets` the hex keys by key id. A topic prefix or an object store that
    our own environment names is passed on.
    """
    values = {
        KAFKA_VARIABLE: stack.kafka_bootstrap,
        POSTGRES_VARIABLE: stack.postgres_dsn,
        "DOCWARD_KAFKA__TOPIC_PREFIX": "",
        "DOCWARD_OBJECTS__URL": (stack.data_dir / "objects").as_uri(),
        "DOCWARD_SIGNING__KEY_ID": name,
        "DOCWARD_SIGNING__KEY": secrets[name],
        "DOCWARD_KEYRING": json.dumps(dict(secrets), sort_keys=True),
        **{variable: os.environ[variable] for variable in _OVERRIDABLE if variable in os.environ},
    }
    if name in ports:
        values |= {"DOCWARD_HTTP__HOST": "127.0.0.1", "DOCWARD_HTTP__PORT": str(ports[name])}
    return values


def load_secrets(data_dir: Path) -> dict[str, str]:
    """The key of every key holder by its id, made at the first call; kept in `secrets.json`, mode 0600."""
    file = data_dir / "secrets.json"
    with exclusive(data_dir / "secrets.lock"):
        known = read_json(file)
        missing = {name: random_source.token_hex(32) for name in KEY_HOLDERS if name not in known}
        if missing:
            known |= missing
            write_private(file, known)
    return {name: str(key) for name, key in known.items()}


def preferred_port(service: str) -> int | None:
    return _PREFERRED_PORTS.get(service)
