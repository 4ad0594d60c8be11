"""A process is known by id, start time and command line, and by nothing less."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docward.localstack.errors import with_log
from docward.localstack.processes import Process, base_environment, is_zombie, last_lines

FOR_EVER = [sys.executable, "-c", "import signal; print('started', flush=True); signal.pause()"]
DEAF = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)\nwhile 1: signal.pause()",
]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process.spawn(FOR_EVER, log_file=tmp_path / "logs" / "it.log", env=base_environment())
    yield process
    process.stop()


def test_a_running_process_is_found_again_by_its_record(process: Process) -> None:
    found = Process.from_record(process.record())
    assert found is not None
    assert found.pid == process.pid
    assert found.alive()


def test_a_process_runs_in_a_session_of_its_own(process: Process) -> None:
    assert os.getsid(process.pid) == process.pid


def test_a_process_that_is_gone_is_not_found(process: Process) -> None:
    record = process.record()
    process.stop()
    assert Process.from_record(record) is None
    assert not process.alive()


@pytest.mark.parametrize("claim", [{"command": ["something", "else"]}, {"created": 1.0}])
def test_an_id_that_belongs_to_another_process_is_not_taken_for_ours(process: Process, claim: dict[str, Any]) -> None:
    other = {**process.record(), **claim}
    assert Process.from_record(other) is None
    Process(**other).stop()
    assert process.alive()


def test_no_record_is_no_process() -> None:
    assert Process.from_record(None) is None
    assert Process.from_record({}) is None


def test_stopping_a_found_process_ends_it(process: Process) -> None:
    found = Process.from_record(process.record())
    assert found is not None
    found.stop()
    assert not process.alive()


def test_a_process_that_ignores_the_signal_is_ended_by_force(tmp_path: Path) -> None:
    log_file = tmp_path / "deaf.log"
    process = Process.spawn(DEAF, log_file=log_file, env=base_environment())
    while not last_lines(log_file, 1):  # until the signal is ignored
        assert not process.wait(0.02)
    process.stop(first=signal.SIGTERM, grace=0.2)
    assert not process.alive()


def test_a_child_that_ended_unreaped_counts_as_gone(tmp_path: Path) -> None:
    process = Process.spawn(FOR_EVER, log_file=tmp_path / "it.log", env=base_environment())
    found = Process.from_record(process.record())
    assert found is not None
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert is_zombie(process.pid)
    assert not found.alive()
    assert not process.alive()


def test_the_end_of_a_log_goes_into_the_message(tmp_path: Path) -> None:
    log_file = tmp_path / "server.log"
    log_file.write_text("".join(f"line {number}\n" for number in range(100)))
    assert last_lines(log_file, 2) == ["line 98", "line 99"]
    message = with_log("server ended", log_file)
    assert "line 99" in message
    assert "line 80" not in message
    assert str(log_file) in message


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log", 5) == []


def test_a_large_log_is_put_aside_at_the_next_start(tmp_path: Path) -> None:
    log_file = tmp_path / "it.log"
    with log_file.open("wb") as file:
        file.truncate(11 * 1024 * 1024)
    process = Process.spawn(["true"], log_file=log_file, env=base_environment())
    assert process.wait(10)
    assert log_file.stat().st_size == 0
    assert (tmp_path / "it.log.1").exists()


def test_servers_do_not_see_what_configures_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/elsewhere")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1m")
    assert {"PGDATA", "JAVA_TOOL_OPTIONS"}.isdisjoint(base_environment())
    assert "PATH" in base_environment()
