"""Analyses of a document or of a document group, with their findings and the feedback on them.

Stream `analysis:<the document's or group's id>`.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from docward.events.findings import (
    Compliance,
    Finding,
    Implementability,
    SelfContainment,
    Severity,
    Verdict,
)
from docward.events.groups import MAX_MEMBERS
from docward.events.messages import Command, Event, Number, ObjectRef, RepositoryRef, Sha256, Value

FindingStatus = Literal["open", "accepted", "modified", "rejected", "resolved"]
AnalysisFailure = Literal["object-missing", "hash-mismatch", "unknown-repository", "unknown-release", "internal-error"]


class ReleaseUsed(Value):
    repository_id: UUID
    repository: str
    release: int
    sha256: Sha256


# Commands


class RequestAnalysis(Command):
    """Analyse a converted version. Its Markdown and IR travel by reference: the analyzer asks nobody else for them."""

    version: Number
    markdown: ObjectRef
    ir: ObjectRef
    repositories: tuple[RepositoryRef, ...] = ()
    engine: Literal["offline"] = "offline"
    focus: tuple[str, ...] = ()
    """Check families to run; empty: all."""
    model: str | None = None


class SuiteMember(Value):
    """A converted version of a document, as part of a suite."""

    document_id: UUID
    version: Number
    title: str = Field(max_length=255)
    filename: str = Field(default="", max_length=255)
    markdown: ObjectRef
    ir: ObjectRef


class RequestSuiteAnalysis(Command):
    """Analyse the members of a document group as one suite, the primary one first."""

    version: Number
    """Of the group's stream, when these were its members."""
    members: tuple[SuiteMember, ...] = Field(min_length=1, max_length=MAX_MEMBERS)
    repositories: tuple[RepositoryRef, ...] = ()
    engine: Literal["offline"] = "offline"
    focus: tuple[str, ...] = ()
    """Check families to run; empty: all."""
    model: str | None = None


class CancelAnalysis(Command):
    analysis_id: UUID


class AcceptFinding(Command):
    fingerprint: str
    comment: str = Field(default="", max_length=2000)


class ModifyFinding(Command):
    """Accept the finding with another replacement text than the proposed one."""

    fingerprint: str
    text: str = Field(min_length=1, max_length=20_000)
    comment: str = Field(default="", max_length=2000)


class RejectFinding(Command):
    fingerprint: str
    reason: str = Field(min_length=1, max_length=2000)


class ReopenFinding(Command):
    fingerprint: str
    comment: str = Field(default="", max_length=2000)


class Remark(Value):
    """To accept a finding, or to reopen it."""

    fingerprint: str
    comment: str = Field(default="", max_length=2000)


class Modification(Remark):
    text: str = Field(min_length=1, max_length=20_000)


class Refusal(Value):
    fingerprint: str
    reason: str = Field(min_length=1, max_length=2000)


class AnswerFindings(Command):
    """Answer several findings at once: all of these answers are given, or none is."""

    accept: tuple[Remark, ...] = ()
    modify: tuple[Modification, ...] = ()
    reject: tuple[Refusal, ...] = ()
    reopen: tuple[Remark, ...] = ()


# Events


class AnalysisRequested(Event):
    analysis_id: UUID
    version: int
    markdown: ObjectRef
    ir: ObjectRef
    repositories: tuple[RepositoryRef, ...]
    engine: str
    focus: tuple[str, ...]
    model: str | None


class SuiteAnalysisRequested(Event):
    analysis_id: UUID
    version: int
    members: tuple[SuiteMember, ...]
    repositories: tuple[RepositoryRef, ...]
    engine: str
    focus: tuple[str, ...]
    model: str | None


class FindingsRecorded(Event):
    """Chunk `chunk` of `chunks` (from 1) of the findings of an analysis."""

    analysis_id: UUID
    version: int
    chunk: int = Field(ge=1)
    chunks: int = Field(ge=1)
    findings: tuple[Finding, ...]


class VerdictsRecorded(Event):
    """Chunk `chunk` of `chunks` (from 1) of the verdicts of an analysis: one per policy of every release it used."""

    analysis_id: UUID
    version: int
    chunk: int = Field(ge=1)
    chunks: int = Field(ge=1)
    verdicts: tuple[Verdict, ...]


class AnalysisCompleted(Event):
    """The last event of a successful analysis; findings of the document that it did not see again are resolved."""

    analysis_id: UUID
    version: int
    engine: str
    releases: tuple[ReleaseUsed, ...]
    findings: dict[Severity, int]
    verdicts: dict[str, int]
    fingerprints: tuple[str, ...]
    """Of all findings of this analysis."""
    compliance: Compliance | None
    self_containment: SelfContainment
    implementability: Implementability
    report: ObjectRef


class AnalysisFailed(Event):
    analysis_id: UUID
    version: int
    reason: AnalysisFailure
    detail: str


class AnalysisCancelled(Event):
    analysis_id: UUID
    version: int


class FindingAccepted(Event):
    fingerprint: str
    comment: str


class FindingModified(Event):
    fingerprint: str
    text: str
    comment: str


class FindingRejected(Event):
    fingerprint: str
    reason: str


class FindingReopened(Event):
    fingerprint: str
    comment: str
