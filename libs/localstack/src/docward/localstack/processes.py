"""Child processes that outlive their parent, are found again by id, and are never mistaken for another process.

A process is known by its id, its start time and its command line. All three must match before it is signalled, so a
recycled id is never hit. Every child runs in a session of its own: a Ctrl-C in the terminal reaches only its parent.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # ships no types

_CLOCK_TOLERANCE = 10.0  # seconds; the start time is derived from the boot time, which moves when the clock is set
_ROTATE_ABOVE = 10 * 1024 * 1024  # bytes; a log larger than this becomes NAME.log.1 at the next start


# The children of this very process: kept to be reaped, whoever holds or drops a handle on them.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class User:
    """An account that a child runs under, for servers that refuse to run as root."""

    uid: int
    gid: int


@dataclass
class Process:
    """A process that was started here, or by an earlier run and found again in a state file."""

    pid: int
    created: float
    command: list[str]

    @classmethod
    def spawn(
        cls,
        command: Sequence[str | Path],
        *,
        log_file: Path,
        env: Mapping[str, str],
        cwd: Path | None = None,
        user: User | None = None,
    ) -> Process:
        """Start the command in a session of its own, its output appended to the log file."""
        words = [str(word) for word in command]
        log_file.parent.mkdir(parents=True, exist_ok=True)
        _rotate(log_file)
        with log_file.open("ab") as log:
            popen = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                start_new_session=True,
                **as_user(user),
            )
        _children[popen.pid] = popen
        return cls(popen.pid, _created(popen.pid), words)

    @classmethod
    def current(cls) -> Process:
        """This very process."""
        return cls(os.getpid(), _created(os.getpid()), psutil.Process().cmdline())

    @classmethod
    def from_record(cls, record: Mapping[str, Any] | None) -> Process | None:
        """The recorded process if it still runs, else nothing: gone, a zombie, or the id belongs to another."""
        if not record:
            return None
        process = cls(record["pid"], record["created"], list(record["command"]))
        return process if process.alive() else None

    def record(self) -> dict[str, Any]:
        return {"pid": self.pid, "created": self.created, "command": self.command}

    def alive(self) -> bool:
        _reap(self.pid)
        return self._find() is not None

    def send(self, number: int) -> None:
        """Send the signal if the process still runs."""
        if self.alive():
            os.kill(self.pid, number)

    def wait(self, timeout: float) -> bool:
        """Whether the process ended within the time."""
        try:
            found = psutil.Process(self.pid)
            # A zombie is waited for too: it still holds its id, which Postgres takes for a running server.
            if self._is_same(found, or_zombie=True):
                found.wait(timeout)
        except psutil.TimeoutExpired:
            return not self.alive()
        except psutil.Error:
            pass
        _reap(self.pid)
        return True

    def stop(self, *, first: int = signal.SIGTERM, grace: float = 10.0, last: int = signal.SIGKILL) -> None:
        """Ask the process to end, and end it by force when it has not done so after the grace period (seconds)."""
        self.send(first)
        if self.wait(grace):
            return
        self.send(last)
        if not self.wait(grace):
            self.send(signal.SIGKILL)
            self.wait(grace)

    def _find(self) -> psutil.Process | None:
        try:
            found = psutil.Process(self.pid)
            same = self._is_same(found)
        except psutil.Error:
            return None
        return found if same else None

    def _is_same(self, found: psutil.Process, *, or_zombie: bool = False) -> bool:
        if abs(found.create_time() - self.created) > _CLOCK_TOLERANCE:
            return False
        child = _children.get(self.pid)
        if child is not None and child.poll() is None:
            return child.args == self.command  # what the system says of it lags behind for a moment after the start
        if found.status() == psutil.STATUS_ZOMBIE:  # has no command line any more
            return or_zombie
        return bool(found.cmdline() == self.command)


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        _children.pop(pid, None)


def as_user(user: User | None) -> dict[str, Any]:
    """The arguments of `subprocess` that give up root for this account."""
    return {} if user is None else {"user": user.uid, "group": user.gid, "extra_groups": []}


def base_environment() -> dict[str, str]:
    """What a server gets of our environment: enough to run, nothing (PG…, KAFKA_…, JAVA_…) that configures it."""
    names = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ}


def is_zombie(pid: int) -> bool:
    """Whether the id belongs to a process that has ended and was not yet reaped."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a text file, read from its last 64 KiB; none when there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65_536))
            return file.read().decode("utf-8", "replace").splitlines()[-count:]
    except FileNotFoundError:
        return []


def _created(pid: int) -> float:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:  # ended at once: no other process is to be taken for it
        return 0.0


def _rotate(log_file: Path) -> None:
    if log_file.exists() and log_file.stat().st_size > _ROTATE_ABOVE:
        log_file.replace(log_file.with_suffix(log_file.suffix + ".1"))
