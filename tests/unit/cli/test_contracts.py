"""`docward contracts` and `docward validate`, as a developer and continuous integration call them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from docward.cli import codes
from docward.cli.main import app

EVENTS = Path(__file__).parents[3] / "libs" / "events"
EXAMPLES = sorted(
    path for path in (EVENTS / "examples").glob("*.json") if path.name not in {"ir.v1.json", "report.v1.json"}
)
NAME = "submit-document.v1.json"


def docward(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The contracts of a checkout of one's own."""
    contracts = tmp_path / "libs" / "events"
    for folder in ("schemas", "released", "examples"):
        shutil.copytree(EVENTS / folder, contracts / folder)
    (tmp_path / "services" / "gateway" / "src" / "docward" / "gateway").mkdir(parents=True)
    return contracts


def edit(path: Path, **changes: Any) -> None:
    schema = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(schema | changes), encoding="utf-8")


def committed(checkout: Path) -> None:
    root = str(checkout.parents[1])
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", root, *words], check=True)  # noqa: S607 -- the git of whoever tests


def test_the_contracts_of_this_checkout_are_compatible() -> None:
    answer = docward("contracts", "check")
    assert answer.exit_code == codes.OK, answer.output
    assert "no findings" in answer.output


def test_a_broken_promise_fails_and_says_what_to_do(checkout: Path) -> None:
    edit(checkout / "schemas" / NAME, required=["title", "filename"])
    answer = docward("contracts", "check", "--against", checkout / "schemas")
    assert answer.exit_code == codes.FAILED
    assert "submit-document.v1 original: required [old-records]" in answer.output
    assert "upcast" in answer.output
    found = json.loads(docward("contracts", "check", "--against", checkout, "--json").output)
    assert [(each["contract"], each["field"], each["rule"]) for each in found] == [
        ("submit-document.v1", "original", "required")
    ]


def test_a_revision_can_be_compared_with(checkout: Path) -> None:
    edit(checkout / "schemas" / NAME, required=["title", "filename"])
    committed(checkout)
    shutil.copy(EVENTS / "schemas" / NAME, checkout / "schemas")
    answer = docward("contracts", "check", "--against", "HEAD", "--contracts", checkout)
    assert answer.exit_code == codes.FAILED
    assert "original" in answer.output


@pytest.mark.parametrize("words", [["--against", "no-such-revision"], ["--contracts", "/nowhere"]])
def test_what_is_not_there_is_wrong_usage(words: list[str]) -> None:
    assert docward("contracts", "check", *words).exit_code == codes.USAGE


def test_a_changed_released_schema_fails_and_an_export_puts_it_right(checkout: Path) -> None:
    edit(checkout / "schemas" / NAME, title="Changed")
    answer = docward("contracts", "check", "--contracts", checkout)
    assert (answer.exit_code, "frozen" in answer.output) == (codes.FAILED, True)
    exported = docward("contracts", "export", "--contracts", checkout)
    assert f"schemas/{NAME}" in exported.output
    assert docward("contracts", "check", "--contracts", checkout).exit_code == codes.OK
    assert docward("contracts", "export", "--contracts", checkout).output == "nothing changed\n"


def test_a_release_freezes_what_was_exported(checkout: Path) -> None:
    assert docward("contracts", "release", "--contracts", checkout).output == "nothing to release\n"
    index = checkout / "released" / "index.txt"
    whole = index.read_text(encoding="utf-8")
    index.write_text("".join(line for line in whole.splitlines(keepends=True) if NAME not in line), encoding="utf-8")
    assert docward("contracts", "release", "--contracts", checkout).output == f"{NAME}\n"
    assert sorted(index.read_text(encoding="utf-8").splitlines()) == sorted(whole.splitlines())


