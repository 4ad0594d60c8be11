"""Pages of lists by keyset: a cursor names the last row that was seen, so a page stays right while rows come and go.

Cursors are opaque to clients. One that was not made here is refused with a problem document.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from docward.gateway.problems import invalid
from docward.gateway.shapes import Sent

T = TypeVar("T")
K = TypeVar("K", bound=tuple[Any, ...])


class Paging(Sent):
    """Query parameters of every list."""

    limit: int = Field(default=50, ge=1, le=200, description="Rows of a page.")
    cursor: str | None = Field(default=None, max_length=1000, description="`next_cursor` of the page before.")


class Page(BaseModel, Generic[T]):
    items: list[T]
    next_cursor: str | None = Field(default=None, description="Pass it as `cursor`; absent on the last page.")


def page(rows: Sequence[T], limit: int, key: Callable[[T], tuple[Any, ...]]) -> Page[T]:
    """The first `limit` of `rows`, which were asked for with a limit of one more."""
    shown = list(rows[:limit])
    return Page(items=shown, next_cursor=encode(key(shown[-1])) if len(rows) > limit else None)


def encode(key: tuple[Any, ...]) -> str:
    raw = TypeAdapter(tuple[Any, ...]).dump_json(key)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(cursor: str | None, shape: type[K]) -> K | None:
    """The key in the cursor. Raises ProblemError 422 when it is none of this list."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        key: K = TypeAdapter(shape).validate_python(json.loads(raw))
    except (ValueError, ValidationError, RecursionError) as error:
        raise invalid("query.cursor", "is not a cursor of this list", code="invalid-cursor") from error
    return key
