"""What routes are given: the process's parts, the document that a path names, and the way from a body to a command.

Every dependency is a coroutine function: others are called in a thread of their own, each for a switch of threads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import asyncpg
import structlog
from fastapi import Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from docward.events.messages import Actor, Command
from docward.events.topics import DOCUMENT_COMMANDS
from docward.gateway import publishing
from docward.gateway.auth import Caller
from docward.gateway.operators import Operators
from docward.gateway.preconditions import IdempotencyKeyHeader, TraceContext, Versions, Wait, require_current
from docward.gateway.problems import ProblemError, not_found
from docward.gateway.progress import ProgressHub
from docward.gateway.publishing import Accepted, Attempt, Order, Publishing
from docward.gateway.queries import documents, operations
from docward.gateway.queries.documents import Document
from docward.gateway.queries.operations import Operation
from docward.gateway.read_model import ReadModel
from docward.gateway.uploads import Store
from docward.runtime.errors import OPERATIONAL

log = structlog.get_logger()

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class Gateway:
    """The parts of the process, built once."""

    reads: asyncpg.Pool
    store: Store
    publishing: Publishing
    max_upload_bytes: int
    read_model: ReadModel = field(default_factory=ReadModel)
    progress: ProgressHub = field(default_factory=ProgressHub)
    operators: Operators | None = None
    computing: Executor = field(default_factory=lambda: ThreadPoolExecutor(2, "computing"))
    """For what takes longer than an event loop may stand still."""


async def gateway_of(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


Context = Annotated[Gateway, Depends(gateway_of)]


async def known_document(document_id: UUID, caller: Caller, gateway: Context) -> Document:
    """The document of the path, deleted or not. 404 when there is none that the caller may see."""
    document = await documents.get(gateway.reads, document_id, caller)
    if document is None:
        raise not_found("document")
    return document


KnownDocument = Annotated[Document, Depends(known_document)]


async def visible_document(document: KnownDocument) -> Document:
    """The document of the path. 410 when it was deleted."""
    require_present(document)
    return document


VisibleDocument = Annotated[Document, Depends(visible_document)]


def require_present(document: Document) -> None:
    if document.status == "deleted":
        raise ProblemError(410, "deleted", "The document was deleted.")


async def managed_document(document: VisibleDocument, caller: Caller) -> Document:
    """The document of the path, which the caller may change."""
    require_manager(document, caller)
    return document


def require_manager(document: Document, caller: Actor) -> None:
    if not caller.manages(document.owner):
        raise ProblemError(403, "forbidden", "Only the document's owner or an admin may do this.")


ManagedDocument = Annotated[Document, Depends(managed_document)]

Show = Callable[[Operation], Awaitable[Response]]
"""The answer to a request that waited for its outcome."""


@dataclass(frozen=True, slots=True)
class Write:
    """A request that leads to a command, and how its caller wants to be answered."""

    gateway: Gateway
    caller: Actor
    key: str | None
    wait: float | None
    traceparent: str | None

    def attempt(self) -> AbstractAsyncContextManager[Attempt]:
        return self.gateway.publishing.attempt(self.caller, self.key, self.traceparent)

    async def send(self, request: tuple[object, ...], order: Callable[[], Awaitable[Order]], show: Show) -> Response:
        """Publish the order, once per key; `request` is what makes two requests the same one.

        `order` is made, and its preconditions are checked, only when the request is not a repeated one.
        """
        async with self.attempt() as attempt:
            accepted = attempt.repeated(*request) or await attempt.publish(await order())
        return await self.answer(accepted, show)

    async def answer(self, accepted: Accepted, show: Show) -> Response:
        """202, or the outcome for whoever prefers to wait and need not wait too long."""
        if self.wait is not None:
            try:
                shown = await self._shown(accepted, self.wait, show)
            except OPERATIONAL as error:  # it is accepted all the same
                log.warning("an outcome cannot be waited for", error=str(error))
                shown = None
            if shown is not None:
                return shown
        return as_json(accepted, 202, {"Location": publishing.operation_path(accepted.operation_id)})

    async def _shown(self, accepted: Accepted, seconds: float, show: Show) -> Response | None:
        operation = await publishing.outcome(self.gateway.read_model, self._operation, accepted, seconds)
        if operation is None:
            return None
        answer = await show(operation)
        answer.headers["Preference-Applied"] = f"wait={seconds:.0f}"
        return answer

    async def _operation(self, operation_id: UUID) -> Operation | None:
        return await operations.get(self.gateway.reads, operation_id)


async def write_of(
    gateway: Context, caller: Caller, wait: Wait, trace: TraceContext, key: IdempotencyKeyHeader = None
) -> Write:
    return Write(gateway, caller, key, wait, trace)


Writing = Annotated[Write, Depends(write_of)]


def shows_document(write: Write, document_id: UUID, status: int = 200) -> Show:
    async def show(_: Operation) -> Response:
        document = await known_document(document_id, write.caller, write.gateway)
        require_present(document)
        return document_response(document, status)

    return show


def document_response(document: Document, status: int = 200) -> Response:
    path = f"{API}/documents/{document.document_id}"
    return as_json(document, status, {"ETag": document.versions.etag, "Content-Location": path})


def document_order(document_id: UUID, command: Command) -> Order:
    return Order(DOCUMENT_COMMANDS, "document", document_id, command, f"{API}/documents/{document_id}")


def expected_version(document: Document, if_match: Versions | None) -> int | None:
    """What the command expects. Raises ProblemError 412 when the read model shows that it is too late."""
    if if_match is None:
        return None
    require_current(if_match.document, document.stream_version)
    return if_match.document


def as_json(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body.model_dump(mode="json"), status, headers)
