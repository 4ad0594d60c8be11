"""How absences are reported: one by one while they are few, together where a reader would drown in them.

A verdict is kept for every requirement; only the findings are joined. Requirements belong together when their ids share
all but their last part: `R6-15.1a` and `R6-15.2` are of `R6-15`. Packs of which a short document says little belong
together too: it is a text about something else, and its reader learns that once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
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
"""Sections of one pack of which a short document is silent, beyond which a single finding tells of all of them."""

Judged = Sequence[tuple[Assessment, Policy]]
"""One release's requirements, and what became of each."""
_Absences = list[tuple[Draft, PolicyRef, Policy]]


@dataclass(frozen=True)
class Report:
    draft: Draft
    origin: str
    policy: PolicyRef | None


def reported(document: Document, releases: Sequence[tuple[str, Judged]]) -> Iterator[Report]:
    """What the verdicts of the releases, each with its repository's name, add to the findings."""
    silent: dict[str, _Absences] = {}
    for repository, judged in releases:
        absent: dict[str, _Absences] = {}
        for assessment, policy in judged:
            if assessment.draft is None:
                continue
            if assessment.is_absence:
                absent.setdefault(section_of(policy.id), []).append(
                    (assessment.draft, assessment.verdict.policy, policy)
                )
            else:
                yield Report(assessment.draft, f"rule:{policy.id}", assessment.verdict.policy)
        if document.words < LONG_ENOUGH and (len(absent) > SECTIONS or _mostly_silent(judged)):
            silent[repository] = [item for items in absent.values() for item in items]
        else:
            for section, items in absent.items():
                yield from _told(document, f"{repository}, {section}", section, {repository: items})
    if silent:
        where = ", ".join(silent)
        yield from _told(document, where, where, silent)


def _mostly_silent(judged: Judged) -> bool:
    """Of what a pack asks, more is absent than is spoken of."""
    asked = [a for a, _ in judged if a.verdict.verdict not in {"not-applicable", "not-assessed"}]
    return 2 * sum(assessment.is_absence for assessment in asked) > len(asked)


def section_of(policy_id: str) -> str:
    return re.sub(r"[.-][^.-]*$", "", policy_id) or policy_id


def _told(document: Document, where: str, origin: str, absent: dict[str, _Absences]) -> Iterator[Report]:
    items = [item for of_pack in absent.values() for item in of_pack]
    if len(items) <= FEW:
        yield from (Report(draft, f"rule:{policy.id}", reference) for draft, reference, policy in items)
    else:
        yield Report(_joined(document, where, absent), f"rule:{origin}", None)


def _joined(document: Document, where: str, absent: dict[str, _Absences]) -> Draft:
    drafts, _, policies = zip(*(item for items in absent.values() for item in items), strict=True)
    first = min(drafts, key=lambda draft: SEVERITIES.index(draft.severity))
    texts = [policy.proposal.text for policy in policies if policy.proposal is not None]
    if len(absent) > 1:  # what a page of one thing lacks of several others is for the author to choose from
        texts = []
    return Draft(
        family=first.family,
        category=first.category,
        severity=first.severity,
        title=f"{where}: nothing stated on {len(policies)} requirements",
        explanation=f"The document says nothing about {_named(absent)}.",
        searched=tuple(dict.fromkeys(name for draft in drafts for name in draft.searched)),
        proposal=insert_after(document, len(document.markdown.rstrip()), "\n\n" + "\n\n".join(texts))
        if texts
        else None,
        confidence=first.confidence,
        decision=(f"requirements {where}", *(draft.decision[0] for draft in drafts)),
    )


def _named(absent: dict[str, _Absences]) -> str:
    if len(absent) > 1:
        return "; ".join(f"{len(items)} requirements of {repository}" for repository, items in absent.items())
    return "; ".join(f"{policy.id} {policy.title}" for items in absent.values() for _, _, policy in items)
