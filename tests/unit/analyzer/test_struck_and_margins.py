"""What is struck through states nothing; what stands in headers and footers tells of the document."""

from __future__ import annotations

import pytest

from docward.analyzer.analysis.checks import control
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.packs import bundled_lexicon
from docward.events.ir import PageMargin

from .conftest import converted

LONG = "\n\nThe desk opens its books at the start of each session and closes them at its end.\n" * 45


def test_struck_text_is_in_no_sentence_and_the_rest_keeps_its_place(document):
    text = "# 1 Limits\n\n~~Orders above 4 % are blocked.~~\n\nThe cap is ~~4 %~~ 5 %.\n"
    read = document(text)
    assert [" ".join(one.text.split()) for one in read.body] == ["The cap is 5 %."]
    assert [text[one.start : one.end] for one in read.body] == ["The cap is ~~4 %~~ 5 %."]


def test_a_struck_cell_says_nothing(document):
    read = document("| Role | Person |\n| --- | --- |\n| Owner | ~~Desk A~~ |\n| ~~Approver~~ | |\n")
    assert [[cell.text for _, cell in one.cells] for one in read.body] == [["Owner", ""]]


def test_words_are_quoted_with_what_is_struck_in_them(document):
    read = document("The cap is ~~4 %~~ 5 %.\n")
    assert read.quote(read.body[0].span).text == "The cap is ~~4 %~~ 5 %."


def with_footer(text: str) -> Document:
    made = converted("# 1 Scope" + LONG)
    footer = PageMargin(kind="footer", pages="default", section=1, text=text)
    return Document(made.ir.model_copy(update={"page_margins": (footer,)}), made.markdown, bundled_lexicon())


@pytest.mark.parametrize(
    ("footer", "title"),
    [
        ("Momentum\tVersion 2.1\t12 March 2026", None),
        ("Momentum\tPage 3", "The document states no version and no date"),
        ("Base date 12 March 2026\nVersion: 2", "The document states no date"),
        ("Version 2.1\n12 March 2026", "The document states no date"),
    ],
)
def test_version_and_date_may_stand_in_a_footer(footer, title):
    found = [draft.title for draft in control.document_control(with_footer(footer)).drafts]
    assert found == ([title] if title else [])


def test_an_owner_may_stand_in_a_footer():
    assert control.ownership(with_footer("Momentum")).drafts
    assert control.ownership(with_footer("Document owner: Quant Desk")).drafts == ()
