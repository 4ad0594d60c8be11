"""Following a log shows every further line once, also when the log is begun anew."""

from __future__ import annotations

from pathlib import Path

from docward.localstack.logs import follow, log_files, tail


def test_the_last_lines_of_every_log_are_shown(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_text("1\n2\n3\n")
    (tmp_path / "logs" / "b.log").write_text("4\n")
    files = log_files(tmp_path)
    assert list(tail(files, 2)) == [("a", "2"), ("a", "3"), ("b", "4")]
    assert list(tail(files, 0)) == []


def test_following_goes_on_with_complete_lines(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old\n")
    lines = follow({"a": log}, 1)
    assert next(lines) == ("a", "old")
    with log.open("a") as file:
        file.write("first\nsecond\nhal")
    assert next(lines) == ("a", "first")
    assert next(lines) == ("a", "second")
    with log.open("a") as file:
        file.write("f\n")
    assert next(lines) == ("a", "half")


def test_following_goes_on_in_a_log_that_was_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("old, and longer than what follows\n")
    lines = follow({"a": log}, 1)
    assert next(lines) == ("a", "old, and longer than what follows")
    log.replace(tmp_path / "a.log.1")
    log.write_text("anew\n")
    assert next(lines) == ("a", "anew")
