"""Request headers that change what an answer means: `If-Match`, `If-None-Match`, `Prefer: wait=N`, `Idempotency-Key`.

A document's ETag is `"d<version>.a<version>"`: the versions of its own stream and of its analyses' stream. The same
pair is the id of its live events.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from fastapi import Depends, Header, Request

from docward.events.codec import trace_context
from docward.gateway.problems import ProblemError, invalid

MAX_WAIT_SECONDS = 60.0


class Versions(NamedTuple):
    """How far a reader has seen a document."""

    document: int = 0
    analysis: int = 0

    @property
    def tag(self) -> str:
        return f"d{self.document}.a{self.analysis}"

    @property
    def etag(self) -> str:
        return f'"{self.tag}"'


def parse_versions(text: str) -> Versions | None:
    found = re.fullmatch(r"d(\d{1,9})\.a(\d{1,9})", text)
    return Versions(int(found[1]), int(found[2])) if found else None


IfMatchHeader = Annotated[
    str | None, Header(alias="If-Match", max_length=200, description="ETag of the state that is to be changed, or `*`.")
]


async def if_match(value: IfMatchHeader = None) -> Versions | None:
    """The state that the caller means to change; None when any is meant."""
    if value is None or value.strip() == "*":
        return None
    versions = parse_versions(value.strip().strip('"'))
    if versions is None:
        raise invalid("header.If-Match", "is not an ETag of this resource", code="invalid-etag")
    return versions


IfMatch = Annotated[Versions | None, Depends(if_match)]


def require_current(expected: int, current: int) -> None:
    """Refuse at once what the read model already shows to be stale; the decider has the last word."""
    if current > expected:
        raise ProblemError(
            412,
            "version-conflict",
            f"The resource has changed: version {expected} was expected, it is at {current}.",
            current_version=current,
        )


def not_modified(request: Request, etag: str) -> bool:
    candidates = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    return etag in candidates or "*" in candidates


PreferHeader = Annotated[
    str | None,
    Header(
        alias="Prefer",
        max_length=200,
        description="`wait=N`: answer when the read model shows the outcome, after N seconds at the latest.",
    ),
]


async def prefer_wait(prefer: PreferHeader = None) -> float | None:
    """Seconds to wait for the outcome; None when the caller does not want to. Unknown preferences are ignored."""
    for preference in (prefer or "").split(","):
        found = re.fullmatch(r"wait\s*=\s*\"?(\d{1,4})\"?", preference.strip(), re.IGNORECASE)
        if found:
            return min(float(found[1]), MAX_WAIT_SECONDS)
    return None


Wait = Annotated[float | None, Depends(prefer_wait)]

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="The same key with the same request has one effect, and the same answer.",
    ),
]


async def callers_trace(traceparent: Annotated[str | None, Header(include_in_schema=False)] = None) -> str | None:
    """The caller's trace, if it is one: it goes on through every message that follows."""
    return trace_context(traceparent)


TraceContext = Annotated[str | None, Depends(callers_trace)]
