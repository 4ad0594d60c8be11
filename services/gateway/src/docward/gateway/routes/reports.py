"""/analyses/{id}/report and /comparison: an analysis to print or to feed to a build, and beside an earlier one.

Of a document or of a document group; whoever may read its findings may read these.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from docward.events.findings import AnalysisReport
from docward.gateway.auth import Caller
from docward.gateway.context import Context, Gateway, known_document, require_present
from docward.gateway.problems import ProblemError, documented, not_found
from docward.gateway.queries import analyses, documents, findings, groups
from docward.gateway.queries.analyses import Analysis, Comparison
from docward.gateway.routes.content import attachment
from docward.gateway.routes.groups import visible_group
from docward.gateway.routes.suites import readable_group
from docward.reports import MEDIA_TYPES, SUFFIXES, Part, Release, Reviewed, Standing, render
from docward.reports.reviewed import requirement_key

router = APIRouter(prefix="/analyses/{analysis_id}", tags=["analyses"])

Format = Literal["json", "sarif", "junit", "html", "self-assessment"]
_SAFE = {
    # A page holds words of documents: no script, nothing from elsewhere, and never under the gateway's own origin.
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, no-cache",
}
_CONTENT = {media_type.partition(";")[0]: {"schema": {"type": "string"}} for media_type in MEDIA_TYPES.values()}


async def _visible(analysis_id: UUID, caller: Caller, gateway: Context) -> tuple[str, Analysis]:
    """With the title of what was analysed. 404 when there is none, or none that the caller may know of."""
    analysis = await analyses.get(gateway.reads, analysis_id)
    if analysis is None:
        raise not_found("analysis")
    group = await groups.get(gateway.reads, analysis.document_id, caller)
    if group is not None:
        await readable_group(await visible_group(group))
        return group.title, analysis
    document = await known_document(analysis.document_id, caller, gateway)
    require_present(document)
    return document.title, analysis


Visible = Annotated[tuple[str, Analysis], Depends(_visible)]


@router.get(
    "/report",
    summary="Report of an analysis",
    response_class=Response,
    responses={**documented(404, 409, 410), 200: {"description": "In the format asked for.", "content": _CONTENT}},
)
async def report(
    visible: Visible, gateway: Context, form: Annotated[Format, Query(alias="format")] = "html"
) -> Response:
    """With what people have decided about its findings so far. A page prints well, also into a PDF."""
    title, analysis = visible
    reviewed = await _reviewed(gateway, title, analysis)
    name = f"analysis-{analysis.analysis_id}.{SUFFIXES[form]}"
    headers = {**_SAFE, "Content-Type": MEDIA_TYPES[form]}
    if SUFFIXES[form] != "html":
        headers["Content-Disposition"] = attachment(name)
    return Response(render(form, [reviewed]), headers=headers)


@router.get("/comparison", summary="Compare with an earlier analysis", responses=documented(404, 409, 410))
async def comparison(
    visible: Visible,
    gateway: Context,
    other: Annotated[
        UUID | None,
        Query(alias="with", description="Of the same document or group. Default: the one before."),
    ] = None,
) -> Comparison:
    """Which findings are new, persist or are resolved, by fingerprint."""
    _, analysis = visible
    _require_completed(analysis)
    if other is not None:
        before = await analyses.get(gateway.reads, other)
        if before is None or before.document_id != analysis.document_id:
            raise not_found("analysis")
        _require_completed(before)
    return await analyses.compared(gateway.reads, analysis.analysis_id, other)


def _require_completed(analysis: Analysis) -> None:
    if analysis.status != "completed":
        raise ProblemError(409, "not-completed", f"The analysis {analysis.analysis_id} is {analysis.status}.")


async def _reviewed(gateway: Gateway, title: str, analysis: Analysis) -> Reviewed:
    _require_completed(analysis)
    ref = await analyses.report_of(gateway.reads, analysis.analysis_id)
    if ref is None:
        raise not_found("report")
    members = await groups.analysed(gateway.reads, analysis.analysis_id)
    read = [(m.document_id, m.version, m.title) for m in members] or [(analysis.document_id, analysis.version, title)]
    result = AnalysisReport.model_validate_json(await gateway.store.get(ref))
    return Reviewed(
        title=title,
        document_id=str(analysis.document_id),
        analysis_id=str(analysis.analysis_id),
        report=result,
        parts=tuple([await _part(gateway, *each) for each in read]),
        is_suite=bool(members),
        analysed_at=analysis.finished_at.isoformat() if analysis.finished_at else "",
        releases=tuple(Release(r.repository, r.release, r.sha256) for r in analysis.releases or ()),
        standings=await _standings(gateway, analysis.document_id, result),
        failed_requirements=frozenset(
            requirement_key(verdict)
            for verdict in result.verdicts
            if verdict.level == "MUST" and verdict.verdict in {"missing", "contradicted"}
        ),
    )


async def _part(gateway: Gateway, ident: UUID, version: int, title: str) -> Part:
    stored = await documents.stored(gateway.reads, ident, version)
    if stored is None or stored.markdown is None:
        raise not_found("report")
    return Part(
        document_id=str(ident),
        file=stored.filename or title,
        title=title,
        sha256=stored.original.sha256 if stored.original else "",
        markdown=(await gateway.store.get(stored.markdown)).decode(),
        markdown_sha256=stored.markdown.sha256,
        media_type=stored.original.media_type if stored.original else "",
        version=version,
        converter=stored.converter or "",
    )


async def _standings(gateway: Gateway, ident: UUID, result: AnalysisReport) -> dict[str, Standing]:
    """As people decided. What fails in a report for a build: whatever is at least high and nobody has rejected."""
    severities = {finding.fingerprint: finding.severity for finding in result.findings}
    known = await findings.among(gateway.reads, ident, list(severities))
    return {
        each.fingerprint: Standing(
            status=each.status,
            reason=each.comment or "",
            first_seen=str(each.first_seen_analysis),
            last_seen=str(each.last_seen_analysis),
            fails=each.status != "rejected" and severities[each.fingerprint] in {"critical", "high"},
        )
        for each in known
    }
