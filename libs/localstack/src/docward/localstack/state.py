"""What the local stack remembers between runs: processes, ports, passwords.

The file is replaced in one step and readable by its owner alone. What it says of processes is a claim to be checked
(`processes.Process.from_record`), never a fact: whatever a crash left behind is repaired by the next start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docward.localstack.errors import LocalStackError

_PORTS = range(21_000, 32_000)  # below the range that Linux and macOS hand out to outgoing connections


class State:
    """A small JSON object per name, kept in one file; safe for the threads of one process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = threading.RLock()

    def get(self, name: str) -> dict[str, Any]:
        return self._load().get(name, {})

    def update(self, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
        """Merge the values into the named object; returns the result."""
        with self._mutex:
            everything = self._load()
            merged: dict[str, Any] = {**everything.get(name, {}), **values}
            write_private(self.path, {**everything, name: merged})
            return merged

    def names(self) -> list[str]:
        return list(self._load())

    def _load(self) -> dict[str, dict[str, Any]]:
        with self._mutex:
            return {name: value for name, value in read_json(self.path).items() if isinstance(value, dict)}


def read_json(path: Path) -> dict[str, Any]:
    """The object in the file; empty when there is none or when it was cut off or damaged."""
    try:
        content = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file in one step; mode 0600, since passwords and keys are in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp creates with 0600
    with os.fdopen(handle, "w") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    Path(temporary).replace(path)


@contextlib.contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file; waits for another holder, or refuses at once when not told to wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise LocalStackError(f"another process holds {path}") from None
        yield


def stable_ports(state: State, name: str, wanted: Mapping[str, int | None]) -> dict[str, int]:
    """Ports on 127.0.0.1 for the roles of a process: those of the last run where they are free, else others.

    A role may name the port that it would like at first. The choice is kept in the state.
    """
    kept = state.get(name).get("ports", {})
    ports: dict[str, int] = {}
    for role, preferred in wanted.items():
        candidates = [port for port in (kept.get(role), preferred) if port]
        ports[role] = next((port for port in candidates if _is_free(port)), 0) or _any_port(set(ports.values()))
    state.update(name, {"ports": ports})
    return ports


def accepts(port: int, timeout: float = 1.0) -> bool:
    """Whether something on 127.0.0.1 accepts connections on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout):
            return True
    except OSError:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As the servers themselves do: connections that linger after a stop do not make a port unusable.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_port(taken: set[int]) -> int:
    for port in random.sample(_PORTS, 200):
        if port not in taken and _is_free(port):
            return port
    raise LocalStackError(f"no free port on 127.0.0.1 between {_PORTS.start} and {_PORTS.stop}")
