"""`docward convert`: real conversions in real child processes, files in, files out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docward.cli import codes
from docward.cli.convert import names
from docward.cli.main import app

SAMPLES = Path(__file__).parents[3] / "samples"


def run(*words: object):
    return CliRunner().invoke(app, ["convert", *map(str, words)])


def test_every_file_becomes_markdown_ir_and_a_report(tmp_path: Path):
    files = [SAMPLES / "dividend-quality-index.docx", SAMPLES / "intraday-mean-reversion.md"]
    result = run(*files, "--to", tmp_path / "out")
    assert result.exit_code == codes.OK, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        f"{file.stem}.{suffix}" for file in files for suffix in ("md", "ir.json", "report.json")
    )
    report = json.loads((tmp_path / "out" / "dividend-quality-index.report.json").read_text())
    lost = sum(item["characters"] for item in report["report"]["dropped"])
    assert 0 < report["report"]["characters_in"] <= report["report"]["characters_out"] + lost
    assert report["seconds"] > 0
    assert report["sandbox"]


def test_the_exit_code_is_that_of_the_worst_file_and_the_others_are_converted(tmp_path: Path):
    good, refused, broken = tmp_path / "good.md", tmp_path / "old.doc", tmp_path / "broken.pdf"
    good.write_text("# Good\n\nThe rate is 5 %.\n")
    refused.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 64)
    out = tmp_path / "out"
    assert run(good, refused, "--to", out).exit_code == codes.USAGE
    broken.write_bytes(b"%PDF-1.7 nothing")
    done = run(good, refused, broken, tmp_path / "absent.md", "--to", out, "--json")
    assert done.exit_code == codes.FAILED
    assert [item["error"] and item["error"]["reason"] for item in json.loads(done.stdout)] == [
        None,
        "unsupported-type",
        "damaged",
        "unreadable",
    ]
    assert (out / "good.md").read_text() == good.read_text()
    assert "save it as .docx" in json.loads((out / "old.report.json").read_text())["error"]["detail"]
    assert not (out / "old.md").exists()


def test_results_of_an_earlier_run_do_not_outlive_a_failure(tmp_path: Path):
    spec, out = tmp_path / "spec.md", tmp_path / "out"
    spec.write_text("# A\n")
    assert run(spec, "--to", out).exit_code == codes.OK
    spec.write_text(" \n")
    assert run(spec, "--to", out).exit_code == codes.FAILED
    assert [path.name for path in out.iterdir()] == ["spec.report.json"]


def test_no_result_replaces_an_original_or_another_result(tmp_path: Path):
    files = [tmp_path / "a.md", tmp_path / "a.txt", tmp_path / "x" / "a.txt"]
    assert names(files, tmp_path) == ["a.md", "a.txt", "a.txt.2"]
    assert names([tmp_path / "a.pdf"], tmp_path) == ["a"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "taken").write_text("x")
    result = run(SAMPLES / "intraday-mean-reversion.md", "--to", tmp_path / "taken" / "out")
    assert result.exit_code == codes.USAGE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_plain_text_in_any_encoding_becomes_markdown(tmp_path: Path, encoding: str):
    spec = tmp_path / "spec.txt"
    spec.write_bytes("Schätzung der Größe\n\n1. Scope\n\nThe fee is 5 €.\n".encode(encoding))
    assert run(spec, "--to", tmp_path / "out").exit_code == codes.OK
    assert (tmp_path / "out" / "spec.md").read_text() == "# Schätzung der Größe\n\n## 1. Scope\n\nThe fee is 5 €.\n"
