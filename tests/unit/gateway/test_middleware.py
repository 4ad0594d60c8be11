"""What stands around every request."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from typing import Any

import httpx
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from docward.gateway import problems
from docward.gateway.middleware import Heard
from docward.gateway.routes import (
    analyses,
    audit,
    content,
    documents,
    findings,
    live,
    me,
    operations,
    repositories,
    submissions,
)
from unit.gateway.running import Running, signed_in

ROUTERS = (submissions, documents, content, findings, analyses, repositories, operations, audit, live, me)


async def a_reader(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads its body and says how much it was."""
    request = Request(scope, receive)
    try:
        answer: Any = PlainTextResponse(str(len(await request.body())))
    except Exception as error:  # noqa: BLE001  # what FastAPI would hand to its handler
        answer = await problems.answer(request, error)
    await answer(scope, receive, send)


async def test_a_body_that_stops_coming_is_given_up() -> None:
    never = asyncio.Event()

    async def body() -> Any:
        yield b"a beginning"
        await never.wait()

    transport = httpx.ASGITransport(Heard(a_reader, max_bytes=1000, idle_seconds=0.05))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        whole = await client.post("/", content=b"all of it")
        assert whole.text == "9"
        slow = await client.post("/", content=body())
    assert (slow.status_code, slow.json()["code"]) == (408, "too-slow")


def called(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from called(inner)


def test_no_request_waits_for_a_thread() -> None:
    """A plain function as a dependency costs two switches of threads, 20 of them a third of a request."""
    for module in ROUTERS:
        for route in module.router.routes:
            assert isinstance(route, APIRoute)
            for call in called(route.dependant):
                function = call if inspect.isroutine(call) else call.__call__
                assert inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function), call


async def test_requests_are_timed_by_route(running: Running) -> None:
    await running.client.get("/api/v1/me")
    await running.client.request("BREW", "/api/v1/me")
    await running.client.get("/api/v1/nowhere")
    object.__setattr__(running.gateway, "reads", None)  # an error that nobody planned
    await running.client.get("/api/v1/operations", headers=signed_in("admin"))
    metrics = (await running.client.get("/metrics")).text
    for labels in (
        'method="GET",route="/me",status="200"',
        'method="other",route="/me",status="405"',
        'method="GET",route="unmatched",status="404"',
        'method="GET",route="/operations",status="none"',
    ):
        assert f"docward_http_seconds_count{{{labels}}}" in metrics
