"""The annotated document: sentences with exact spans, their kind, modality, paragraph and concepts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.lexicon import Concept, Lexicon
from docward.analyzer.analysis.packs import bundled_lexicon
from docward.analyzer.analysis.text import plain, tokens

from .conftest import converted


def texts(document, *kinds):
    return [s.text for s in document.sentences if s.kind in kinds]


def test_prose_is_cut_into_sentences_but_not_after_abbreviations(document):
    made = document("Orders, e.g. limit orders, are sent. See Art. 12 and Fig. 3 of it. The end.")
    assert texts(made, "prose") == ["Orders, e.g. limit orders, are sent.", "See Art. 12 and Fig. 3 of it.", "The end."]


def test_a_list_item_stands_without_its_bullet_and_knows_its_lead(document):
    made = document("Constituents must have:\n\n- at least ten years of dividends\n- a yield above 2 %\n")
    items = [s for s in made.sentences if s.kind == "list"]
    assert [s.text for s in items] == ["at least ten years of dividends", "a yield above 2 %"]
    assert {s.modality for s in items} == {"must"}
    assert len({s.paragraph for s in made.body}) == 1


def test_a_row_knows_its_columns(document):
    made = document("| Control | Limit |\n|---|---|\n| Price collar | 2 % |\n")
    (row,) = [s for s in made.sentences if s.kind == "row"]
    assert [(column, cell.text) for column, cell in row.cells] == [("Control", "Price collar"), ("Limit", "2 %")]


def test_sentences_of_two_sections_are_two_paragraphs(document):
    made = document("# A\n\nOne.\n\n# B\n\nTwo.\n")
    assert len({s.paragraph for s in made.body}) == 2
    assert [made.label(s.section) for s in made.body] == ["A", "B"]


def test_concepts_are_found_in_any_form_and_not_across_sentences(document):
    made = document("Kill-switches exist. The firm may kill. Switch it off.")
    assert [sorted(s.concepts) for s in made.body] == [["kill_switch"], [], []]


def test_an_exclusion_that_covers_a_match_removes_it():
    lexicon = Lexicon([Concept(id="entry", label="Entry", phrases=("entry",), exclusions=("order entry",))])
    found = tokens("order entry and entry")
    assert [(m.first, m.last) for m in lexicon.mentions(found, [0])] == [(3, 3)]


def test_text_without_an_end_is_cut_so_that_patterns_stay_quick(document):
    made = document("weight is " * 1000)
    assert len(made.sentences) > 5
    assert max(len(s.text) for s in made.sentences) <= 1000


def test_plain_text_keeps_every_offset():
    markdown = "The **Order** of [section 3](#s3)\nis `x` \\* y"
    assert len(plain(markdown)) == len(markdown)
    assert plain(markdown).split() == ["The", "Order", "of", "section", "3", "is", "x", "y"]


@given(st.text(alphabet=st.sampled_from("abAB .,:;|-*#1)(\n\t`$\\[]<>é€"), max_size=300))
def test_spans_of_sentences_are_exact_and_do_not_overlap(text):
    if not text.strip():
        return
    try:
        made = converted(text)
    except ValueError:
        return
    document = Document(made.ir, made.markdown, bundled_lexicon())
    end = 0
    for sentence in document.sentences:
        assert end <= sentence.start < sentence.end <= len(made.markdown)
        assert len(sentence.text) == sentence.end - sentence.start
        end = sentence.end
        for token in sentence.tokens:
            assert document.text[token.start : token.end] == token.text
