"""Every process of a stack is told the same servers, its own port and its own key."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from docward.localstack import LocalStackError, Stack, external_stack, find_stack, start_stack
from docward.localstack.environment import KEY_HOLDERS, SERVICES, load_secrets, service_environment

STACK = Stack(Path("/data/.docward"), "127.0.0.1:9092", "postgresql://docward:x@127.0.0.1:5432/docward")
PORTS = {"converter": 8101, "gateway": 8100}
SECRETS = {name: f"{number:064x}" for number, name in enumerate(KEY_HOLDERS)}


@pytest.fixture(autouse=True)
def _no_outer_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA__BOOTSTRAP_SERVERS", "POSTGRES__DSN", "KAFKA__TOPIC_PREFIX", "OBJECTS__URL"):
        monkeypatch.delenv(f"DOCWARD_{name}", raising=False)


def test_a_service_is_told_its_servers_its_port_and_its_key() -> None:
    assert service_environment("converter", STACK, PORTS, SECRETS) == {
        "DOCWARD_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "DOCWARD_KAFKA__TOPIC_PREFIX": "",
        "DOCWARD_POSTGRES__DSN": "postgresql://docward:x@127.0.0.1:5432/docward",
        "DOCWARD_OBJECTS__URL": "file:///data/.docward/objects",
        "DOCWARD_HTTP__HOST": "127.0.0.1",
        "DOCWARD_HTTP__PORT": "8101",
        "DOCWARD_SIGNING__KEY_ID": "converter",
        "DOCWARD_SIGNING__KEY": SECRETS["converter"],
        "DOCWARD_KEYRING": json.dumps(SECRETS, sort_keys=True),
    }


def test_a_client_without_a_port_gets_no_http_settings() -> None:
    environment = service_environment("cli", STACK, PORTS, SECRETS)
    assert not [name for name in environment if "HTTP" in name]
    assert environment["DOCWARD_SIGNING__KEY_ID"] == "cli"


def test_an_outer_topic_prefix_and_object_store_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCWARD_KAFKA__TOPIC_PREFIX", "mine-")
    monkeypatch.setenv("DOCWARD_OBJECTS__URL", "s3://bucket")
    environment = service_environment("gateway", STACK, PORTS, SECRETS)
    assert environment["DOCWARD_KAFKA__TOPIC_PREFIX"] == "mine-"
    assert environment["DOCWARD_OBJECTS__URL"] == "s3://bucket"


def test_secrets_are_made_once_for_every_key_holder_and_kept_private(tmp_path: Path) -> None:
    first, second = load_secrets(tmp_path), load_secrets(tmp_path)
    assert first == second
    assert set(first) == {*SERVICES, "cli", "example"}
    assert len(set(first.values())) == len(first)
    assert all(len(bytes.fromhex(key)) == 32 for key in first.values())
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600


def test_a_key_holder_added_later_gets_its_key_and_the_others_keep_theirs(tmp_path: Path) -> None:
    before = load_secrets(tmp_path)
    kept = {name: key for name, key in before.items() if name != "example"}
    (tmp_path / "secrets.json").write_text(json.dumps(kept))
    after = load_secrets(tmp_path)
    assert set(after) == set(before)
    assert {name: key for name, key in after.items() if name != "example"} == kept


def test_named_servers_are_used_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCWARD_KAFKA__BOOTSTRAP_SERVERS", "kafka:9092")
    monkeypatch.setenv("DOCWARD_POSTGRES__DSN", "postgresql://db/docward")
    for stack in (start_stack(tmp_path), find_stack(tmp_path)):
        assert stack is not None
        assert stack.external
        assert (stack.kafka_bootstrap, stack.postgres_dsn) == ("kafka:9092", "postgresql://db/docward")
        stack.stop()
        stack.remove()
    assert list(tmp_path.iterdir()) == []


def test_one_named_server_without_the_other_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCWARD_POSTGRES__DSN", "postgresql://db/docward")
    with pytest.raises(LocalStackError, match="set both"):
        external_stack(tmp_path)


def test_nothing_is_found_in_an_empty_folder(tmp_path: Path) -> None:
    assert find_stack(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
