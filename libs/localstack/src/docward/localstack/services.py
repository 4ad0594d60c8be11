"""A service of Docward as a child process: started with its environment, asked for its health over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from docward.localstack.processes import Process
from docward.localstack.state import State

_HEALTH_TIMEOUT = 2.0  # seconds for an answer from 127.0.0.1


class Service:
    """`python -m docward.<name>`, listening for HTTP on its port of 127.0.0.1."""

    def __init__(
        self,
        name: str,
        *,
        port: int,
        environment: Mapping[str, str],
        log_file: Path,
        state: State,
        command: Sequence[str] | None = None,
    ) -> None:
        self.name = name
        self.port = port
        self.log_file = log_file
        self._environment = environment
        self._command = command or [sys.executable, "-m", f"docward.{name}"]
        self._state = state
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.alive() else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    @property
    def started_at(self) -> float | None:
        return self._process.created if self._process and self._process.alive() else None

    def start(self) -> None:
        """Start the process; it is ready when `health` says so."""
        if not self.running:
            environment = {**os.environ, **self._environment, "PYTHONUNBUFFERED": "1"}
            self._process = Process.spawn(self._command, log_file=self.log_file, env=environment)
            # Kept, so that the process is found after its supervisor was killed.
            self._state.update(self.name, {"process": self._process.record()})

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop(grace=15.0)
            self._process = None

    def health(self) -> str:
        """`ready`, `not ready` (with what is missing), `no answer`, or `down` when the process has ended."""
        if not self.running:
            return "down"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_HEALTH_TIMEOUT)
        try:
            connection.request("GET", "/health/ready")
            response = connection.getresponse()
            body = response.read(4_096)
        except (OSError, http.client.HTTPException):
            return "no answer"
        finally:
            connection.close()
        return "ready" if response.status == http.HTTPStatus.OK else f"not ready{_reasons(body)}"


def _reasons(body: bytes) -> str:
    """The names of the failed checks, where the service says `{"checks": {name: false or text}}`."""
    try:
        checks = json.loads(body)["checks"]
        failed = [name for name, value in checks.items() if value not in (True, "ok")]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    return f" ({', '.join(failed)})" if failed else ""
