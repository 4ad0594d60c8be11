"""Versions on the command line, against a gateway of the test."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from docward.cli import codes
from docward.cli.main import app
from docward.cli.versions import _change
from unit.cli.test_verbs import Gateway, gateway

__all__ = ["gateway"]

DOCUMENT = {"title": "T", "document_id": "0b7e", "current_version": 3}


def side(text: str, start: int = 0) -> dict[str, Any]:
    return {"text": text, "span": {"start": start, "end": start + len(text)}, "section": "Risk", "page": 2}


CHANGED = {
    "kind": "changed",
    "before": side("The limit is 5 %.", 10),
    "after": side("The limit is 4 % of NAV.", 20),
    "words": [
        {"before": {"start": 23, "end": 24}, "after": {"start": 33, "end": 34}},
        {"before": {"start": 26, "end": 26}, "after": {"start": 36, "end": 43}},
    ],
}
DIFFERENCE = {
    "before": 1,
    "after": 2,
    "unchanged": 7,
    "counts": {"changed": 1, "inserted": 1, "deleted": 1},
    "changes": [
        CHANGED,
        {"kind": "deleted", "before": side("[red]No.[/red]\nNone."), "after": None, "words": []},
        {"kind": "inserted", "before": None, "after": side("Yes."), "words": []},
    ],
}


def test_a_difference_reads_without_colours(gateway: Gateway) -> None:
    gateway.answers = [(200, DIFFERENCE)]
    shown = CliRunner().invoke(app, ["diff", "0b7e", "1", "2"])
    assert shown.output.splitlines() == [
        "",
        "@@ Risk, page 2 @@",
        "~ The limit is [-5-]{+4+} %{+ of NAV+}.",
        "- [red]No.[/red]",
        "- None.",
        "+ Yes.",
        "",
        "1 changed, 1 inserted, 1 deleted; 7 unchanged",
    ]
    assert gateway.paths == ["/api/v1/documents/0b7e/versions/1/diff/2"]
    assert json.loads(CliRunner().invoke(app, ["diff", "0b7e", "1", "2", "--json"]).output) == DIFFERENCE


def test_old_and_new_words_have_colours_of_their_own() -> None:
    text = _change(CHANGED)
    assert {(text.plain[span.start : span.end], span.style) for span in text.spans} >= {
        ("[-5-]", "red"),
        ("{+4+}", "green"),
    }


def test_a_version_is_restored_or_converted_again_once(gateway: Gateway) -> None:
    gateway.answers = [(200, DOCUMENT)]
    restored = CliRunner().invoke(app, ["restore", "0b7e", "1"])
    assert (restored.exit_code, restored.output) == (codes.OK, "0b7e: version 3 is version 1 again\n")
    again = CliRunner().invoke(app, ["reconvert", "0b7e"])
    assert (again.exit_code, again.output) == (codes.OK, "0b7e: version 3 is being converted\n")
    assert gateway.paths == ["/api/v1/documents/0b7e/restore", "/api/v1/documents/0b7e/conversion"]
    assert all(gateway.keys)
    gateway.answers = [(422, {"title": "Refused", "detail": "as said", "code": "unknown-version"})]
    assert CliRunner().invoke(app, ["restore", "0b7e", "9"]).exit_code == codes.NOT_FOUND
    gateway.answers = [(409, {"title": "Refused", "detail": "as said", "code": "conversion-running"})]
    refused = CliRunner().invoke(app, ["reconvert", "0b7e", "--version", "1"])
    assert (refused.exit_code, "as said" in refused.stderr) == (codes.FAILED, True)


def test_versions_are_listed(gateway: Gateway) -> None:
    version = {
        "version": 2, "origin": "restore", "base_version": 1, "status": "conversion-failed", "filename": "[a].md",
        "pages": None, "converter": "docward-converter/0.1.0", "created_at": "2026-11-24T09:00:00Z", "created_by": "jo",
    }  # fmt: skip
    gateway.answers = [(200, {"items": [version], "next_cursor": None})]
    output = CliRunner().invoke(app, ["versions", "0b7e"]).output
    assert all(whole in output for whole in ("restore of 1", "conversion-failed", "2026-11-24T09:00", "jo", "[a].md"))
    assert json.loads(CliRunner().invoke(app, ["versions", "0b7e", "--json"]).output) == [version]
    gateway.answers = [(200, {"items": [version | {"status": "converted", "partial": True}], "next_cursor": None})]
    assert "converted, partial" in CliRunner().invoke(app, ["versions", "0b7e"]).output
