"""The running stack seen from another process: what it does, starting it detached, stopping it.

The supervisor writes `supervisor.json`; its word counts while it lives. When it was killed, what it left running is
still found and stopped, by id.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from docward.localstack.errors import (
    LocalStackError,
    NotRunningError,
    Report,
    StartError,
    StartTimeoutError,
    with_log,
)
from docward.localstack.processes import Process
from docward.localstack.stack import known_stack
from docward.localstack.state import State, read_json

STATUS_FILE = "supervisor.json"
SERVICES_FILE = "services.json"
OWN_FILES = (STATUS_FILE, SERVICES_FILE, "stack.json")
"""By one of these the folder of a stack is known."""
_POLL = 0.1  # seconds
_STOP_WITHIN = 120.0  # seconds for a supervisor to stop everything: the sum of the grace periods and some

_SUPERVISOR = (sys.executable, "-m", "docward.localstack.supervisor")


@dataclass(frozen=True)
class ProcessStatus:
    """One line of `docward status`. `health` is `ready`, or says what is missing."""

    name: str
    pid: int | None
    port: int
    health: str
    uptime_seconds: int
    restarts: int
    log: str


@dataclass(frozen=True)
class StackStatus:
    """`phase` is `starting`, `running`, `stopping`, or `down` when no supervisor lives."""

    phase: str
    pid: int | None
    message: str
    kafka_bootstrap: str | None
    processes: list[ProcessStatus] = field(default_factory=list)

    @property
    def running(self) -> bool:
        return self.phase != "down"

    @property
    def ready(self) -> bool:
        return self.phase == "running" and all(process.health == "ready" for process in self.processes)

    @property
    def gateway_url(self) -> str | None:
        return next((f"http://127.0.0.1:{each.port}" for each in self.processes if each.name == "gateway"), None)

    @property
    def ports(self) -> dict[str, int]:
        return {process.name: process.port for process in self.processes}

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ready": self.ready, "gateway_url": self.gateway_url}

    @classmethod
    def from_content(cls, content: Mapping[str, Any], *, running: bool) -> StackStatus:
        processes = [
            ProcessStatus(
                name=each["name"],
                pid=each["pid"],
                port=each["port"],
                health=each["health"],
                uptime_seconds=int(max(0, time.time() - each["started_at"])) if each["started_at"] else 0,
                restarts=each["restarts"],
                log=each["log"],
            )
            for each in content.get("processes", [])
        ]
        if not running or content["phase"] == "stopped":
            return cls("down", None, "", None)
        pid = content.get("process", {}).get("pid", os.getpid())
        return cls(content["phase"], pid, content["message"], content["kafka"], processes)


def read_status(data_dir: Path) -> StackStatus:
    """The status of the stack of this folder."""
    content = read_json(data_dir / STATUS_FILE)
    return StackStatus.from_content(content, running=Process.from_record(content.get("process")) is not None)


def start_detached(
    data_dir: Path,
    *,
    brokers: int = 1,
    report: Report = lambda _: None,
    timeout: float = 120.0,
    command: Sequence[str] = _SUPERVISOR,
) -> StackStatus:
    """Start a supervisor that outlives us, unless one runs, and return when everything is ready.

    Raises StartError when the supervisor ends, StartTimeoutError when something is not ready in time (seconds): the
    supervisor then goes on trying.
    """
    data_dir = data_dir.resolve()
    log_file = data_dir / "logs" / "supervisor.log"
    supervisor = None
    if not read_status(data_dir).running:
        words = [*command, "--data-dir", str(data_dir), "--brokers", str(brokers)]
        supervisor = Process.spawn(words, log_file=log_file, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    deadline = time.monotonic() + timeout
    reported = ""
    while not (status := read_status(data_dir)).ready:
        if status.message not in ("", reported):
            report(reported := status.message)
        ended = supervisor is None or not supervisor.alive()
        if ended and not read_status(data_dir).running:
            raise StartError(with_log("the supervisor ended", log_file))
        if time.monotonic() > deadline:
            waiting = [f"{each.name} ({each.health})" for each in status.processes if each.health != "ready"]
            raise StartTimeoutError(f"not ready within {timeout:.0f} s: {', '.join(waiting) or status.message}")
        time.sleep(_POLL)
    return status


def stop_stack(data_dir: Path, report: Report = lambda _: None) -> list[str]:
    """Stop the supervisor and everything it runs, or what a killed one left behind; returns the names.

    Raises NotRunningError when nothing of this folder runs.
    """
    data_dir = data_dir.resolve()
    stopped = _stop_supervisor(data_dir, report)
    for name in [*stop_services(data_dir), *_stop_servers(data_dir)]:
        report(f"stopped {name}, which its supervisor had left behind")
        stopped.append(name)
    if not stopped:
        raise NotRunningError(f"nothing of {data_dir} runs")
    return stopped


def stop_services(data_dir: Path) -> list[str]:
    """Stop the services that a killed supervisor left running; returns their names. Its lock must not be held."""
    state = State(data_dir / SERVICES_FILE)
    found = {name: Process.from_record(state.get(name).get("process")) for name in state.names()}
    left = {name: process for name, process in found.items() if process is not None}
    with ThreadPoolExecutor(max(1, len(left))) as pool:
        list(pool.map(lambda process: process.stop(), left.values()))
    return list(left)


def _stop_supervisor(data_dir: Path, report: Report) -> list[str]:
    content = read_json(data_dir / STATUS_FILE)
    supervisor = Process.from_record(content.get("process"))
    if supervisor is None:
        return []
    report(f"stopping the supervisor (pid {supervisor.pid}) and what it runs")
    supervisor.send(signal.SIGTERM)
    if not supervisor.wait(_STOP_WITHIN):
        raise LocalStackError(f"the supervisor (pid {supervisor.pid}) did not stop within {_STOP_WITHIN:.0f} s")
    return [each["name"] for each in content.get("processes", [])] or ["supervisor"]


def _stop_servers(data_dir: Path) -> list[str]:
    stack = known_stack(data_dir)
    if stack is None:
        return []
    running = [server.name for server in stack.servers.values() if server.running]
    stack.stop()
    return running
