"""The PolicyRepository aggregate: policies, and numbered immutable releases of them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from docward.analyzer.analysis.packs import Mistake, mistakes, policy_mistakes
from docward.events import policies as p
from docward.events.messages import Event
from docward.events.topics import POLICY_COMMANDS, POLICY_EVENTS
from docward.runtime.aggregates import Aggregate, Decision, Rejected, Request, accepted, chunked

CHUNK_BYTES = 128 * 1024
"""Of policies in one event, so that it stays well under the topic's limit."""


@dataclass(frozen=True, slots=True)
class PublishedRelease:
    number: int
    sha256: str
    policies: tuple[p.Policy, ...]


@dataclass(frozen=True, slots=True)
class Repository:
    name: str = ""
    title: str = ""
    description: str = ""
    pack: p.PackInfo | None = None
    policies: dict[str, p.Policy] = field(default_factory=dict)
    """Case-folded id to policy: ids are unique whatever their case."""
    releases: tuple[PublishedRelease, ...] = ()
    archived: bool = False

    @property
    def exists(self) -> bool:
        return bool(self.name)

    def release(self, number: int | None) -> PublishedRelease | None:
        """The release of that number, or the newest."""
        wanted = len(self.releases) if number is None else number
        return self.releases[wanted - 1] if 1 <= wanted <= len(self.releases) else None


def decide(repository: Repository, command: Any, request: Request) -> Decision:
    if not request.actor.has("admin"):
        return Rejected("forbidden", "policy repositories are kept by administrators")
    match command:
        case p.ImportPack(pack=pack):
            return _import(repository, pack, request)
        case p.CreateRepository():
            return _create(repository, command, request)
    if not repository.exists:
        return Rejected("not-found", "there is no such policy repository")
    if repository.archived:
        return Rejected("archived", f"the policy repository {repository.name!r} is archived")
    return _edit(repository, command)


def _create(repository: Repository, command: p.CreateRepository, request: Request) -> Decision:
    if repository.exists:
        return Rejected("name-taken", f"there is a policy repository named {repository.name!r}")
    if request.aggregate_id != p.repository_id(command.name):
        return Rejected("wrong-id", f"the id of {command.name!r} is {p.repository_id(command.name)}")
    return accepted(p.RepositoryCreated(name=command.name, title=command.title, description=command.description))


def _import(repository: Repository, pack: p.Pack, request: Request) -> Decision:
    if repository.archived:
        return Rejected("archived", f"the policy repository {repository.name!r} is archived")
    if request.aggregate_id != p.repository_id(pack.pack.id):
        return Rejected("wrong-id", f"the id of {pack.pack.id!r} is {p.repository_id(pack.pack.id)}")
    if twice := _repeated(policy.id for policy in pack.requirements):
        return Rejected("duplicate-policy", f"policy ids occur twice, whatever their case: {', '.join(twice)}")
    if not pack.requirements:
        return Rejected("empty", "a release needs at least one policy")
    if wrong := mistakes(pack):
        return _invalid(wrong)
    events: list[Event] = []
    if not repository.exists:
        events.append(p.RepositoryCreated(name=pack.pack.id, title=pack.pack.title, description=pack.pack.instrument))
    policies = policies_of(pack)
    chunks = chunked(policies, CHUNK_BYTES)
    events += [
        p.PackImported(pack=pack.pack, chunk=n, chunks=len(chunks), policies=part)
        for n, part in enumerate(chunks, start=1)
    ]
    if not repository.releases or repository.releases[-1].sha256 != digest(policies):
        notes = f"pack {pack.pack.id} {pack.pack.version}"
        events.append(_release(len(repository.releases) + 1, notes, policies))
    elif repository.pack == pack.pack:
        return Rejected("unchanged", f"release {len(repository.releases)} holds exactly these policies")
    return accepted(*events)


def policies_of(pack: p.Pack) -> tuple[p.Policy, ...]:
    """Each with the condition of the whole pack beside its own."""
    whole = pack.applies_if.get("any_concept", ())
    return tuple(
        policy.model_copy(update={"applies_if": _both(whole, policy.applies_if)}) for policy in pack.requirements
    )


