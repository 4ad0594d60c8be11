"""One analysis: annotate, check, assess, score. Pure and deterministic; no I/O beyond the cached lexicon, no clock."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar
from uuid import UUID

from docward.analyzer.analysis import absences, bounds, coverage, scores
from docward.analyzer.analysis.checks import CHECKS
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import KIND, Outcome
from docward.analyzer.analysis.findings import finding, grouped, ordered, told_once
from docward.analyzer.analysis.packs import lexicon_of
from docward.events.findings import AnalysisReport, Finding, PolicyRef
from docward.events.ir import Ir
from docward.events.policies import Policy

P = ParamSpec("P")
R = TypeVar("R")

ENGINE = "offline/8"
"""Goes into every report. Changes whenever the same input can give another report."""


@dataclass(frozen=True)
class Release:
    """The policies of one numbered release of a repository."""

    repository_id: UUID
    repository: str
    release: int
    policies: tuple[Policy, ...]


def uncollected(work: Callable[P, R]) -> Callable[P, R]:
    """Without Python's collector of cycles, which would walk all sentences again and again: an analysis makes none."""

    @wraps(work)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        collects = gc.isenabled()
        gc.disable()
        try:
            return work(*args, **kwargs)
        finally:
            if collects:
                gc.enable()

    return run


@uncollected
def analyse(ir: Ir, markdown: str, releases: Sequence[Release]) -> AnalysisReport:
    """Findings, a verdict for every policy, and scores. Raises ValueError when the IR was made from another text."""
    examined = examine(ir, markdown, releases)
    document, outcomes = examined.document, examined.outcomes
    own = examined.own
    verdicts = [bounds.bounded(assessment.verdict) for _, of_release in examined.judged for assessment, _ in of_release]
    findings = ordered([*own, *ruled(document, own, examined.judged)])
    return AnalysisReport(
        engine=ENGINE,
        findings=findings,
        verdicts=tuple(verdicts),
        self_containment=scores.self_containment(outcomes, findings),
        implementability=scores.implementability(findings),
        compliance=scores.compliance(verdicts),
        missing_documents=scores.missing_documents(document),
        external_dependencies=scores.external_dependencies(document, findings),
        gaps=scores.gaps(findings),
        texts={ir.document_id: ir.markdown_sha256},
    )


@dataclass(frozen=True)
class Examined:
    """What one document says for itself, before anything is made of it."""

    document: Document
    outcomes: dict[str, Outcome]
    """Of every check by its name."""
    own: tuple[Finding, ...]
    """Of the checks."""
    judged: tuple[tuple[str, absences.Judged], ...]
    """Each release's repository, its requirements, and what became of each."""


def examine(ir: Ir, markdown: str, releases: Sequence[Release]) -> Examined:
    """Raises ValueError when the IR was made from another text."""
    if ir.markdown_length != len(markdown) or hashlib.sha256(markdown.encode()).hexdigest() != ir.markdown_sha256:
        raise ValueError("the IR does not belong to this Markdown")
    document = Document(ir, markdown, lexicon_of(policy for release in releases for policy in release.policies))
    outcomes = _outcomes(document)
    drafts = [(name, draft) for name, outcome in outcomes.items() for draft in grouped(outcome.drafts)]
    own = [
        made
        for name, draft in told_once(document, drafts)
        if (made := finding(document, draft, f"check:{name}")) is not None
    ]
    return Examined(
        document=document,
        outcomes=outcomes,
        own=tuple(own),
        judged=tuple((release.repository, tuple(_assessments(document, release, outcomes))) for release in releases),
    )


def ruled(
    document: Document, own: Sequence[Finding], judged: Sequence[tuple[str, absences.Judged]]
) -> Iterator[Finding]:
    """What the verdicts add to the findings that the document has."""
    for report in absences.reported(document, judged):
        made = finding(document, report.draft, report.origin, report.policy)
        if made is not None and not _is_reported(made, own):
            yield made


def _outcomes(document: Document) -> dict[str, Outcome]:
    """Of every check by its name. In a text that is no specification, the others would only make noise."""
    kind = next(check for check in CHECKS if check.name == KIND).run(document)
    others = (check for check in CHECKS if check.name != KIND)
    return {KIND: kind, **{check.name: Outcome() if kind.drafts else check.run(document) for check in others}}


def _assessments(
    document: Document, release: Release, outcomes: Mapping[str, Outcome]
) -> Iterator[tuple[coverage.Assessment, Policy]]:
    for policy in release.policies:
        reference = PolicyRef(
            repository_id=release.repository_id,
            repository=release.repository,
            release=release.release,
            policy_id=policy.id,
        )
        yield coverage.assess(document, policy, reference, outcomes), policy


def _is_reported(candidate: Finding, own: Sequence[Finding]) -> bool:
    """A check has said the same about the same words: an incomplete requirement would only repeat it."""
    told = {candidate.family} if candidate.family in {"NEG", "SCH"} else {"VAL", "GOV", "AMB"}
    return candidate.family in {"VAL", "GOV", "COV", "NEG", "SCH"} and any(
        (other.family in told and a.span.start < b.span.end and b.span.start < a.span.end)
        or (candidate.family == other.family == "VAL" and a.section_id == b.section_id)
        for other in own
        for a in candidate.quotes
        for b in other.quotes
    )
