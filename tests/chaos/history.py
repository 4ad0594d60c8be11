"""Decides from what a run left behind whether a promise was broken. Pure: facts in, violations out.

Facts are what can be read when everything has come to rest: the commands that were acknowledged, the logs of the
topics from their first record, the event stores, jobs, parked records, dead letters and read models. A violation is

- **lost**: something acknowledged, recorded or owed that did not come to its one end,
- **duplicated**: an effect that happened twice, or that nothing stands behind,
- **reordered**: effects of a key, or first appearances of a stream, in another order than they were given,
- **dangling**: a reference to something that is not there,
- **unmet**: what a scenario promises besides (of a process that ended by itself, say); no history shows it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal
from uuid import UUID

Kind = Literal["lost", "duplicated", "reordered", "dangling", "unmet"]
KINDS: tuple[Kind, ...] = ("lost", "duplicated", "reordered", "dangling", "unmet")
Place = tuple[str, int, int]
"""(topic, partition, offset)"""
SETTLED = frozenset({"succeeded", "failed", "rejected", "parked"})
REJECTED = "command-rejected"


@dataclass(frozen=True, slots=True)
class Violation:
    kind: Kind
    what: str


@dataclass(frozen=True, slots=True)
class Logged:
    """A record of a command topic."""

    place: Place
    digest: str
    """Of key, value and headers."""
    command: UUID | None
    """None: no command can be read from it, or nobody has signed it."""
    mark: str | None = None
    """By which its sender knows a record that is no command."""
    home: bool = True
    """It lies in the partition of its key; if not, a copy must."""
    consumer: str = ""
    """Whose it is to decide, or to park."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An event in an event store."""

    topic: str
    partition: int
    seq: int
    stream: str
    version: int
    id: UUID
    type: str
    digest: str
    """Of time and body."""
    causation: UUID | None
    refs: tuple[tuple[str, str], ...] = ()
    """(uri, sha256) of the objects that it names."""


@dataclass(frozen=True, slots=True)
class Published:
    """A record of an event topic."""

    place: Place
    stream: str
    version: int
    id: UUID
    digest: str


@dataclass(frozen=True, slots=True)
class Parked:
    """A row of a table `parked`."""

    consumer: str
    place: Place
    digest: str
    command: UUID | None = None


@dataclass(frozen=True, slots=True)
class Letter:
    """A record of a dead-letter topic, with the digest of what it was before its `dlq-` headers came."""

    consumer: str
    place: Place
    digest: str


@dataclass(frozen=True, slots=True)
class Job:
    id: UUID
    command: UUID
    state: str
    outcome: UUID | None
    """Id of the first event of its completion; None: the aggregate refused it, which closes the job too."""


@dataclass(frozen=True, slots=True)
class Regression:
    """A number that may only grow, and was seen to fall: a position, or the version that a projection has applied."""

    what: str
    before: int
    after: int


Rows = Mapping[str, str]
"""Row by key, both as canonical text."""


@dataclass(frozen=True)
class History:
    acknowledged: Sequence[UUID | str] = ()
    """Ids of commands, marks of records that are none."""
    commands: Sequence[Logged] = ()
    """As they lie in the log, partition by partition."""
    stored: Sequence[Stored] = ()
    published: Sequence[Published] = ()
    """As they lie in the log, partition by partition."""
    parked: Sequence[Parked] = ()
    """In the order of their parking."""
    foreign: Sequence[tuple[str, Place, str]] = ()
    """(consumer, place, digest) of records on event topics that no consumer can read: each is to be parked by each."""
    letters: Sequence[Letter] = ()
    jobs: Sequence[Job] = ()
    owed: Mapping[UUID, UUID] = field(default_factory=dict)
    """Command that a reaction owes, by the event that it reacts to."""
    operations: Mapping[UUID, str] = field(default_factory=dict)
    """Status of each command, as users see it."""
    shown: Mapping[str, Rows] = field(default_factory=dict)
    """The tables of the read models."""
    projected: Mapping[str, Rows] = field(default_factory=dict)
    """The same tables, made in memory from the topics alone."""
    objects: Mapping[str, str] = field(default_factory=dict)
    """sha256 of what is in the object store, by uri."""
    regressions: Sequence[Regression] = ()


def check(history: History) -> list[Violation]:
    """Everything that is wrong; an empty list is the proof that was asked for."""
    rules = (_commands, _outcomes, _parking, _mirrored, _store, _topics, _decided_in_order)
    more = (_jobs, _reactions, _read_models, _references, _positions)
    return [violation for rule in (*rules, *more) for violation in rule(history)]


