"""A self-assessment article by article, as Article 9 of RTS 6 has firms make one each year: what the document says of
each article, and room for what the firm adds. Other repositories are grouped by the first part of their citations.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from docward.events.findings import Verdict
from docward.reports import page
from docward.reports.reviewed import Reviewed

_NUMBER = re.compile(r"(?P<kind>Art(?:icle)?s?\.?|§|Rule|Section|Sec\.?|Chapter|Principle|Practice)?\s*(?P<number>\d+)")
_WORST = ("contradicted", "missing", "partial", "not-assessed", "covered", "not-applicable")


def written(documents: Sequence[Reviewed]) -> str:
    return page.whole("Self-assessment", "\n".join(_document(document) for document in documents))


def _document(document: Reviewed) -> str:
    parts = [f"<h1>Self-assessment: {escape(document.title or document.name)}</h1>", page.identity(document)]
    repositories = dict.fromkeys(verdict.policy.repository for verdict in document.report.verdicts)
    for repository in repositories:
        verdicts = [v for v in document.report.verdicts if v.policy.repository == repository]
        parts.append(f"<h2>{escape(repository)}</h2>")
        parts += [_article(name, of_article) for name, of_article in _articles(verdicts)]
    if not repositories:
        parts.append("<p>No policy repository is assigned: there is nothing to assess against.</p>")
    return f"<article>\n{chr(10).join(parts)}\n</article>"


def _articles(verdicts: Sequence[Verdict]) -> list[tuple[str, list[Verdict]]]:
    grouped: dict[tuple[int, str], list[Verdict]] = {}
    for verdict in verdicts:
        grouped.setdefault(_article_of(verdict.citation), []).append(verdict)
    return [(name, grouped[number, name]) for number, name in sorted(grouped)]


def _article_of(citation: str) -> tuple[int, str]:
    found = _NUMBER.search(citation)
    if found is None:
        return 1 << 30, citation or "Without a citation"
    kind = found["kind"] or ""
    named = "Article" if kind.startswith("Art") else kind
    return int(found["number"]), f"{named} {found['number']}".strip()


def _article(name: str, verdicts: Sequence[Verdict]) -> str:
    worst = min((verdict.verdict for verdict in verdicts), key=_WORST.index)
    return (
        f"<h3>{escape(name)}: {worst.replace('-', ' ')}</h3>\n{page.requirements(verdicts)}\n"
        '<p class="meta">Assessment of the firm, and measures: ______________________________</p>'
    )
