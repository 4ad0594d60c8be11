"""Documents and their versions, as the events of a document leave them."""

from __future__ import annotations

import pytest

from docward.projector.projections.documents import DOCUMENTS
from unit.projector.story import DOCUMENT, Tables, Told, only, rows, told, writes


def after(*events: Told) -> Tables:
    return rows(DOCUMENTS, [told("document-submitted", 1), *events])


def test_a_submitted_document_has_its_details_and_its_first_version() -> None:
    tables = after()
    document = only(tables, "documents")
    assert document["title"] == "Momentum Execution Strategy"
    assert document["tags"] == ["equity", "momentum"]
    assert document["repositories"] == [{"repository_id": "914da546-36b9-5ae7-9ccd-921cd0c2086e", "release": 1}]
    assert (document["owner"], document["created_by"]) == ("mara.lindqvist", "mara.lindqvist")
    assert (document["current_version"], document["stream_version"]) == (1, 1)
    version = only(tables, "document_versions")
    assert (version["version"], version["origin"], version["status"]) == (1, "upload", "submitted")
    assert version["original"]["media_type"] == "application/pdf"


def test_a_converted_version_has_its_products() -> None:
    converted = told("document-converted", 2)
    version = only(after(converted), "document_versions")
    assert (version["status"], version["finished_at"]) == ("converted", converted.envelope.time)
    said = converted.message.model_dump(mode="json")
    facts = (
        "markdown",
        "ir",
        "report",
        "converter",
        "sandbox",
        "pages",
        "sections",
        "characters",
        "warnings",
        "partial",
    )
    for field in facts:
        assert version[field] == said[field]


def test_a_failed_conversion_says_why() -> None:
    version = only(after(told("conversion-failed", 2, version=1, reason="needs-ocr")), "document_versions")
    assert (version["status"], version["failure_reason"]) == ("conversion-failed", "needs-ocr")
    assert version["failure_detail"]


def test_converting_again_keeps_what_was_converted_and_forgets_the_failure() -> None:
    version = only(
        after(
            told("document-converted", 2),
            told("conversion-failed", 3, version=1),
            told("conversion-requested", 4, version=1),
        ),
        "document_versions",
    )
    assert (version["status"], version["failure_reason"]) == ("converting", None)
    assert version["markdown"] is not None


def test_converting_an_old_version_again_leaves_the_current_one_current() -> None:
    tables = after(
        told("revision-submitted", 2, version=2),
        told("conversion-requested", 3, version=1),
        told("document-converted", 4, version=1),
    )
    assert only(tables, "documents")["current_version"] == 2
    assert tables["document_versions"][DOCUMENT, 2]["status"] == "submitted"
    assert tables["document_versions"][DOCUMENT, 1]["status"] == "converted"


@pytest.mark.parametrize(
    ("event", "origin", "status", "base"),
    [
        (told("revision-submitted", 2, version=2), "revision", "submitted", None),
        (told("changes-requested", 2, version=2, base=1), "changes", "converting", 1),
        (told("version-restored", 2, version=2, restored=1), "restore", "converting", 1),
    ],
)
def test_a_version_knows_where_it_comes_from(event: Told, origin: str, status: str, base: int | None) -> None:
    tables = after(event)
    assert only(tables, "documents")["current_version"] == 2
    version = tables["document_versions"][DOCUMENT, 2]
    assert (version["origin"], version["status"], version.get("base_version")) == (origin, status, base)


def test_applied_changes_are_the_original_of_their_version() -> None:
    tables = after(told("changes-requested", 2, version=2, base=1), told("changes-applied", 3, version=2, base=1))
    assert tables["document_versions"][DOCUMENT, 2]["original"]["uri"]


@pytest.mark.parametrize(
    ("event", "columns"),
    [
        (
            told("details-edited", 2, title="T", description="D", tags=["a"]),
            {"title": "T", "description": "D", "tags": ["a"]},
        ),
        (told("repositories-assigned", 2, repositories=[]), {"repositories": []}),
        (told("document-shared", 2, groups=["risk"]), {"visibility": "group", "groups": ["risk"]}),
        (told("document-made-private", 2), {"visibility": "private", "groups": []}),
        (told("ownership-transferred", 2, owner="jo"), {"owner": "jo"}),
        (told("document-deleted", 2, reason="test"), {"deletion_reason": "test"}),
    ],
)
def test_a_change_of_the_document_shows_and_counts(event: Told, columns: dict[str, object]) -> None:
    document = only(after(event), "documents")
    assert {name: document[name] for name in columns} == columns
    assert (document["stream_version"], document["updated_at"]) == (2, event.envelope.time)


def test_a_deleted_document_says_when() -> None:
    event = told("document-deleted", 2)
    assert only(after(event), "documents")["deleted_at"] == event.envelope.time


def test_an_export_is_found_by_version_and_format() -> None:
    tables = after(told("document-exported", 2, version=1, format="docx"))
    assert (DOCUMENT, 1, "docx") in tables["document_exports"]


def test_a_rejection_changes_nothing() -> None:
    assert writes(DOCUMENTS, told("command-rejected")) == []