def _commands(history: History) -> Iterator[Violation]:
    """What was acknowledged is in the log, and whatever was sent to the wrong partition has a copy in the right one."""
    there: set[UUID | str | None] = {record.mark for record in history.commands}
    there |= {record.command for record in history.commands}
    for ident in history.acknowledged:
        if ident not in there:
            yield Violation("lost", f"command {ident} was acknowledged and is not in its topic")
    settled_at_home = {record.command for record in history.commands if record.home}
    for record in history.commands:
        if record.command is not None and not record.home and record.command not in settled_at_home:
            yield Violation("lost", f"command {record.command} at {record.place} was not forwarded")


def _outcomes(history: History) -> Iterator[Violation]:
    """A command ends once: by events, by a rejection or parked; and its operation says so."""
    accepted = {e.causation for e in history.stored if e.causation and e.type != REJECTED}
    rejected = Counter(e.causation for e in history.stored if e.type == REJECTED)
    parked = {item.command for item in history.parked if item.command}
    for command in sorted({r.command for r in history.commands if r.command}, key=str):
        ends = [
            *(["accepted"] if command in accepted else []),
            *["rejected"] * rejected[command],
            *(["parked"] if command in parked else []),
        ]
        if not ends:
            yield Violation("lost", f"command {command} has no outcome")
        if len(ends) > 1:
            yield Violation("duplicated", f"command {command} ended as {' and '.join(ends)}")
        status = history.operations.get(command)
        if status not in SETTLED:
            yield Violation("lost", f"the operation of command {command} is {status or 'not there'}")


def _parking(history: History) -> Iterator[Violation]:
    """What is no command is parked once, byte for byte, and nothing else is."""
    due = {(r.consumer, r.place): r.digest for r in history.commands if r.command is None}
    due |= {(consumer, place): digest for consumer, place, digest in history.foreign}
    found = {(item.consumer, item.place): item for item in history.parked}
    for key, digest in due.items():
        if key not in found:
            yield Violation("lost", f"record {key[1]} was not parked by {key[0]}")
        elif found[key].digest != digest:
            yield Violation("lost", f"record {key[1]} was parked by {key[0]} with other bytes")
    for key in found.keys() - due.keys():
        yield Violation("lost", f"record {key[1]} was parked by {key[0]} and need not have been")
    for twice in _twice((item.consumer, item.place) for item in history.parked):
        yield Violation("duplicated", f"record {twice} is parked twice")


def _mirrored(history: History) -> Iterator[Violation]:
    """Every parked record has its dead letter, of the same bytes, in the order of parking in its source partition."""
    letters: dict[tuple[str, Place], Letter] = {}
    for letter in history.letters:
        letters.setdefault((letter.consumer, letter.place), letter)
    for item in history.parked:
        mirrored = letters.get((item.consumer, item.place))
        if mirrored is None:
            yield Violation("lost", f"no dead letter of {item.place}, parked by {item.consumer}")
        elif mirrored.digest != item.digest:
            yield Violation("lost", f"the dead letter of {item.place} by {item.consumer} has other bytes")
    parked = {(item.consumer, item.place) for item in history.parked}
    for key in letters.keys() - parked:
        yield Violation("duplicated", f"a dead letter of {key}, which is not parked")
    offsets: dict[Hashable, list[int]] = defaultdict(list)
    for consumer, (topic, partition, offset) in letters:
        offsets[consumer, topic, partition].append(offset)
    for source, seen in offsets.items():
        if seen != sorted(seen):
            yield Violation("reordered", f"dead letters of {source} are not in the order of their records")


def _store(history: History) -> Iterator[Violation]:
    """Numbers without gaps per partition, versions without gaps and in order per stream, every event once."""
    partitions: dict[tuple[str, int], list[Stored]] = defaultdict(list)
    streams: dict[str, list[int]] = defaultdict(list)
    for event in sorted(history.stored, key=lambda e: (e.topic, e.partition, e.seq)):
        partitions[event.topic, event.partition].append(event)
        streams[event.stream].append(event.version)
    for place, events in partitions.items():
        numbers = [event.seq for event in events]
        yield from _sequence(f"events of {place}", "number", numbers)
    for stream, versions in streams.items():
        yield from _sequence(f"stream {stream}", "version", versions)
    for ident in _twice(event.id for event in history.stored):
        yield Violation("duplicated", f"event {ident} is in the store twice")


