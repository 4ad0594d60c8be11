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
OF_INDICES = ("eu-bmr", "index-methodology", "us-index-listing")
OF_TRADING = ("finra-15-09", "uk-pra-ss518", "eu-rts6", "us-15c3-5")


def applied(packs, pack, name, media_type):
    made = convert((SAMPLES / name).read_bytes(), media_type, document_id=DOCUMENT_ID, filename=name)
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
