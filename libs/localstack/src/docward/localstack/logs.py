"""The logs of a stack: the last lines of each, and the lines that follow."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from docward.localstack.processes import last_lines

_POLL = 0.2  # seconds between two looks for more


def log_files(data_dir: Path) -> dict[str, Path]:
    """The log of every process that ever ran here, by its name."""
    return {file.stem: file for file in sorted((data_dir / "logs").glob("*.log"))}


def tail(files: Mapping[str, Path], count: int) -> Iterator[tuple[str, str]]:
    """The last lines of each log, as name and line."""
    for name, file in files.items():
        for line in last_lines(file, count) if count else []:
            yield name, line


def follow(files: Mapping[str, Path], count: int) -> Iterator[tuple[str, str]]:
    """As `tail`, and then, for ever, every further line as it is completed; a log that is begun anew is read on."""
    readers = {name: _Reader(file) for name, file in files.items()}
    yield from tail(files, count)
    while True:
        found = False
        for name, reader in readers.items():
            for line in reader.lines():
                found = True
                yield name, line
        if not found:
            time.sleep(_POLL)


class _Reader:
    """Reads complete lines from a growing file, from its present end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rest = b""
        self._inode, self._position = self._end()

    def lines(self) -> list[str]:
        inode, end = self._end()
        if inode != self._inode or end < self._position:
            self._inode, self._position, self._rest = inode, 0, b""
        if end == self._position:
            return []
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
        self._position += len(content)
        *complete, self._rest = (self._rest + content).split(b"\n")
        return [line.decode("utf-8", "replace") for line in complete]

    def _end(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return 0, 0
        return found.st_ino, found.st_size
