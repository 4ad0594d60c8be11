"""A small aggregate with topics of its own, for the tests of the roles: it counts, breaks on demand, asks for work."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from docward.events.codec import Encoded, Envelope, encode
from docward.events.messages import Actor, Command, CommandRejected, Event, Message, stream_id
from docward.events.topics import Topic
from docward.runtime.aggregates import Aggregate, Decision, JobSpec, Rejected, Request, accepted
from docward.runtime.kafka import partition_of
from installation import Installation

ACTOR = Actor(subject="somebody", roles=("admin",))
DAY_MS = 24 * 60 * 60 * 1000


class Add(Command):
    amount: int
    note: str = ""


class Break(Command):
    """Makes the aggregate fail."""


class Ask(Command):
    """Asks for slow work."""

    work: str = "easy"


class Finish(Command):
    """Internal: the work is done."""

    result: str


class Added(Event):
    amount: int
    total: int
    note: str = ""


class Asked(Event):
    work: str


class Finished(Event):
    result: str


def a_topic(name: str, *types: type[Message], max_bytes: int = 256 * 1024) -> Topic:
    return Topic(name, "Of the tests.", types, (), (), retention_ms=DAY_MS, max_bytes=max_bytes, partitions=2)


COMMANDS = a_topic("counter-commands", Add, Break, Ask)
EVENTS = a_topic("counter-events", Added, Asked, Finished, CommandRejected)
LETTERS = a_topic("counter-dead-letters", max_bytes=320 * 1024)
TOPICS = (COMMANDS, EVENTS, LETTERS)


def decide(total: int, command: Any, request: Request) -> Decision:
    match command:
        case Add(amount=amount) if amount < 0:
            return Rejected("negative", "amounts are positive")
        case Add(amount=amount, note=note):
            return accepted(Added(amount=amount, total=total + amount, note=note))
        case Ask(work=work):
            return accepted(Asked(work=work), jobs=[JobSpec("work", {"work": work, "version": 1})])
        case Finish(result=result):
            return accepted(Finished(result=result))
    raise ZeroDivisionError("the aggregate is broken")


def evolve(total: int, event: Any) -> int:
    return event.total if isinstance(event, Added) else total


COUNTER = Aggregate("counter", COMMANDS, EVENTS, 0, evolve, decide)


def a_counter(partition: int = 0) -> UUID:
    """The id of a counter that lives in the partition."""
    while partition_of(str(ident := uuid4()).encode(), COMMANDS.partitions) != partition:
        pass
    return ident


def command(
    installation: Installation,
    counter: UUID,
    message: Command,
    *,
    ident: UUID | None = None,
    key_holder: str = "gateway",
    time: datetime | None = None,
) -> Encoded:
    ident = ident or uuid4()
    envelope = Envelope(
        id=ident,
        type=message.TYPE,
        source="/tests",
        time=time or datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        subject=stream_id("counter", counter),
        key=counter,
        correlation_id=ident,
        actor=ACTOR,
    )
    return encode(envelope, message, installation.signer(key_holder))


def adds(installation: Installation, counter: UUID, amounts: Sequence[int]) -> list[Encoded]:
    return [command(installation, counter, Add(amount=amount)) for amount in amounts]


def event(
    installation: Installation, counter: UUID, version: int, message: Event, ident: UUID | None = None
) -> Encoded:
    """As the relay publishes it."""
    ident = ident or uuid4()
    envelope = Envelope(
        id=ident,
        type=message.TYPE,
        source="/docward/counting",
        time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        subject=stream_id("counter", counter),
        key=counter,
        correlation_id=ident,
        actor=ACTOR,
        stream_version=version,
    )
    return encode(envelope, message, installation.signer("analyzer"))


def history(installation: Installation, counter: UUID, versions: Sequence[int]) -> list[Encoded]:
    """Each version adds one."""
    return [event(installation, counter, v, Added(amount=1, total=v)) for v in versions]
