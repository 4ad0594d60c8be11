"""One analysed version of a document, or of a suite of documents, and how each of its findings stands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from docward.events.analyses import FindingStatus
from docward.events.findings import AnalysisReport, Finding, Severity, Verdict, VerdictKind

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")

SUITE = "suite"
"""What stands for the files of a suite."""


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
    """One text that quotes are from: the document itself, or a document of the suite."""

    document_id: str
    file: str
    title: str
    sha256: str
    """Of the file."""
    markdown: str
    markdown_sha256: str
    media_type: str = "text/markdown"
    version: int | None = None
    converter: str = ""

    @property
    def is_text(self) -> bool:
        """Whether the file is the Markdown itself, so that lines and columns mean something to its reader."""
        return self.media_type == "text/markdown"


@dataclass(frozen=True)
class Reviewed:
    title: str
    document_id: str
    """Or the group's id."""
    analysis_id: str
    report: AnalysisReport
    parts: tuple[Part, ...]
    """The document's text, or those of the suite's documents, the leading one first: what findings may quote."""
    is_suite: bool = False
    analysed_at: str = ""
    releases: tuple[Release, ...] = ()
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """By fingerprint."""
    failed_requirements: frozenset[str] = frozenset()
    """Keys of the requirements whose verdict a build must not go on with."""

    @property
    def name(self) -> str:
        """The file as it was named; of a suite what stands for its files."""
        return SUITE if self.is_suite else self.parts[0].file

    @property
    def sha256(self) -> str:
        """Of the file; of a suite the hash of its files' hashes."""
        return _together(part.sha256 for part in self.parts) if self.is_suite else self.parts[0].sha256

    @property
    def markdown_sha256(self) -> str:
        hashes = [part.markdown_sha256 for part in self.parts]
        return _together(hashes) if self.is_suite else hashes[0]

    def standing(self, finding: Finding) -> Standing:
        return self.standings.get(finding.fingerprint, Standing())

    def fails(self, verdict: Verdict) -> bool:
        return requirement_key(verdict) in self.failed_requirements

    def place(self, document_id: UUID | None) -> int:
        """Which of the parts: that of the id, the first one where nothing is named."""
        ids = [part.document_id for part in self.parts]
        return 0 if document_id is None else ids.index(str(document_id))


def _together(hashes: Iterable[str]) -> str:
    """Of the hashes, one in each line."""
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def compliance(stated: str | None, verdicts: Iterable[VerdictKind]) -> str:
    """What an analysis says of compliance, or why it says nothing."""
    if stated is not None:
        return stated
    why = "no MUST requirement applies to it" if any(verdicts) else "no repository is assigned"
    return f"no statement, because {why}"


def requirement_key(verdict: Verdict) -> str:
    """`repository/policy`: identity across releases."""
    return f"{verdict.policy.repository}/{verdict.policy.policy_id}"
