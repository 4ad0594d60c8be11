"""Policy repositories: what their events leave, and that the policies of a release can be told from it."""

from __future__ import annotations

from typing import Any

import pytest

from docward.projector.projections.repositories import REPOSITORIES
from unit.projector.story import REPOSITORY, Told, only, rows, told, writes


def on(name: str, version: int, /, **body: Any) -> Told:
    return told(name, version, key=REPOSITORY, **body)


def test_a_repository_has_its_details() -> None:
    row = only(rows(REPOSITORIES, [on("repository-created", 1, name="ias", title="T")]), "repositories")
    assert (row["repository_id"], row["name"], row["title"], row["stream_version"]) == (REPOSITORY, "ias", "T", 1)


@pytest.mark.parametrize(
    ("event", "columns"),
    [
        (on("repository-edited", 2, title="U", description="D"), {"title": "U", "description": "D"}),
        (on("release-published", 2, release=3), {"latest_release": 3}),
        (on("repository-archived", 2, reason="old"), {"archive_reason": "old"}),
        (on("policy-added", 2), {}),
    ],
)
def test_a_change_shows_and_counts(event: Told, columns: dict[str, object]) -> None:
    row = only(rows(REPOSITORIES, [on("repository-created", 1), event]), "repositories")
    assert {name: row[name] for name in columns} == columns
    assert (row["stream_version"], row["updated_at"]) == (2, event.envelope.time)


def test_only_the_first_chunk_of_a_pack_is_an_import() -> None:
    events = [on("pack-imported", 2, chunk=1, chunks=2), on("pack-imported", 3, chunk=2, chunks=2)]
    tables = rows(REPOSITORIES, events)
    assert only(tables, "pack_imports")["stream_version"] == 2
    policies = len(events[0].message.model_dump()["policies"])
    assert len(tables["policy_changes"]) == 2 * policies


def test_every_change_of_a_policy_is_kept_in_order() -> None:
    events = [on("policy-added", 2), on("policy-edited", 3), on("policy-removed", 4)]
    changes = rows(REPOSITORIES, events)["policy_changes"]
    assert [changes[REPOSITORY, version, 0]["change"] for version in (2, 3, 4)] == ["added", "edited", "removed"]
    assert changes[REPOSITORY, 2, 0]["policy"]["id"] == changes[REPOSITORY, 2, 0]["policy_id"]
    assert changes[REPOSITORY, 4, 0]["policy"] is None


def test_a_release_is_kept_with_its_place_in_the_stream() -> None:
    release = only(rows(REPOSITORIES, [on("release-published", 6, release=2, policies=7)]), "releases")
    assert (release["release"], release["policy_count"], release["stream_version"]) == (2, 7, 6)


def test_a_rejection_changes_nothing() -> None:
    assert writes(REPOSITORIES, told("command-rejected")) == []
