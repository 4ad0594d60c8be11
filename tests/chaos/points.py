"""Places in the code where a process, or one loop of it, can be made to die or to freeze, by name.

A point is a named function of the product, and one of its two edges: before it runs, after it has. The hook is put
around the function by the process' entry point (`entry`), so the product knows nothing of it.
"""

from __future__ import annotations

import functools
import inspect
import os
import signal
import time
from asyncio import Event
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from docward.analyzer.reactions import ANALYSE_CONVERTED_VERSIONS
from docward.projector.projections import PROJECTIONS

EXIT_AT_POINT = 86

Edge = Literal["before", "after"]
Action = Literal["die", "freeze", "hang", "block"]
"""The process ends; it stands still; whoever comes by waits for ever; the event loop stands still."""

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

_COME_ROUND = f"{_RUNTIME}.delivery:DeliveryLoop._come_round"
_RELAY = f"{_RUNTIME}.deciders:Relay._relay_all"
_PRUNE = f"{_RUNTIME}.pruning:Pruning._once"
_LISTEN = f"{_RUNTIME}.postgres:Listener._listen"
_CLAIM = f"{_RUNTIME}.jobs:JobPool._claim"
LOOPS: dict[str, dict[str, str]] = {
    "converter": {
        "converter-documents": _COME_ROUND,
        "converter-documents-relay": _RELAY,
        "converter-documents-pruning": _PRUNE,
        "converter-listener": _LISTEN,
        "jobs-convert-apply-changes": _CLAIM,
    },
    "analyzer": {
        "analyzer-policies": _COME_ROUND,
        "analyzer-policies-relay": _RELAY,
        "analyzer-analyses": _COME_ROUND,
        "analyzer-analyses-relay": _RELAY,
        "analyzer-analyses-pruning": _PRUNE,
        "analyzer-listener": _LISTEN,
        ANALYSE_CONVERTED_VERSIONS.name: f"{_RUNTIME}.reactions:ReactionLoop._mirror",
        "jobs-analyse-analyse-suite": _CLAIM,
    },
    "projector": {
        "filling": "docward.projector.filling:Filling._look_again",
        "recomputing": f"{_RUNTIME}.recomputing:Recomputing._look",
        "switching": "docward.projector.switches:Switches._patiently",
        "projector-listener": _LISTEN,
        **{projection.consumer: _COME_ROUND for projection in PROJECTIONS},
    },
    "gateway": {
        "monitor": "docward.gateway.monitor:Monitor._look",
        "progress": "aiokafka:AIOKafkaConsumer.getmany",
        "idempotency-keys-pruning": _PRUNE,
        "gateway-listener": _LISTEN,
    },
}
"""Per service, each loop that has a beat, and a place that it comes by whenever it comes round."""


@dataclass(frozen=True, slots=True)
class Point:
    """Where a process of a service is interrupted: at the `nth` time that it comes by."""

    service: str
    place: str
    """Of `PLACES`, or the name of a loop."""
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
    module, _, path = (PLACES[service] | LOOPS[service])[place].partition(":")
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

    def counts(*call: Any) -> bool:
        if point.place in LOOPS[point.service] and getattr(call[0], "name", point.place) != point.place:
            return False  # another loop of the same class
        return point.only is None or point.only(*call)

    async def edge(reached: Edge, *call: Any) -> None:
        nonlocal left
        if reached == point.edge and counts(*call):
            left -= 1
            if left == 0:
                await _interrupt(point)

    @functools.wraps(original)
    async def hooked(*args: Any, **kwargs: Any) -> Any:
        await edge("before", *args)
        outcome = await original(*args, **kwargs)
        await edge("after", *args)
        return outcome

    if not inspect.iscoroutinefunction(original):
        raise TypeError(f"{point}: only what is awaited can be interrupted")
    setattr(owner, name, hooked)


def arrival(point: Point) -> str:
    """What is written to the log when a loop of the process stops at the point."""
    return f"stands still: {point}"


async def _interrupt(point: Point) -> None:
    match point.action:
        case "die":
            os._exit(EXIT_AT_POINT)
        case "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "hang":
            print(arrival(point), flush=True)
            await Event().wait()
        case "block":
            print(arrival(point), flush=True)
            time.sleep(3600)  # noqa: ASYNC251 -- the event loop is to stand still
