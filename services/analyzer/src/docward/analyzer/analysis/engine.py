"""One analysis: annotate, check, assess, score. Pure and deterministic; no I/O beyond the cached lexicon, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from docward.analyzer.analysis import coverage, scores
from docward.analyzer.analysis.checks import CHECKS
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Outcome
from docward.analyzer.analysis.findings import finding, ordered
from docward.analyzer.analysis.packs import bundled_lexicon
from docward.events.findings import AnalysisReport, Finding, PolicyRef, Verdict
from docward.events.ir import Ir
from docward.events.policies import Policy

ENGINE = "offline/1"
"""Goes into every report. Changes whenever the same input can give another report."""


@dataclass(frozen=True)
class Release:
    """The policies of one numbered release of a repository."""

    repository_id: UUID
    repository: str
    release: int
    applies_if: tuple[str, ...]
    """Concepts of which one must occur in the document for the release to apply; empty: it always applies."""
    policies: tuple[Policy, ...]


def analyse(ir: Ir, markdown: str, releases: Sequence[Release]) -> AnalysisReport:
    """Findings, a verdict for every policy, and scores. Raises ValueError when the IR was made from another text."""
    if ir.markdown_length != len(markdown) or hashlib.sha256(markdown.encode()).hexdigest() != ir.markdown_sha256:
        raise ValueError("the IR does not belong to this Markdown")
    document = Document(ir, markdown, bundled_lexicon())
    outcomes = {check.name: check.run(document) for check in CHECKS}
    own = [
        made
        for name, outcome in outcomes.items()
        for draft in outcome.drafts
        if (made := finding(document, draft, f"check:{name}")) is not None
    ]
    verdicts: list[Verdict] = []
    ruled: list[Finding] = []
    for assessment, policy in _assessments(document, releases, outcomes):
        verdicts.append(assessment.verdict)
        if assessment.draft is not None:
            candidate = finding(document, assessment.draft, f"rule:{policy.id}", assessment.verdict.policy)
            if candidate is not None and not _is_reported(candidate, own):
                ruled.append(candidate)
    findings = ordered([*own, *ruled])
    return AnalysisReport(
        engine=ENGINE,
        findings=findings,
        verdicts=tuple(verdicts),
        self_containment=scores.self_containment(outcomes),
        implementability=scores.implementability(findings),
        compliance=scores.compliance(verdicts),
        missing_documents=scores.missing_documents(document),
        external_dependencies=scores.external_dependencies(document, findings),
        gaps=scores.gaps(findings),
    )


def _assessments(
    document: Document, releases: Sequence[Release], outcomes: Mapping[str, Outcome]
) -> Iterator[tuple[coverage.Assessment, Policy]]:
    for release in releases:
        applies = not release.applies_if or bool(document.concepts & set(release.applies_if))
        for policy in release.policies:
            reference = PolicyRef(
                repository_id=release.repository_id,
                repository=release.repository,
                release=release.release,
                policy_id=policy.id,
            )
            yield coverage.assess(document, policy, reference, outcomes, applies=applies), policy


def _is_reported(candidate: Finding, own: Sequence[Finding]) -> bool:
    """A check has said the same about the same words: an incomplete requirement would only repeat it."""
    return candidate.family in {"VAL", "GOV", "COV"} and any(
        (other.family in {"VAL", "GOV", "AMB"} and a.span.start < b.span.end and b.span.start < a.span.end)
        or (candidate.family == other.family == "VAL" and a.section_id == b.section_id)
        for other in own
        for a in candidate.quotes
        for b in other.quotes
    )
