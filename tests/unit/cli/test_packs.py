"""`docward packs`: mistakes with their lines, examples with their verdicts, a beginning, a comparison."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docward.cli import codes
from docward.cli.main import app


@pytest.fixture
def house(tmp_path: Path) -> Path:
    path = tmp_path / "house-rules.yaml"
    run("new", str(path))
    return path


def run(*args: str, code: int = codes.OK) -> str:
    result = CliRunner().invoke(app, ["packs", *args])
    assert result.exit_code == code, result.output
    return result.output


def test_a_begun_pack_passes_check_and_test(house):
    assert "1 requirements, 1 of them not compared" in run("check", str(house))
    tried = json.loads(run("test", str(house), "--json"))
    assert [each["verdict"] for each in tried] == ["covered", "partial", "missing"]


def test_a_file_is_never_overwritten(house):
    assert "File exists" in run("new", str(house), code=codes.USAGE)


def test_a_name_that_is_no_id_leaves_no_file(tmp_path):
    run("new", str(tmp_path / "House Rules.yaml"), code=codes.USAGE)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_told_with_its_place(house):
    house.write_text(house.read_text().replace("paraphrase:", "parafrase:"))
    told = json.loads(run("check", str(house), "--json", code=codes.FAILED))
    assert [(each["line"], each["requirement"], each["field"]) for each in told] == [
        (9, "HOUSE-1", "paraphrase"),
        (13, "HOUSE-1", "parafrase"),
    ]
    assert f"{house.name}:13: requirement HOUSE-1: parafrase: no such field" in run(
        "check", str(house), code=codes.FAILED
    )


def test_an_example_that_gets_another_verdict_fails(house):
    house.write_text(house.read_text().replace("expect: partial", "expect: covered"))
    assert "HOUSE-1" in run("test", str(house), code=codes.FAILED)
    tried = json.loads(run("test", str(house), "--json", code=codes.FAILED))
    assert [(each["number"], each["expected"], each["verdict"]) for each in tried][1] == (2, "covered", "partial")


def test_a_requirement_without_examples_fails(house):
    text = house.read_text()
    house.write_text(text[: text.index("  tests:")])
    assert "has no example" in run("test", str(house), "--json", code=codes.FAILED)


def test_a_comparison_names_requirements_and_fields(house, tmp_path):
    text = house.read_text()
    other = tmp_path / "other.yaml"
    entry = text[text.index("- id:") :]
    other.write_text(text.replace("level: MUST ", "level: SHOULD ") + entry.replace("HOUSE-1", "HOUSE-2"))
    assert json.loads(run("diff", str(house), str(other), "--json")) == {
        "added": ["HOUSE-2"],
        "removed": [],
        "changed": {"HOUSE-1": ["level"]},
    }
    assert "no requirement differs" in run("diff", str(house), str(house))
    assert "- HOUSE-2" in run("diff", str(other), str(house))


def test_what_is_neither_a_file_nor_a_pack_is_refused_with_the_names(house):
    assert "eu-rts6" in run("check", "moon", code=codes.USAGE)
