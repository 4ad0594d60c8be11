"""The state file survives damage, keeps ports stable, and is private."""

from __future__ import annotations

import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from docward.localstack.errors import LocalStackError
from docward.localstack.state import State, accepts, exclusive, stable_ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_values_are_merged_per_name_and_read_again_by_another(tmp_path: Path) -> None:
    State(tmp_path / "state.json").update("kafka", {"brokers": 1})
    State(tmp_path / "state.json").update("kafka", {"cluster_id": "x"})
    state = State(tmp_path / "state.json")
    assert state.get("kafka") == {"brokers": 1, "cluster_id": "x"}
    assert state.get("postgres") == {}
    assert state.names() == ["kafka"]


@pytest.mark.parametrize("content", ["", '{"kafka": {"brok', "[1]", '{"kafka": 1}'])
def test_a_damaged_file_counts_as_empty_and_is_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    state = State(path)
    assert state.get("kafka") == {}
    state.update("kafka", {"brokers": 3})
    assert State(path).get("kafka") == {"brokers": 3}


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    state.update("postgres", {"password": "x"})
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600


def test_ports_stay_the_same_between_runs(tmp_path: Path) -> None:
    roles = {"broker": None, "controller": None}
    first = stable_ports(State(tmp_path / "state.json"), "kafka-1", roles)
    second = stable_ports(State(tmp_path / "state.json"), "kafka-1", roles)
    assert first == second
    assert first["broker"] != first["controller"]


def test_a_port_that_was_taken_meanwhile_is_replaced(tmp_path: Path, taken_port: int) -> None:
    state = State(tmp_path / "state.json")
    state.update("gateway", {"ports": {"http": taken_port}})
    chosen = stable_ports(state, "gateway", {"http": None})["http"]
    assert chosen != taken_port
    assert state.get("gateway")["ports"]["http"] == chosen


def test_a_preferred_port_is_taken_unless_it_is_in_use(tmp_path: Path, taken_port: int) -> None:
    state = State(tmp_path / "state.json")
    free = stable_ports(state, "one", {"http": None})["http"]
    assert stable_ports(state, "two", {"http": free})["http"] == free
    assert stable_ports(state, "three", {"http": taken_port})["http"] != taken_port


def test_accepts_tells_whether_somebody_listens(tmp_path: Path, taken_port: int) -> None:
    free = stable_ports(State(tmp_path / "state.json"), "one", {"http": None})["http"]
    assert accepts(taken_port)
    assert not accepts(free)


def test_a_held_lock_is_refused_at_once_when_not_waiting_and_free_afterwards(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    with exclusive(lock), pytest.raises(LocalStackError, match="another process holds"), exclusive(lock, wait=False):
        pass
    with exclusive(lock, wait=False):
        pass
