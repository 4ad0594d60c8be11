"""/documents/{id}/findings: read them, and answer them."""

# VisibleDocument takes `document_id` from the path

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import Field

from docward.events import analyses
from docward.events.analyses import AcceptFinding, AnswerFindings, ModifyFinding, RejectFinding, ReopenFinding
from docward.events.messages import Command
from docward.events.topics import ANALYSIS_COMMANDS
from docward.gateway import pagination
from docward.gateway.auth import Contributor
from docward.gateway.context import (
    API,
    Context,
    Show,
    VisibleDocument,
    Write,
    Writing,
    as_json,
    shows_document,
)
from docward.gateway.pagination import Page, Paging
from docward.gateway.preconditions import IfMatch, Versions, require_current
from docward.gateway.problems import documented, not_found
from docward.gateway.publishing import Order
from docward.gateway.queries import findings
from docward.gateway.queries.documents import Document
from docward.gateway.queries.findings import DocumentFinding, FindingFilters
from docward.gateway.queries.operations import Operation
from docward.gateway.routes.answers import Fingerprint, SmallBody, written
from docward.gateway.shapes import Sent

router = APIRouter(prefix="/documents/{document_id}/findings", tags=["findings"], route_class=SmallBody)


class FindingsQuery(FindingFilters, Paging):
    pass


class Remark(Sent):
    comment: str = Field(default="", max_length=2000)


class Modification(Remark):
    text: str = Field(min_length=1, max_length=20_000, description="Instead of the proposed replacement.")


class Refusal(Sent):
    reason: str = Field(min_length=1, max_length=2000)


class Answers(Sent):
    """Of each finding one; all of them are given, or none is."""

    accept: tuple[analyses.Remark, ...] = Field(default=(), max_length=500)
    modify: tuple[analyses.Modification, ...] = Field(default=(), max_length=500)
    reject: tuple[analyses.Refusal, ...] = Field(default=(), max_length=500)
    reopen: tuple[analyses.Remark, ...] = Field(default=(), max_length=500)


@router.get("", summary="List findings", responses=documented(404, 410))
async def list_findings(
    document: VisibleDocument, gateway: Context, query: Annotated[FindingsQuery, Query()], response: Response
) -> Page[DocumentFinding]:
    """The worst first, then in the order of the text."""
    after = pagination.decode(query.cursor, tuple[int, int, str])
    rows = await findings.of_document(gateway.reads, document.document_id, query, after, query.limit + 1)
    found = pagination.page(rows, query.limit, lambda row: row[0])
    response.headers["ETag"] = document.versions.etag
    return Page(items=[finding for _, finding in found.items], next_cursor=found.next_cursor)


@router.post("/answers", status_code=202, summary="Answer several at once", responses=written(Document))
async def answer_several(
    answers: Answers, document: VisibleDocument, write: Writing, if_match: IfMatch, _: Contributor
) -> Response:
    """All of the answers are given, or none is: the first one that is not possible rejects them."""

    async def order() -> Order:
        command = AnswerFindings(
            accept=answers.accept, modify=answers.modify, reject=answers.reject, reopen=answers.reopen
        )
        return _order(document, if_match, command)

    request = ("answer-findings", document.document_id, if_match, answers)
    return await write.send(request, order, shows_document(write, document.document_id))


@router.get("/{fingerprint}", summary="Read a finding", responses=documented(404, 410))
async def read_finding(
    document: VisibleDocument, fingerprint: Fingerprint, gateway: Context, response: Response
) -> DocumentFinding:
    finding = await _finding(gateway, document, fingerprint)
    response.headers["ETag"] = document.versions.etag
    return finding


@router.post("/{fingerprint}/accept", status_code=202, summary="Accept", responses=written(DocumentFinding))
async def accept(
    fingerprint: Fingerprint,
    document: VisibleDocument,
    write: Writing,
    if_match: IfMatch,
    _: Contributor,
    remark: Remark | None = None,
) -> Response:
    """The finding is right, and so is what it proposes."""
    comment = (remark or Remark()).comment
    return await _answer(write, document, if_match, AcceptFinding(fingerprint=fingerprint, comment=comment))


@router.post("/{fingerprint}/modify", status_code=202, summary="Modify", responses=written(DocumentFinding))
async def modify(
    fingerprint: Fingerprint,
    modification: Modification,
    document: VisibleDocument,
    write: Writing,
    if_match: IfMatch,
    _: Contributor,
) -> Response:
    """The finding is right; another text should be put there."""
    command = ModifyFinding(fingerprint=fingerprint, text=modification.text, comment=modification.comment)
    return await _answer(write, document, if_match, command)


@router.post("/{fingerprint}/reject", status_code=202, summary="Reject", responses=written(DocumentFinding))
async def reject(
    fingerprint: Fingerprint,
    refusal: Refusal,
    document: VisibleDocument,
    write: Writing,
    if_match: IfMatch,
    _: Contributor,
) -> Response:
    """The finding is wrong, and why."""
    return await _answer(write, document, if_match, RejectFinding(fingerprint=fingerprint, reason=refusal.reason))


@router.post("/{fingerprint}/reopen", status_code=202, summary="Reopen", responses=written(DocumentFinding))
async def reopen(
    fingerprint: Fingerprint,
    document: VisibleDocument,
    write: Writing,
    if_match: IfMatch,
    _: Contributor,
    remark: Remark | None = None,
) -> Response:
    """Take an answer back."""
    comment = (remark or Remark()).comment
    return await _answer(write, document, if_match, ReopenFinding(fingerprint=fingerprint, comment=comment))


Feedback = AcceptFinding | ModifyFinding | RejectFinding | ReopenFinding


async def _answer(write: Write, document: Document, if_match: Versions | None, feedback: Feedback) -> Response:
    async def order() -> Order:
        await _finding(write.gateway, document, feedback.fingerprint)
        return _order(document, if_match, feedback)

    request = (feedback.TYPE, document.document_id, if_match, feedback)
    return await write.send(request, order, _shows(write, document, feedback.fingerprint))


def _order(document: Document, if_match: Versions | None, command: Command) -> Order:
    if if_match is not None:
        require_current(if_match.analysis, document.analysis_stream_version)
        command = command.model_copy(update={"expected_version": if_match.analysis})
    path = f"{API}/documents/{document.document_id}"
    return Order(ANALYSIS_COMMANDS, "analysis", document.document_id, command, path)


def _shows(write: Write, document: Document, fingerprint: str) -> Show:
    async def show(_: Operation) -> Response:
        return as_json(await _finding(write.gateway, document, fingerprint))

    return show


async def _finding(gateway: Context, document: Document, fingerprint: str) -> DocumentFinding:
    finding = await findings.get(gateway.reads, document.document_id, fingerprint)
    if finding is None:
        raise not_found("finding")
    return finding
