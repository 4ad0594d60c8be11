"""Restarts are spaced out; the status file is believed only while its writer lives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from docward.cli import stack as verbs
from docward.localstack.control import STATUS_FILE, read_status, stop_stack
from docward.localstack.errors import NotRunningError
from docward.localstack.processes import Process
from docward.localstack.supervisor import Backoff

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
