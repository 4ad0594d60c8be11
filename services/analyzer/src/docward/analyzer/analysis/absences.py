"""How absences are reported: one by one while they are few, together where a reader would drown in them.

A verdict is kept for every requirement; only the findings are joined. Requirements belong together when their ids share
all but their last part: `R6-15.1a` and `R6-15.2` are of `R6-15`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from docward.analyzer.analysis.coverage import Assessment
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import LONG_ENOUGH, Draft, insert_after
from docward.analyzer.analysis.findings import SEVERITIES
from docward.events.findings import PolicyRef
from docward.events.policies import Policy

FEW = 2
"""Absences of one section of a pack that a person still reads one by one."""
SECTIONS = 5
"""Joined absences of one pack in a short document, beyond which it gets a single one."""


@dataclass(frozen=True)
class Report:
    draft: Draft
    origin: str
    policy: PolicyRef | None


def reported(document: Document, repository: str, judged: Sequence[tuple[Assessment, Policy]]) -> Iterator[Report]:
    """What the verdicts of one repository's release add to the findings."""
    absent: dict[str, list[tuple[Draft, PolicyRef, Policy]]] = {}
    for assessment, policy in judged:
        if assessment.draft is None:
            continue
        if assessment.is_absence:
            absent.setdefault(section_of(policy.id), []).append((assessment.draft, assessment.verdict.policy, policy))
        else:
            yield Report(assessment.draft, f"rule:{policy.id}", assessment.verdict.policy)
    if document.words < LONG_ENOUGH and len(absent) > SECTIONS:
        absent = {repository: [item for items in absent.values() for item in items]}
    for section, items in absent.items():
        if len(items) <= FEW:
            yield from (Report(draft, f"rule:{policy.id}", reference) for draft, reference, policy in items)
        else:
            yield Report(_joined(document, repository, section, items), f"rule:{section}", None)


def section_of(policy_id: str) -> str:
    return re.sub(r"[.-][^.-]*$", "", policy_id) or policy_id


def _joined(
    document: Document, repository: str, section: str, items: Iterable[tuple[Draft, PolicyRef, Policy]]
) -> Draft:
    drafts, _, policies = zip(*items, strict=True)
    first = min(drafts, key=lambda draft: SEVERITIES.index(draft.severity))
    texts = [policy.proposal.text for policy in policies if policy.proposal is not None]
    named = "; ".join(f"{policy.id} {policy.title}" for policy in policies)
    where = repository if section == repository else f"{repository}, {section}"
    return Draft(
        family=first.family,
        category=first.category,
        severity=first.severity,
        title=f"{where}: nothing stated on {len(policies)} requirements",
        explanation=f"The document says nothing about: {named}.",
        searched=tuple(dict.fromkeys(name for draft in drafts for name in draft.searched)),
        proposal=insert_after(document, len(document.markdown.rstrip()), "\n\n" + "\n\n".join(texts))
        if texts
        else None,
        confidence=first.confidence,
        decision=(f"requirements {where}", *(draft.decision[0] for draft in drafts)),
    )
