"""Places in the code where a process can be made to die or to freeze, by name.

A point is a named function of the product, and one of its two edges: before it runs, after it has. The hook is put
around the function by the process' entry point (`entry`), so the product knows nothing of it.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

EXIT_AT_POINT = 86

Edge = Literal["before", "after"]
Action = Literal["die", "freeze"]

_RUNTIME = "docward.runtime"
_LOOP = {
    "take over a partition": f"{_RUNTIME}.checkpoints:Checkpoints.take_over",
    "settle a batch": f"{_RUNTIME}.delivery:DeliveryLoop._transact",
    "move the position": f"{_RUNTIME}.checkpoints:Checkpoints.move",
    "commit": "asyncpg.transaction:Transaction.__aexit__",
    "look after the batch": f"{_RUNTIME}.delivery:DeliveryLoop._aftermath",
}
PLACES: dict[str, dict[str, str]] = {
    "converter": {
        **_LOOP,
        "create topics": f"{_RUNTIME}.infrastructure:ensure_topics",
        "prepare commands": f"{_RUNTIME}.deciders:DeciderHandler.prepare",
        "forward a command": f"{_RUNTIME}.deciders:DeciderHandler._forward",
        "decide": f"{_RUNTIME}.deciders:DeciderHandler.apply",
        "remember command ids": f"{_RUNTIME}.deciders:DeciderHandler._remember",
        "append events": f"{_RUNTIME}.eventstore:EventStore.append",
        "record jobs": f"{_RUNTIME}.eventstore:EventStore.add_jobs",
        "park": f"{_RUNTIME}.parking:store",
        "mirror to the dead letters": f"{_RUNTIME}.parking:mirror",
        "wake the relay": f"{_RUNTIME}.deciders:DeciderHandler.committed",
        "read what to relay": f"{_RUNTIME}.eventstore:EventStore.unrelayed",
        "publish": f"{_RUNTIME}.kafka:Publisher.write",
        "mark as relayed": f"{_RUNTIME}.eventstore:EventStore.relayed",
        "work on a job": f"{_RUNTIME}.jobs:JobPool._work",
        "convert": "docward.converter.jobs:ConverterJobs.convert",
    },
    "analyzer": {
        "receive an event": f"{_RUNTIME}.reactions:ReactionLoop._receive",
        "react": f"{_RUNTIME}.reactions:ReactionLoop._settle",
        "publish a reaction": f"{_RUNTIME}.kafka:Publisher.publish",
        "claim a job": f"{_RUNTIME}.jobs:JobPool._claim",
        "analyse": "docward.analyzer.jobs:AnalyzerJobs.analyse",
        "store a product": f"{_RUNTIME}.objects:ObjectStore.put",
        "complete a job": f"{_RUNTIME}.jobs:JobPool._complete",
        "lock the partition": f"{_RUNTIME}.eventstore:EventStore.lock",
    },
    "projector": {
        **_LOOP,
        "prepare tables": "docward.projector.app:prepare_schemas",
        "prepare events": f"{_RUNTIME}.projections:ProjectionHandler.prepare",
        "project": f"{_RUNTIME}.projections:ProjectionHandler.apply",
        "write rows": f"{_RUNTIME}.projections:ProjectionHandler._write",
        "remember versions": f"{_RUNTIME}.projections:ProjectionHandler._remember",
    },
    "gateway": {
        "reserve a key": "docward.gateway.idempotency:PostgresIdempotencyKeys.reserve",
        "store an upload": f"{_RUNTIME}.objects:ObjectStore.put_stream",
        "publish a command": f"{_RUNTIME}.kafka:Publisher.publish",
        "answer under a key": "docward.gateway.idempotency:PostgresIdempotencyKeys.complete",
    },
}
"""Per service, what can be interrupted; each on both edges."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process of a service is interrupted: at the `nth` time that it comes by."""

    service: str
    place: str
    edge: Edge
    action: Action = "die"
    nth: int = 1
    only: Callable[..., bool] | None = None
    """Says, from the function's arguments, which calls count; None: all."""

    def __str__(self) -> str:
        return f"{self.service}: {self.edge} {self.place!r}"


def points() -> list[Point]:
    edges: tuple[Edge, Edge] = ("before", "after")
    return [Point(service, place, edge) for service, places in PLACES.items() for place in places for edge in edges]


def target(service: str, place: str) -> tuple[Any, str]:
    """The owner of the named function, and its name there. Raises AttributeError when the code has no such function."""
    module, _, path = PLACES[service][place].partition(":")
    *owners, name = path.split(".")
    owner: Any = import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    getattr(owner, name)
    return owner, name


def lay(point: Point) -> None:
    """Put the hook around the function, in this process."""
    owner, name = target(point.service, point.place)
    original: Callable[..., Any] = getattr(owner, name)
    left = point.nth

    def edge(reached: Edge, *call: Any) -> None:
        nonlocal left
        if reached == point.edge and (point.only is None or point.only(*call)):
            left -= 1
            if left == 0:
                _interrupt(point.action)

    @functools.wraps(original)
    async def hooked(*args: Any, **kwargs: Any) -> Any:
        edge("before", *args)
        outcome = await original(*args, **kwargs)
        edge("after", *args)
        return outcome

    if not inspect.iscoroutinefunction(original):
        raise TypeError(f"{point}: only what is awaited can be interrupted")
    setattr(owner, name, hooked)


def _interrupt(action: Action) -> None:
    if action == "die":
        os._exit(EXIT_AT_POINT)
    os.kill(os.getpid(), signal.SIGSTOP)
