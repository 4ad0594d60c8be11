"""What a service supplies to a decider: pure functions over a stream of events.

`decide(state, command, request)` says what a command does, `evolve(state, event)` what an event changes. No I/O, no
clock (the request carries the time), no randomness (ids follow from the command's id): equal input, equal decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from docward.events.messages import Actor, Event, Value
from docward.events.topics import Topic

S = TypeVar("S")


class Request(NamedTuple):
    """What a decision may know besides the state and the command."""

    aggregate_id: UUID
    command_id: UUID
    time: datetime
    actor: Actor
    version: int
    """Of the stream before the decision; 0 = nothing has happened."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Slow work that the decision begins. It ends by an internal command of the same aggregate."""

    kind: str
    payload: Mapping[str, Any]
    """JSON."""


@dataclass(frozen=True, slots=True)
class Accepted:
    events: tuple[Event, ...]
    jobs: tuple[JobSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    code: str
    """Stable, kebab-case."""
    detail: str


Decision = Accepted | Rejected


def accepted(*events: Event, jobs: Iterable[JobSpec] = ()) -> Accepted:
    return Accepted(events, tuple(jobs))


@dataclass(frozen=True, slots=True)
class Aggregate(Generic[S]):
    kind: str
    """First part of its stream ids: `document` in `document:<uuid>`."""
    commands: Topic
    events: Topic
    initial: S
    evolve: Callable[[S, Any], S]
    decide: Callable[[S, Any, Request], Decision]


def fold(aggregate: Aggregate[S], state: S, events: Iterable[Event]) -> S:
    for event in events:
        state = aggregate.evolve(state, event)
    return state


V = TypeVar("V", bound=Value)


def chunked(items: Sequence[V], limit: int) -> list[tuple[V, ...]]:
    """`items` in order, in as few parts as keep each under `limit` bytes of JSON (an item over it stands alone)."""
    parts: list[list[V]] = []
    room = 0
    for item in items:
        size = len(item.__pydantic_serializer__.to_json(item))
        if size > room:
            parts.append([])
            room = limit
        parts[-1].append(item)
        room -= size
    return [tuple(part) for part in parts]
