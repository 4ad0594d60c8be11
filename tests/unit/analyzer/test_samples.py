"""The sample documents: every seeded defect is found with an exact quote, and no clean sentence is touched."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import pytest

from docward.analyzer.analysis import analyse
from docward.analyzer.analysis.packs import bundled_packs, load_pack
from docward.converter.conversion import convert
from docward.runtime.sniffing import DOCX, MARKDOWN, PDF

from .conftest import DOCUMENT_ID, release_of

SAMPLES = Path(__file__).parents[3] / "samples"
TRUTH = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
MEDIA_TYPES = {".pdf": PDF, ".docx": DOCX, ".md": MARKDOWN}
DEFECTS = [pytest.param(name, defect, id=defect["id"]) for name, truth in TRUTH.items() for defect in truth["defects"]]
CLEAN = [
    pytest.param(name, text, id=f"{name}-{i}") for name, truth in TRUTH.items() for i, text in enumerate(truth["clean"])
]
PACKS = ("self-containment", "internal-algorithm-standard")
"""What the samples were written for."""
SAME_FAMILY = {"VAL": {"SRC"}}
"""A source that is not named is a value that is not stated."""
FINDINGS_AT_MOST = 9
"""The seeded defects of each document, and nothing beside them."""


@cache
def findings(name):
    path = SAMPLES / name
    made = convert(path.read_bytes(), MEDIA_TYPES[path.suffix], document_id=DOCUMENT_ID, filename=name)
    releases = [release_of(load_pack(path)) for path in bundled_packs() if path.stem in PACKS]
    return analyse(made.ir, made.markdown, releases).findings


def words(text):
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def shows(finding, defect):
    if defect["quote"] is None:
        return not finding.quotes and any(words(defect["section"]) in words(section) for section in finding.searched)
    expected = words(defect["quote"])
    return any(expected in words(quote.text) or words(quote.text) in expected for quote in finding.quotes)


@pytest.mark.parametrize(("name", "defect"), DEFECTS)
def test_a_seeded_defect_is_found(name, defect):
    families = {defect["family"], *SAME_FAMILY.get(defect["family"], ())}
    found = [finding for finding in findings(name) if shows(finding, defect)]
    assert any(finding.family in families or finding.category == defect["category"] for finding in found)


@pytest.mark.parametrize(("name", "text"), CLEAN)
def test_a_clean_sentence_is_not_flagged(name, text):
    flagged = [
        f.title
        for f in findings(name)
        for quote in f.quotes
        if words(quote.text) in words(text) or words(text) in words(quote.text)
    ]
    assert flagged == []


@pytest.mark.parametrize("name", TRUTH)
def test_nothing_but_the_seeded_defects_is_reported(name):
    found = [f.title for f in findings(name)]
    assert len(found) <= FINDINGS_AT_MOST, found
