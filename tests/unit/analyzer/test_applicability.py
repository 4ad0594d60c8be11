"""A pack judges the documents that it is written for: rules of an index are not asked for trading controls."""

from __future__ import annotations

from pathlib import Path

import pytest

from docward.analyzer.analysis import analyse
from docward.converter.conversion import convert
from docward.runtime.sniffing import DOCX, MARKDOWN, PDF

from .conftest import DOCUMENT_ID, release_of

SAMPLES = Path(__file__).parents[3] / "samples"
INDEX = ("dividend-quality-index.docx", DOCX)
TRADING = (("intraday-mean-reversion.md", MARKDOWN), ("momentum-execution-strategy.pdf", PDF))
OF_INDICES = ("eu-bmr", "index-methodology")
OF_TRADING = ("finra-15-09", "uk-pra-ss518", "eu-rts6", "us-15c3-5")


def applied(packs, pack, name, media_type):
    return applied_to(packs, pack, (SAMPLES / name).read_bytes(), media_type)


def applied_to(packs, pack, content, media_type=MARKDOWN):
    made = convert(content, media_type, document_id=DOCUMENT_ID)
    verdicts = analyse(made.ir, made.markdown, [release_of(packs[pack])]).verdicts
    return {verdict.verdict for verdict in verdicts} != {"not-applicable"}


@pytest.mark.parametrize("pack", OF_INDICES)
def test_the_rules_of_an_index_are_judged_by_packs_for_indices(packs, pack):
    assert applied(packs, pack, *INDEX)
    assert not any(applied(packs, pack, *document) for document in TRADING)


@pytest.mark.parametrize("pack", OF_TRADING)
def test_trading_is_judged_by_packs_for_trading(packs, pack):
    assert not applied(packs, pack, *INDEX)
    assert all(applied(packs, pack, *document) for document in TRADING)


@pytest.mark.parametrize(
    ("told", "judged"),
    [
        ("It is the benchmark of an exchange-traded fund.", True),
        ("Two ETFs are licensed to track the index.", True),
        ("Licensed institutions use it in research.", False),
    ],
)
def test_an_index_is_held_to_the_rules_of_listings_when_a_listed_product_is_on_it(packs, told, judged):
    text = f"# The index\n\n{told}\n\n# Weights\n\n" + "The index is weighted by market value. " * 12
    assert applied_to(packs, "us-index-listing", text.encode()) is judged
    assert not any(applied(packs, "us-index-listing", *document) for document in TRADING)
