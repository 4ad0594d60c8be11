"""Document groups: what their events and their analyses leave."""

from __future__ import annotations

from uuid import UUID

from contracts.golden import example
from docward.projector.projections.documents import DOCUMENTS
from docward.projector.projections.groups import GROUPS
from unit.projector.story import Told, only, rows, told, writes

GROUP = UUID(example("document-group-created.v1").key)
ONE, TWO, THREE = (UUID(int=n) for n in (1, 2, 3))
CREATED = told("document-group-created", 1, members=[str(ONE), str(TWO)], primary=str(ONE))


def order(messages: list[Told]) -> list[UUID]:
    members = rows(GROUPS, messages)["document_group_members"].values()
    return [row["document_id"] for row in sorted(members, key=lambda row: row["ordinal"])]


def test_a_group_has_its_details() -> None:
    row = only(rows(GROUPS, [CREATED]), "document_groups")
    assert (row["group_id"], row["primary_id"], row["stream_version"]) == (GROUP, ONE, 1)


def test_members_stand_in_the_order_in_which_they_came() -> None:
    added = told("group-member-added", 2, document_id=str(THREE))
    removed = told("group-member-removed", 3, document_id=str(TWO))
    again = told("group-member-added", 4, document_id=str(TWO))
    assert order([CREATED, added]) == [ONE, TWO, THREE]
    assert order([CREATED, added, removed]) == [ONE, THREE]
    assert order([CREATED, added, removed, again]) == [ONE, THREE, TWO]


def test_every_change_moves_the_version() -> None:
    changes = [
        told("document-group-renamed", 2, title="Other"),
        told("primary-member-set", 3, document_id=str(TWO)),
        told("document-group-deleted", 4, reason="old"),
    ]
    row = only(rows(GROUPS, [CREATED, *changes]), "document_groups")
    assert (row["title"], row["primary_id"], row["deletion_reason"]) == ("Other", TWO, "old")
    assert (row["stream_version"], row["deleted_at"]) == (4, changes[-1].envelope.time)


def test_an_analysis_of_a_group_names_the_versions_that_it_read_and_no_objects() -> None:
    row = only(rows(GROUPS, [told("suite-analysis-requested", 1)]), "suite_analyses")
    assert row["group_id"] == GROUP
    assert [set(member) for member in row["members"]] == [{"document_id", "version", "title", "filename"}] * 2


def test_groups_and_documents_leave_each_other_alone() -> None:
    assert writes(DOCUMENTS, CREATED) == []
    assert writes(GROUPS, told("document-submitted", 1)) == []
    assert writes(GROUPS, told("command-rejected", 1)) == []
    assert writes(GROUPS, told("analysis-requested", 1)) == []
