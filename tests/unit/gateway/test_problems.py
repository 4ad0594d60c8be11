"""Every error is a problem document, and none tells what is inside."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from aiokafka.errors import KafkaError
from fastapi import Request
from jsonschema import Draft202012Validator
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from docward.gateway.problems import Problem, ProblemError, answer
from docward.runtime.errors import (
    DATA_ERRORS,
    BrokerUnavailableError,
    HashMismatchError,
    ObjectMissingError,
    ObjectStoreUnavailableError,
    TooLargeError,
)
from unit.gateway.running import Running, signed_in

SECRET = "host=db user=docward password=hunter2"


def a_request() -> Request:
    return Request({"type": "http", "method": "GET", "path": "/api/v1/x", "headers": [], "query_string": b""})


def refused_by_the_driver() -> BaseException:
    """A number that fits no column is refused before it is sent, by an error that is no `asyncpg.DataError`."""
    return next(kind for kind in DATA_ERRORS if issubclass(kind, asyncpg.InterfaceError))(SECRET)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ProblemError(409, "its-code", "What it is."), 409, "its-code"),
        (TooLargeError(SECRET), 413, "too-large"),
        (ObjectMissingError(SECRET), 410, "object-gone"),
        (HashMismatchError(SECRET), 410, "object-gone"),
        (ClientDisconnect(), 400, "incomplete-request"),
        (asyncpg.DataError(SECRET), 422, "invalid-request"),
        (refused_by_the_driver(), 422, "invalid-request"),
        (asyncpg.UndefinedTableError(SECRET), 503, "read-model-unavailable"),
        (asyncpg.InvalidSchemaNameError(SECRET), 503, "read-model-unavailable"),
        (asyncpg.InsufficientPrivilegeError(SECRET), 503, "read-model-unavailable"),
        (BrokerUnavailableError(SECRET), 503, "broker-unavailable"),
        (KafkaError(SECRET), 503, "database-unavailable"),
        (ObjectStoreUnavailableError(SECRET), 503, "object-store-unavailable"),
        (asyncpg.PostgresConnectionError(SECRET), 503, "database-unavailable"),
        (ConnectionRefusedError(SECRET), 503, "database-unavailable"),
        (TimeoutError(), 503, "database-unavailable"),
        (HTTPException(404, SECRET), 404, "not-found"),
        (HTTPException(405, SECRET), 405, "method-not-allowed"),
        (HTTPException(418, SECRET), 418, "i'm-a-teapot"),
        (ValueError(SECRET), 500, "internal-error"),
        (KeyError(SECRET), 500, "internal-error"),
    ],
)
async def test_errors_become_problems_that_tell_nothing_of_the_inside(
    error: BaseException, status: int, code: str
) -> None:
    response = await answer(a_request(), error)
    body: dict[str, Any] = Problem.model_validate_json(bytes(response.body)).model_dump()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert response.media_type == "application/problem+json"
    assert body["type"] == f"urn:docward:problem:{code}"
    assert b"hunter2" not in bytes(response.body)
    assert ("retry-after" in response.headers) == (status == 503)


async def test_an_error_that_nobody_planned_is_an_answer_too(running: Running) -> None:
    class Broken:
        async def fetchrow(self, *_: Any) -> Any:
            raise RuntimeError(SECRET)

    object.__setattr__(running.gateway, "reads", Broken())
    answered = await running.client.get("/api/v1/operations/00000000-0000-0000-0000-000000000001")
    assert (answered.status_code, answered.json()["code"]) == (500, "internal-error")
    assert "hunter2" not in answered.text


async def test_what_is_not_there_is_a_problem_document(running: Running) -> None:
    for method, path, status in (
        ("GET", "/api/v1/nowhere", 404),
        ("POST", "/api/v1/me", 405),
        ("GET", "/nowhere", 404),
    ):
        answered = await running.client.request(method, path)
        assert answered.status_code == status
        assert answered.headers["Content-Type"] == "application/problem+json"
        assert answered.json()["instance"] == path


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/v1/documents?limit=0", "query.limit"),
        ("/api/v1/documents?tags=misspelt", "query.tags"),
        ("/api/v1/audit?user=mira", "query.user"),
        ("/api/v1/documents?limit=201", "query.limit"),
        ("/api/v1/documents?limit=many", "query.limit"),
        ("/api/v1/documents?cursor=!", "query.cursor"),
        ("/api/v1/documents?cursor=e30", "query.cursor"),
        ("/api/v1/documents?status=lost", "query.status"),
        ("/api/v1/documents?since=yesterday", "query.since"),
        ("/api/v1/documents?since=2026-01-01T00:00:00", "query.since"),
        ("/api/v1/documents?repository=abc", "query.repository"),
        ("/api/v1/documents?q=", "query.q"),
        ("/api/v1/documents/abc", "path.document_id"),
        ("/api/v1/operations/abc", "path.operation_id"),
        ("/api/v1/operations?status=lost", "query.status"),
        ("/api/v1/operations?cursor=WzEsMl0", "query.cursor"),
        ("/api/v1/audit?aggregate_id=abc", "query.aggregate_id"),
        ("/api/v1/policy-repositories/-x-", "path.name"),
        ("/api/v1/policy-repositories/pack/releases/0", "path.release"),
    ],
)
async def test_what_is_sent_wrongly_is_named(running: Running, path: str, field: str) -> None:
    answered = await running.client.get(path, headers=signed_in("admin"))
    assert answered.status_code == 422, answered.text
    assert field in [error["field"] for error in answered.json()["errors"]]


@pytest.mark.parametrize(("content", "kind"), [('{"title": "Pairs"}', "text/plain"), ("[]", "application/json")])
async def test_a_body_that_is_read_as_no_object_says_how_to_send_one(running: Running, content: str, kind: str) -> None:
    headers = {**signed_in("contributor"), "Content-Type": kind}
    answered = await running.client.post("/api/v1/document-groups", content=content, headers=headers)
    assert answered.status_code == 422
    (mistake,) = answered.json()["errors"]
    assert mistake["field"] == "body"
    assert "Content-Type: application/json" in mistake["message"]


async def test_problem_documents_fit_their_schema(running: Running) -> None:
    schema = running.app.openapi()["components"]["schemas"]["Problem"]
    components = {"components": running.app.openapi()["components"]}
    for path in ("/api/v1/documents?limit=0", "/api/v1/nowhere", "/api/v1/documents"):
        answered = await running.client.get(path)
        Draft202012Validator({**schema, **components}).validate(answered.json())
