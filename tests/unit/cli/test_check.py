"""`docward check`: what it prints, what it lets pass, and with which code it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lxml import etree
from typer.testing import CliRunner

from docward.cli import codes
from docward.cli.gate import read_suppressions
from docward.cli.main import app

DEFECTIVE = """\
# 1 Limits

A maximum order value applies to every order of the algorithm. The calibration is explained in Appendix C.

# 2 Control

In volatile markets the desk adjusts the strategy as appropriate.
"""
CLEAN = "# 1 Limits\n\nThe maximum order value of the algorithm is EUR 2 million per order.\n"
PACK = "internal-algorithm-standard"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.md").write_text(DEFECTIVE)
    (tmp_path / "good.md").write_text(CLEAN)
    return tmp_path


def run(*args: str, code: int = codes.OK) -> str:
    result = CliRunner().invoke(app, ["check", *args])
    assert result.exit_code == code, result.output
    return result.stdout


def checked(*args: str, code: int = codes.FOUND) -> dict[str, Any]:
    (document,) = json.loads(run(*args, "--format", "json", code=code))["documents"]
    return dict(document)


def test_findings_verdicts_and_standing_are_complete(here):
    document = checked("bad.md", "--pack", PACK)
    assert {finding["family"] for finding in document["findings"]} >= {"VAL", "XRF", "AMB"}
    for finding in document["findings"]:
        assert {"fingerprint", "severity", "category", "quotes", "searched", "policy", "proposal", "origin"} <= set(
            finding
        )
        assert finding["status"] == "open"
        assert finding["first_seen_analysis"] == finding["last_seen_analysis"] == document["analysis_id"]
        for quote in finding["quotes"]:
            assert DEFECTIVE[quote["span"]["start"] : quote["span"]["end"]] == quote["text"]
    assert {verdict["policy"]["repository"] for verdict in document["verdicts"]} == {PACK}


def test_the_same_call_prints_the_same_bytes(here):
    for form in ("json", "sarif", "junit", "html", "self-assessment"):
        args = ("bad.md", "--pack", "all", "--format", form)
        assert run(*args, code=codes.FOUND) == run(*args, code=codes.FOUND)


def test_a_document_without_anything_against_it_passes(here):
    assert "Counting against it: 0 finding(s)" in run("good.md")


def test_profiles_differ_in_what_counts(here):
    (here / "vague.md").write_text("# 1 Limits\n\nThe strategy reads the QRX report every day.\n")
    assert checked("vague.md", "--profile", "strict")["findings"]
    run("vague.md", "--profile", "review")
    run("vague.md", "--profile", "draft")
    run("bad.md", "--profile", "draft", code=codes.FOUND)


def test_a_suppression_needs_a_reason_and_holds_until_it_expires(here):
    fingerprints = [f["fingerprint"] for f in checked("bad.md")["findings"]]
    entries = [
        f"- {{fingerprint: '{f}', reason: agreed with the risk committee, expires: 2030-06-30}}" for f in fingerprints
    ]
    (here / "suppressions.yaml").write_text("\n".join(["suppressions:", *entries]))
    document = checked("bad.md", "--suppressions", "suppressions.yaml", "--on", "2030-06-30", code=codes.OK)
    assert {f["status"] for f in document["findings"]} == {"rejected"}
    assert "agreed with the risk committee" in document["findings"][0]["reason"]
    result = CliRunner().invoke(app, ["check", "bad.md", "--suppressions", "suppressions.yaml", "--on", "2030-07-01"])
    assert result.exit_code == codes.FOUND
    assert "expired on 2030-06-30" in " ".join(result.stderr.split())
    (here / "suppressions.yaml").write_text("suppressions:\n- {fingerprint: abc, expires: 2030-06-30}\n")
    run("bad.md", "--suppressions", "suppressions.yaml", code=codes.USAGE)


def test_a_fingerprint_of_digits_is_no_number_and_an_empty_file_suppresses_nothing(here):
    (here / "s.yaml").write_text(
        "suppressions:\n- {fingerprint: 0012, reason: agreed with the desk, expires: 2090-01-01}"
    )
    (suppression,) = read_suppressions(here / "s.yaml")
    assert (suppression.fingerprint, suppression.expires.year) == ("0012", 2090)
    (here / "s.yaml").write_text("")
    assert read_suppressions(here / "s.yaml") == ()


def test_what_counts_is_named_after_the_tables(here):
    document = checked("bad.md", "--pack", PACK)
    shown = run("bad.md", "--pack", PACK, code=codes.FOUND)
    named = shown[shown.index("Counting against it") :]
    for finding in document["findings"]:
        assert (finding["fingerprint"] in named) == finding["fails"]
    for verdict in document["verdicts"]:
        assert (f"{PACK}/{verdict['policy']['policy_id']} " in named) == verdict["fails"]


def test_the_hook_for_pre_commit_is_the_check_of_the_files_that_it_takes():
    (hook,) = yaml.safe_load((Path(__file__).parents[3] / ".pre-commit-hooks.yaml").read_text())
    assert hook["entry"].split() == ["docward", "check"]
    for suffix in (".md", ".docx", ".pdf", ".rst", ".html"):
        assert re.search(hook["files"], f"specs/a{suffix}")
    assert not re.search(hook["files"], "requirements.txt")


def test_only_what_is_not_in_the_baseline_fails(here):
    first = checked("bad.md", "--pack", PACK, "--write-baseline", "known.json")
    again = checked("bad.md", "--pack", PACK, "--baseline", "known.json", code=codes.OK)
    assert {f["is_new"] for f in again["findings"]} == {False}
    (here / "bad.md").write_text(DEFECTIVE + "\nThe limits are in Appendix D.\n")
    changed = checked("bad.md", "--pack", PACK, "--baseline", "known.json")
    (fresh,) = [f for f in changed["findings"] if f["is_new"]]
    assert (fresh["family"], fresh["fails"]) == ("XRF", True)
    assert {f["first_seen_analysis"] for f in changed["findings"] if not f["is_new"]} == {first["analysis_id"]}


def test_a_failing_requirement_can_be_suppressed(here):
    document = checked("bad.md", "--pack", PACK)
    failing = [v["policy"]["policy_id"] for v in document["verdicts"] if v["fails"]]
    assert failing
    entry = f"- {{requirement: {PACK}/{failing[0]}, reason: this strategy has no such part, expires: 2090-01-01}}"
    (here / "s.yaml").write_text(f"suppressions:\n{entry}\n")
    after = checked("bad.md", "--pack", PACK, "--suppressions", "s.yaml")
    assert [v["policy"]["policy_id"] for v in after["verdicts"] if v["fails"]] == failing[1:]


def test_what_cannot_be_checked_is_named_and_the_others_are_checked(here):
    (here / "broken.docx").write_bytes(b"PK\x03\x04nothing")
    result = CliRunner().invoke(app, ["check", "broken.docx", "missing.md", "good.md", "--format", "json"])
    assert result.exit_code == codes.FAILED
    assert [d["file"] for d in json.loads(result.stdout)["documents"]] == ["good.md"]
    assert "broken.docx" in result.stderr
    assert "missing.md" in result.stderr


def test_an_unknown_pack_is_a_usage_error_that_names_the_known_ones(here):
    result = CliRunner().invoke(app, ["check", "good.md", "--pack", "nothing"])
    assert result.exit_code == codes.USAGE
    assert PACK in result.stderr


def test_junit_counts_are_those_of_its_cases(here):
    root = etree.fromstring(run("bad.md", "good.md", "--pack", PACK, "--format", "junit", code=codes.FOUND).encode())
    assert [suite.get("name") for suite in root] == ["bad.md", "good.md"]
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    assert int(root.get("failures", "")) > 0
    assert all(case.get("classname") and case.get("name") for case in root.iter("testcase"))


def test_files_of_a_suite_are_checked_as_one(here):
    """The second file gives the limit that the first one only names."""
    (suite,) = json.loads(run("bad.md", "good.md", "--suite", "--format", "json", code=codes.FOUND))["documents"]
    alone = checked("bad.md")
    missing = "No value for the maximum order value"
    assert missing in {finding["title"] for finding in alone["findings"]}
    assert missing not in {finding["title"] for finding in suite["findings"]}
    files = {member["document_id"]: member["file"] for member in suite["members"]}
    assert set(files.values()) == {"bad.md", "good.md"}
    for finding in suite["findings"]:
        for quote in finding["quotes"]:
            text = (here / files[quote["document_id"]]).read_text()
            assert text[quote["span"]["start"] : quote["span"]["end"]] == quote["text"]
    assert "suite" in run("bad.md", "good.md", "--suite", code=codes.FOUND)


def test_a_suite_is_whole_or_not_checked(here):
    (here / "scan.pdf").write_bytes(b"%PDF-1.7 nothing")
    assert run("good.md", "scan.pdf", "--suite", "--format", "json", code=codes.FAILED) == ""
    run("good.md", "good.md", "--suite", code=codes.USAGE)
    ident = "6f1c0000-0000-4000-8000-000000000001"
    run("good.md", "bad.md", "--document-id", ident, code=codes.USAGE)
    run("good.md", "bad.md", "--suite", "--document-id", ident, "--document-id", ident, code=codes.USAGE)


@pytest.mark.parametrize("form", ["sarif", "junit", "html", "self-assessment"])
def test_every_report_of_a_suite_names_all_of_its_files(here, form):
    report = run("bad.md", "good.md", "--suite", "--pack", PACK, "--format", form, code=codes.FOUND)
    for file in ("bad.md", "good.md") if form != "junit" else ("suite",):
        assert file in report
