"""Around every request: its time, an end to bodies that do not come, an answer even when a body was refused."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from prometheus_client import Histogram
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Seconds from a request's first byte to its answer's first byte, by route and status. Status `none`: the request failed
# for no foreseen reason (500, and a log line), or its client did not wait.
HTTP_SECONDS = Histogram(
    "docward_http_seconds",
    "Time to the first byte of an answer",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DRAIN_SECONDS = 10.0


class Measured:
    """Times every request, by its route's template: paths with ids would be endless."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = "none"

        async def measured(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                _observe(scope, status, began)
            await send(message)

        try:
            await self._app(scope, receive, measured)
        finally:
            if status == "none":  # its client has left, or its error is answered outside of every middleware
                _observe(scope, status, began)


def _observe(scope: Scope, status: str, began: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    method = scope["method"] if scope["method"] in METHODS else "other"
    HTTP_SECONDS.labels(method, route, status).observe(time.perf_counter() - began)


class Heard:
    """Waits for a body only so long, and reads what is left of it before it is refused.

    A connection that is closed while its client still sends is reset, and the client never sees why. So a body that
    is not much larger than what is taken is read to its end and thrown away; a larger one is cut off.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, idle_seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, self._idle_seconds)

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= 400 and not body.ended:
                announced = dict(scope["headers"]).get(b"content-length", b"")
                if not announced.isdigit() or int(announced) <= self._max_bytes:
                    await body.drain(self._max_bytes)
            await send(message)

        await self._app(scope, body.receive, heard)


class _Body:
    def __init__(self, receive: Receive, idle_seconds: float) -> None:
        self._receive = receive
        self._idle_seconds = idle_seconds
        self.ended = False

    async def receive(self) -> Message:
        """The next piece; after the last one, whatever comes whenever it comes."""
        if self.ended:
            return await self._receive()
        try:
            async with asyncio.timeout(self._idle_seconds):
                message = await self._receive()
        except TimeoutError as error:
            self.ended = True
            raise HTTPException(408) from error
        if not (message["type"] == "http.request" and message.get("more_body", False)):
            self.ended = True
        return message

    async def drain(self, max_bytes: int) -> None:
        read = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.ended and read <= max_bytes:
                    read += len((await self.receive()).get("body", b""))
