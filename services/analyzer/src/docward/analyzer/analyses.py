"""The Analysis aggregate: one stream per document or document group, with its analyses, their findings and the feedback
on them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from docward.events import analyses as a
from docward.events.findings import AnalysisReport
from docward.events.messages import Command, Event, ObjectRef, RepositoryRef, Value, derived_id
from docward.events.topics import ANALYSIS_COMMANDS, ANALYSIS_EVENTS
from docward.runtime.aggregates import Aggregate, Decision, JobSpec, Rejected, Request, accepted, chunked

ANALYSE, ANALYSE_SUITE = "analyse", "analyse-suite"
CHUNK_BYTES = 128 * 1024
"""Of findings or verdicts in one event, so that it stays well under the topic's limit."""

Release = tuple[UUID, int | None]


@dataclass(frozen=True, slots=True)
class Running:
    version: int
    repositories: frozenset[Release]
    members: frozenset[tuple[UUID, int]] = frozenset()
    """Of a suite: its documents and their versions."""


@dataclass(frozen=True, slots=True)
class Analyses:
    running: dict[UUID, Running] = field(default_factory=dict)
    findings: dict[str, a.FindingStatus] = field(default_factory=dict)
    """Fingerprint to what people have said of it."""


# Internal commands: decided when a job completes, never on a topic.


@dataclass(frozen=True, slots=True)
class RecordAnalysis:
    analysis_id: UUID
    version: int
    report: AnalysisReport
    stored: ObjectRef
    releases: tuple[a.ReleaseUsed, ...]


@dataclass(frozen=True, slots=True)
class RecordAnalysisFailure:
    analysis_id: UUID
    version: int
    reason: a.AnalysisFailure
    detail: str


class AnalysePayload(Value):
    """Of an `analyse` job."""

    analysis_id: UUID
    version: int
    markdown: ObjectRef
    ir: ObjectRef
    repositories: tuple[RepositoryRef, ...]
    focus: tuple[str, ...]


class SuitePayload(Value):
    """Of an `analyse-suite` job."""

    analysis_id: UUID
    version: int
    members: tuple[a.SuiteMember, ...]
    repositories: tuple[RepositoryRef, ...]
    focus: tuple[str, ...]


def decide(analyses: Analyses, command: Any, request: Request) -> Decision:
    match command:
        case a.RequestAnalysis() | a.RequestSuiteAnalysis():
            return _request(analyses, command, request)
        case a.CancelAnalysis(analysis_id=ident):
            if not request.actor.has("contributor"):
                return Rejected("forbidden", "cancelling an analysis needs the role contributor")
            if ident not in analyses.running:
                return Rejected("not-running", f"analysis {ident} is not running")
            return accepted(a.AnalysisCancelled(analysis_id=ident, version=analyses.running[ident].version))
        case RecordAnalysis():
            return _record(analyses, command)
        case RecordAnalysisFailure(analysis_id=ident, version=version, reason=reason, detail=detail):
            if ident not in analyses.running:
                return Rejected("not-running", "the analysis was cancelled meanwhile")
            return accepted(a.AnalysisFailed(analysis_id=ident, version=version, reason=reason, detail=detail))
    return _answer(analyses, command, request)


def _request(analyses: Analyses, command: a.RequestAnalysis | a.RequestSuiteAnalysis, request: Request) -> Decision:
    for ident, running in analyses.running.items():
        if running == _run(command):
            detail = f"analysis {ident} of version {command.version} against the same releases is running"
            return Rejected("analysis-running", detail)
    if command.model is not None:
        return Rejected("not-available", "this release analyses offline only: leave the model out")
    ident = derived_id("analysis", request.command_id)
    if isinstance(command, a.RequestSuiteAnalysis):
        return _of_suite(ident, command)
    event = a.AnalysisRequested(
        analysis_id=ident,
        version=command.version,
        markdown=command.markdown,
        ir=command.ir,
        repositories=command.repositories,
        engine=command.engine,
        focus=command.focus,
        model=command.model,
    )
    return accepted(event, jobs=[_job(ANALYSE, AnalysePayload, event)])


def _of_suite(ident: UUID, command: a.RequestSuiteAnalysis) -> Decision:
    if len({member.document_id for member in command.members}) < len(command.members):
        return Rejected("duplicate-member", "a document is in the suite more than once")
    event = a.SuiteAnalysisRequested(
        analysis_id=ident,
        version=command.version,
        members=command.members,
        repositories=command.repositories,
        engine=command.engine,
        focus=command.focus,
        model=command.model,
    )
    return accepted(event, jobs=[_job(ANALYSE_SUITE, SuitePayload, event)])


def _job(kind: str, payload: type[Value], event: Event) -> JobSpec:
    """A job works with what its event says."""
    return JobSpec(kind, event.model_dump(mode="json", include=set(payload.model_fields)))


def _run(
    asked: a.RequestAnalysis | a.RequestSuiteAnalysis | a.AnalysisRequested | a.SuiteAnalysisRequested,
) -> Running:
    suite = asked.members if isinstance(asked, a.RequestSuiteAnalysis | a.SuiteAnalysisRequested) else ()
    members = frozenset((member.document_id, member.version) for member in suite)
    return Running(asked.version, frozenset((r.repository_id, r.release) for r in asked.repositories), members)


