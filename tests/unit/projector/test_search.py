"""What full-text search knows of a document."""

from __future__ import annotations

from docward.events.documents import DocumentConverted
from docward.projector.projections.search import SEARCH, TEXT_BYTES, indexed, needed
from unit.projector.story import DOCUMENT, Told, only, rows, told, writes


def converted(stream_version: int, version: int) -> Told:
    markdown = {"uri": f"products/{version}", "sha256": "0" * 64, "size": 3, "media_type": "text/markdown"}
    return told("document-converted", stream_version, version=version, markdown=markdown)


TEXTS = {"products/1": b"# Alpha", "products/2": b"# Beta"}


def test_title_description_and_tags_are_found_from_the_first_moment() -> None:
    row = only(rows(SEARCH, [told("document-submitted", 1)]), "document_texts")
    assert row["version"] == 0
    assert row["text"].split("\n") == [
        "Momentum Execution Strategy",
        "Monthly momentum on European equities.",
        "equity",
        "momentum",
    ]


def test_edited_details_replace_them() -> None:
    events = [told("document-submitted", 1), told("details-edited", 2, title="Carry", description="", tags=["fx"])]
    assert only(rows(SEARCH, events), "document_texts")["text"] == "Carry\n\nfx"


def test_every_converted_version_keeps_its_own_text() -> None:
    events = [told("document-submitted", 1), converted(2, 1), converted(3, 2), converted(4, 1)]
    texts = {key[1]: row["text"] for key, row in rows(SEARCH, events, TEXTS)["document_texts"].items()}
    assert (texts[1], texts[2]) == ("# Alpha", "# Beta")


def test_only_the_text_of_a_converted_version_is_needed() -> None:
    message = converted(2, 1).message
    assert isinstance(message, DocumentConverted)
    assert list(needed(message)) == [message.markdown]
    assert list(needed(told("document-submitted", 1).message)) == []


def test_a_deleted_document_leaves_the_same_with_or_without_its_objects() -> None:
    events = [told("document-submitted", 1), converted(2, 1), converted(3, 2), told("document-deleted", 4)]
    live = rows(SEARCH, events, TEXTS)
    rebuilt = rows(SEARCH, events, {"products/1": None, "products/2": None})
    assert live == rebuilt == {"document_texts": {}}


def test_a_text_whose_object_is_gone_is_left_out() -> None:
    assert writes(SEARCH, converted(2, 1), {"products/1": None}) == []


def test_a_long_text_is_cut_between_characters() -> None:
    text = indexed("€".encode() * TEXT_BYTES)
    assert len(text.encode()) <= TEXT_BYTES
    assert set(text) == {"€"}


def test_a_text_holds_nothing_that_postgres_refuses() -> None:
    assert indexed(b"a\x00b") == "ab"


def test_other_events_write_nothing() -> None:
    assert writes(SEARCH, told("document-made-private", 2)) == []
    assert writes(SEARCH, told("command-rejected")) == []
    assert DOCUMENT not in rows(SEARCH, [told("conversion-failed", 2)])
