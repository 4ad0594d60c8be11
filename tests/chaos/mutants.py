"""Known ways to break the promises, each an edit of a function of the product, and what brings the damage to light.

A run of a mutant in which nothing is found means that the runner or the checker is blind to it.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from chaos.points import Point
from docward.events.codec import Record
from docward.events.topics import Topic
from docward.runtime.eventstore import NewEvent


@dataclass(frozen=True, slots=True)
class Edit:
    """In the source of `function`, which is named as in `points`, put `new` where `old` stands."""

    function: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    damage: str
    """What the checker has to say of it."""
    edits: tuple[Edit, ...]
    provoked: Point | None = None
    """Where a process has to die or freeze, or a loop to stand still, for it; None: repeated records are enough."""
    by: Literal["network", "members"] | None = None
    """The scenario without which it does no harm."""


def of_a_job(_store: object, _connection: object, events: Sequence[NewEvent], *_: object) -> bool:
    return any(event.request.command_id != event.origin.command_id for event in events)


def of_events(_publisher: object, topic: Topic, *_: object) -> bool:
    return topic.name.endswith("-events")


def of_a_conversion(_loop: object, record: Record) -> bool:
    return ("ce_type", b"document-converted") in record.headers


_RUNTIME = "docward.runtime"
_BEATS_FOR_ALL = """watched = list(self._watched())
        for each in watched:
            if each.name.endswith("-relay"):
                each.beat = time.monotonic()
        found = ages(watched)"""

MUTANTS = (
    Mutant(
        "no fence",
        "fell from",
        (
            Edit(
                f"{_RUNTIME}.checkpoints:Checkpoints.move",
                "and c.next_offset = u.next_offset and c.epoch = u.epoch",
                "",
            ),
        ),
        Point("converter", "settle a batch", "before", "freeze", nth=2),
    ),
    Mutant(
        "the position moves in a transaction of its own",
        "has no outcome",
        (
            Edit(
                f"{_RUNTIME}.delivery:DeliveryLoop._transact",
                "last_seq = await self._ownership.move(connection, after)",
                "async with self._pool.acquire() as apart, apart.transaction():\n"
                "            last_seq = await self._ownership.move(apart, after)",
            ),
        ),
        Point("converter", "decide", "before", nth=3),
    ),
    Mutant(
        "events are published before they are committed",
        "is not the event that is in the store",
        (
            Edit(
                f"{_RUNTIME}.kafka:Publisher._started",
                "self._producer = fresh",
                "self._producer = fresh; Publisher.one = self",
            ),
            Edit(
                f"{_RUNTIME}.eventstore:EventStore.append",
                "return rows",
                "from docward.runtime.kafka import Publisher\n"
                "    for partition, last in last_seq.items():\n"
                "        early = await self.unrelayed(connection, partition, last, Publisher.one.signer)\n"
                "        await Publisher.one.write(self.topic, partition, [encoded for _, encoded in early])\n"
                "    return rows",
            ),
        ),
        Point("converter", "append events", "after", only=of_a_job),
    ),
    Mutant(
        "events are marked as relayed before they are published",
        "was never published",
        (
            Edit(
                f"{_RUNTIME}.deciders:Relay._relay",
                "await self._publisher.write(self._store.topic, partition, [encoded for _, encoded in events])",
                "",
            ),
            Edit(
                f"{_RUNTIME}.deciders:Relay._relay",
                "metrics.RELAYED.labels",
                "await self._publisher.write(self._store.topic, partition, [encoded for _, encoded in events])\n"
                "    metrics.RELAYED.labels",
            ),
        ),
        Point("converter", "publish", "before", nth=3, only=of_events),
    ),
    Mutant(
        "a read model takes any version",
        "and should be",
        (
            Edit(f"{_RUNTIME}.projections:ProjectionHandler._is_next", "if version > last + 1:", "if False:"),
            Edit(f"{_RUNTIME}.projections:ProjectionHandler._is_next", "return version == last + 1", "return True"),
        ),
    ),
    Mutant(
        "decided commands are forgotten",
        "is in the store twice",
        (
            Edit(
                f"{_RUNTIME}.deciders:DeciderHandler.apply",
                "decided = await self._decided_before(batch, arrivals)",
                "decided = {}",
            ),
            Edit(f"{_RUNTIME}.deciders:DeciderHandler._remember", 'if done != f"INSERT 0 {len(new)}":', "if False:"),
        ),
    ),
    Mutant(
        "a job completes without its lease",
        "is in the store twice",
        (
            Edit(
                f"{_RUNTIME}.jobs:JobPool._complete",
                "where id = $1 and lease_token = $2",
                "where id = $1 and $2::uuid is not null",
            ),
        ),
        Point("converter", "work on a job", "after", "freeze"),
    ),
    Mutant(
        "an event is acknowledged before its reaction",
        "nothing reacted to",
        (
            Edit(
                f"{_RUNTIME}.reactions:ReactionLoop._insist",
                "await self._settle(record)",
                "await message.ack()\n            await self._settle(record)",
            ),
        ),
        Point("analyzer", "react", "before", only=of_a_conversion),
    ),
    Mutant(
        "nobody watches the loops",
        "did not end itself",
        (Edit(f"{_RUNTIME}.service:_Watchdog._watch", "if age > self._frozen:", "if False:"),),
        Point("converter", "converter-documents-relay", "before", "hang", nth=3),
    ),
    Mutant(
        "somebody else beats for a relay",
        "said that it was ready",
        (Edit(f"{_RUNTIME}.service:_Watchdog._watch", "found = ages(self._watched())", _BEATS_FOR_ALL),),
        Point("converter", "converter-documents-relay", "before", "hang", nth=3),
    ),
    Mutant(
        "what arrives twice is decided twice",
        "is in the store twice",
        (
            Edit(f"{_RUNTIME}.kafka:Publisher._started", "enable_idempotence=True", "enable_idempotence=False"),
            Edit(
                f"{_RUNTIME}.deciders:DeciderHandler.apply",
                "decided = await self._decided_before(batch, arrivals)",
                "decided = {}",
            ),
            Edit(f"{_RUNTIME}.deciders:DeciderHandler._remember", 'if done != f"INSERT 0 {len(new)}":', "if False:"),
        ),
        by="network",
    ),
    Mutant(
        "a lease is not extended",
        "slow jobs were attempted",
        (Edit(f"{_RUNTIME}.jobs:JobPool._keep", "self._lease / 3", "3600"),),
        by="members",
    ),
)


SMALL_BATCHES = Mutant(
    "small batches",
    "",
    (Edit(f"{_RUNTIME}.delivery:DeliveryLoop._read", "max_records=self._pace.at_once", "max_records=50"),),
)
"""Breaks nothing: a rebuild takes so many transactions that a crash falls between two."""


def edited(function: str, edits: Sequence[Edit]) -> Any:
    """The function with its edits made. Raises ValueError when one of them does not fit the code exactly once."""
    module, _, path = function.partition(":")
    owner = getattr(import_module(module), path.split(".")[0])
    source = textwrap.dedent(inspect.getsource(getattr(owner, path.split(".")[1])))
    for edit in edits:
        if source.count(edit.old) != 1:
            raise ValueError(f"{edit.old!r} stands {source.count(edit.old)} times in {function}")
        source = source.replace(edit.old, edit.new)
    found: dict[str, Any] = {}
    future = "from __future__ import annotations\n"
    exec(compile(future + source, f"<{function}>", "exec"), vars(sys.modules[module]), found)  # noqa: S102 -- its purpose
    return found[path.split(".")[1]]


def apply(mutant: Mutant) -> None:
    """Break the product, in this process."""
    for function in dict.fromkeys(edit.function for edit in mutant.edits):
        changed = edited(function, [edit for edit in mutant.edits if edit.function == function])
        module, _, path = function.partition(":")
        setattr(getattr(import_module(module), path.split(".")[0]), path.split(".")[1], changed)