def _record(analyses: Analyses, command: RecordAnalysis) -> Decision:
    if command.analysis_id not in analyses.running:
        return Rejected("not-running", "the analysis was cancelled meanwhile")
    report, ident, version = command.report, command.analysis_id, command.version
    findings = chunked(report.findings, CHUNK_BYTES)
    verdicts = chunked(report.verdicts, CHUNK_BYTES)
    events: list[Event] = [
        a.FindingsRecorded(analysis_id=ident, version=version, chunk=n, chunks=len(findings), findings=part)
        for n, part in enumerate(findings, start=1)
    ]
    events += [
        a.VerdictsRecorded(analysis_id=ident, version=version, chunk=n, chunks=len(verdicts), verdicts=part)
        for n, part in enumerate(verdicts, start=1)
    ]
    events.append(
        a.AnalysisCompleted(
            analysis_id=ident,
            version=version,
            engine=report.engine,
            releases=command.releases,
            findings=dict(Counter(finding.severity for finding in report.findings)),
            verdicts=dict(Counter(verdict.verdict for verdict in report.verdicts)),
            fingerprints=tuple(finding.fingerprint for finding in report.findings),
            compliance=report.compliance,
            self_containment=report.self_containment,
            implementability=report.implementability,
            report=command.stored,
        )
    )
    return accepted(*events)


def _answer(analyses: Analyses, command: Any, request: Request) -> Decision:
    """A person's answer to a finding, or to several: an answer to an answered one is a rejection, nobody overrules
    unseen; of several answers all are given or none is."""
    if not request.actor.has("contributor"):
        return Rejected("forbidden", "answering a finding needs the role contributor")
    answers = _each(command) if isinstance(command, a.AnswerFindings) else [command]
    if not answers:
        return Rejected("nothing-to-do", "there is no answer in it")
    events: list[Event] = []
    for answer in answers:
        event = _answer_one(analyses, answer)
        if isinstance(event, Rejected):
            return event
        events.append(event)
        analyses = evolve(analyses, event)
    return accepted(*events)


def _each(command: a.AnswerFindings) -> list[Command]:
    return [
        *(a.ReopenFinding(fingerprint=one.fingerprint, comment=one.comment) for one in command.reopen),
        *(a.AcceptFinding(fingerprint=one.fingerprint, comment=one.comment) for one in command.accept),
        *(a.ModifyFinding(fingerprint=one.fingerprint, text=one.text, comment=one.comment) for one in command.modify),
        *(a.RejectFinding(fingerprint=one.fingerprint, reason=one.reason) for one in command.reject),
    ]


def _answer_one(analyses: Analyses, command: Any) -> Event | Rejected:
    fingerprint = command.fingerprint
    status = analyses.findings.get(fingerprint)
    if status is None:
        return Rejected("unknown-finding", f"there is no finding {fingerprint}")
    match command:
        case a.ReopenFinding():
            if status == "open":
                return Rejected("already-open", f"the finding {fingerprint} is open")
            return a.FindingReopened(fingerprint=fingerprint, comment=command.comment)
        case _ if status != "open":
            return Rejected("already-answered", f"the finding {fingerprint} is {status}: reopen it first")
        case a.AcceptFinding():
            return a.FindingAccepted(fingerprint=fingerprint, comment=command.comment)
        case a.ModifyFinding(text=text, comment=comment):
            return a.FindingModified(fingerprint=fingerprint, text=text, comment=comment)
        case a.RejectFinding(reason=reason):
            return a.FindingRejected(fingerprint=fingerprint, reason=reason)
    raise TypeError(f"not a command of an analysis: {type(command).__name__}")


def evolve(analyses: Analyses, event: Any) -> Analyses:
    match event:
        case a.AnalysisRequested() | a.SuiteAnalysisRequested():
            return replace(analyses, running={**analyses.running, event.analysis_id: _run(event)})
        case a.FindingsRecorded():
            new: dict[str, a.FindingStatus] = {finding.fingerprint: "open" for finding in event.findings}
            return replace(analyses, findings={**new, **analyses.findings})
        case a.AnalysisCompleted() | a.AnalysisFailed() | a.AnalysisCancelled():
            running = {ident: r for ident, r in analyses.running.items() if ident != event.analysis_id}
            return replace(analyses, running=running)
        case a.FindingAccepted():
            return _answered(analyses, event.fingerprint, "accepted")
        case a.FindingModified():
            return _answered(analyses, event.fingerprint, "modified")
        case a.FindingRejected():
            return _answered(analyses, event.fingerprint, "rejected")
        case a.FindingReopened():
            return _answered(analyses, event.fingerprint, "open")
    return analyses


def _answered(analyses: Analyses, fingerprint: str, status: a.FindingStatus) -> Analyses:
    return replace(analyses, findings={**analyses.findings, fingerprint: status})


ANALYSIS = Aggregate("analysis", ANALYSIS_COMMANDS, ANALYSIS_EVENTS, Analyses(), evolve, decide)
