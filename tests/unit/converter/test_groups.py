"""The DocumentGroup aggregate, given what has happened, when it is asked for something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docward.converter.documents import DOCUMENT
from docward.converter.groups import GROUP, DocumentGroup
from docward.events import documents as d
from docward.events import groups as g
from docward.events.messages import Actor, Event, ObjectRef
from docward.runtime.aggregates import Accepted, Rejected, Request, fold

MIRA = Actor(subject="mira", roles=("contributor",))
OTHER = Actor(subject="otto", roles=("contributor",))
ADMIN = Actor(subject="ada", roles=("admin",))
STRATEGY, RISK, DATA = (UUID(int=n) for n in (1, 2, 3))


def asked(command: Any, *before: Event, actor: Actor = MIRA) -> Any:
    state = fold(GROUP, DocumentGroup(), before)
    return GROUP.decide(state, command, Request(uuid4(), uuid4(), datetime.now(UTC), actor, len(before)))


def done(command: Any, *before: Event, actor: Actor = MIRA) -> tuple[Event, ...]:
    decision = asked(command, *before, actor=actor)
    assert isinstance(decision, Accepted), decision
    return (*before, *decision.events)


def state(events: tuple[Event, ...]) -> DocumentGroup:
    return fold(GROUP, DocumentGroup(), events)


@pytest.fixture
def suite() -> tuple[Event, ...]:
    return done(g.CreateDocumentGroup(title=" Momentum suite ", members=(STRATEGY, RISK)))


def test_a_group_begins_with_its_members_and_the_first_is_primary(suite: tuple[Event, ...]):
    assert state(suite) == DocumentGroup("mira", "Momentum suite", "", (STRATEGY, RISK), STRATEGY)


def test_another_member_can_be_primary_from_the_beginning():
    events = done(g.CreateDocumentGroup(title="Suite", members=(STRATEGY, RISK), primary=RISK))
    assert state(events).primary == RISK


def test_creating_needs_the_role_contributor():
    viewer = Actor(subject="vera", roles=("viewer",))
    assert asked(g.CreateDocumentGroup(title="Suite"), actor=viewer).code == "forbidden"


@pytest.mark.parametrize(
    ("members", "primary", "code"),
    [((STRATEGY, STRATEGY), None, "duplicate-member"), ((STRATEGY,), RISK, "not-a-member"), ((), RISK, "not-a-member")],
)
def test_a_group_cannot_begin_with_doubles_or_a_foreign_primary(members: Any, primary: Any, code: str):
    assert asked(g.CreateDocumentGroup(title="Suite", members=members, primary=primary)).code == code


def test_a_group_is_created_once(suite: tuple[Event, ...]):
    assert asked(g.CreateDocumentGroup(title="Suite"), *suite).code == "already-exists"


def test_the_first_member_of_an_empty_group_is_its_primary():
    events = done(g.AddGroupMember(document_id=RISK), *done(g.CreateDocumentGroup(title="Suite")))
    assert state(events).primary == RISK


def test_a_member_is_added_once(suite: tuple[Event, ...]):
    events = done(g.AddGroupMember(document_id=DATA), *suite)
    assert state(events).members == (STRATEGY, RISK, DATA)
    assert asked(g.AddGroupMember(document_id=DATA), *events).code == "duplicate-member"


def test_members_are_bounded():
    full = tuple(UUID(int=n) for n in range(1, g.MAX_MEMBERS + 1))
    events = done(g.CreateDocumentGroup(title="Suite", members=full))
    assert asked(g.AddGroupMember(document_id=UUID(int=99)), *events).code == "too-many-members"


def test_the_primary_member_stays_until_another_is_primary(suite: tuple[Event, ...]):
    assert asked(g.RemoveGroupMember(document_id=STRATEGY), *suite).code == "primary-member"
    moved = done(g.SetPrimaryMember(document_id=RISK), *suite)
    assert state(done(g.RemoveGroupMember(document_id=STRATEGY), *moved)).members == (RISK,)


@pytest.mark.parametrize("command", [g.RemoveGroupMember, g.SetPrimaryMember])
def test_what_is_no_member_can_neither_go_nor_be_primary(command: Any, suite: tuple[Event, ...]):
    assert asked(command(document_id=DATA), *suite).code == "not-a-member"


def test_setting_the_primary_again_changes_nothing(suite: tuple[Event, ...]):
    assert asked(g.SetPrimaryMember(document_id=STRATEGY), *suite).code == "unchanged"


def test_renaming_changes_what_is_given(suite: tuple[Event, ...]):
    events = done(g.RenameDocumentGroup(description="All of it."), *suite)
    assert (state(events).title, state(events).description) == ("Momentum suite", "All of it.")
    assert asked(g.RenameDocumentGroup(), *suite).code == "nothing-to-do"


def test_a_group_is_not_renamed_to_what_it_is_called(suite: tuple[Event, ...]):
    same = state(suite)
    for command in (
        g.RenameDocumentGroup(title=f" {same.title} "),
        g.RenameDocumentGroup(title=same.title, description=same.description),
    ):
        assert asked(command, *suite).code == "unchanged"


def test_only_the_owner_or_an_admin_changes_a_group(suite: tuple[Event, ...]):
    assert asked(g.AddGroupMember(document_id=DATA), *suite, actor=OTHER).code == "forbidden"
    assert state(done(g.AddGroupMember(document_id=DATA), *suite, actor=ADMIN)).members[-1] == DATA


def test_nothing_happens_after_a_deletion(suite: tuple[Event, ...]):
    deleted = done(g.DeleteDocumentGroup(reason="old"), *suite)
    for command in (g.AddGroupMember(document_id=DATA), g.DeleteDocumentGroup(), g.RenameDocumentGroup(title="x")):
        assert asked(command, *deleted).code == "deleted"
    assert asked(g.CreateDocumentGroup(title="Suite"), *deleted).code == "already-exists"


def test_commands_of_the_other_aggregate_on_the_topic_are_refused(suite: tuple[Event, ...]):
    assert asked(d.MakePrivate(), *suite).code == "misaddressed"
    assert asked(d.MakePrivate()).code == "not-found"
    there = d.DocumentSubmitted(
        title="t", description="", tags=(), owner="mira", visibility="private", groups=(), repositories=(),
        filename="t.md", original=ObjectRef(uri="u", sha256="0" * 64, size=1, media_type="text/markdown"),
    )  # fmt: skip
    request = Request(uuid4(), uuid4(), datetime.now(UTC), MIRA, 1)
    refused = DOCUMENT.decide(fold(DOCUMENT, DOCUMENT.initial, [there]), g.DeleteDocumentGroup(), request)
    assert isinstance(refused, Rejected)
    assert refused.code == "misaddressed"


@given(
    st.lists(st.tuples(st.sampled_from([g.AddGroupMember, g.RemoveGroupMember, g.SetPrimaryMember]), st.integers(1, 5)))
)
def test_whatever_is_asked_members_are_unique_and_the_primary_is_one_of_them(asking: list[tuple[Any, int]]):
    events = done(g.CreateDocumentGroup(title="Suite"))
    for command, number in asking:
        decision = asked(command(document_id=UUID(int=number)), *events)
        events = (*events, *(decision.events if isinstance(decision, Accepted) else ()))
        group = state(events)
        assert len(set(group.members)) == len(group.members)
        assert (group.primary in group.members) if group.members else group.primary is None
