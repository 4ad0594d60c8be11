"""A self-assessment article by article, as Article 9 of RTS 6 has firms make one each year: what the document says of
each article, and room for what the firm adds. Other repositories are grouped by the first part of their citations.

Every requirement of the releases is in it. What nobody assessed, and what does not apply, is listed
again with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape

from docward.events.findings import Verdict, VerdictKind
from docward.reports import page
from docward.reports.reviewed import Reviewed

_NUMBER = re.compile(r"(?P<kind>Art(?:icle)?s?\.?|§|Rule|Section|Sec\.?|Chapter|Principle|Practice)?\s*(?P<number>\d+)")
_ANNEX = re.compile(r"(?:Annex|Appendix|Schedule)(?: [IVX]+| [A-Z]| \d+)?\b")
_WORST: tuple[VerdictKind, ...] = (
    "contradicted", "missing", "partial", "not-assessed", "covered", "not-applicable",
)  # fmt: skip
_OPEN: tuple[tuple[VerdictKind, str], ...] = (("not-assessed", "Not assessed"), ("not-applicable", "Not applicable"))
_LATER, _LAST = 1 << 29, 1 << 30
"""Annexes stand after all articles, and what has no citation stands last."""

Article = tuple[str, list[Verdict]]


def written(documents: Sequence[Reviewed]) -> str:
    return page.whole("Self-assessment", "\n".join(_document(document) for document in documents))


def _document(document: Reviewed) -> str:
    parts = [f"<h1>Self-assessment: {escape(document.title or document.name)}</h1>", page.identity(document)]
    repositories = dict.fromkeys(verdict.policy.repository for verdict in document.report.verdicts)
    for repository in repositories:
        verdicts = [v for v in document.report.verdicts if v.policy.repository == repository]
        articles = _articles(verdicts)
        parts += [f"<h2>{escape(repository)}</h2>", _overview(articles)]
        parts += [_article(name, of_article) for name, of_article in articles]
        parts += [_open(title, [v for v in verdicts if v.verdict == kind]) for kind, title in _OPEN]
    if not repositories:
        parts.append("<p>No policy repository is assigned: there is nothing to assess against.</p>")
    return f"<article>\n{chr(10).join(parts)}\n</article>"


def _articles(verdicts: Sequence[Verdict]) -> list[Article]:
    grouped: dict[tuple[int, str], list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(_article_of(verdict.citation), []).append(verdict)
    return [(name, grouped[number, name]) for number, name in sorted(grouped)]


def _article_of(citation: str) -> tuple[int, str]:
    annex = _ANNEX.match(citation)
    if annex is not None:
        return _LATER, annex[0]
    found = _NUMBER.search(citation)
    if found is None:
        return _LAST, citation or "Without a citation"
    kind = found["kind"] or ""
    named = "Article" if kind.startswith("Art") else kind
    return int(found["number"]), f"{named} {found['number']}".strip()


def _worst(verdicts: Sequence[Verdict]) -> str:
    return min((verdict.verdict for verdict in verdicts), key=_WORST.index).replace("-", " ")


def _overview(articles: Sequence[Article]) -> str:
    rows = []
    for name, verdicts in articles:
        counts = Counter(verdict.verdict for verdict in verdicts)
        told = ", ".join(f"{counts[kind]} {kind.replace('-', ' ')}" for kind in _WORST if counts[kind])
        rows.append((escape(name), _worst(verdicts), told))
    return page.table(("Article", "Result", "Requirements"), rows)


def _article(name: str, verdicts: Sequence[Verdict]) -> str:
    return (
        f"<h3>{escape(name)}: {_worst(verdicts)}</h3>\n{page.requirements(verdicts)}\n"
        '<p class="meta">Assessment of the firm, and measures: ______________________________</p>'
    )


def _open(title: str, verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return f"<h3>{title}</h3><p>None.</p>"
    rows = ((escape(f"{v.policy.policy_id} {v.title}"), escape(v.citation), escape(v.explanation)) for v in verdicts)
    return f"<h3>{title}</h3>\n{page.table(('Requirement', 'Citation', 'Because'), rows)}"
