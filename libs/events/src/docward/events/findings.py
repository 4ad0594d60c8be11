"""What an analysis says: findings with exact quotes, a verdict per policy, scores with their arithmetic."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import Field

from docward.events.ir import Span
from docward.events.messages import Sha256, Value

Severity = Literal["critical", "high", "medium", "low", "info"]
Category = Literal[
    "missing-reference",
    "undefined-parameter",
    "incomplete-formula",
    "ambiguous-methodology",
    "external-dependency",
    "assumption-required",
    "inconsistent-content",
    "missing-governance",
    "data-source-unspecified",
    "compliance-gap",
    "market-calendar",
    "implementation-precision",
]
Family = Literal[
    "COV",
    "VAL",
    "NUM",
    "CON",
    "TRM",
    "XRF",
    "CIT",
    "FML",
    "CAL",
    "IMP",
    "AMB",
    "GOV",
    "DOC",
    "SCH",
    "NEG",
    "DUP",
    "SRC",
]
"""SRC: an input whose data source is not named."""
VerdictKind = Literal["covered", "partial", "contradicted", "missing", "not-applicable", "not-assessed"]
Level = Literal["MUST", "SHOULD", "MAY"]
Compliance = Literal["compliant", "partial", "non-compliant"]


def _is_none(value: object) -> bool:
    return value is None


class Quote(Value):
    """Words of the document: `markdown[span.start:span.end] == text`, verified when the finding was made."""

    text: str
    span: Span
    section_id: str | None = None
    section: str | None = None
    """Number and title of the section, as a person would cite it."""
    page: int | None = None
    document_id: UUID | None = Field(default=None, exclude_if=_is_none)
    """In the analysis of a suite: the member whose words these are. Written only there."""


class PolicyRef(Value):
    repository_id: UUID
    repository: str
    release: int
    policy_id: str


class ProposedChange(Value):
    """An exact edit of the version that was analysed. `original` is what stands at `span` (empty for an insertion)."""

    document_id: UUID | None = Field(default=None, exclude_if=_is_none)
    """In the analysis of a suite: the member that it changes. Written only there."""

    span: Span
    original: str
    replacement: str
    slots: tuple[str, ...] = ()
    """Names of the `{…}` in `replacement` that only a person can fill."""


class Finding(Value):
    fingerprint: str
    """Identity across analyses of the document (category, policy and normalised evidence or searched place)."""
    family: Family
    category: Category
    severity: Severity
    title: str
    explanation: str
    quotes: tuple[Quote, ...] = ()
    searched: tuple[str, ...] = ()
    """For something absent: the sections (number and title) that were searched; never empty when `quotes` is."""
    policy: PolicyRef | None = None
    proposal: ProposedChange | None = None
    confidence: float = Field(ge=0, le=1)
    origin: str
    """`check:<name>`, `rule:<policy>` or `model:<provider>/<model>/<prompt version>`."""
    decision: tuple[str, ...] = ()
    """The path to it: which pattern matched, which facet failed."""


class FacetResult(Value):
    id: str
    met: bool
    note: str = ""


class Verdict(Value):
    policy: PolicyRef
    level: Level
    title: str
    citation: str = ""
    verdict: VerdictKind
    explanation: str
    quotes: tuple[Quote, ...] = ()
    searched: tuple[str, ...] = ()
    facets: tuple[FacetResult, ...] = ()


class MissingDocument(Value):
    name: str
    referenced_at: tuple[Quote, ...]
    purpose: str = ""
    criticality: Severity = "medium"


class ExternalDependency(Value):
    name: str
    kind: Literal["data-feed", "vendor", "system", "database", "api"]
    unspecified: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] = ()


class ImplementationGap(Value):
    title: str
    needed: str
    quotes: tuple[Quote, ...] = ()


class ScorePart(Value):
    name: str
    value: float = Field(ge=0, le=1)
    weight: float = Field(ge=0)
    explanation: str


class SelfContainment(Value):
    """`score` = Σ value·weight / Σ weight over `parts`."""

    score: float = Field(ge=0, le=1)
    parts: tuple[ScorePart, ...]


class Implementability(Value):
    verdict: Literal["implementable", "with-assumptions", "not-implementable"]
    explanation: str
    blocking: tuple[str, ...] = ()
    """Fingerprints of the findings in the way."""


class AnalysisReport(Value):
    """The pure result of one analysis. Same input, same engine: the same report, byte for byte."""

    schema_version: Literal["report.v1"] = "report.v1"
    engine: str
    findings: tuple[Finding, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    self_containment: SelfContainment
    implementability: Implementability
    compliance: Compliance | None = None
    """None: no repository was assigned, and silence is never compliance."""
    missing_documents: tuple[MissingDocument, ...] = ()
    external_dependencies: tuple[ExternalDependency, ...] = ()
    gaps: tuple[ImplementationGap, ...] = ()
    texts: dict[str, Sha256] = Field(default_factory=dict)
    """By id of the document: the hash of the Markdown that was read. Empty in reports of before it was told."""
