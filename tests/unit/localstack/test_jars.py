"""The jars are those of the lock, or none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from docward.localstack.errors import ChecksumError, LocalStackError
from docward.localstack.jars import Jar, ensure_jars, kafka_version, locked_jars, parse_lock

CONTENT = b"a jar"
JAR = Jar("org.example", "part", "1.0", hashlib.sha256(CONTENT).hexdigest())


class Repository:
    """Serves the same bytes for every jar, and counts."""

    def __init__(self, content: bytes = CONTENT) -> None:
        self.content = content
        self.served = 0

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.served += 1
        file = folder / jar.artifact
        file.write_bytes(self.content)
        return file


def ensure(folder: Path, repository: Repository) -> list[Path]:
    return ensure_jars(lambda _: None, [JAR], folder, repository)


def test_a_missing_jar_is_fetched_and_a_present_one_is_not(tmp_path: Path) -> None:
    repository = Repository()
    first = ensure(tmp_path, repository)
    second = ensure(tmp_path, repository)
    assert first == second == [tmp_path / JAR.file_name]
    assert first[0].read_bytes() == CONTENT
    assert repository.served == 1


def test_a_fetched_jar_with_another_checksum_is_refused_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(ChecksumError, match=r"refused org\.example:part:1\.0: its SHA-256 is .* kafka\.lock wants"):
        ensure(tmp_path, Repository(b"another jar"))
    assert list(tmp_path.iterdir()) == []


def test_a_cached_jar_that_was_changed_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path, Repository())
    (tmp_path / JAR.file_name).write_bytes(b"changed")
    with pytest.raises(ChecksumError, match="Delete the file to fetch it again"):
        ensure(tmp_path, Repository())


def test_an_unreachable_repository_is_a_clear_error(tmp_path: Path) -> None:
    def unreachable(jar: Jar, folder: Path) -> Path:
        raise ConnectionError("no route")

    with pytest.raises(LocalStackError, match=r"cannot fetch org\.example:part:1\.0 .*no route.* needs network"):
        ensure_jars(lambda _: None, [JAR], tmp_path, unreachable)


def test_progress_is_reported_only_while_fetching(tmp_path: Path) -> None:
    lines: list[str] = []
    for _ in range(2):
        ensure_jars(lines.append, [JAR], tmp_path, Repository())
    assert lines == [f"fetching 1 of Kafka's 1 jars into {tmp_path}", "fetched 1/1: org.example:part:1.0"]


def test_the_committed_lock_holds_kafkas_closure_without_addresses() -> None:
    jars = locked_jars()
    assert kafka_version(jars) == "4.3.1"
    assert {"kafka-tools", "kafka-clients", "slf4j-simple"} <= {jar.artifact for jar in jars}
    assert len({jar.file_name for jar in jars}) == len(jars)
    assert all("/" not in jar.coordinate for jar in jars)


@pytest.mark.parametrize("line", ["org.example:part:1.0", "org.example:part abc", "org.example:part:1.0 abc"])
def test_a_malformed_line_of_the_lock_is_named(line: str) -> None:
    with pytest.raises(LocalStackError, match=r"kafka\.lock, line 2"):
        parse_lock(f"# heading\n{line}\n")
