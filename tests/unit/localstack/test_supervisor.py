"""Restarts are spaced out; the status file is believed only while its writer lives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from docward.cli import stack as verbs
from docward.localstack.control import STATUS_FILE, read_status, stop_stack
from docward.localstack.errors import NotRunningError
from docward.localstack.processes import Process
from docward.localstack.supervisor import Backoff, Watcher

Verb = Callable[..., Result]

GATEWAY: dict[str, Any] = {
    "name": "gateway",
    "pid": 12,
    "port": 8600,
    "health": "ready",
    "started_at": 1_700_000_000,
    "restarts": 2,
    "log": "/logs/gateway.log",
}
CONTENT = {
    "phase": "running",
    "message": "gateway is ready",
    "kafka": "127.0.0.1:9092",
    "processes": [GATEWAY],
}


def written(folder: Path, process: Process, **changes: object) -> None:
    content = {"process": process.record(), **CONTENT, **changes}
    (folder / STATUS_FILE).write_text(json.dumps(content))


@pytest.fixture
def docward() -> Verb:
    app = Typer()
    for verb in (verbs.up, verbs.down, verbs.status, verbs.logs):
        app.command()(verb)

    def run(*words: object) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return run


def test_deaths_in_quick_succession_are_spaced_out_up_to_half_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.after_death(lived=1.0) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_a_minute_of_life_is_a_fresh_start() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after_death(lived=1.0)
    assert backoff.after_death(lived=61.0) == 0.5


def test_the_status_of_a_living_supervisor_is_shown(tmp_path: Path) -> None:
    written(tmp_path, Process.current())
    status = read_status(tmp_path)
    assert status.running
    assert status.ready
    assert status.gateway_url == "http://127.0.0.1:8600"
    assert status.processes[0].restarts == 2
    assert status.processes[0].uptime_seconds > 0


def test_what_a_dead_supervisor_wrote_is_not_believed(tmp_path: Path) -> None:
    written(tmp_path, Process(1, 0.0, ["another"]))
    assert not read_status(tmp_path).running
    with pytest.raises(NotRunningError):
        stop_stack(tmp_path)


def test_a_supervisor_that_has_stopped_everything_counts_as_down(tmp_path: Path) -> None:
    written(tmp_path, Process.current(), phase="stopped")
    assert not read_status(tmp_path).running


def test_status_says_with_its_exit_code_whether_all_is_ready(tmp_path: Path, docward: Verb) -> None:
    assert docward("status", "--data-dir", tmp_path).exit_code == 3
    written(tmp_path, Process.current())
    assert docward("status", "--data-dir", tmp_path).exit_code == 0
    written(tmp_path, Process.current(), processes=[{**GATEWAY, "health": "no answer"}])
    result = docward("status", "--json", "--data-dir", tmp_path)
    assert result.exit_code == 1
    shown = json.loads(result.stdout)
    assert shown["ready"] is False
    assert shown["processes"][0]["health"] == "no answer"


def test_down_without_a_stack_says_so_with_its_own_exit_code(tmp_path: Path, docward: Verb) -> None:
    result = docward("down", "--data-dir", tmp_path)
    assert result.exit_code == 3
    assert docward("down", "--purge", "--json", "--data-dir", tmp_path).exit_code == 0
    assert not tmp_path.exists()


def test_purging_leaves_a_folder_of_somebody_elses_alone(tmp_path: Path, docward: Verb) -> None:
    (tmp_path / "thesis.md").touch()
    assert docward("down", "--purge", "--data-dir", tmp_path).exit_code == 1
    assert (tmp_path / "thesis.md").exists()


def test_an_impossible_number_of_brokers_is_wrong_usage(tmp_path: Path, docward: Verb) -> None:
    assert docward("up", "--brokers", 2, "--data-dir", tmp_path).exit_code == 2


def test_logs_shows_all_or_one_and_names_the_choices(tmp_path: Path, docward: Verb) -> None:
    assert docward("logs", "--data-dir", tmp_path).exit_code == 3
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "gateway.log").write_text("one\ntwo\n")
    (folder / "kafka-1.log").write_text("three\n")
    assert docward("logs", "--data-dir", tmp_path).stdout == "gateway    | one\ngateway    | two\nkafka-1    | three\n"
    assert docward("logs", "gateway", "-n", 1, "--data-dir", tmp_path).stdout == "two\n"
    shown = docward("logs", "kafka-1", "--json", "--data-dir", tmp_path).stdout
    assert json.loads(shown) == {"name": "kafka-1", "line": "three"}
    wrong = docward("logs", "nobody", "--data-dir", tmp_path)
    assert wrong.exit_code == 2
    assert "gateway" in wrong.stderr


class AProcess:
    """Managed by a watcher, and does what the test says."""

    name = "gateway"
    port = 8600
    pid = 12
    started_at = 1.0

    def __init__(self, log_file: Path) -> None:
        self.log_file = log_file
        self.running = True
        self.answer = "ready"
        self.starts = self.stops = 0

    def start(self) -> None:
        self.running = True
        self.starts += 1

    def stop(self) -> None:
        self.running = False
        self.stops += 1

    def health(self) -> str:
        return self.answer


class AnInstant(threading.Event):
    """Never set, and no time passes while it is waited for."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002  # the signature of its base
        return False


@dataclass
class AClock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


Watched = tuple[Watcher, AProcess, AClock, list[str]]


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    process, clock, lines = AProcess(tmp_path / "gateway.log"), AClock(), list[str]()
    return Watcher(process, lines.append, AnInstant(), clock), process, clock, lines


def test_a_process_that_ended_is_started_again_and_counted(
    watched: Watched,
) -> None:
    watcher, process, _, lines = watched
    watcher.look()
    process.running = False
    watcher.look()
    watcher.look()
    assert (process.starts, watcher.restarts, watcher.health) == (1, 1, "ready")
    assert lines == [
        "gateway is ready (port 8600)",
        "gateway has ended; starting it again in 0.5 s",
        "gateway is ready (port 8600)",
    ]


def test_a_process_that_keeps_dying_has_the_end_of_its_log_shown(
    watched: Watched,
) -> None:
    watcher, process, _, lines = watched
    process.log_file.write_text("no such setting\n")
    for _ in range(2):
        process.running = False
        watcher.look()
    assert "no such setting" in lines[-1]
    assert "in 1 s" in lines[-1]


def test_a_process_that_stops_answering_is_taken_for_hung_after_a_minute(
    watched: Watched,
) -> None:
    watcher, process, clock, lines = watched
    watcher.look()
    process.answer = "no answer"
    for clock.now in (30.0, 59.0):
        watcher.look()
    assert (watcher.health, process.stops) == ("no answer", 0)
    clock.now = 61.0
    watcher.look()
    watcher.look()
    assert (process.stops, process.starts) == (1, 1)
    assert "gateway has not answered for 60 s: stopping it" in lines


def test_a_process_that_is_not_ready_and_says_so_is_left_alone(
    watched: Watched,
) -> None:
    watcher, process, clock, _ = watched
    process.answer = "not ready (kafka)"
    for clock.now in (30.0, 90.0, 900.0):
        watcher.look()
    assert (watcher.health, process.stops) == ("not ready (kafka)", 0)
