"""The read model `repositories`: policy repositories, what happened to their policies, and their releases.

A release's policies are not kept as a copy: they follow from the changes up to it, which are kept for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from docward.events.codec import Envelope
from docward.events.messages import CommandRejected, Message
from docward.events.policies import (
    PackImported,
    Policy,
    PolicyAdded,
    PolicyEdited,
    PolicyRemoved,
    ReleasePublished,
    RepositoryArchived,
    RepositoryCreated,
    RepositoryEdited,
)
from docward.events.topics import POLICY_EVENTS
from docward.projector.projections.columns import at_and_by, ddl, moved, plain
from docward.runtime.projections import Patch, Position, Projection, Upsert, Write


def project(envelope: Envelope, message: Message, position: Position) -> Iterator[Write]:  # noqa: ARG001 -- one signature
    match message:
        case CommandRejected():
            return
        case RepositoryCreated():
            yield _created(envelope, message)
        case _:
            changes = _repository_changes(envelope, message)
            yield Patch("repositories", {"repository_id": envelope.key}, {**changes, **moved(envelope)})
    yield from _contents(envelope, message)


def _created(envelope: Envelope, event: RepositoryCreated) -> Write:
    return Upsert(
        "repositories",
        {"repository_id": envelope.key},
        {
            "name": event.name,
            "title": event.title,
            "description": event.description,
            **at_and_by("created", envelope),
            **moved(envelope),
        },
    )


def _repository_changes(envelope: Envelope, message: Message) -> dict[str, Any]:
    match message:
        case RepositoryEdited(title=title, description=description):
            return {"title": title, "description": description}
        case ReleasePublished(release=release):
            return {"latest_release": release}
        case RepositoryArchived(reason=reason):
            return {"archived_at": envelope.time, "archive_reason": reason}
    return {}


def _contents(envelope: Envelope, message: Message) -> Iterator[Write]:
    match message:
        case PackImported(pack=pack, chunk=chunk, policies=policies):
            if chunk == 1:
                yield Upsert(
                    "pack_imports",
                    {"repository_id": envelope.key, "stream_version": envelope.stream_version},
                    {"pack": plain(pack), "imported_at": envelope.time, "imported_by": envelope.actor.subject},
                )
            yield from _changed(envelope, "added", policies)
        case PolicyAdded(policy=policy):
            yield from _changed(envelope, "added", [policy])
        case PolicyEdited(policy=policy):
            yield from _changed(envelope, "edited", [policy])
        case PolicyRemoved(policy_id=policy_id):
            yield _change(envelope, 0, policy_id, "removed", None)
        case ReleasePublished():
            yield _published(envelope, message)


def _changed(envelope: Envelope, change: Literal["added", "edited"], policies: Sequence[Policy]) -> Iterator[Write]:
    for ordinal, policy in enumerate(policies):
        yield _change(envelope, ordinal, policy.id, change, plain(policy))


def _change(envelope: Envelope, ordinal: int, policy_id: str, change: str, policy: dict[str, Any] | None) -> Write:
    return Upsert(
        "policy_changes",
        {"repository_id": envelope.key, "stream_version": envelope.stream_version, "ordinal": ordinal},
        {"policy_id": policy_id, "change": change, "policy": policy},
    )


def _published(envelope: Envelope, event: ReleasePublished) -> Write:
    return Upsert(
        "releases",
        {"repository_id": envelope.key, "release": event.release},
        {
            "notes": event.notes,
            "policy_count": event.policies,
            "sha256": event.sha256,
            **at_and_by("published", envelope),
            "stream_version": envelope.stream_version,
        },
    )


REPOSITORIES = Projection(
    name="repositories",
    version=1,
    topics=(POLICY_EVENTS,),
    ddl=ddl("repositories"),
    project=project,
    owner="repository_id",
)
