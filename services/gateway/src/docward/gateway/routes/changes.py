"""/documents/{id}/changes: what accepted findings propose becomes the document's next version."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import Field

from docward.events.documents import ApplyChanges, Edit
from docward.events.findings import AnalysisReport
from docward.gateway.auth import Contributor
from docward.gateway.context import (
    Context,
    Gateway,
    ManagedDocument,
    Writing,
    document_order,
    expected_version,
    shows_document,
)
from docward.gateway.preconditions import IfMatch
from docward.gateway.problems import ProblemError
from docward.gateway.publishing import Order
from docward.gateway.queries import analyses, findings
from docward.gateway.queries.documents import Document
from docward.gateway.queries.findings import DocumentFinding, FindingFilters
from docward.gateway.routes.answers import SmallBody, written
from docward.gateway.shapes import Sent

router = APIRouter(prefix="/documents/{document_id}/changes", tags=["findings"], route_class=SmallBody)

MAX_CHANGES = 1000
"""Of one new version."""


class Changes(Sent):
    findings: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        max_length=MAX_CHANGES,
        description="Fingerprints. Left out: every accepted or modified finding whose change can be made as it stands.",
    )


@router.post("", status_code=202, summary="Make a version of what was accepted", responses=written(Document))
async def apply_changes(
    document: ManagedDocument,
    gateway: Context,
    write: Writing,
    if_match: IfMatch,
    _: Contributor,
    changes: Changes | None = None,
) -> Response:
    """All in one step: the proposals of accepted findings and the texts of modified ones, each exactly at its place.

    A change is for the version that was analysed: what belongs to another, or still has a `{…}` that only a person can
    fill, is refused by name (409) when it was asked for, and left out when nothing was asked for by name. After the
    version was converted anew, all are refused (`stale-text`) until the document has been analysed again.
    """
    chosen = (changes or Changes()).findings

    async def order() -> Order:
        found = await answered(gateway, document.document_id, chosen)
        edits = edits_of(found, chosen, document.current_version)
        command = ApplyChanges(
            version=document.current_version,
            edits=edits,
            markdown_sha256=await text_of(gateway, document.document_id, found, edits),
            expected_version=expected_version(document, if_match),
        )
        return document_order(document.document_id, command)

    request = ("changes", document.document_id, if_match, changes)
    return await write.send(request, order, shows_document(write, document.document_id))


async def answered(gateway: Gateway, ident: UUID, chosen: tuple[str, ...] | None) -> dict[str, DocumentFinding]:
    """The accepted and modified findings of a document or group, of the chosen ones or of all, by fingerprint."""
    if chosen is None:
        filters = FindingFilters(status=["accepted", "modified"])
        rows = await findings.of_document(gateway.reads, ident, filters, None, MAX_CHANGES)
        return {finding.fingerprint: finding for _, finding in rows}
    found = await findings.among(gateway.reads, ident, chosen)
    return {finding.fingerprint: finding for finding in found if finding.status in {"accepted", "modified"}}


async def text_of(
    gateway: Gateway, document_id: UUID, found: dict[str, DocumentFinding], edits: tuple[Edit, ...]
) -> str | None:
    """The hash of the document's text that the edits are of, as their analysis has read it; None if it told none.

    Raises ProblemError 409 when they are of several texts.
    """
    read = {found[edit.finding].last_seen_analysis for edit in edits if edit.finding is not None}
    texts = set()
    for analysis in read:
        if ref := await analyses.report_of(gateway.reads, analysis):
            report = AnalysisReport.model_validate_json(await gateway.store.get(ref))
            texts.add(report.texts.get(str(document_id)))
    if len(texts) > 1:
        raise ProblemError(409, "stale-text", "The changes are of different texts: have the document analysed again.")
    return next(iter(texts), None)


def _last_seen(finding: DocumentFinding) -> int | str:
    return finding.last_seen_version


def edits_of(
    answered: dict[str, DocumentFinding],
    chosen: tuple[str, ...] | None,
    version: int,
    seen_in: Callable[[DocumentFinding], int | str] = _last_seen,
) -> tuple[Edit, ...]:
    """The edits of the chosen findings, or of all that can be made. `seen_in`: the version that a finding is
    about, or why it is about none of the document.

    Raises ProblemError 409 naming each chosen one that cannot be made, or when there is nothing to do.
    """
    edits, refused = [], []
    for fingerprint in dict.fromkeys(answered if chosen is None else chosen):
        made = _edit(answered.get(fingerprint), version, seen_in)
        if isinstance(made, Edit):
            edits.append(made)
        else:
            refused.append({"finding": fingerprint, "message": made})
    if refused and (chosen is not None or not edits):
        raise ProblemError(409, "not-applicable", "These changes cannot be made.", changes=refused)
    if not edits:
        raise ProblemError(409, "nothing-to-do", "No finding has been accepted or modified.")
    return tuple(edits)


def _edit(finding: DocumentFinding | None, version: int, seen_in: Callable[[DocumentFinding], int | str]) -> Edit | str:
    """The edit of `version`, or why there is none."""
    if finding is None:
        return "It has not been accepted or modified."
    if finding.proposal is None:
        return "It proposes no change: nobody knows where its text would stand."
    seen = seen_in(finding)
    if isinstance(seen, str):
        return seen
    if not finding.present or seen != version:
        return f"It was found in version {seen}, and not in the current version {version}."
    if finding.replacement is None and finding.proposal.slots:
        return f"Only a person can fill {', '.join(finding.proposal.slots)}: modify it with the text to be written."
    return Edit(
        span=finding.proposal.span,
        original=finding.proposal.original,
        replacement=finding.proposal.replacement if finding.replacement is None else finding.replacement,
        finding=finding.fingerprint,
    )
