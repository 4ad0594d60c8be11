"""/document-groups/{id}/analyses, findings, verdicts, changes: a document group analysed as one suite.

What is found may quote every member, so it is for those who see all that was analysed. What is accepted changes one
member at a time, by whoever may change that document.
"""

# ruff: noqa: FAST003  # VisibleGroup takes `group_id` from the path

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import Field

from docward.events.analyses import RequestSuiteAnalysis, SuiteMember
from docward.events.documents import ApplyChanges
from docward.events.findings import Family
from docward.events.messages import RepositoryRef
from docward.events.topics import ANALYSIS_COMMANDS
from docward.gateway import pagination
from docward.gateway.assignments import references
from docward.gateway.auth import Contributor
from docward.gateway.context import (
    Context,
    ManagedDocument,
    Write,
    Writing,
    as_json,
    document_order,
    expected_version,
    shows_document,
)
from docward.gateway.pagination import Page, Paging
from docward.gateway.preconditions import IfMatch
from docward.gateway.problems import ProblemError, documented, not_found
from docward.gateway.publishing import Order
from docward.gateway.queries import analyses, documents, groups
from docward.gateway.queries.analyses import Analysis, PolicyVerdict
from docward.gateway.queries.documents import Document
from docward.gateway.queries.findings import DocumentFinding
from docward.gateway.queries.groups import DocumentGroup
from docward.gateway.queries.operations import Operation
from docward.gateway.routes import findings
from docward.gateway.routes.answers import RepositoryName, SmallBody, written
from docward.gateway.routes.changes import Changes, answered, edits_of, text_of
from docward.gateway.routes.findings import Judged
from docward.gateway.routes.groups import VisibleGroup, group_path, shows_group
from docward.gateway.shapes import Sent

router = APIRouter(prefix="/document-groups/{group_id}", tags=["document groups"], route_class=SmallBody)


_ELSEWHERE = "It changes another document."


class SuiteWish(Sent):
    repositories: tuple[RepositoryName, ...] | None = Field(
        default=None, max_length=50, description="`NAME` or `NAME@release`. Default: those assigned to the members."
    )
    focus: tuple[Family, ...] = Field(default=(), description="Families of checks to run. Default: all.")


async def readable_group(group: VisibleGroup) -> DocumentGroup:
    """The group of the path, whose results quote no document that the caller may not see."""
    if not group.results_visible:
        raise ProblemError(403, "forbidden", "Only who sees every document that was analysed may read the results.")
    return group


ReadableGroup = Annotated[DocumentGroup, Depends(readable_group)]


@router.post("/analyses", status_code=202, summary="Analyse as a suite", responses=written(Analysis, status=201))
async def request_analysis(group: VisibleGroup, write: Writing, wish: SuiteWish | None = None) -> Response:
    """Analyse the newest converted versions of all members as one. Whoever sees all of them may have it done."""
    wish = wish or SuiteWish()

    async def order() -> Order:
        command = await _suite(write, group, wish)
        return Order(ANALYSIS_COMMANDS, "analysis", group.group_id, command, group_path(group.group_id))

    async def show(operation: Operation) -> Response:
        analysis = operation.analysis_id and await analyses.get(write.gateway.reads, operation.analysis_id)
        if not analysis:
            raise not_found("analysis")
        return as_json(analysis, 201)

    return await write.send(("analyse-suite", group.group_id, wish), order, show)


@router.get("/analyses", summary="List a group's analyses", responses=documented(404, 410))
async def list_analyses(group: ReadableGroup, gateway: Context, paging: Annotated[Paging, Query()]) -> Page[Analysis]:
    """The newest first."""
    after = pagination.decode(paging.cursor, tuple[datetime, UUID])
    rows = await analyses.of_document(gateway.reads, group.group_id, after, paging.limit + 1)
    return pagination.page(rows, paging.limit, lambda a: (a.requested_at, a.analysis_id))


