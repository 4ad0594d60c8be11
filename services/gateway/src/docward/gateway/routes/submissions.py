"""POST /documents and /documents/{id}/versions: files come in, are stored, and only then become commands."""

# ruff: noqa: FAST003  # ManagedDocument takes `document_id` from the path

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import TypeAdapter, ValidationError

from docward.events.documents import SubmitDocument, SubmitRevision
from docward.events.messages import derived_id
from docward.gateway.assignments import references
from docward.gateway.auth import Contributor
from docward.gateway.context import ManagedDocument, Writing, document_order, expected_version, shows_document
from docward.gateway.multipart import Fields
from docward.gateway.preconditions import IfMatch
from docward.gateway.problems import invalid, invalid_fields
from docward.gateway.queries.documents import Document
from docward.gateway.routes.answers import RepositoryName, written
from docward.gateway.uploads import Upload, receive

router = APIRouter(prefix="/documents", tags=["documents"])

_FILE = {"type": "string", "format": "binary"}
_DETAILS: dict[str, dict[str, Any]] = {
    "title": {"type": "string", "maxLength": 255, "description": "Default: the file's name."},
    "description": {"type": "string", "maxLength": 2000},
    "tags": {"type": "array", "items": {"type": "string", "maxLength": 50}, "maxItems": 20},
    "visibility": {"type": "string", "enum": ["private", "group", "organization"], "default": "organization"},
    "groups": {"type": "array", "items": {"type": "string"}, "description": "With visibility `group`."},
    "repositories": {"type": "array", "items": {"type": "string"}, "description": "`NAME` or `NAME@release`."},
}
_COMMENT: dict[str, dict[str, Any]] = {"comment": {"type": "string", "maxLength": 2000}}
_LISTS = {"tags", "groups", "repositories"}
_RepositoryNames = TypeAdapter(tuple[RepositoryName, ...])


def _described(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A form; or the file alone, and everything else in the query."""
    name = {"filename": {"type": "string", "description": "Instead of a Content-Disposition header."}}
    form = {"type": "object", "properties": {"file": _FILE, **fields}, "required": ["file"]}
    return {
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form}, "application/octet-stream": {"schema": _FILE}},
        },
        "parameters": [
            {"name": field, "in": "query", "required": False, "schema": schema}
            for field, schema in {**name, **fields}.items()
        ],
    }


@router.post(
    "",
    status_code=202,
    summary="Submit a document",
    responses=written(Document, 415, status=201),
    openapi_extra=_described(_DETAILS),
)
async def submit(request: Request, write: Writing, _: Contributor) -> Response:
    """PDF, DOCX, Markdown, HTML, reStructuredText or plain text, as the part `file` of a form or as the whole body."""
    gateway = write.gateway
    async with write.attempt() as attempt:
        document_id = derived_id("document", attempt.command_id)
        upload = await receive(request, gateway.store, attempt.command_id, limit=gateway.max_upload_bytes)
        accepted = attempt.repeated("submit", *upload.sent)
        if accepted is None:
            accepted = await attempt.publish(document_order(document_id, await _submission(write, upload)))
    return await write.answer(accepted, shows_document(write, document_id, 201))


@router.post(
    "/{document_id}/versions",
    status_code=202,
    summary="Submit a revision",
    responses=written(Document, 415, status=201),
    openapi_extra=_described(_COMMENT),
)
async def submit_revision(
    request: Request, document: ManagedDocument, write: Writing, if_match: IfMatch, _: Contributor
) -> Response:
    """The next version of a document, as a file."""
    gateway = write.gateway
    async with write.attempt() as attempt:
        upload = await receive(request, gateway.store, attempt.command_id, limit=gateway.max_upload_bytes)
        accepted = attempt.repeated("revise", document.document_id, if_match, *upload.sent)
        if accepted is None:
            command = _validated(
                SubmitRevision,
                filename=upload.filename,
                original=upload.original,
                expected_version=expected_version(document, if_match),
                **_values(upload.fields, _COMMENT),
            )
            accepted = await attempt.publish(document_order(document.document_id, command))
    return await write.answer(accepted, shows_document(write, document.document_id, 201))


async def _submission(write: Writing, upload: Upload) -> SubmitDocument:
    values = _values(upload.fields, _DETAILS)
    try:
        names = _RepositoryNames.validate_python(values.pop("repositories", []))
    except ValidationError as error:
        raise invalid_fields(error, within="repositories") from error
    values.setdefault("title", PurePosixPath(upload.filename).stem[:255])
    command: SubmitDocument = _validated(SubmitDocument, filename=upload.filename, original=upload.original, **values)
    if (command.visibility == "group") != bool(command.groups):
        raise invalid("groups", "are given with the visibility `group`, and only with it")
    assigned = await references(write.gateway.reads, names, field="repositories")
    return command.model_copy(update={"repositories": assigned})


def _values(fields: Fields, known: Mapping[str, Any]) -> dict[str, Any]:
    """The fields by name: lists may be repeated, all others are given once. Raises ProblemError for unknown ones."""
    values: dict[str, Any] = {}
    for name, given in fields.items():
        if name not in known:
            raise invalid(name[:100], "is not a field of this form")
        if name in _LISTS:
            values[name] = [value for value in given if value]
        elif len(given) > 1:
            raise invalid(name, "is given more than once")
        elif given[0]:
            values[name] = given[0]
    return values


def _validated(model: type[Any], **values: Any) -> Any:
    try:
        return model(**values)
    except ValidationError as error:
        raise invalid_fields(error) from error
