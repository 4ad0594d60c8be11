"""The PolicyRepository aggregate, given what has happened, when it is asked for something."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from docward.analyzer.policies import REPOSITORY, Repository, policies_of
from docward.events import policies as p
from docward.events.messages import Actor, Event
from docward.runtime.aggregates import Accepted, Request, fold

NAME = "self-containment"
ADMIN = Actor(subject="ada", roles=("admin",))


def asked(command: Any, *before: Event, actor: Actor = ADMIN, ident: UUID | None = None) -> Any:
    """The decision, on top of what has happened."""
    state = fold(REPOSITORY, Repository(), before)
    request = Request(ident or p.repository_id(NAME), uuid4(), datetime.now(UTC), actor, len(before))
    return REPOSITORY.decide(state, command, request)


def done(command: Any, *before: Event) -> tuple[Event, ...]:
    """What has happened, with what the accepted command adds."""
    decision = asked(command, *before)
    assert isinstance(decision, Accepted), decision
    return (*before, *decision.events)


@pytest.fixture
def pack(packs: dict[str, p.Pack]) -> p.Pack:
    return packs[NAME]


@pytest.fixture
def imported(pack: p.Pack) -> tuple[Event, ...]:
    return done(p.ImportPack(pack=pack))


def with_first(pack: p.Pack, **changes: Any) -> p.Pack:
    first = pack.requirements[0].model_copy(update=changes)
    return pack.model_copy(update={"requirements": (first, *pack.requirements[1:])})


def test_importing_a_pack_creates_fills_and_publishes(pack, imported):
    assert isinstance(imported[0], p.RepositoryCreated)
    assert isinstance(imported[-1], p.ReleasePublished)
    state = fold(REPOSITORY, Repository(), imported)
    assert (state.name, len(state.policies)) == (NAME, len(pack.requirements))
    assert [release.number for release in state.releases] == [1]
    assert state.release(None) == state.release(1)
    assert state.release(2) is None


def test_the_same_pack_again_changes_nothing(pack, imported):
    assert asked(p.ImportPack(pack=pack), *imported).code == "unchanged"


def test_another_text_makes_the_next_release_and_leaves_the_first(pack, imported):
    after = done(p.ImportPack(pack=with_first(pack, title="Another title")), *imported)
    first, second = fold(REPOSITORY, Repository(), after).releases
    assert (first.number, second.number) == (1, 2)
    assert first.policies[0].title == pack.requirements[0].title
    assert second.policies[0].title == "Another title"


def test_a_condition_of_the_pack_holds_beside_that_of_a_policy(pack):
    whole = pack.model_copy(update={"applies_if": {"any_concept": ("order_flow", "backtest")}})
    alone, own = (with_first(whole, applies_if=some).requirements[:1] for some in ((), ("dark pool",)))
    (first, second) = policies_of(whole.model_copy(update={"requirements": (*alone, *own)}))
    assert first.applies_if == ("order_flow", "backtest")
    assert second.applies_if == ("order_flow && dark pool", "backtest && dark pool")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"contradicts": p.Contradiction(patterns=("(",))}, "'(' is no regular expression"),
        ({"applies_if": ("moon",)}, "unknown concept 'moon'"),
        ({"applies_if": ("backtest && moon",)}, "unknown concept 'moon'"),
        ({"checks": ("check:telepathy",)}, "unknown check 'check:telepathy'"),
        ({"facets": (p.Facet(id="V", kind="quantity", op="<=", value="soon"),)}, "'soon' is not one quantity"),
    ],
)
def test_a_policy_that_no_analysis_could_use_is_rejected_with_the_reason(pack, imported, changes, said):
    wrong = with_first(pack, **changes)
    for command, before in (
        (p.ImportPack(pack=wrong), ()),
        (p.EditPolicy(policy=wrong.requirements[0]), imported),
        (p.AddPolicy(policy=wrong.requirements[0].model_copy(update={"id": "NEW-1"})), imported),
    ):
        decision = asked(command, *before)
        assert decision.code == "invalid-policy"
        assert said in decision.detail


def test_a_pack_without_requirements_is_rejected(pack):
    assert asked(p.ImportPack(pack=pack.model_copy(update={"requirements": ()}))).code == "empty"


def test_ids_are_unique_whatever_their_case(pack, imported):
    twin = pack.requirements[0].model_copy(update={"id": pack.requirements[0].id.lower()})
    both = pack.model_copy(update={"requirements": (*pack.requirements, twin)})
    assert asked(p.ImportPack(pack=both)).code == "duplicate-policy"
    assert asked(p.AddPolicy(policy=twin), *imported).code == "duplicate-policy"


def test_a_repository_lies_under_the_id_of_its_name(pack):
    assert asked(p.ImportPack(pack=pack), ident=uuid4()).code == "wrong-id"
    assert asked(p.CreateRepository(name=NAME, title="T"), ident=uuid4()).code == "wrong-id"


def test_a_release_is_published_when_something_has_changed(pack, imported):
    assert asked(p.PublishRelease(), *imported).code == "unchanged"
    removed = done(p.RemovePolicy(policy_id=pack.requirements[0].id.lower()), *imported)
    published = done(p.PublishRelease(notes="One less"), *removed)
    last = fold(REPOSITORY, Repository(), published).releases[-1]
    assert (last.number, len(last.policies)) == (2, len(pack.requirements) - 1)


def test_an_archived_repository_takes_nothing(pack, imported):
    archived = done(p.ArchiveRepository(reason="Replaced"), *imported)
    for command in (p.ImportPack(pack=pack), p.PublishRelease(), p.AddPolicy(policy=pack.requirements[0])):
        assert asked(command, *archived).code == "archived"


def test_only_administrators_keep_repositories(pack, imported):
    somebody = Actor(subject="mira", roles=("contributor", "auditor"))
    assert asked(p.ImportPack(pack=pack), actor=somebody).code == "forbidden"
    assert asked(p.PublishRelease(), *imported, actor=somebody).code == "forbidden"


def test_what_is_not_there_cannot_be_changed(pack, imported):
    assert asked(p.PublishRelease()).code == "not-found"
    assert asked(p.RemovePolicy(policy_id="NONE-1"), *imported).code == "unknown-policy"
    strange = pack.requirements[0].model_copy(update={"id": "NONE-1"})
    assert asked(p.EditPolicy(policy=strange), *imported).code == "unknown-policy"
