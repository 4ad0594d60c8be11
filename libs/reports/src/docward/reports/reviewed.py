"""One analysed version of a document, and how each of its findings stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from docward.events.analyses import FindingStatus
from docward.events.findings import AnalysisReport, Finding, Severity, Verdict

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")


@dataclass(frozen=True)
class Release:
    """Of a policy repository, as the analysis used it."""

    repository: str
    number: int
    sha256: str


@dataclass(frozen=True)
class Standing:
    """Of a finding: what people decided, since when it is known, and whether a build may go on with it."""

    status: FindingStatus = "open"
    reason: str = ""
    """Why it was rejected, or another remark of whoever decided."""
    first_seen: str = ""
    last_seen: str = ""
    """Ids of analyses."""
    is_new: bool | None = None
    """Not in the baseline; None where there is none to compare with."""
    fails: bool = False


@dataclass(frozen=True)
class Part:
    """Of a suite: one of its documents, as quotes name it."""

    document_id: str
    file: str
    title: str
    sha256: str


@dataclass(frozen=True)
class Reviewed:
    name: str
    """The file as it was named, or the document's file name."""
    title: str
    document_id: str
    analysis_id: str
    sha256: str
    """Of the file."""
    markdown: str
    markdown_sha256: str
    report: AnalysisReport
    version: int | None = None
    media_type: str = "text/markdown"
    converter: str = ""
    analysed_at: str = ""
    releases: tuple[Release, ...] = ()
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """By fingerprint."""
    failed_requirements: frozenset[str] = frozenset()
    """Keys of the requirements whose verdict a build must not go on with."""
    members: tuple[Part, ...] = ()
    """Of a suite; empty for a document."""

    def standing(self, finding: Finding) -> Standing:
        return self.standings.get(finding.fingerprint, Standing())

    def fails(self, verdict: Verdict) -> bool:
        return requirement_key(verdict) in self.failed_requirements

    @property
    def is_text(self) -> bool:
        """Whether the file is the Markdown itself, so that lines and columns mean something to its reader."""
        return self.media_type == "text/markdown"


def requirement_key(verdict: Verdict) -> str:
    """`repository/policy`: identity across releases."""
    return f"{verdict.policy.repository}/{verdict.policy.policy_id}"
