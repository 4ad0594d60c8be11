"""/documents/{id}/findings and /document-groups/{id}/findings: read findings, and answer them."""

# ruff: noqa: FAST002  # which of the two is asked for is a parameter of the function that makes the addresses

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from docward.events import analyses
from docward.events.analyses import AcceptFinding, AnswerFindings, ModifyFinding, RejectFinding, ReopenFinding
from docward.events.messages import Command
from docward.events.topics import ANALYSIS_COMMANDS
from docward.gateway import pagination
from docward.gateway.auth import Contributor
from docward.gateway.context import (
    API,
    Context,
    Gateway,
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


@dataclass(frozen=True, slots=True)
class Judged:
    """What has findings: a document or a document group, which the caller may read them of."""

    ident: UUID
    path: str
    resource: Literal["document", "document-group"]
    versions: Versions
    shows: Callable[[Write], Show]
    """The answer to whoever waited for several answers to be given."""

    def order(self, if_match: Versions | None, command: Command) -> Order:
        if if_match is not None:
            require_current(if_match.analysis, self.versions.analysis)
            command = command.model_copy(update={"expected_version": if_match.analysis})
        return Order(ANALYSIS_COMMANDS, "analysis", self.ident, command, self.path, self.resource)

    def etag(self) -> dict[str, str]:
        return {"ETag": self.versions.etag}


Feedback = AcceptFinding | ModifyFinding | RejectFinding | ReopenFinding


def addresses(prefix: str, tag: str, of: Callable[..., Awaitable[Judged]], model: type[BaseModel]) -> APIRouter:
    """The addresses under which findings are read and answered: `of` says of what the path speaks, `model` is that."""
    router = APIRouter(prefix=prefix, tags=[tag], route_class=SmallBody)

    @router.get("", summary="List findings", responses=documented(404, 410))
    async def list_findings(
        gateway: Context, query: Annotated[FindingsQuery, Query()], response: Response, judged: Judged = Depends(of)
    ) -> Page[DocumentFinding]:
        """The worst first, then in the order of the text. `document_id` is what was asked for; a quote of a group's
        finding names the member whose words it is."""
        after = pagination.decode(query.cursor, tuple[int, int, str])
        rows = await findings.of_document(gateway.reads, judged.ident, query, after, query.limit + 1)
        found = pagination.page(rows, query.limit, lambda row: row[0])
        response.headers.update(judged.etag())
        return Page(items=[finding for _, finding in found.items], next_cursor=found.next_cursor)

    @router.post("/answers", status_code=202, summary="Answer several at once", responses=written(model))
    async def answer_several(
        answers: Answers, write: Writing, if_match: IfMatch, _: Contributor, judged: Judged = Depends(of)
    ) -> Response:
        """All of the answers are given, or none is: the first one that is not possible rejects them."""

        async def order() -> Order:
            command = AnswerFindings(
                accept=answers.accept, modify=answers.modify, reject=answers.reject, reopen=answers.reopen
            )
            return judged.order(if_match, command)

        request = ("answer-findings", judged.ident, if_match, answers)
        return await write.send(request, order, judged.shows(write))

    @router.get("/{fingerprint}", summary="Read a finding", responses=documented(404, 410))
    async def read_finding(
        fingerprint: Fingerprint, gateway: Context, response: Response, judged: Judged = Depends(of)
    ) -> DocumentFinding:
        finding = await _finding(gateway, judged, fingerprint)
        response.headers.update(judged.etag())
        return finding

    answered: dict[str, Any] = {"status_code": 202, "responses": written(DocumentFinding)}

    @router.post("/{fingerprint}/accept", summary="Accept", **answered)
    async def accept(
        fingerprint: Fingerprint,
        write: Writing,
        if_match: IfMatch,
        _: Contributor,
        remark: Remark | None = None,
        judged: Judged = Depends(of),
    ) -> Response:
        """The finding is right, and so is what it proposes."""
        comment = (remark or Remark()).comment
        return await _answer(write, judged, if_match, AcceptFinding(fingerprint=fingerprint, comment=comment))

    @router.post("/{fingerprint}/modify", summary="Modify", **answered)
    async def modify(
        fingerprint: Fingerprint,
        modification: Modification,
        write: Writing,
        if_match: IfMatch,
        _: Contributor,
        judged: Judged = Depends(of),
    ) -> Response:
        """The finding is right; another text should be put there."""
        command = ModifyFinding(fingerprint=fingerprint, text=modification.text, comment=modification.comment)
        return await _answer(write, judged, if_match, command)

    @router.post("/{fingerprint}/reject", summary="Reject", **answered)
    async def reject(
        fingerprint: Fingerprint,
        refusal: Refusal,
        write: Writing,
        if_match: IfMatch,
        _: Contributor,
        judged: Judged = Depends(of),
    ) -> Response:
        """The finding is wrong, and why."""
        return await _answer(write, judged, if_match, RejectFinding(fingerprint=fingerprint, reason=refusal.reason))

    @router.post("/{fingerprint}/reopen", summary="Reopen", **answered)
    async def reopen(
        fingerprint: Fingerprint,
        write: Writing,
        if_match: IfMatch,
        _: Contributor,
        remark: Remark | None = None,
        judged: Judged = Depends(of),
    ) -> Response:
        """Take an answer back."""
        comment = (remark or Remark()).comment
        return await _answer(write, judged, if_match, ReopenFinding(fingerprint=fingerprint, comment=comment))

    return router


async def _answer(write: Write, judged: Judged, if_match: Versions | None, feedback: Feedback) -> Response:
    async def order() -> Order:
        await _finding(write.gateway, judged, feedback.fingerprint)
        return judged.order(if_match, feedback)

    async def show(_: Operation) -> Response:
        return as_json(await _finding(write.gateway, judged, feedback.fingerprint))

    return await write.send((feedback.TYPE, judged.ident, if_match, feedback), order, show)


async def _finding(gateway: Gateway, judged: Judged, fingerprint: str) -> DocumentFinding:
    finding = await findings.get(gateway.reads, judged.ident, fingerprint)
    if finding is None:
        raise not_found("finding")
    return finding


async def _document(document: VisibleDocument) -> Judged:
    return Judged(
        ident=document.document_id,
        path=f"{API}/documents/{document.document_id}",
        resource="document",
        versions=document.versions,
        shows=lambda write: shows_document(write, document.document_id),
    )


router = addresses("/documents/{document_id}/findings", "findings", _document, Document)
