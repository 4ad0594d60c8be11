"""A server of the local stack: started, found again, awaited, stopped, killed.

`Server` does what Kafka and Postgres have in common; `kafka` and `postgres` say what to run and what ready means.
"""

from __future__ import annotations

import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path

from docward.localstack.errors import Report, StartError, StartTimeoutError, with_log
from docward.localstack.processes import Process, User, base_environment
from docward.localstack.state import State, accepts

_POLL = 0.05  # seconds between two looks at a starting server


class Server(ABC):
    """One server process whose ports and identity are kept in the state file.

    Methods may be called from any thread, but not for one server from two threads at a time.
    """

    name: str
    log_file: Path
    port: int
    user: User | None = None
    stop_signal: int = signal.SIGTERM
    last_signal: int = signal.SIGKILL
    grace: float = 20.0  # seconds between the two signals
    ready_within: float = 90.0  # seconds; a first start on a loaded two-core machine takes about 10

    def __init__(self, name: str, data_dir: Path, state: State, report: Report) -> None:
        self.name = name
        self.log_file = data_dir / "logs" / f"{name}.log"
        self._state = state
        self._report = report
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the server runs."""
        process = self._current()
        return process.pid if process else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def started_at(self) -> float | None:
        """When the running process was started, in seconds since 1970."""
        process = self._current()
        return process.created if process else None

    def start(self) -> None:
        """Start the server, if it does not run, and return when it is ready."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the server, if it does not run, without waiting for it."""
        if self.running:
            return
        command = self.prepare()
        self._process = Process.spawn(
            command, log_file=self.log_file, env=base_environment(), cwd=Path("/"), user=self.user
        )
        self._state.update(self.name, {"process": self._process.record()})

    def wait_ready(self) -> None:
        """Return when the server is ready; raise StartError, with the end of its log, when it will not be."""
        deadline = time.monotonic() + self.ready_within
        while not self.ready():
            if not self.running:
                raise StartError(with_log(f"{self.name} ended before it was ready", self.log_file))
            if time.monotonic() > deadline:
                message = f"{self.name} was not ready within {self.ready_within:.0f} s"
                raise StartTimeoutError(with_log(message, self.log_file))
            time.sleep(_POLL)

    def stop(self) -> None:
        """Stop the server cleanly, and by force after the grace period; nothing to do when it does not run."""
        process = self._current()
        if process is not None:
            process.stop(first=self.stop_signal, grace=self.grace, last=self.last_signal)

    def kill(self) -> None:
        """End the server without warning, as a crash would; returns when it is gone."""
        process = self._current()
        if process is not None:
            process.send(signal.SIGKILL)
            process.wait(self.grace)

    def restart(self) -> None:
        self.stop()
        self.start()

    def health(self) -> str:
        """`down`, `starting` (nothing listens yet) or `ready`."""
        if not self.running:
            return "down"
        return "ready" if accepts(self.port) else "starting"

    def _current(self) -> Process | None:
        """The running process, also when it was started through another handle or by another of our processes."""
        if self._process is None or not self._process.alive():
            self._process = Process.from_record(self._state.get(self.name).get("process"))
        return self._process

    @abstractmethod
    def prepare(self) -> list[str | Path]:
        """Make the data folder fit to start from; returns the command."""

    @abstractmethod
    def remove_data(self) -> None:
        """Delete what the server has stored; it must not run."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether the server does for a client what it is there for."""
