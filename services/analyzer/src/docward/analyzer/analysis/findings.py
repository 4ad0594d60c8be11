"""Drafts become findings: the one place where quotes are cut, fingerprints made and overlaps resolved."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Draft
from docward.analyzer.analysis.text import normalised
from docward.events.findings import Finding, PolicyRef, Severity

SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
_YIELDS_TO = {"AMB": frozenset({"VAL", "SRC", "CON", "XRF"}), "IMP": frozenset({"FML"})}
"""A draft of the family on the left says the same as one of the families on the right about the same words."""


def finding(document: Document, draft: Draft, origin: str, policy: PolicyRef | None = None) -> Finding | None:
    """None for a draft without evidence: what cannot be shown in the document is not reported."""
    quotes = tuple(document.quote(span) for span in dict.fromkeys(document.context(span) for span in draft.spans))
    words = document.markdown[draft.spans[0].start : draft.spans[0].end] if draft.spans else ""
    if any(not quote.text.strip() for quote in quotes) or (not quotes and not draft.searched):
        return None
    return Finding(
        fingerprint=_fingerprint(draft, origin, policy, words),
        family=draft.family,
        category=draft.category,
        severity=draft.severity,
        title=draft.title[:255],
        explanation=draft.explanation,
        quotes=quotes,
        searched=draft.searched,
        policy=policy,
        proposal=draft.proposal,
        confidence=draft.confidence,
        origin=origin,
        decision=draft.decision,
    )


def _fingerprint(draft: Draft, origin: str, policy: PolicyRef | None, evidence: str) -> str:
    """Identity across analyses: what is said (category, origin, policy, subject) about which words, not where."""
    subject = draft.decision[0] if draft.decision else ""
    name = f"{policy.repository_id}/{policy.policy_id}" if policy else ""
    parts = (draft.category, origin, name, subject, normalised(evidence))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By place in the document, absences last; equal fingerprints (repeated words) are numbered."""
    found = sorted(
        _without_overlaps(list(findings)),
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


def _without_overlaps(findings: list[Finding]) -> list[Finding]:
    return [f for f in findings if not any(_says_the_same(f, other) for other in findings if other is not f)]


def _says_the_same(one: Finding, other: Finding) -> bool:
    return other.family in _YIELDS_TO.get(one.family, ()) and any(
        a.span.start < b.span.end and b.span.start < a.span.end for a in one.quotes for b in other.quotes
    )
