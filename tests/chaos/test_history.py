"""The checker sees what it looks for: each history here has one thing wrong with it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from chaos.history import (
    History,
    Job,
    Letter,
    Logged,
    Parked,
    Published,
    Regression,
    Stored,
    Violation,
    check,
)

COMMANDS, EVENTS = "document-commands", "document-events"
DECIDER, READER = "converter-documents", "projector-documents-v1"
SUBMIT, EDIT, REFUSED, OWED = (UUID(int=n) for n in (1, 2, 3, 4))
JOB, POISON = UUID(int=50), "poison-1"
E1, E2, E3, E4, E5 = (UUID(int=100 + n) for n in range(1, 6))
STREAM = "document:d"


def logged(offset: int, command: UUID | None, **more: object) -> Logged:
    record = Logged((COMMANDS, 0, offset), f"bytes-{offset}", command, consumer=DECIDER)
    return replace(record, **more)  # type: ignore[arg-type]  # the fields of the record


def stored(seq: int, ident: UUID, command: UUID, version: int, kind: str, stream: str = STREAM) -> Stored:  # noqa: PLR0917 -- a row
    return Stored(EVENTS, 0, seq, stream, version, ident, kind, f"body-{ident.int}", command)


def published(offset: int, event: Stored) -> Published:
    return Published((EVENTS, 0, offset), event.stream, event.version, event.id, event.digest)


SUBMITTED = replace(stored(1, E1, SUBMIT, 1, "document-submitted"), refs=(("uploads/1", "aa"),))
EDITED = stored(2, E2, EDIT, 2, "details-edited")
REJECTION = stored(3, E3, REFUSED, 1, "command-rejected", f"command:{REFUSED}")
CONVERTED = stored(4, E4, SUBMIT, 3, "document-converted")
ANSWERED = stored(5, E5, OWED, 1, "analysis-requested", "analysis:d")
STORED = (SUBMITTED, EDITED, REJECTION, CONVERTED, ANSWERED)
TOPIC = tuple(published(offset, event) for offset, event in enumerate(STORED))

WHOLE = History(
    acknowledged=[SUBMIT, EDIT, REFUSED, POISON],
    commands=[
        logged(0, SUBMIT),
        logged(1, None, mark=POISON),
        logged(2, EDIT),
        logged(3, EDIT),
        logged(4, REFUSED),
        logged(5, OWED),
    ],
    stored=STORED,
    published=[*TOPIC, *TOPIC[2:]],
    parked=[
        Parked(DECIDER, (COMMANDS, 0, 1), "bytes-1"),
        Parked(READER, (EVENTS, 0, 9), "bytes-9"),
    ],
    foreign=[(READER, (EVENTS, 0, 9), "bytes-9")],
    letters=[
        Letter(DECIDER, (COMMANDS, 0, 1), "bytes-1"),
        Letter(READER, (EVENTS, 0, 9), "bytes-9"),
        Letter(DECIDER, (COMMANDS, 0, 1), "bytes-1"),
    ],
    jobs=[Job(JOB, SUBMIT, "done", E4)],
    owed={E4: OWED},
    operations={SUBMIT: "succeeded", EDIT: "succeeded", REFUSED: "rejected", OWED: "succeeded"},
    shown={"documents": {"d": "title 2"}},
    projected={"documents": {"d": "title 2"}},
    objects={"uploads/1": "aa"},
)


def without(*events: Stored) -> tuple[Stored, ...]:
    return tuple(event for event in STORED if event not in events)


def renumbered(*events: Stored) -> tuple[Stored, ...]:
    return tuple(replace(event, seq=seq) for seq, event in enumerate(events, start=1))


BROKEN: dict[str, tuple[str, str, dict[str, object]]] = {
    # name: (kind, a part of what is said, what is wrong with the history)
    "an acknowledged command that is not in the topic": (
        "lost",
        "was acknowledged and is not in its topic",
        {"acknowledged": [SUBMIT, UUID(int=9)]},
    ),
    "an acknowledged record of no sense that is not in the topic": (
        "lost",
        "poison-2 was acknowledged",
        {"acknowledged": ["poison-2"]},
    ),
    "a command without an outcome": (
        "lost",
        f"command {EDIT} has no outcome",
        {
            "stored": renumbered(SUBMITTED, REJECTION, replace(CONVERTED, version=2), ANSWERED),
            "published": [TOPIC[0], TOPIC[2], replace(TOPIC[3], version=2), TOPIC[4]],
        },
    ),
    "a command that is accepted and rejected": (
        "duplicated",
        f"command {EDIT} ended as accepted and rejected",
        {"stored": [*STORED, stored(6, UUID(int=7), EDIT, 1, "command-rejected", f"command:{EDIT}")]},
    ),
    "a command that is accepted and parked": (
        "duplicated",
        f"command {EDIT} ended as accepted and parked",
        {"parked": [*WHOLE.parked, Parked(DECIDER, (COMMANDS, 0, 2), "bytes-2", EDIT)]},
    ),
    "a good command that was parked": (
        "lost",
        "and need not have been",
        {"parked": [*WHOLE.parked, Parked(DECIDER, (COMMANDS, 0, 2), "bytes-2", EDIT)]},
    ),
    "an operation that never ends": (
        "lost",
        f"the operation of command {EDIT} is running",
        {"operations": {**WHOLE.operations, EDIT: "running"}},
    ),
    "an operation that is not shown": (
        "lost",
        f"the operation of command {EDIT} is not there",
        {"operations": {SUBMIT: "succeeded", REFUSED: "rejected", OWED: "succeeded"}},
    ),
    "a command in the wrong partition that nobody forwarded": (
        "lost",
        "was not forwarded",
        {"commands": [*WHOLE.commands, replace(logged(0, UUID(int=8), home=False), place=(COMMANDS, 1, 0))]},
    ),
    "poison that was dropped": ("lost", "was not parked", {"parked": WHOLE.parked[1:]}),
    "poison on an event topic that was dropped": ("lost", "was not parked", {"parked": WHOLE.parked[:1]}),
    "poison that was parked with other bytes": (
        "lost",
        "with other bytes",
        {"parked": [replace(WHOLE.parked[0], digest="other"), WHOLE.parked[1]]},
    ),
    "a record that was parked twice": ("duplicated", "is parked twice", {"parked": [*WHOLE.parked, WHOLE.parked[0]]}),
    "a parked record without a dead letter": ("lost", "no dead letter", {"letters": WHOLE.letters[1:2]}),
    "a dead letter with other bytes": (
        "lost",
        "has other bytes",
        {"letters": [replace(WHOLE.letters[0], digest="other"), WHOLE.letters[1]]},
    ),
    "a dead letter of nothing": (
        "duplicated",
        "which is not parked",
        {"letters": [*WHOLE.letters, Letter(DECIDER, (COMMANDS, 0, 8), "bytes-8")]},
    ),
    "dead letters in another order": (
        "reordered",
        "not in the order of their records",
        {"letters": [Letter(DECIDER, (COMMANDS, 0, 3), "x"), *WHOLE.letters]},
    ),
    "an event that the store forgot": ("lost", "version 2 is missing", {"stored": without(EDITED)}),
    "a number that the store left out": (
        "lost",
        "number 6 is missing",
        {"stored": [*STORED, stored(7, UUID(int=7), OWED, 2, "analysis-completed", "analysis:d")]},
    ),
    "a number that two events share": (
        "duplicated",
        "number 2 is there twice",
        {"stored": [*STORED, replace(REJECTION, seq=2, id=UUID(int=7), version=2)]},
    ),
    "a version of a stream that is there twice": (
        "duplicated",
        "version 2 is there twice",
        {"stored": [*STORED, stored(6, UUID(int=7), EDIT, 2, "details-edited")]},
    ),
    "one decision that was recorded twice": (
        "duplicated",
        "is in the store twice",
        {"stored": [*STORED, stored(6, E2, EDIT, 4, "details-edited")]},
    ),
    "versions of a stream that were recorded in another order": (
        "reordered",
        "version 1 stands behind 2",
        {"stored": renumbered(EDITED, SUBMITTED, REJECTION, CONVERTED, ANSWERED)},
    ),
    "commands of a key that were decided in another order": (
        "reordered",
        "was decided before earlier ones",
        {"commands": [logged(0, EDIT), logged(1, None, mark=POISON), logged(2, SUBMIT), *WHOLE.commands[4:]]},
    ),
    "an event that was never published": ("lost", "was never published", {"published": TOPIC[:-1]}),
    "a hole in the topic": ("lost", "first appearance of version 2 is missing", {"published": [TOPIC[0], *TOPIC[2:]]}),
    "events that were published in another order": (
        "reordered",
        "first appearance of version 1 stands behind 2",
        {"published": [TOPIC[1], TOPIC[0], *TOPIC[2:]]},
    ),
    "a published event that is in no store": (
        "duplicated",
        "is in no store",
        {"published": [*TOPIC, Published((EVENTS, 0, 7), STREAM, 4, UUID(int=7), "x")]},
    ),
    "a published event that is another one in the store": (
        "duplicated",
        "is not the event that is in the store",
        {"published": [*TOPIC, replace(TOPIC[1], digest="other")]},
    ),
    "a job that was never done": ("lost", "is leased", {"jobs": [Job(JOB, SUBMIT, "leased", E4)]}),
    "a job that is done without its event": (
        "lost",
        "is done without its event",
        {"jobs": [Job(JOB, SUBMIT, "done", UUID(int=7))]},
    ),
    "a reaction that did not happen": ("lost", "nothing reacted to", {"owed": {E4: UUID(int=7)}}),
    "a row that is missing": ("lost", "row d is missing", {"shown": {"documents": {}}}),
    "a row too many": ("duplicated", "row e should not", {"shown": {"documents": {"d": "title 2", "e": "title 1"}}}),
    "an event that was applied again later": (
        "duplicated",
        "is title 1 and should be title 2",
        {"shown": {"documents": {"d": "title 1"}}},
    ),
    "an object that is not there": ("dangling", "which is not stored", {"objects": {}}),
    "an object with other bytes": ("dangling", "stored with other bytes", {"objects": {"uploads/1": "bb"}}),
    "an event of no command": ("dangling", "which is in no topic", {"commands": WHOLE.commands[:-1]}),
    "a position that fell back": (
        "duplicated",
        "fell from 20 to 10",
        {"regressions": [Regression("converter-documents document-commands/0", 20, 10)]},
    ),
}


def test_a_whole_history_holds() -> None:
    """Repeated commands, published runs that come again and dead letters that come twice are as they may be."""
    assert check(WHOLE) == []


@pytest.mark.parametrize("name", BROKEN)
def test_the_checker_sees(name: str) -> None:
    kind, said, wrong = BROKEN[name]
    found = check(replace(WHOLE, **wrong))  # type: ignore[arg-type]  # the fields of the history
    assert any(violation.kind == kind and said in violation.what for violation in found), found


def test_every_kind_of_violation_is_shown_to_be_seen() -> None:
    assert {kind for kind, _, _ in BROKEN.values()} == {"lost", "duplicated", "reordered", "dangling"}
    assert Violation("lost", "x") != Violation("duplicated", "x")
