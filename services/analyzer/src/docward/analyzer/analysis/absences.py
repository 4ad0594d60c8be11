"""How verdicts are reported: one by one while they are few, together where a reader would drown in them.

A verdict is kept for every requirement; only the findings are joined. Absences belong together when the ids of their
requirements share all but their last part: `R6-15.1a` and `R6-15.2` are of `R6-15`. Where a pack finds more than a few
such sections absent, or requirements that a text only touches upon, they are one finding that all such packs share.
What several requirements, of one pack or of several, find wanting in one sentence is one finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from docward.analyzer.analysis.coverage import Assessment
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import LONG_ENOUGH, Draft, insert_after
from docward.analyzer.analysis.findings import SEVERITIES
from docward.events.findings import PolicyRef
from docward.events.ir import Span
from docward.events.policies import Policy

FEW = 2
"""Of one pack: absent sections, and requirements half met in passing, that are told one by one."""
SECTIONS = 5
"""The same of a short document, with all requirements that it half meets: beyond it, one finding tells of all."""

NAMED = 8
"""Of one pack among several: absent requirements that are told by name."""

Judged = Sequence[tuple[Assessment, Policy]]
"""One release's requirements, and what became of each."""
_Items = list[tuple[Draft, PolicyRef, Policy]]


@dataclass(frozen=True)
class Report:
    draft: Draft
    origin: str
    policy: PolicyRef | None


def reported(document: Document, releases: Sequence[tuple[str, Judged]]) -> Iterator[Report]:
    """What the verdicts of the releases, each with its repository's name, add to the findings."""
    together: dict[str, _Items] = {}
    silent: set[str] = set()
    contradicted: _Items = []
    partial: _Items = []
    in_tables: _Items = []
    sections: dict[str, dict[str, _Items]] = {}
    for repository, judged in releases:
        absent, passing, half_met, opposed = _sorted(judged)
        contradicted += opposed
        in_tables += _in_tables(judged)
        if _mostly_silent(judged):
            silent.add(repository)
        told = len(absent) + len(passing)
        little = [*(item for items in absent.values() for item in items), *passing]
        if document.words < LONG_ENOUGH and (repository in silent or told + len(half_met) > SECTIONS):
            together[repository] = [*little, *half_met]
        elif told <= FEW:
            partial += [*half_met, *passing]
            sections[repository] = absent
        else:
            partial += half_met
            together[repository] = little
    yield from _by_sentence(contradicted)
    yield from _by_sentence(partial)
    yield from _by_sentence(in_tables)
    for repository, absent in sections.items():
        is_other = document.words < LONG_ENOUGH or repository in silent
        if together and absent and is_other:  # the reader of another text learns that once
            together[repository] = [item for items in absent.values() for item in items]
            continue
        for section, items in absent.items():
            yield from _told(document, f"{repository}, {section}", section, {repository: items})
    together = {repository: items for repository, items in together.items() if items}
    if together:
        where = ", ".join(together)
        yield from _told(document, where, where, together)


def _in_tables(judged: Judged) -> _Items:
    """What a table lacks is precise however little else the document says: it is never told together with the rest."""
    return [
        (a.draft, a.verdict.policy, policy) for a, policy in judged if a.draft is not None and a.draft.family == "SCH"
    ]


def _sorted(judged: Judged) -> tuple[dict[str, _Items], _Items, _Items, _Items]:
    """Absences by section, what is half met in passing, what is half met where it belongs, what is contradicted."""
    absent: dict[str, _Items] = {}
    passing: _Items = []
    half_met: _Items = []
    opposed: _Items = []
    for assessment, policy in judged:
        if assessment.draft is None or assessment.draft.family == "SCH":
            continue
        item = (assessment.draft, assessment.verdict.policy, policy)
        if assessment.is_absence:
            absent.setdefault(section_of(policy.id), []).append(item)
        elif assessment.verdict.verdict != "partial":
            opposed.append(item)
        else:
            (passing if assessment.is_in_passing else half_met).append(item)
    return absent, passing, half_met, opposed


def _by_sentence(items: _Items) -> Iterator[Report]:
    """One finding per sentence; it stands for the first of the most severe requirements, and names the others."""
    groups: dict[Span, _Items] = {}
    for item in items:
        groups.setdefault(item[0].spans[0], []).append(item)
    for group in groups.values():
        (draft, reference, policy), *others = sorted(group, key=lambda item: SEVERITIES.index(item[0].severity))
        if others:
            named = "; ".join(f"{r.repository} {p.id} {p.title}" for _, r, p in others)
            draft = replace(
                draft,
                title=f"{draft.title} (and {len(others)} more)",
                explanation=f"{draft.explanation} The same sentence fails: {named}.",
                decision=(*draft.decision, *(d.decision[0] for d, _, _ in others)),
            )
        yield Report(draft, f"rule:{policy.id}", reference)


def _mostly_silent(judged: Judged) -> bool:
    """Of what a pack asks, more is absent than is spoken of."""
    asked = [a for a, _ in judged if a.verdict.verdict not in {"not-applicable", "not-assessed"}]
    return 2 * sum(assessment.is_absence for assessment in asked) > len(asked)


def section_of(policy_id: str) -> str:
    return re.sub(r"[.-][^.-]*$", "", policy_id) or policy_id


def _told(document: Document, where: str, origin: str, absent: dict[str, _Items]) -> Iterator[Report]:
    items = [item for of_pack in absent.values() for item in of_pack]
    if len(items) == 1:
        yield from (Report(draft, f"rule:{policy.id}", reference) for draft, reference, policy in items)
    else:
        yield Report(_joined(document, where, absent), f"rule:{origin}", None)


def _joined(document: Document, where: str, absent: dict[str, _Items]) -> Draft:
    drafts, _, policies = zip(*(item for items in absent.values() for item in items), strict=True)
    first = min(drafts, key=lambda draft: SEVERITIES.index(draft.severity))
    little = "little or " if any(draft.spans for draft in drafts) else ""
    texts = [policy.proposal.text for policy in policies if policy.proposal is not None]
    if len(absent) > 1:  # what a page of one thing lacks of several others is for the author to choose from
        texts = []
    return Draft(
        family=first.family,
        category=first.category,
        severity=first.severity,
        title=f"{where}: {little}nothing stated on {len(policies)} requirements",
        explanation=f"The document says {little}nothing about {_named(absent)}.",
        searched=tuple(dict.fromkeys(name for draft in drafts for name in draft.searched)),
        proposal=insert_after(document, len(document.markdown.rstrip()), "\n\n" + "\n\n".join(texts))
        if texts
        else None,
        confidence=first.confidence,
        decision=(f"requirements {where}", *(draft.decision[0] for draft in drafts)),
    )


def _named(absent: dict[str, _Items]) -> str:
    """Of one pack all by name; of several the number, with the names where they are few."""
    named = {name: "; ".join(f"{policy.id} {policy.title}" for _, _, policy in of) for name, of in absent.items()}
    if len(absent) == 1:
        return next(iter(named.values()))
    return "; ".join(
        f"{len(items)} requirements of {name}" + (f" ({named[name]})" if len(items) <= NAMED else "")
        for name, items in absent.items()
    )
