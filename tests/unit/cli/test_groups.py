"""Document groups on the command line, against a gateway of the test."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from docward.cli import codes
from docward.cli.main import app
from unit.cli.test_verbs import Gateway, gateway, problem

__all__ = ["gateway"]

MEMBER = {"document_id": "0b7e", "primary": True, "title": "Momentum", "status": "analyzed"}
GROUP: dict[str, Any] = {
    "group_id": "6f1c",
    "title": "Suite [1]",
    "members": [MEMBER, {"document_id": "51aa", "primary": False, "title": None, "status": None}],
    "latest_analysis_id": None,
    "compliance": None,
    "finding_counts": None,
    "verdict_counts": None,
    "self_containment": None,
    "implementability": None,
}
ANALYSED = GROUP | {
    "latest_analysis_id": "a1",
    "finding_counts": {"high": 2},
    "verdict_counts": {"not-applicable": 3},
    "self_containment": 0.5,
    "implementability": "not-implementable",
}
ANALYSIS = {
    "analysis_id": "a1",
    "status": "completed",
    "finding_counts": {"high": 2, "critical": 1},
    "failure_detail": None,
}
ACCEPTED = (202, {"operation_id": "0a"})
PATH = "/api/v1/document-groups"


def group(*args: str, code: int = codes.OK) -> Result:
    result = CliRunner().invoke(app, ["group", *args])
    assert result.exit_code == code, result.output
    return result


def page(*items: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 200, {"items": list(items), "next_cursor": None}


@pytest.mark.parametrize(
    ("args", "method", "path"),
    [
        (("create", "Suite", "0b7e", "51aa"), "POST", ""),
        (("add", "6f1c", "0b7e"), "POST", "/6f1c/members"),
        (("remove", "6f1c", "0b7e"), "DELETE", "/6f1c/members/0b7e"),
        (("lead", "6f1c", "0b7e"), "PUT", "/6f1c/primary"),
        (("rename", "6f1c", "Suite"), "PATCH", "/6f1c"),
    ],
)
def test_a_change_of_a_group_is_one_request_with_a_key(
    gateway: Gateway, args: tuple[str, ...], method: str, path: str
) -> None:
    gateway.answers = [(200, GROUP)]
    assert group(*args).output == "6f1c: Suite [1], 2 document(s)\n"
    assert (gateway.methods, gateway.paths) == ([method], [PATH + path])
    assert all(gateway.keys)
    gateway.answers = [problem(422, "unknown-document")]
    group(*args, code=codes.NOT_FOUND)


def test_findings_of_a_group_that_nobody_has_analysed_are_not_none_but_unknown(gateway: Gateway) -> None:
    gateway.answers = [page(), page(), (200, GROUP)]
    assert group("findings", "6f1c").output == "Never analysed; do it with: docward group analyze 6f1c\n"


def test_a_group_shows_its_members_and_what_may_not_be_seen(gateway: Gateway) -> None:
    gateway.answers = [(200, GROUP)]
    assert group("show", "6f1c").output.splitlines() == [
        "Suite [1]  6f1c",
        "* 0b7e  Momentum (analyzed)",
        "  51aa  not yours to see",
        "Never analysed; do it with: docward group analyze 6f1c",
    ]
    gateway.answers = [(200, ANALYSED)]
    shown = group("show", "6f1c").output
    assert "Findings: 2 high" in shown
    assert "no statement, because no MUST requirement applies to it" in " ".join(shown.split())
    gateway.answers = [page(ANALYSED)]
    assert "Suite [1]" in group("list").output
    assert json.loads(group("list", "--json").output) == [ANALYSED]


def test_an_analysis_is_waited_for_and_a_failed_one_fails(gateway: Gateway) -> None:
    running = {"status": "running", "visible": True, "analysis_id": "a1", "detail": None, "code": None}
    done = running | {"status": "succeeded"}
    gateway.answers = [ACCEPTED, (200, running), (200, done), page(ANALYSIS)]
    assert group("analyze", "6f1c").output == "a1: 1 critical, 2 high\n"
    gateway.answers = [ACCEPTED, (200, done), page(ANALYSIS | {"status": "failed", "failure_detail": "too slow"})]
    assert "too slow" in group("analyze", "6f1c", code=codes.FAILED).output
    gateway.answers = [ACCEPTED, (200, running | {"status": "rejected", "detail": "it runs", "code": "running"})]
    assert "it runs (running)" in group("analyze", "6f1c", code=codes.FAILED).output
    gateway.answers = [ACCEPTED, (200, running)]
    group("analyze", "6f1c", "--timeout", "0", code=codes.TIMED_OUT)


def test_what_was_accepted_is_applied_to_each_member_that_it_changes(gateway: Gateway) -> None:
    found = [
        {"present": True, "status": status, "proposal": {"document_id": ident}}
        for status, ident in (("accepted", "0b7e"), ("modified", "51aa"), ("open", "77ff"))
    ]
    changed = {"title": "T", "document_id": "0b7e", "current_version": 2}
    gateway.answers = [page(*found), (200, changed), problem(409, "not-applicable")]
    assert "0b7e: version 2" in group("apply", "6f1c").output
    assert gateway.paths[1:] == [f"{PATH}/6f1c/members/{ident}/changes" for ident in ("0b7e", "51aa")]
    gateway.answers = [page()]
    group("apply", "6f1c", code=codes.FAILED)


def test_a_report_is_of_the_latest_analysis(gateway: Gateway) -> None:
    gateway.answers = [(200, ANALYSED), (200, {"schema_version": "review.v1"})]
    assert json.loads(group("report", "6f1c", "--format", "json").output) == {"schema_version": "review.v1"}
    assert gateway.paths[-1] == "/api/v1/analyses/a1/report?format=json"
    gateway.answers = [(200, GROUP)]
    group("report", "6f1c", code=codes.NOT_FOUND)


def test_a_group_is_deleted_and_its_findings_are_answered(gateway: Gateway) -> None:
    gateway.answers = [(200, {"status": "succeeded"})]
    assert group("delete", "6f1c").output == "6f1c: deleted\n"
    gateway.answers = [ACCEPTED]
    group("delete", "6f1c", code=codes.TIMED_OUT)
    gateway.answers = [(200, GROUP)]
    assert group("answer", "6f1c", "reject", "f1", "f2", "--reason", "known").output == "6f1c: 2 answered (reject)\n"
    assert gateway.paths[-1] == f"{PATH}/6f1c/findings/answers"
    group("answer", "6f1c", "reject", "f1", code=codes.USAGE)
