"""/documents/{id}/analyses and /verdicts: ask for an analysis, and read what came of it."""

# VisibleDocument takes `document_id` from the path

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from docward.events.analyses import RequestAnalysis
from docward.events.findings import Family, Level, VerdictKind
from docward.events.messages import RepositoryRef
from docward.events.topics import ANALYSIS_COMMANDS
from docward.gateway import pagination
from docward.gateway.assignments import references
from docward.gateway.context import API, Context, Gateway, VisibleDocument, Writing, as_json
from docward.gateway.pagination import Page, Paging
from docward.gateway.problems import ProblemError, documented, not_found
from docward.gateway.publishing import Order
from docward.gateway.queries import analyses, documents
from docward.gateway.queries.analyses import Analysis, PolicyVerdict
from docward.gateway.queries.documents import Document
from docward.gateway.queries.operations import Operation
from docward.gateway.routes.answers import RepositoryName, SmallBody, VersionNumber, written
from docward.gateway.shapes import Sent

router = APIRouter(prefix="/documents/{document_id}", tags=["analyses"], route_class=SmallBody)


class AnalysisWish(Sent):
    version: VersionNumber | None = Field(default=None, description="Default: the newest one that was converted.")
    repositories: tuple[RepositoryName, ...] | None = Field(
        default=None, max_length=50, description="`NAME` or `NAME@release`. Default: those assigned to the document."
    )
    focus: tuple[Family, ...] = Field(default=(), description="Families of checks to run. Default: all.")


class VerdictsQuery(Paging):
    analysis: UUID | None = Field(default=None, description="Default: the latest completed one.")
    verdict: VerdictKind | None = None
    level: Level | None = None


@router.get("/analyses", summary="List analyses", responses=documented(404, 410))
async def list_analyses(
    document: VisibleDocument, gateway: Context, paging: Annotated[Paging, Query()]
) -> Page[Analysis]:
    """The newest first."""
    after = pagination.decode(paging.cursor, tuple[datetime, UUID])
    rows = await analyses.of_document(gateway.reads, document.document_id, after, paging.limit + 1)
    return pagination.page(rows, paging.limit, lambda a: (a.requested_at, a.analysis_id))


@router.get("/analyses/{analysis_id}", summary="Read an analysis", responses=documented(404, 410))
async def read_analysis(document: VisibleDocument, analysis_id: UUID, gateway: Context) -> Analysis:
    return await _analysis(gateway, document, analysis_id)


@router.post("/analyses", status_code=202, summary="Analyse", responses=written(Analysis, status=201))
async def request_analysis(document: VisibleDocument, write: Writing, wish: AnalysisWish | None = None) -> Response:
    """Analyse a version. Whoever sees a document may have it analysed."""
    wish = wish or AnalysisWish()

    async def order() -> Order:
        command = await _filled(write.gateway, document, wish)
        path = f"{API}/documents/{document.document_id}"
        return Order(ANALYSIS_COMMANDS, "analysis", document.document_id, command, path)

    async def show(operation: Operation) -> Response:
        if operation.analysis_id is None:
            raise not_found("analysis")
        return as_json(await _analysis(write.gateway, document, operation.analysis_id), 201)

    return await write.send(("analyse", document.document_id, wish), order, show)


@router.get("/verdicts", summary="List verdicts", responses=documented(404, 410))
async def list_verdicts(
    document: VisibleDocument, gateway: Context, query: Annotated[VerdictsQuery, Query()]
) -> Page[PolicyVerdict]:
    """One per policy of every release that the analysis used: what nobody looked at says so."""
    after = pagination.decode(query.cursor, tuple[int, str, str])
    analysis_id = query.analysis or document.latest_analysis_id
    if analysis_id is None:
        return Page(items=[])
    await _analysis(gateway, document, analysis_id)
    rows = await analyses.verdicts(
        gateway.reads, analysis_id, kind=query.verdict, level=query.level, after=after, limit=query.limit + 1
    )
    return pagination.page(rows, query.limit, lambda v: (v.ordinal, v.repository, v.policy_id))


async def _filled(gateway: Gateway, document: Document, wish: AnalysisWish) -> RequestAnalysis:
    """The command with all that the analyzer needs, as the read model knows it."""
    version = wish.version or document.latest_converted_version
    stored = None if version is None else await documents.stored(gateway.reads, document.document_id, version)
    if wish.version is not None and stored is None:
        raise not_found("version")
    if stored is None or stored.markdown is None or stored.ir is None:
        raise ProblemError(409, "not-converted", "Only a version that was converted can be analysed.")
    if wish.repositories is None:
        chosen = tuple(
            RepositoryRef(repository_id=assigned.repository_id, release=assigned.release)
            for assigned in document.repositories
        )
    else:
        chosen = await references(gateway.reads, wish.repositories, field="body.repositories")
    return RequestAnalysis(
        version=stored.version, markdown=stored.markdown, ir=stored.ir, repositories=chosen, focus=wish.focus
    )


async def _analysis(gateway: Gateway, document: Document, analysis_id: UUID) -> Analysis:
    analysis = await analyses.get(gateway.reads, analysis_id)
    if analysis is None or analysis.document_id != document.document_id:
        raise not_found("analysis")
    return analysis