def test_what_was_not_exported_is_not_released(checkout: Path) -> None:
    index = checkout / "released" / "index.txt"
    lines = index.read_text(encoding="utf-8").splitlines(keepends=True)
    index.write_text("".join(line for line in lines if NAME not in line), encoding="utf-8")
    edit(checkout / "schemas" / NAME, title="By hand")
    answer = docward("contracts", "release", "--contracts", checkout)
    assert (answer.exit_code, NAME in answer.output) == (codes.FAILED, True)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_every_example_is_valid_as_a_record_and_as_a_body(path: Path, tmp_path: Path) -> None:
    assert docward("validate", path).exit_code == codes.OK
    body = tmp_path / path.name
    body.write_text(json.dumps(json.loads(path.read_bytes())["body"]), encoding="utf-8")
    assert docward("validate", body).exit_code == codes.OK


def record(tmp_path: Path, **changes: Any) -> Path:
    golden = json.loads((EVENTS / "examples" / NAME).read_bytes())
    for name, value in changes.items():
        golden[name] = golden[name] | value if isinstance(value, dict) else value
    path = tmp_path / "record.json"
    path.write_text(json.dumps(golden), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"body": {"title": ""}}, "body.title: String should have at least 1 character"),
        ({"body": {"original": {"uri": "a"}}}, "body.original.sha256: Field required"),
        ({"body": {"tags": ["x" * 51]}}, "body.tags.0: String should have at most 50 characters"),
        ({"body": {"description": "x\u0000"}}, "holds the character NUL"),
        ({"headers": {"ce_time": "2026-10-12"}}, "ce_time has no offset"),
        ({"headers": {"ce_specversion": "0.3"}}, "ce_specversion is not 1.0"),
        ({"headers": {"content-type": "text/plain"}}, "content-type is not application/json"),
        ({"headers": {"ce_dataversion": "2"}}, "version 2 of submit-document is unknown"),
        ({"headers": {"ce_subject": "document:3f0a7c1e-0000-5c42-9a53-2f6f0f9b8d11"}}, "is not the id in ce_subject"),
        ({"key": None}, "key: there is none"),
        ({"body": {"groups": ["g" * 1000] * 1100}}, "document-commands takes 1048576"),
    ],
)
def test_everything_that_is_wrong_with_a_record_is_said(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    answer = docward("validate", record(tmp_path, **changes))
    assert answer.exit_code == codes.FAILED
    assert says in answer.output
    assert json.loads(docward("validate", record(tmp_path, **changes), "--json").output)["errors"]


def test_a_misspelt_field_is_a_warning(tmp_path: Path) -> None:
    path = record(
        tmp_path,
        body={
            "descripton": "?",
            "repositories": [{"repository_id": "914da546-36b9-5ae7-9ccd-921cd0c2086e", "releas": 1}],
        },
    )
    answer = docward("validate", path)
    assert answer.exit_code == codes.OK
    assert "body.descripton: unknown field, ignored" in answer.output
    assert "body.repositories.0.releas: unknown field, ignored" in answer.output


def test_an_unknown_type_is_answered_by_the_known_ones_near_it(tmp_path: Path) -> None:
    answer = docward("validate", record(tmp_path, headers={"ce_type": "submit-documnt"}))
    assert answer.exit_code == codes.FAILED
    assert "did you mean submit-document" in answer.output
    (body := tmp_path / "zzz.json").write_text("{}", encoding="utf-8")
    answer = docward("validate", body)
    assert answer.exit_code == codes.USAGE
    assert "say --type; there are: accept-finding, " in answer.output


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (None, codes.USAGE, "No such file"),
        (b"{", codes.FAILED, "is no JSON"),
        (b"\xef\xbb\xbf{}", codes.FAILED, "BOM"),
        ("{}".encode("utf-16"), codes.FAILED, "utf-8"),
        (b"[" * 100_000, codes.FAILED, "nested too deeply"),
    ],
    ids=["missing", "half", "byte order mark", "UTF-16", "deep"],
)
def test_a_file_that_does_not_read(tmp_path: Path, content: bytes | None, code: int, says: str) -> None:
    path = tmp_path / NAME
    if content is not None:
        path.write_bytes(content)
    answer = docward("validate", path)
    assert (answer.exit_code, says in answer.output) == (code, True), answer.output
