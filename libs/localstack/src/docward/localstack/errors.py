"""What can go wrong with the local stack, by cause; every message says what to do or where to look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from docward.localstack.processes import last_lines

Report = Callable[[str], None]
"""Receives one line of progress at a time, written for a person."""


class LocalStackError(Exception):
    """The local stack cannot do what was asked."""


class ChecksumError(LocalStackError):
    """A fetched file is not the one that the lock names."""


class StartError(LocalStackError):
    """A process ended or was refused before it was ready."""


class StartTimeoutError(StartError):
    """A process was not ready in time."""


class NotRunningError(LocalStackError):
    """The stack is needed and does not run."""


def with_log(message: str, log_file: Path) -> str:
    """The message, followed by the last lines of the log and the log's name."""
    lines = "".join(f"\n    {line}" for line in last_lines(log_file, 15))
    return f"{message}{lines}\n    (log: {log_file})"
