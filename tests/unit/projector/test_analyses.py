"""Analyses, findings and verdicts, as the events of an analysis stream leave them."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.golden import example
from docward.events.messages import Actor
from docward.projector.projections.analyses import ANALYSES
from docward.projector.projections.findings import FINDINGS
from docward.projector.projections.verdicts import VERDICTS
from docward.runtime.projections import Projection
from unit.projector.story import ANALYSIS, DOCUMENT, REPOSITORY, Row, Told, only, rows, told, writes

FINDING = example("findings-recorded.v1").body["findings"][0]
FINGERPRINT = FINDING["fingerprint"]
LATER = "00000000-0000-4000-8000-00000000beef"


def finding_after(*events: Told) -> Row:
    return rows(FINDINGS, [told("findings-recorded", 2), *events])["findings"][DOCUMENT, FINGERPRINT]


def feedback(name: str, version: int, **body: Any) -> Told:
    return told(name, version, fingerprint=FINGERPRINT, **body)


def test_a_requested_analysis_is_there_at_once() -> None:
    row = only(rows(ANALYSES, [told("analysis-requested", 1)]), "analyses")
    assert (row["analysis_id"], row["document_id"], row["version"]) == (ANALYSIS, DOCUMENT, 1)
    assert (row["status"], row["requested_by"], row["requested_version"]) == ("requested", "mara.lindqvist", 1)


def test_a_completed_analysis_has_counts_scores_and_releases() -> None:
    completed = told("analysis-completed", 4, findings={"high": 1, "medium": 2}, verdicts={"partial": 1})
    row = only(rows(ANALYSES, [told("analysis-requested", 1), completed]), "analyses")
    assert (row["status"], row["finished_version"]) == ("completed", 4)
    assert (row["finding_counts"], row["verdict_counts"]) == ({"high": 1, "medium": 2}, {"partial": 1})
    said = completed.message.model_dump(mode="json")
    for field in ("fingerprints", "compliance", "self_containment", "implementability", "releases", "report"):
        assert row[field] == said[field]


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [("analysis-failed", "failed", "hash-mismatch"), ("analysis-cancelled", "cancelled", None)],
)
def test_an_analysis_that_ends_otherwise_says_so(name: str, status: str, reason: str | None) -> None:
    body: dict[str, Any] = {"analysis_id": str(ANALYSIS)} | ({"reason": reason} if reason else {})
    row = only(rows(ANALYSES, [told("analysis-requested", 1), told(name, 2, **body)]), "analyses")
    assert (row["status"], row.get("failure_reason")) == (status, reason)


@pytest.mark.parametrize(
    ("projection", "table"),
    [(ANALYSES, "analysis_streams"), (FINDINGS, "finding_streams"), (VERDICTS, "verdict_streams")],
)
def test_every_event_of_the_stream_moves_its_version(projection: Projection, table: str) -> None:
    tables = rows(projection, [told("analysis-requested", 1), feedback("finding-accepted", 2)])
    assert tables[table][DOCUMENT,]["stream_version"] == 2


@pytest.mark.parametrize("projection", [ANALYSES, FINDINGS, VERDICTS])
def test_a_rejection_changes_nothing(projection: Projection) -> None:
    assert writes(projection, told("command-rejected")) == []


def test_a_finding_has_everything_that_the_analysis_said() -> None:
    row = finding_after()
    for field in ("family", "category", "severity", "title", "explanation", "quotes", "policy", "proposal", "origin"):
        assert row[field] == FINDING[field]
    assert (row["status"], row["first_seen_analysis"], row["last_seen_version"]) == ("open", ANALYSIS, 1)


@pytest.mark.parametrize(
    ("event", "status", "replacement", "comment"),
    [
        (feedback("finding-accepted", 5, comment="yes"), "accepted", None, "yes"),
        (feedback("finding-modified", 5, text="6 %", comment="both"), "modified", "6 %", "both"),
        (feedback("finding-rejected", 5, reason="wrong"), "rejected", None, "wrong"),
        (feedback("finding-reopened", 5, comment="again"), "open", None, "again"),
    ],
)
def test_a_decision_shows_with_who_and_when(event: Told, status: str, replacement: str | None, comment: str) -> None:
    row = finding_after(event)
    assert (row["status"], row["replacement"], row["comment"]) == (status, replacement, comment)
    assert (row["decided_by"], row["decided_at"]) == ("mara.lindqvist", event.envelope.time)


def test_a_reopened_finding_forgets_its_replacement() -> None:
    row = finding_after(feedback("finding-modified", 5, text="6 %"), feedback("finding-reopened", 6))
    assert (row["status"], row["replacement"]) == ("open", None)


def test_a_decision_outlives_the_next_analysis() -> None:
    seen_again = told("findings-recorded", 6, analysis_id=LATER, version=2, findings=[FINDING | {"severity": "low"}])
    row = finding_after(feedback("finding-accepted", 5), seen_again)
    assert (row["status"], row["severity"]) == ("accepted", "low")
    assert (row["first_seen_analysis"], row["first_seen_version"]) == (ANALYSIS, 1)
    assert (str(row["last_seen_analysis"]), row["last_seen_version"]) == (LATER, 2)


def test_verdicts_are_kept_per_analysis_and_policy_in_their_order() -> None:
    robot = Actor(subject="analyzer", kind="job")
    first = told("verdicts-recorded", 3, chunk=1, chunks=2, actor=robot)
    other = first.message.model_dump(mode="json")["verdicts"][:1]
    other[0]["policy"]["policy_id"] = "IAS-VER-1"
    tables = rows(VERDICTS, [first, told("verdicts-recorded", 4, chunk=2, chunks=2, verdicts=other)])
    verdicts = tables["verdicts"]
    assert verdicts[ANALYSIS, REPOSITORY, "IAS-RISK-2"]["verdict"] == "partial"
    assert verdicts[ANALYSIS, REPOSITORY, "IAS-RISK-2"]["facets"] == [{"id": "V", "met": True, "note": "5 % ≤ 10 %"}]
    in_order = sorted(verdicts.values(), key=lambda row: row["ordinal"])
    assert [row["policy_id"] for row in in_order] == ["IAS-RISK-2", "IAS-GOV-1", "IAS-VER-1"]