def _both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{a} && {b}" for a in one for b in other) if one and other else one or other


def _edit(repository: Repository, command: Any) -> Decision:
    match command:
        case p.EditRepository(title=title, description=description):
            return accepted(
                p.RepositoryEdited(
                    title=repository.title if title is None else title,
                    description=repository.description if description is None else description,
                )
            )
        case p.AddPolicy(policy=policy):
            if policy.id.casefold() in repository.policies:
                return Rejected("duplicate-policy", f"there is a policy {policy.id!r}")
            wrong = policy_mistakes(policy)
            return _invalid(wrong) if wrong else accepted(p.PolicyAdded(policy=policy))
        case p.EditPolicy(policy=policy):
            wrong = policy_mistakes(policy)
            return _invalid(wrong) if wrong else _if_there(repository, policy.id, p.PolicyEdited(policy=policy))
        case p.RemovePolicy(policy_id=ident):
            return _if_there(repository, ident, p.PolicyRemoved(policy_id=ident))
        case p.PublishRelease(notes=notes):
            return _publish(repository, notes)
        case p.ArchiveRepository(reason=reason):
            return accepted(p.RepositoryArchived(reason=reason))
    raise TypeError(f"not a command of a policy repository: {type(command).__name__}")


def _invalid(wrong: Sequence[Mistake]) -> Rejected:
    """Published, such a policy would make every analysis fail, or silently never apply."""
    more = f"; and {len(wrong) - 10} more" if len(wrong) > 10 else ""
    return Rejected("invalid-policy", "; ".join(str(mistake)[:300] for mistake in wrong[:10]) + more)


def _if_there(repository: Repository, ident: str, event: Event) -> Decision:
    if ident.casefold() not in repository.policies:
        return Rejected("unknown-policy", f"there is no policy {ident!r}")
    return accepted(event)


def _publish(repository: Repository, notes: str) -> Decision:
    policies = tuple(repository.policies.values())
    if not policies:
        return Rejected("empty", "a release needs at least one policy")
    if repository.releases and repository.releases[-1].sha256 == digest(policies):
        return Rejected("unchanged", f"release {len(repository.releases)} holds exactly these policies")
    return accepted(_release(len(repository.releases) + 1, notes, policies))


def _release(number: int, notes: str, policies: Sequence[p.Policy]) -> p.ReleasePublished:
    return p.ReleasePublished(release=number, notes=notes, policies=len(policies), sha256=digest(policies))


def digest(policies: Iterable[p.Policy]) -> str:
    """Of the policies in canonical JSON, in order."""
    canonical = json.dumps([policy.model_dump(mode="json") for policy in policies], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _repeated(idents: Iterable[str]) -> list[str]:
    return sorted(ident for ident, times in Counter(i.casefold() for i in idents).items() if times > 1)


def evolve(repository: Repository, event: Any) -> Repository:
    match event:
        case p.RepositoryCreated():
            return replace(repository, name=event.name, title=event.title, description=event.description)
        case p.RepositoryEdited():
            return replace(repository, title=event.title, description=event.description)
        case p.PolicyAdded(policy=policy) | p.PolicyEdited(policy=policy):
            return replace(repository, policies={**repository.policies, policy.id.casefold(): policy})
        case p.PolicyRemoved(policy_id=ident):
            kept = {key: policy for key, policy in repository.policies.items() if key != ident.casefold()}
            return replace(repository, policies=kept)
        case p.PackImported():
            before = {} if event.chunk == 1 else repository.policies
            added = {policy.id.casefold(): policy for policy in event.policies}
            return replace(repository, policies={**before, **added}, pack=event.pack)
        case p.ReleasePublished():
            release = PublishedRelease(event.release, event.sha256, tuple(repository.policies.values()))
            return replace(repository, releases=(*repository.releases, release))
        case p.RepositoryArchived():
            return replace(repository, archived=True)
    return repository


REPOSITORY = Aggregate("policy-repository", POLICY_COMMANDS, POLICY_EVENTS, Repository(), evolve, decide)
