"""How an older version of a type becomes the next one: pure functions on the JSON body, one step each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Body = dict[str, Any]
Upcast = Callable[[Body], Body]
Upcasts = Mapping[tuple[str, int], Upcast]

UPCASTS: Upcasts = {}
"""(type, version it takes) to the function `_<type>_v<N>_to_v<N+1>`. Every type is at its first version."""


def upcast(type_: str, version: int, newest: int, body: Body, upcasts: Upcasts = UPCASTS) -> Body:
    """`body`, written as `version`, as the newest version has it. A missing step raises KeyError."""
    for step in range(version, newest):
        body = upcasts[type_, step](body)
    return body
