"""The supervisor with real servers and stub services: starts once, restarts what dies, stops everything."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from docward.localstack import NotRunningError, StartError
from docward.localstack.control import StackStatus, read_status, start_detached, stop_stack
from docward.localstack.environment import SERVICES
from docward.localstack.stack import known_stack
from docward.localstack.supervisor import Supervisor

from .conftest import wait_until

HERE = Path(__file__).parent
STUB = [sys.executable, str(HERE / "stub_service.py")]
DETACHED = [sys.executable, str(HERE / "stub_supervisor.py")]
NAMES = {"kafka-1", "postgres", *SERVICES}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, _no_external_servers: None) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("supervised")
    yield folder
    stack = known_stack(folder)
    if stack is not None:
        stack.remove()


@pytest.fixture
def running(folder: Path) -> Iterator[StackStatus]:
    yield start_detached(folder, command=DETACHED)
    if read_status(folder).running:
        stop_stack(folder)


def pids(status: StackStatus) -> dict[str, int | None]:
    return {process.name: process.pid for process in status.processes}


def alive(status: StackStatus) -> list[str]:
    return [name for name, pid in {**pids(status), "supervisor": status.pid}.items() if pid and is_running(pid)]


def is_running(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_starting_twice_is_one_stack(folder: Path, running: StackStatus) -> None:
    assert set(pids(running)) == NAMES
    again = start_detached(folder, command=DETACHED)
    assert pids(again) == pids(running)
    assert again.pid == running.pid


def test_whatever_dies_is_started_again_on_its_port(folder: Path, running: StackStatus) -> None:
    before = pids(running)
    victims = ("converter", "kafka-1", "postgres")
    for name in victims:
        os.kill(before[name] or 0, signal.SIGKILL)

    def back() -> bool:
        status = read_status(folder)
        return status.ready and all(process.restarts == 1 for process in status.processes if process.name in victims)

    wait_until(back)
    status = read_status(folder)
    assert status.ports == running.ports
    assert {name for name, pid in pids(status).items() if pid != before[name]} == set(victims)
    assert "converter has ended; starting it again" in (folder / "logs" / "supervisor.log").read_text()


def test_stopping_leaves_nothing_behind(folder: Path, running: StackStatus) -> None:
    stopped = stop_stack(folder)
    assert set(stopped) == NAMES
    assert alive(running) == []
    assert not read_status(folder).running
    with pytest.raises(NotRunningError):
        stop_stack(folder)


def test_a_sigterm_stops_everything_in_order(folder: Path, running: StackStatus) -> None:
    os.kill(running.pid or 0, signal.SIGTERM)
    wait_until(lambda: alive(running) == [])
    log = (folder / "logs" / "supervisor.log").read_text().splitlines()
    stops = [line.split("stopping ")[1] for line in log if "] stopping " in line]
    assert stops[-3:] == ["gateway", "converter, analyzer, projector", "kafka-1, postgres"]


def test_the_next_supervisor_takes_over_from_a_killed_one(folder: Path, running: StackStatus) -> None:
    os.kill(running.pid or 0, signal.SIGKILL)
    wait_until(lambda: not read_status(folder).running)
    assert set(alive(running)) == NAMES
    successor = start_detached(folder, command=DETACHED)
    before, after = pids(running), pids(successor)
    assert {name for name in NAMES if before[name] == after[name]} == {"kafka-1", "postgres"}
    stop_stack(folder)
    assert alive(running) == alive(successor) == []


def test_what_a_killed_supervisor_left_is_stopped_without_another(folder: Path, running: StackStatus) -> None:
    os.kill(running.pid or 0, signal.SIGKILL)
    wait_until(lambda: not read_status(folder).running)
    assert set(stop_stack(folder)) == NAMES
    assert alive(running) == []


def test_a_second_supervisor_is_refused(folder: Path, running: StackStatus) -> None:
    with pytest.raises(Exception, match="another supervisor runs"):
        Supervisor(folder, commands={"gateway": STUB}).start()
    assert set(alive(running)) == {*NAMES, "supervisor"}


def test_in_the_foreground_everything_stops_with_the_block(folder: Path) -> None:
    with Supervisor(folder, durable=False, commands=dict.fromkeys(SERVICES, STUB)) as supervisor:
        supervisor.wait_ready(60)
        status = supervisor.status()
        assert status.ready
        assert read_status(folder).pid == os.getpid()
    assert not read_status(folder).running
    assert [name for name, pid in pids(status).items() if pid and is_running(pid)] == []


def test_a_supervisor_that_cannot_start_shows_why(tmp_path: Path) -> None:
    broken = [sys.executable, "-c", "raise SystemExit('no servers today')"]
    with pytest.raises(StartError, match=r"(?s)the supervisor ended.*no servers today.*supervisor\.log"):
        start_detached(tmp_path, command=broken)
