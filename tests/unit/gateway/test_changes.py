"""Which edits accepted findings become, and why one becomes none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from docward.events.documents import Edit
from docward.events.findings import ProposedChange
from docward.events.ir import Span
from docward.events.messages import ObjectRef
from docward.gateway.problems import ProblemError
from docward.gateway.queries.findings import DocumentFinding
from docward.gateway.routes.changes import edits_of, text_of

VERSION = 2
DOCUMENT = UUID(int=1)
REPORT = {
    "engine": "offline/1",
    "self_containment": {"score": 1.0, "parts": []},
    "implementability": {"verdict": "implementable", "explanation": ""},
}
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


class Reports:
    """The read model and the store in one: of each analysis, the hash of the text that it has read, if it told it."""

    def __init__(self, **texts: str | None) -> None:
        self.texts = {UUID(int=int(name.strip("a"))): text for name, text in texts.items()}

    async def fetchval(self, _: str, analysis: UUID) -> dict[str, Any] | None:
        if analysis not in self.texts:
            return None
        return {"uri": str(analysis), "sha256": "0" * 64, "size": 1, "media_type": "application/json"}

    async def get(self, ref: ObjectRef) -> bytes:
        text = self.texts[UUID(ref.uri)]
        return json.dumps(REPORT | {"texts": {} if text is None else {str(DOCUMENT): text}}).encode()


async def read_by(reports: Reports, *findings: DocumentFinding) -> str | None:
    gateway = SimpleNamespace(reads=reports, store=reports)
    found = of(*findings)
    return await text_of(cast("Any", gateway), DOCUMENT, found, edits_of(found, None, VERSION))


async def test_changes_are_of_the_text_that_their_analysis_has_read() -> None:
    assert await read_by(Reports(a2="2" * 64, a3="3" * 64), answered("one"), answered("two")) == "2" * 64
    assert await read_by(Reports(a2=None), answered("one")) is None, "an analysis of before it was told"
    assert await read_by(Reports(), answered("one")) is None


async def test_changes_of_different_texts_are_refused() -> None:
    both = answered("one"), answered("two", last_seen_analysis=UUID(int=3))
    assert await read_by(Reports(a2="2" * 64, a3="2" * 64), *both) == "2" * 64
    with pytest.raises(ProblemError) as refused:
        await read_by(Reports(a2="2" * 64, a3="3" * 64), *both)
    assert (refused.value.status, refused.value.code) == (409, "stale-text")
