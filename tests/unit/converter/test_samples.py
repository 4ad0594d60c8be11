"""The project's sample documents: what a reader would quote stands verbatim in the Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from docward.converter.conversion import convert
from docward.runtime.sniffing import DOCX, MARKDOWN, PDF, sniff

SAMPLES = Path(__file__).parents[3] / "samples"
TRUTH = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
TYPES = {".pdf": PDF, ".docx": DOCX, ".md": MARKDOWN}


def converted(name: str):
    data = (SAMPLES / name).read_bytes()
    media_type = sniff(data[:65536], name, lambda: data)
    assert media_type == TYPES[Path(name).suffix]
    return convert(data, media_type, document_id="d", filename=name)


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_every_quote_of_the_truth_is_found(name, sound):
    conversion = converted(name)
    sound(conversion)
    flat = " ".join(conversion.markdown.split())
    quotes = [defect["quote"] for defect in TRUTH[name]["defects"] if defect["quote"]] + TRUTH[name]["clean"]
    assert [quote for quote in quotes if " ".join(quote.split()) not in flat] == []


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_every_section_of_the_truth_is_a_heading(name):
    titles = [f"{one.number or ''} {one.title}".strip() for one in converted(name).ir.sections]
    wanted = {defect["section"] for defect in TRUTH[name]["defects"] if defect.get("section")}
    flat = " | ".join(titles)
    assert [section for section in wanted if section not in flat] == []


@pytest.mark.parametrize("name", sorted(TRUTH))
def test_a_second_conversion_is_the_same(name):
    assert converted(name) == converted(name)


def test_missing_targets_of_the_samples_are_unresolved():
    broken = {
        name: {one.target for one in converted(name).ir.references if not one.resolved and not one.external}
        for name in TRUTH
    }
    assert broken["momentum-execution-strategy.pdf"] == {"Appendix C"}
    assert broken["dividend-quality-index.docx"] == {"9.4"}


@pytest.mark.parametrize("name", sorted(name for name in TRUTH if name.endswith(".pdf")))
def test_every_block_of_a_pdf_has_its_page(name):
    assert all(block.page and block.box for block in converted(name).ir.blocks)
