"""Phrases: gaps, classes, alternatives, stems; and what a pack may not write."""

from __future__ import annotations

import pytest

from docward.analyzer.analysis.lexicon import Concept, Lexicon
from docward.analyzer.analysis.phrases import mistake, spoken
from docward.analyzer.analysis.text import tokens

WORDS = {"cancel": ("cancel", "pull", "take back")}


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("price collar", "Price collars apply.", True),
        ("price collar", "The collar of the price.", False),
        ("<cancel> .. orders", "It takes back, at once, all of the orders.", True),
        ("<cancel> .. orders", "Orders are pulled.", False),
        ("<cancel> .. orders", "Cancel one two three four five six seven orders.", False),
        ("<cancel> & orders", "Orders are pulled.", True),
        ("halt|shut_down order", "Shut down orders.", True),
        ("halt|<cancel> orders", "It pulls orders.", True),
        ("halt|<cancel> orders", "It halts orders.", True),
        ("~approve", "The approval is written.", True),
        ("approve", "The approval is written.", False),
    ],
)
def test_a_phrase_is_found_where_it_is_meant(phrase, text, found):
    lexicon = Lexicon([Concept(id="c", label="c", phrases=(phrase,))], WORDS)
    assert bool(lexicon.mentions(tokens(text), [0])) == found


def test_a_phrase_does_not_reach_over_a_sentence():
    lexicon = Lexicon([Concept(id="c", label="c", phrases=("<cancel> & orders",))], WORDS)
    assert lexicon.mentions(tokens("cancel orders"), [0, 1]) == []


def test_phrases_of_packs_are_concepts_of_their_own():
    lexicon = Lexicon([], WORDS).with_phrases(frozenset({"<cancel> orders"}))
    assert [m.concept for m in lexicon.mentions(tokens("It pulls orders."), [0])] == ["<cancel> orders"]


@pytest.mark.parametrize(
    ("phrase", "why"),
    [
        ("<moon> orders", "no class of words is called <moon>"),
        ("halt|<moon> orders", "no class of words is called <moon>"),
        ("a &", "a phrase needs words on both sides of '&'"),
        ("..", "a phrase needs words"),
        ("|", "'|' has no words"),
        ("<cancel> orders", ""),
    ],
)
def test_a_phrase_that_can_match_nothing_is_named(phrase, why):
    assert mistake(phrase, WORDS) == why


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("kill_switch", "kill switch"),
        ("provides|offers .. clearing_services|clearing_service", "provides … clearing services"),
        ("<compliance> & outsource|outsourced", "compliance and outsource"),
        ("~approve", "approve"),
    ],
)
def test_a_phrase_can_be_said(phrase, said):
    assert spoken(phrase) == said
