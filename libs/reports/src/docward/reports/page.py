"""A printable page: which text was judged against what, every verdict with its evidence, every finding with its place.

One HTML file without scripts or anything from elsewhere. Requirements that nobody assessed are listed as such.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from docward.events.findings import Finding, ProposedChange, Quote, Verdict
from docward.reports.reviewed import SEVERITIES, Part, Reviewed, compliance

STYLE = """
body{font:10.5pt/1.45 system-ui,sans-serif;color:#1a1a1a;max-width:60rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem;border-bottom:1px solid #bbb}
h3{font-size:1rem;margin:1rem 0 .2rem}
table{border-collapse:collapse;width:100%;margin:.6rem 0}th,td{border:1px solid #ccc;padding:.3rem .5rem;
text-align:left;vertical-align:top}th{background:#f2f2f2}dl{display:grid;grid-template-columns:12rem 1fr;gap:.2rem 1rem}
dt{color:#555}dd{margin:0;overflow-wrap:anywhere}blockquote{margin:.3rem 0;
padding-left:.6rem;border-left:3px solid #ccc;
white-space:pre-wrap;overflow-wrap:anywhere}.where,.meta{color:#555;font-size:.9em}.finding,tr{break-inside:avoid}
.tag{font-weight:600}ins{background:#e3f4e3;text-decoration:none;white-space:pre-wrap}del{background:#fbe3e3}
@media print{body{margin:0;max-width:none}@page{margin:18mm 16mm}}
"""
_NAMES = {
    "covered": "covered", "partial": "partly covered", "contradicted": "contradicted", "missing": "missing",
    "not-applicable": "not applicable", "not-assessed": "not assessed",
}  # fmt: skip


def written(documents: Sequence[Reviewed]) -> str:
    return whole("Review", "\n".join(_document(document) for document in documents))


def whole(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def _document(document: Reviewed) -> str:
    parts = [
        f"<h1>{escape(document.title or document.name)}</h1>",
        identity(document),
        "<h2>Result</h2>",
        _result(document),
        *([_requirements(document)] if document.report.verdicts else []),
        _findings(document),
        _recorded(document),
    ]
    return f"<article>\n{chr(10).join(parts)}\n</article>"


def identity(document: Reviewed) -> str:
    releases = [f"{r.repository}, release {r.number} ({r.sha256})" for r in document.releases]
    of_suite, (leading, *_) = document.is_suite, document.parts
    rows = {
        "File": "" if of_suite else document.name,
        "Document group" if of_suite else "Document": document.document_id,
        "Version": str(leading.version) if leading.version and not of_suite else "",
        "SHA-256 of the files' hashes" if of_suite else "SHA-256 of the file": document.sha256,
        "SHA-256 of the texts' hashes" if of_suite else "SHA-256 of the text": document.markdown_sha256,
        "Policy releases": "; ".join(releases) or "none assigned",
        "Engine": document.report.engine,
        "Converter": leading.converter,
        "Analysis": document.analysis_id,
        "Analysed": document.analysed_at,
    }
    told = definitions((name, escape(value)) for name, value in rows.items() if value)
    return f"{told}\n{_members(document.parts)}" if of_suite else told


def _members(members: Sequence[Part]) -> str:
    heads = ("Document of the suite", "File", "Version", "SHA-256 of the file and of its text")
    rows = (
        (
            f'{escape(part.title)}<br><span class="meta">{escape(part.document_id)}</span>',
            escape(part.file),
            str(part.version or "–"),
            f"{part.sha256}<br>{part.markdown_sha256}",
        )
        for part in members
    )
    return table(heads, rows)


def definitions(rows: Iterable[tuple[str, str]]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(name)}</dt><dd>{value}</dd>' for name, value in rows)}</dl>"


def _result(document: Reviewed) -> str:
    report = document.report
    found = Counter(finding.severity for finding in report.findings)
    counts = ", ".join(f"{found[severity]} {severity}" for severity in SEVERITIES if found[severity]) or "none"
    contained = report.self_containment
    arithmetic = " + ".join(f"{part.value:g}·{part.weight:g}" for part in contained.parts)
    weights = sum(part.weight for part in contained.parts)
    scores = definitions(
        [
            ("Compliance", escape(compliance(report.compliance, (v.verdict for v in report.verdicts)))),
            ("Findings", escape(counts)),
            ("Self-containment", f"{contained.score:g} = ({arithmetic}) / {weights:g}"),
            (
                "Implementability",
                f"{escape(report.implementability.verdict)}: {escape(report.implementability.explanation)}",
            ),
        ]
    )
    parts = table(
        ("Part of self-containment", "Value", "Weight", "Because"),
        ((escape(p.name), f"{p.value:g}", f"{p.weight:g}", escape(p.explanation)) for p in contained.parts),
    )
    return f"{scores}\n{parts}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table>"


def _requirements(document: Reviewed) -> str:
    verdicts = document.report.verdicts
    open_ones = [verdict for verdict in verdicts if verdict.verdict == "not-assessed"]
    listed = "".join(f"<li>{escape(v.policy.policy_id)} {escape(v.title)}</li>" for v in open_ones)
    not_assessed = f"<h3>Not assessed</h3><ul>{listed}</ul>" if open_ones else "<p>Every requirement was assessed.</p>"
    return f"<h2>Requirements</h2>\n{requirements(verdicts)}\n{not_assessed}"


def requirements(verdicts: Iterable[Verdict]) -> str:
    return table(
        ("Requirement", "Level", "Verdict", "Evidence, or where was searched"),
        ((_requirement(v), v.level, _NAMES[v.verdict], _reasons(v)) for v in verdicts),
    )


def _requirement(verdict: Verdict) -> str:
    policy = verdict.policy
    name = f'<span class="tag">{escape(policy.policy_id)}</span> {escape(verdict.title)}'
    source = f"{policy.repository}@{policy.release} {verdict.citation}"
    return f'{name}<br><span class="meta">{escape(source)}</span>'


def _reasons(verdict: Verdict) -> str:
    return f"{escape(verdict.explanation)}{evidence(verdict.quotes, verdict.searched)}{_facets(verdict)}"


def _facets(verdict: Verdict) -> str:
    states = [f"{f.id} {'met' if f.met else 'not met'}{f': {f.note}' if f.note else ''}" for f in verdict.facets]
    return f'<p class="meta">{escape("; ".join(states))}</p>' if states else ""


def evidence(quotes: Sequence[Quote], searched: Sequence[str]) -> str:
    shown = "".join(
        f'<blockquote>{escape(quote.text)}</blockquote><span class="where">{escape(place(quote))}</span>'
        for quote in quotes
    )
    where = f'<p class="where">Searched: {escape("; ".join(searched))}</p>' if searched else ""
    return shown + where


def place(quote: Quote) -> str:
    page = f"page {quote.page}, " if quote.page is not None else ""
    return f"{page}{quote.section or 'before the first heading'}"


def _findings(document: Reviewed) -> str:
    parts = ["<h2>Findings</h2>"]
    for severity in SEVERITIES:
        of_severity = [finding for finding in document.report.findings if finding.severity == severity]
        if of_severity:
            parts.append(f"<h3>{severity.capitalize()} ({len(of_severity)})</h3>")
            parts += [_finding(document, finding) for finding in of_severity]
    return "\n".join(parts) if len(parts) > 1 else "<h2>Findings</h2><p>None.</p>"


def _finding(document: Reviewed, finding: Finding) -> str:
    standing = document.standing(finding)
    policy = f" · {finding.policy.repository}/{finding.policy.policy_id}" if finding.policy else ""
    reason = f" ({standing.reason})" if standing.reason else ""
    meta = (
        f"{finding.category} · {standing.status}{reason} · {finding.origin}{policy} · "
        f"confidence {finding.confidence:g} · {finding.fingerprint}"
    )
    return (
        f'<section class="finding"><p><span class="tag">{escape(finding.title)}</span><br>{escape(finding.explanation)}'
        f"</p>{evidence(finding.quotes, finding.searched)}{_proposal(finding.proposal)}"
        f'<p class="meta">{escape(meta)}<br>Because: {escape("; ".join(finding.decision))}</p></section>'
    )


def _proposal(change: ProposedChange | None) -> str:
    if change is None:
        return ""
    removed = f"<del>{escape(change.original)}</del> " if change.original else ""
    slots = f' <span class="meta">To be filled in: {escape("; ".join(change.slots))}</span>' if change.slots else ""
    return f"<p>Proposed: {removed}<ins>{escape(change.replacement.strip())}</ins>{slots}</p>"


def _recorded(document: Reviewed) -> str:
    report = document.report
    parts = []
    if report.missing_documents:
        rows = ((escape(m.name), escape(m.criticality), escape(m.purpose)) for m in report.missing_documents)
        parts.append("<h2>Documents that are missing</h2>" + table(("Name", "Criticality", "Where it is needed"), rows))
    if report.external_dependencies:
        named = (
            (escape(d.name), d.kind, escape(", ".join(d.unspecified) or "–")) for d in report.external_dependencies
        )
        parts.append("<h2>External dependencies</h2>" + table(("Name", "Kind", "Unspecified"), named))
    return "\n".join(parts)
