"""Drafts become findings: the one place where quotes are cut, fingerprints made and overlaps resolved."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from docward.analyzer.analysis import bounds
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Draft
from docward.analyzer.analysis.text import normalised
from docward.events.findings import Family, Finding, PolicyRef, ProposedChange, Severity
from docward.events.ir import Span

REPEATS = 10
"""Findings of one check about one subject that a person still reads one by one."""
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
_YIELDS_TO: dict[Family, frozenset[Family]] = {
    "AMB": frozenset({"VAL", "SRC", "CON", "XRF", "GOV"}),
    "IMP": frozenset({"FML"}),
}
"""A draft of the family on the left says the same as one of the families on the right about the same words."""

_QUALIFIED = 25
"""Characters behind a vague word within which stands what it qualifies: `suitable exchange rates`."""

_STRONGER: frozenset[Family] = frozenset().union(*_YIELDS_TO.values())


def finding(document: Document, draft: Draft, origin: str, policy: PolicyRef | None = None) -> Finding | None:
    """None for a draft without evidence: what cannot be shown in the document is not reported."""
    spans = tuple(dict.fromkeys(document.context(span) for span in draft.spans))
    quotes = bounds.quotes(document, spans)
    searched = bounds.sections(draft.searched)
    left_out = bounds.more(len(quotes), len(spans), "places") + bounds.more(
        len(searched), len(set(draft.searched)), "sections"
    )
    words = document.markdown[draft.spans[0].start : draft.spans[0].end] if draft.spans else ""
    if any(not quote.text.strip() for quote in quotes) or (not quotes and not draft.searched):
        return None
    return Finding(
        fingerprint=_fingerprint(draft, origin, policy, words),
        family=draft.family,
        category=draft.category,
        severity=draft.severity,
        title=bounds.clip(draft.title, bounds.TITLE),
        explanation=bounds.clip(draft.explanation, bounds.TEXT) + left_out,
        quotes=quotes,
        searched=searched,
        policy=policy,
        proposal=draft.proposal if draft.proposal is None or _fits(draft.proposal) else None,
        confidence=draft.confidence,
        origin=origin,
        decision=bounds.decisions(draft.decision),
    )


def _fits(proposal: ProposedChange) -> bool:
    """A proposal is whole or none: half an edit would be a wrong one."""
    return bounds.is_small(proposal.original, proposal.replacement, *proposal.slots)


def grouped(drafts: Sequence[Draft]) -> Iterator[Draft]:
    """Drafts of one check. What it says more than a few times about one subject becomes one draft with all places."""
    repeated: dict[tuple[str, str, str], list[Draft]] = {}
    for draft in drafts:
        repeated.setdefault((draft.category, draft.title, draft.decision[0] if draft.decision else ""), []).append(
            draft
        )
    for same in repeated.values():
        if len(same) <= REPEATS:
            yield from same
            continue
        yield replace(
            same[0],
            spans=tuple(span for draft in same for span in draft.spans),
            severity=min((draft.severity for draft in same), key=SEVERITIES.index),
            explanation=f"{same[0].explanation} The same holds at {len(same)} places.",
            proposal=None,
        )


def _fingerprint(draft: Draft, origin: str, policy: PolicyRef | None, evidence: str) -> str:
    """Identity across analyses: what is said (category, origin, policy, subject) about which words, not where."""
    subject = draft.decision[0] if draft.decision else ""
    name = f"{policy.repository_id}/{policy.policy_id}" if policy else ""
    if policy and draft.family not in {"NEG", "NUM"}:  # what a document half says, it may say half in another place
        evidence = "incomplete" if draft.spans else ""
    parts = (draft.category, origin, name, subject, normalised(evidence))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By place in the document, absences last; equal fingerprints (repeated words) are numbered."""
    found = sorted(
        findings,
        key=lambda f: (
            f.quotes[0].span.start if f.quotes else 1 << 60,
            SEVERITIES.index(f.severity),
            f.origin,
            f.fingerprint,
        ),
    )
    seen: Counter[str] = Counter()
    result = []
    for item in found:
        seen[item.fingerprint] += 1
        count = seen[item.fingerprint]
        if count > 1:
            digest = hashlib.sha256(f"{item.fingerprint}/{count}".encode()).hexdigest()[:16]
            item = item.model_copy(update={"fingerprint": digest})  # noqa: PLW2901  the numbered form replaces the plain one
        result.append(item)
    return tuple(result)


def told_once(document: Document, drafts: Sequence[tuple[str, Draft]]) -> Iterator[tuple[str, Draft]]:
    """Drafts with the names of their checks, without those that say what a stronger one says about the same words."""
    places = {family: _Places(s for _, d in drafts if d.family == family for s in d.spans) for family in _STRONGER}
    for name, draft in drafts:
        stronger = _YIELDS_TO.get(draft.family, frozenset())
        if not any(places[family].overlap(span) for family in stronger for span in _claimed(document, draft)):
            yield name, draft


def _claimed(document: Document, draft: Draft) -> Iterator[Span]:
    """A vague word claims itself and what it qualifies, which stands behind it; everything else its sentence."""
    if draft.family == "AMB" and draft.proposal is not None:
        span = draft.proposal.span
        sentence = document.sentence_at(span.start)
        end = sentence.end if sentence is not None else span.end
        yield Span(start=span.start, end=max(span.end, min(end, span.end + _QUALIFIED)))
    else:
        yield from (document.context(span) for span in draft.spans)


class _Places:
    """Where the drafts of a family stand; asking is logarithmic, so that a document full of findings stays quick."""

    def __init__(self, words: Iterable[Span]) -> None:
        spans = sorted((span.start, span.end) for span in words)
        self._starts = [start for start, _ in spans]
        self._ends = list(accumulate((end for _, end in spans), max))

    def overlap(self, span: Span) -> bool:
        index = bisect_left(self._starts, span.end)
        return index > 0 and self._ends[index - 1] > span.start
