"""Which edits accepted findings become, and why one becomes none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from docward.events.documents import Edit
from docward.events.findings import ProposedChange
from docward.events.ir import Span
from docward.gateway.problems import ProblemError
from docward.gateway.queries.findings import DocumentFinding
from docward.gateway.routes.changes import edits_of

VERSION = 2
SPAN = Span(start=4, end=9)
PROPOSAL = ProposedChange(span=SPAN, original="a few", replacement="3")


def answered(fingerprint: str, **fields: Any) -> DocumentFinding:
    known: dict[str, Any] = {
        "document_id": UUID(int=1),
        "fingerprint": fingerprint,
        "family": "AMB",
        "category": "ambiguous-methodology",
        "severity": "medium",
        "title": "How many?",
        "explanation": "A number is needed.",
        "quotes": [],
        "searched": [],
        "policy": None,
        "proposal": PROPOSAL,
        "confidence": 1.0,
        "origin": "check:vague",
        "decision": [],
        "status": "accepted",
        "present": True,
        "replacement": None,
        "comment": None,
        "decided_at": datetime(2026, 1, 1, tzinfo=UTC),
        "decided_by": "mira",
        "first_seen_analysis": UUID(int=2),
        "first_seen_version": 1,
        "last_seen_analysis": UUID(int=2),
        "last_seen_version": VERSION,
    }
    return DocumentFinding.model_validate(known | fields)


def of(*findings: DocumentFinding) -> dict[str, DocumentFinding]:
    return {finding.fingerprint: finding for finding in findings}


def test_a_proposal_is_made_as_it_stands_and_a_modified_one_as_the_person_wrote_it() -> None:
    found = of(answered("one"), answered("two", status="modified", replacement="4"))
    assert edits_of(found, None, VERSION) == (
        Edit(span=SPAN, original="a few", replacement="3", finding="one"),
        Edit(span=SPAN, original="a few", replacement="4", finding="two"),
    )
    assert [edit.finding for edit in edits_of(found, ("two", "two"), VERSION)] == ["two"]


OBSTACLES = [
    ({"proposal": None}, "proposes no change"),
    ({"last_seen_version": 1}, "found in version 1"),
    ({"present": False}, "not in the current version"),
    ({"proposal": PROPOSAL.model_copy(update={"replacement": "{count}", "slots": ("count",)})}, "fill count"),
]


@pytest.mark.parametrize(("fields", "why"), OBSTACLES)
def test_what_cannot_be_made_is_left_out_unless_it_was_asked_for(fields: dict[str, Any], why: str) -> None:
    found = of(answered("one"), answered("two", **fields))
    assert [edit.finding for edit in edits_of(found, None, VERSION)] == ["one"]
    with pytest.raises(ProblemError) as refused:
        edits_of(found, ("one", "two"), VERSION)
    assert (refused.value.status, refused.value.code) == (409, "not-applicable")
    (named,) = refused.value.more["changes"]
    assert (named["finding"], why in named["message"]) == ("two", True)


def test_a_slot_that_a_person_filled_is_no_obstacle() -> None:
    proposal = PROPOSAL.model_copy(update={"replacement": "{count}", "slots": ("count",)})
    (edit,) = edits_of(of(answered("one", status="modified", replacement="5", proposal=proposal)), None, VERSION)
    assert edit.replacement == "5"


def test_nothing_is_no_version() -> None:
    for chosen, code in ((None, "nothing-to-do"), (("gone",), "not-applicable")):
        with pytest.raises(ProblemError) as refused:
            edits_of({}, chosen, VERSION)
        assert (refused.value.status, refused.value.code) == (409, code)
