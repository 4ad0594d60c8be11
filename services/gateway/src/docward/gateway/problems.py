"""Every error leaves the gateway as a problem document (RFC 9457) with a stable `code`, made in one handler.

Codes are part of the API's contract. Nothing of the inside leaks: no messages of libraries, no SQL, no paths of files,
and nothing of what was sent is repeated but the names of fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from docward.runtime.errors import (
    DATA_ERRORS,
    OPERATIONAL,
    BrokerUnavailableError,
    HashMismatchError,
    ObjectMissingError,
    ObjectStoreUnavailableError,
    TooLargeError,
)

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = "5"
"""Seconds; within the 2 to 10 s in which a broker or database usually comes back."""


class FieldProblem(BaseModel):
    """One thing that is wrong with what was sent."""

    field: str = Field(description="Where: `body.title`, `query.limit`, …")
    message: str


class Problem(BaseModel):
    """An error as RFC 9457 writes it. `code` is stable; `title` and `detail` are for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:docward:problem:<code>`")
    title: str
    status: int
    code: str = Field(description="Stable, kebab-case.")
    detail: str
    instance: str = Field(description="The path that was asked for.")
    errors: list[FieldProblem] | None = Field(default=None, description="For what was sent wrongly: each mistake.")


class ProblemError(Exception):
    """An answer that is an error. `more` becomes members of the problem document."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


def not_found(what: str) -> ProblemError:
    """Also for what the caller may not know of: both look the same."""
    return ProblemError(404, "not-found", f"There is no such {what}.")


def invalid(field: str, message: str, *, code: str = "invalid-request") -> ProblemError:
    return ProblemError(422, code, "The request is not valid.", errors=[{"field": field, "message": message}])


_NO_OBJECT = "is no JSON object: send one, a body with `Content-Type: application/json`"
"""Without that header a body is not read as JSON, whatever it holds."""


def invalid_fields(error: ValidationError | RequestValidationError, *, within: str = "") -> ProblemError:
    """The mistakes that pydantic found, by field, without the values that were sent."""
    mistakes = []
    for item in error.errors():
        place = ".".join(str(part) for part in ((within,) if within else ()) + tuple(item["loc"]))
        message = _NO_OBJECT if item["type"] == "model_attributes_type" else str(item["msg"])
        mistakes.append({"field": place, "message": message.removeprefix("Value error, ")})
    return ProblemError(422, "invalid-request", "The request is not valid.", errors=mistakes)


def install(app: FastAPI) -> None:
    known = (error for types, *_ in _KNOWN for error in types)
    for error in (ProblemError, HTTPException, RequestValidationError, *known, Exception):
        app.add_exception_handler(error, answer)


async def answer(request: Request, error: BaseException) -> JSONResponse:
    """The one place where errors become answers."""
    problem = _problem(error)
    if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request failed", path=request.url.path, method=request.method, exc_info=error)
    elif problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        log.warning("request cannot be served", path=request.url.path, reason=problem.code, error=str(error))
    return response(problem, request.url.path)


def response(problem: ProblemError, instance: str) -> JSONResponse:
    body = {
        "type": f"urn:docward:problem:{problem.code}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "instance": instance,
        **problem.more,
    }
    return JSONResponse(body, problem.status, headers=problem.headers, media_type=MEDIA_TYPE)


def _problem(error: BaseException) -> ProblemError:
    match error:
        case ProblemError():
            return error
        case RequestValidationError():
            if any(item["type"] == "json_invalid" for item in error.errors()):
                return ProblemError(400, "invalid-json", "The body is not JSON.")
            return invalid_fields(error)
        case HTTPException():
            return _of_status(error)
    for types, status, code, detail in _KNOWN:
        if isinstance(error, types):
            return ProblemError(status, code, detail, headers={"Retry-After": RETRY_AFTER} if status == 503 else None)
    return ProblemError(500, "internal-error", "Something unexpected went wrong; it was logged.")


_KNOWN: tuple[tuple[tuple[type[BaseException], ...], int, str, str], ...] = (
    ((TooLargeError,), 413, "too-large", "The request is larger than this route takes."),
    (
        (ObjectMissingError, HashMismatchError),
        410,
        "object-gone",
        "The stored bytes are gone, or are no longer those that were stored.",
    ),
    ((ClientDisconnect,), 400, "incomplete-request", "The request ended before its body did."),
    (DATA_ERRORS, 422, "invalid-request", "The request holds a value that cannot be looked for."),
    (
        (BrokerUnavailableError,),
        503,
        "broker-unavailable",
        "The message broker does not answer; nothing was accepted for certain. Repeat it with an Idempotency-Key.",
    ),
    ((ObjectStoreUnavailableError,), 503, "object-store-unavailable", "The object store does not answer."),
    (
        (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError),
        503,
        "read-model-unavailable",
        "The read model is being set up.",
    ),
    (OPERATIONAL, 503, "database-unavailable", "The database does not answer."),
)
"""What is done about errors of other modules, the first that fits."""


def _of_status(error: HTTPException) -> ProblemError:
    code, detail = {
        400: ("invalid-request", "The request cannot be read."),
        404: ("not-found", "There is nothing at this address."),
        405: ("method-not-allowed", "This address does not take that method."),
        408: ("too-slow", "The body did not come in time."),
        413: ("too-large", "The request is larger than this route takes."),
    }.get(error.status_code, (HTTPStatus(error.status_code).phrase.lower().replace(" ", "-"), "The request failed."))
    return ProblemError(error.status_code, code, detail, headers=error.headers)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: problem documents for these statuses, and for those that every route has."""
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        status: {"description": HTTPStatus(status).phrase, **({"content": problem} if status >= 400 else {})}
        for status in sorted({401, 403, 422, 500, 503, *statuses})
    }
