"""What the addresses have in common: sizes, shapes of parameters, descriptions of answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Path, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from docward.gateway.problems import documented
from docward.gateway.publishing import Accepted

VersionNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
VersionInPath = Annotated[int, Path(ge=1, le=2**31 - 1)]
Fingerprint = Annotated[str, Path(min_length=1, max_length=200)]
RepositoryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{1,62}(@[1-9][0-9]{0,8})?$")]
"""`NAME` or `NAME@release`."""

MAX_BODY_BYTES = 1024 * 1024
"""Of everything but files; more than any command may be."""


class SmallBody(APIRoute):
    """An address whose body is counted as it comes, whatever Content-Length says."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def limited(request: Request) -> Response:
            return await handler(Request(request.scope, _limited(request.receive)))

        return limited


def _limited(receive: Receive) -> Receive:
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MAX_BODY_BYTES:
            raise HTTPException(413)
        return message

    return counted


def written(model: type[BaseModel], *more: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """Responses of an address that leads to a command on something that is there."""
    return {
        **documented(400, 404, 408, 409, 410, 412, 413, *more),
        status: {"model": model, "description": "Done, and the read model shows it (with `Prefer: wait`)."},
        202: {"model": Accepted, "description": "Durable; `Location` is where its outcome appears."},
    }