def _sequence(of: str, unit: str, numbers: Sequence[int]) -> Iterator[Violation]:
    """1, 2, 3, …: what is missing, there twice, or out of order."""
    for number in _twice(numbers):
        yield Violation("duplicated", f"{of}: {unit} {number} is there twice")
    for number in sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers)):
        yield Violation("lost", f"{of}: {unit} {number} is missing")
    for one, other in pairwise(numbers):
        if other < one:
            yield Violation("reordered", f"{of}: {unit} {other} stands behind {one}")


def _topics(history: History) -> Iterator[Violation]:
    """A topic holds what the store holds, each stream's first appearances in order; copies are equal."""
    stored = {(event.stream, event.version): event for event in history.stored}
    first: dict[tuple[str, int], Published] = {}
    streams: dict[str, list[int]] = defaultdict(list)
    for record in history.published:
        event = stored.get((record.stream, record.version))
        name = f"{record.stream} version {record.version} at {record.place}"
        if event is None:
            yield Violation("duplicated", f"{name} is in no store")
        elif (event.id, event.digest) != (record.id, record.digest):
            yield Violation("duplicated", f"{name} is not the event that is in the store")
        if (record.stream, record.version) not in first:
            first[record.stream, record.version] = record
            streams[record.stream].append(record.version)
    for key in stored.keys() - first.keys():
        yield Violation("lost", f"{key[0]} version {key[1]} was never published")
    for stream, versions in streams.items():
        yield from _sequence(f"topic of {stream}", "first appearance of version", versions)


def _decided_in_order(history: History) -> Iterator[Violation]:
    """The decisions of a partition are numbered as the commands' first records lie in it."""
    decided: dict[UUID, Stored] = {}
    for event in sorted(history.stored, key=lambda e: (e.topic, e.partition, e.seq)):
        if event.causation is not None:
            decided.setdefault(event.causation, event)
    last: dict[tuple[str, int], int] = defaultdict(int)
    seen: set[UUID] = set()
    for record in history.commands:
        decision = decided.get(record.command) if record.command and record.command not in seen else None
        if decision is None or record.command is None or not record.home:
            continue
        seen.add(record.command)
        topic, partition, _ = record.place
        if decision.seq < last[topic, partition]:
            yield Violation("reordered", f"command {record.command} at {record.place} was decided before earlier ones")
        last[topic, partition] = max(last[topic, partition], decision.seq)


def _jobs(history: History) -> Iterator[Violation]:
    """A job has one outcome. (Two would have one id: it derives from the job.)"""
    there = {event.id for event in history.stored}
    for job in history.jobs:
        if job.state != "done":
            yield Violation("lost", f"job {job.id} of command {job.command} is {job.state}")
        elif job.outcome is not None and job.outcome not in there:
            yield Violation("lost", f"job {job.id} of command {job.command} is done without its event")


def _reactions(history: History) -> Iterator[Violation]:
    there = {record.command for record in history.commands}
    for event, command in history.owed.items():
        if command not in there:
            yield Violation("lost", f"nothing reacted to event {event}: command {command} is missing")


def _read_models(history: History) -> Iterator[Violation]:
    """A table is what its topics make of it, row by row."""
    for table in sorted(history.shown.keys() | history.projected.keys()):
        shown, projected = history.shown.get(table, {}), history.projected.get(table, {})
        for key in sorted(projected.keys() - shown.keys()):
            yield Violation("lost", f"{table}: row {key} is missing")
        for key in sorted(shown.keys() - projected.keys()):
            yield Violation("duplicated", f"{table}: row {key} should not be there")
        for key in sorted(shown.keys() & projected.keys()):
            if shown[key] != projected[key]:
                yield Violation("duplicated", f"{table}: row {key} is {shown[key]} and should be {projected[key]}")


def _references(history: History) -> Iterator[Violation]:
    commands = {record.command for record in history.commands}
    for event in history.stored:
        name = f"{event.type} ({event.stream} version {event.version})"
        for uri, sha256 in event.refs:
            if uri not in history.objects:
                yield Violation("dangling", f"{name} names {uri}, which is not stored")
            elif history.objects[uri] != sha256:
                yield Violation("dangling", f"{name} names {uri}, which is stored with other bytes")
        if event.causation not in commands:
            yield Violation("dangling", f"{name} comes from command {event.causation}, which is in no topic")


def _positions(history: History) -> Iterator[Violation]:
    """A position that falls back covers effects twice: only the fence keeps a stale owner from that."""
    for fall in history.regressions:
        yield Violation("duplicated", f"{fall.what} fell from {fall.before} to {fall.after}")


def _twice(items: Iterable[Hashable]) -> list[Hashable]:
    return [item for item, number in Counter(items).items() if number > 1]
