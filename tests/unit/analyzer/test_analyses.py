"""The Analysis aggregate of a document, given what has happened, when it is asked for something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from docward.analyzer.analyses import ANALYSIS, Analyses, RecordAnalysis, RecordAnalysisFailure
from docward.analyzer.analysis import analyse
from docward.converter.conversion import convert
from docward.events import analyses as a
from docward.events.codec import body_of
from docward.events.findings import AnalysisReport
from docward.events.messages import Actor, Event, ObjectRef, RepositoryRef
from docward.runtime.aggregates import Accepted, Request, fold
from docward.runtime.sniffing import MARKDOWN

MIRA = Actor(subject="mira", roles=("contributor",))
STORED = ObjectRef(uri="products/report.json", sha256="0" * 64, size=1, media_type="application/json")
ASK = a.RequestAnalysis(version=1, markdown=STORED, ir=STORED, repositories=(RepositoryRef(repository_id=UUID(int=1)),))


def asked(command: Any, *before: Event, actor: Actor = MIRA) -> Any:
    state = fold(ANALYSIS, Analyses(), before)
    return ANALYSIS.decide(state, command, Request(uuid4(), uuid4(), datetime.now(UTC), actor, len(before)))


def done(command: Any, *before: Event) -> tuple[Event, ...]:
    decision = asked(command, *before)
    assert isinstance(decision, Accepted), decision
    return (*before, *decision.events)


def running(before: tuple[Event, ...]) -> UUID:
    (ident,) = fold(ANALYSIS, Analyses(), before).running
    return ident


@pytest.fixture(scope="module")
def report() -> AnalysisReport:
    text = b"# Pairs\n\n## 1 Limits\n\nOrders are capped at an appropriate value, see Appendix D.\n"
    made = convert(text, MARKDOWN, document_id="d")
    found = analyse(made.ir, made.markdown, [])
    assert found.findings
    return found


@pytest.fixture
def completed(report: AnalysisReport) -> tuple[Event, ...]:
    begun = done(ASK)
    return done(RecordAnalysis(running(begun), 1, report, STORED, ()), *begun)


def first(report: AnalysisReport) -> str:
    return report.findings[0].fingerprint


def test_a_request_is_recorded_with_its_job():
    decision = asked(ASK)
    (event,) = decision.events
    (job,) = decision.jobs
    assert isinstance(event, a.AnalysisRequested)
    assert job.payload["analysis_id"] == str(event.analysis_id)


def test_the_same_version_against_the_same_releases_runs_once():
    begun = done(ASK)
    again = asked(ASK, *begun)
    assert (again.code, str(running(begun)) in again.detail) == ("analysis-running", True)
    other_version = ASK.model_copy(update={"version": 2})
    other_release = ASK.model_copy(update={"repositories": (RepositoryRef(repository_id=UUID(int=1), release=2),)})
    for different in (other_version, other_release):
        assert isinstance(asked(different, *begun), Accepted)


def test_a_result_tells_every_finding_and_ends_the_run(completed, report):
    recorded = [f for event in completed if isinstance(event, a.FindingsRecorded) for f in event.findings]
    assert tuple(recorded) == report.findings
    assert completed[-1].fingerprints == tuple(f.fingerprint for f in report.findings)
    assert isinstance(asked(ASK, *completed), Accepted)


def test_many_findings_travel_in_events_that_their_topic_takes(report):
    many = report.model_copy(
        update={
            "findings": tuple(report.findings[0].model_copy(update={"fingerprint": f"{n:064x}"}) for n in range(1000))
        }
    )
    begun = done(ASK)
    events = done(RecordAnalysis(running(begun), 1, many, STORED, ()), *begun)
    chunks = [event for event in events if isinstance(event, a.FindingsRecorded)]
    assert [(event.chunk, event.chunks) for event in chunks] == [(n, len(chunks)) for n in range(1, len(chunks) + 1)]
    assert len(chunks) > 1
    assert max(len(body_of(event)) for event in events) + 24 * 1024 < ANALYSIS.events.max_bytes


def test_a_cancelled_analysis_takes_no_result(report):
    begun = done(ASK)
    ident = running(begun)
    cancelled = done(a.CancelAnalysis(analysis_id=ident), *begun)
    assert asked(RecordAnalysis(ident, 1, report, STORED, ()), *cancelled).code == "not-running"
    assert asked(RecordAnalysisFailure(ident, 1, "internal-error", "why"), *cancelled).code == "not-running"
    assert asked(a.CancelAnalysis(analysis_id=ident), *cancelled).code == "not-running"


def test_a_failed_analysis_may_be_asked_for_again():
    begun = done(ASK)
    failed = done(RecordAnalysisFailure(running(begun), 1, "object-missing", "why"), *begun)
    assert isinstance(asked(ASK, *failed), Accepted)


@pytest.mark.parametrize("answer", [a.AcceptFinding, a.ModifyFinding, a.RejectFinding])
def test_a_finding_is_answered_once_and_again_when_it_was_reopened(completed, report, answer):
    given = answer(fingerprint=first(report), text="5 %", reason="No", comment="")
    answered = done(given, *completed)
    for other in (given, a.AcceptFinding(fingerprint=first(report))):
        assert asked(other, *answered).code == "already-answered"
    reopened = done(a.ReopenFinding(fingerprint=first(report)), *answered)
    assert asked(a.ReopenFinding(fingerprint=first(report)), *reopened).code == "already-open"
    assert isinstance(asked(given, *reopened), Accepted)


def test_an_answer_outlives_the_next_analysis(completed, report):
    answered = done(a.RejectFinding(fingerprint=first(report), reason="No"), *completed)
    begun = done(ASK, *answered)
    again = done(RecordAnalysis(running(begun), 1, report, STORED, ()), *begun)
    assert asked(a.AcceptFinding(fingerprint=first(report)), *again).code == "already-answered"


def test_who_may_answer_what(completed, report):
    assert asked(a.AcceptFinding(fingerprint="0" * 64), *completed).code == "unknown-finding"
    viewer = Actor(subject="vera", roles=("viewer",))
    assert asked(a.AcceptFinding(fingerprint=first(report)), *completed, actor=viewer).code == "forbidden"


def test_several_findings_are_answered_together_or_not_at_all(report):
    one, other = "1" * 16, "2" * 16
    found = tuple(report.findings[0].model_copy(update={"fingerprint": each}) for each in (one, other))
    begun = done(ASK)
    two = report.model_copy(update={"findings": found})
    completed = done(RecordAnalysis(running(begun), 1, two, STORED, ()), *begun)
    both = a.AnswerFindings(accept=(a.Remark(fingerprint=one),), reject=(a.Refusal(fingerprint=other, reason="No"),))
    answered = done(both, *completed)
    assert answered[len(completed) :] == (
        a.FindingAccepted(fingerprint=one, comment=""),
        a.FindingRejected(fingerprint=other, reason="No"),
    )
    assert asked(both, *answered).code == "already-answered"
    turned = a.AnswerFindings(reopen=(a.Remark(fingerprint=one),), modify=(a.Modification(fingerprint=one, text="5"),))
    assert [event.TYPE for event in done(turned, *answered)[len(answered) :]] == [
        "finding-reopened",
        "finding-modified",
    ]
    twice = a.AnswerFindings(accept=(a.Remark(fingerprint=one), a.Remark(fingerprint=one)))
    assert asked(twice, *completed).code == "already-answered"
    assert asked(a.AnswerFindings(), *completed).code == "nothing-to-do"


def member(number: int, version: int = 1) -> a.SuiteMember:
    return a.SuiteMember(document_id=UUID(int=number), version=version, title="Limits", markdown=STORED, ir=STORED)


SUITE = a.RequestSuiteAnalysis(version=3, members=(member(1), member(2)), repositories=ASK.repositories)


def test_the_request_for_a_suite_is_recorded_with_its_job():
    decision = asked(SUITE)
    (event,) = decision.events
    (job,) = decision.jobs
    assert isinstance(event, a.SuiteAnalysisRequested)
    assert event.members == SUITE.members
    assert job.kind == "analyse-suite"
    assert job.payload["analysis_id"] == str(event.analysis_id)


def test_the_same_versions_of_a_suite_run_once_and_a_newer_one_of_a_member_is_another_suite():
    begun = done(SUITE)
    assert asked(SUITE, *begun).code == "analysis-running"
    assert isinstance(asked(SUITE.model_copy(update={"members": (member(1), member(2, 2))}), *begun), Accepted)


def test_a_document_is_in_a_suite_once():
    assert asked(SUITE.model_copy(update={"members": (member(1), member(1, 2))})).code == "duplicate-member"


def test_the_result_of_a_suite_ends_its_run(report):
    begun = done(SUITE)
    ended = done(RecordAnalysis(running(begun), 3, report, STORED, ()), *begun)
    assert fold(ANALYSIS, Analyses(), ended).running == {}
    assert {f.fingerprint for f in report.findings} == set(fold(ANALYSIS, Analyses(), ended).findings)