@router.get("/verdicts", summary="List a group's verdicts", responses=documented(404, 410))
async def list_verdicts(
    group: ReadableGroup, gateway: Context, paging: Annotated[Paging, Query()]
) -> Page[PolicyVerdict]:
    """Of the latest completed analysis, one per policy of every release that it used."""
    after = pagination.decode(paging.cursor, tuple[int, str, str])
    if group.latest_analysis_id is None:
        return Page(items=[])
    rows = await analyses.verdicts(
        gateway.reads, group.latest_analysis_id, kind=None, level=None, after=after, limit=paging.limit + 1
    )
    return pagination.page(rows, paging.limit, lambda v: (v.ordinal, v.repository, v.policy_id))


@router.post("/members/{document_id}/changes", status_code=202, summary="Change a member", responses=written(Document))
async def apply_changes(
    group: ReadableGroup,
    document: ManagedDocument,
    write: Writing,
    if_match: IfMatch,
    _: Contributor,
    changes: Changes | None = None,
) -> Response:
    """A new version of one document of the group, with what was accepted or modified of the group's findings in it.

    As `/documents/{id}/changes`: whoever may change the document may do it, `If-Match` is the document's, and a change
    is for the version that the group's analysis has read.
    """
    chosen = (changes or Changes()).findings

    async def order() -> Order:
        found = await answered(write.gateway, group.group_id, chosen)
        read = await groups.versions_read(write.gateway.reads, group.group_id, document.document_id)

        def seen_in(finding: DocumentFinding) -> int | str:
            own = finding.proposal is not None and finding.proposal.document_id == document.document_id
            return read.get(finding.last_seen_analysis, _ELSEWHERE) if own else _ELSEWHERE

        if chosen is None:
            found = {fingerprint: each for fingerprint, each in found.items() if seen_in(each) != _ELSEWHERE}
        edits = edits_of(found, chosen, document.current_version, seen_in)
        command = ApplyChanges(
            version=document.current_version,
            edits=edits,
            markdown_sha256=await text_of(write.gateway, document.document_id, found, edits),
            expected_version=expected_version(document, if_match),
        )
        return document_order(document.document_id, command)

    request = ("group-changes", group.group_id, document.document_id, if_match, changes)
    return await write.send(request, order, shows_document(write, document.document_id))


async def _suite(write: Write, group: DocumentGroup, wish: SuiteWish) -> RequestSuiteAnalysis:
    """The command with all that the analyzer needs, as the read model knows it."""
    reads = write.gateway.reads
    if not group.members:
        raise ProblemError(409, "no-members", "A document group without members cannot be analysed.")
    members = []
    for member in group.primary_first:
        if member.status is None:
            raise ProblemError(403, "forbidden", "Only who sees every member may have the group analysed.")
        if member.status == "deleted":
            raise ProblemError(409, "member-deleted", f"The member {member.document_id} was deleted: remove it first.")
        version = member.latest_converted_version
        stored = None if version is None else await documents.stored(reads, member.document_id, version)
        if stored is None or stored.markdown is None or stored.ir is None:
            raise ProblemError(409, "not-converted", f"The member {member.document_id} has no converted version.")
        members.append(
            SuiteMember(
                document_id=member.document_id,
                version=stored.version,
                title=member.title or "",
                filename=member.filename or "",
                markdown=stored.markdown,
                ir=stored.ir,
            )
        )
    return RequestSuiteAnalysis(
        version=group.stream_version,
        members=tuple(members),
        repositories=await _repositories(write, group, wish),
        focus=wish.focus,
    )


async def _repositories(write: Write, group: DocumentGroup, wish: SuiteWish) -> tuple[RepositoryRef, ...]:
    """Those asked for, or those of all members; of one that several members have, as the first one has it."""
    if wish.repositories is not None:
        return await references(write.gateway.reads, wish.repositories, field="body.repositories")
    assigned = [each for member in group.primary_first for each in member.repositories]
    first = {each.repository_id: each for each in reversed(assigned)}
    ordered = dict.fromkeys(each.repository_id for each in assigned)
    return tuple(RepositoryRef(repository_id=ident, release=first[ident].release) for ident in ordered)


async def _judged(group: ReadableGroup) -> Judged:
    return Judged(
        ident=group.group_id,
        path=group_path(group.group_id),
        resource="document-group",
        versions=group.versions,
        shows=lambda write: shows_group(write, group.group_id),
    )


router.include_router(findings.addresses("/findings", "document groups", _judged, DocumentGroup))
