"""The sample documents are reproducible, and their truth file quotes what stands in them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import pytest
import yaml
from docx.table import Table

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
GENERATED = ("momentum-execution-strategy.pdf", "dividend-quality-index.docx")
NAMES = (*GENERATED, "intraday-mean-reversion.md")
TRUTH: dict[str, Any] = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
CATEGORIES = {
    "missing-reference",
    "undefined-parameter",
    "incomplete-formula",
    "ambiguous-methodology",
    "external-dependency",
    "assumption-required",
    "inconsistent-content",
    "missing-governance",
    "data-source-unspecified",
    "compliance-gap",
    "market-calendar",
    "implementation-precision",
}
SEEDED_FAMILIES = {"XRF", "TRM", "FML", "CON", "VAL", "NUM", "AMB", "CAL", "IMP", "GOV", "DOC", "CIT", "COV"}


def pdf_text(path: Path) -> str:
    document = pypdfium2.PdfDocument(path)
    try:
        pages = []
        for number in range(len(document)):
            page = document[number]
            text_page = page.get_textpage()
            pages.append(text_page.get_text_range())
            text_page.close()
            page.close()
    finally:
        document.close()
    return "\n".join(pages)


def docx_text(path: Path) -> str:
    texts: list[str] = []
    for block in docx.Document(str(path)).iter_inner_content():
        if isinstance(block, Table):
            texts += [cell.text for row in block.rows for cell in row.cells]
        else:
            texts.append(block.text)
    return "\n".join(texts)


def text_of(path: Path) -> str:
    match path.suffix:
        case ".pdf":
            return pdf_text(path)
        case ".docx":
            return docx_text(path)
        case _:
            return path.read_text(encoding="utf-8")


def normalised(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.fixture(scope="module", params=NAMES)
def sample(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """The normalised text of one sample and its truth."""
    path = SAMPLES / request.param
    return normalised(text_of(path)), TRUTH[request.param]


def test_the_committed_documents_equal_a_fresh_run(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLES / "generate.py"), "--output", str(tmp_path)], check=True, timeout=60)
    for name in GENERATED:
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes(), f"run samples/generate.py: {name}"


def test_truth_names_every_sample_and_nothing_else() -> None:
    assert set(TRUTH) == set(NAMES)


def test_every_quote_occurs_exactly_once(sample: tuple[str, dict[str, Any]]) -> None:
    text, truth = sample
    quotes = [quote for defect in truth["defects"] for quote in (defect["quote"], *defect.get("also", ())) if quote]
    assert {quote: text.count(quote) for quote in quotes} == dict.fromkeys(quotes, 1)


def test_every_clean_sentence_occurs_exactly_once_and_is_no_defect(sample: tuple[str, dict[str, Any]]) -> None:
    text, truth = sample
    assert len(truth["clean"]) >= 12
    assert {clean: text.count(clean) for clean in truth["clean"]} == dict.fromkeys(truth["clean"], 1)
    quotes = [quote for defect in truth["defects"] for quote in (defect["quote"], *defect.get("also", ())) if quote]
    assert not [(clean, quote) for clean in truth["clean"] for quote in quotes if quote in clean or clean in quote]


def test_every_section_of_the_truth_is_in_the_document(sample: tuple[str, dict[str, Any]]) -> None:
    text, truth = sample
    assert truth["title"] in text
    assert [defect["section"] for defect in truth["defects"] if defect["section"] not in text] == []


def test_defects_use_the_vocabulary_of_findings(sample: tuple[str, dict[str, Any]]) -> None:
    _, truth = sample
    assert 6 <= len(truth["defects"]) <= 9
    for defect in truth["defects"]:
        assert defect["category"] in CATEGORIES, defect["id"]
        assert defect["family"] in SEEDED_FAMILIES, defect["id"]
        assert defect["severity"] in {"critical", "high", "medium", "low"}, defect["id"]


def test_the_samples_together_seed_every_family_under_unique_ids() -> None:
    defects = [defect for truth in TRUTH.values() for defect in truth["defects"]]
    assert {defect["family"] for defect in defects} == SEEDED_FAMILIES
    assert max(Counter(defect["id"] for defect in defects).values()) == 1


def test_the_pdf_has_an_outline_of_its_headings_and_several_pages() -> None:
    source = yaml.safe_load((SAMPLES / "sources" / "momentum-execution-strategy.yaml").read_text(encoding="utf-8"))
    headings = [text for block in source["blocks"] for kind, text in block.items() if kind in {"h1", "h2"}]
    document = pypdfium2.PdfDocument(SAMPLES / GENERATED[0])
    try:
        assert [entry.get_title() for entry in document.get_toc()] == headings
        assert 5 <= len(document) <= 9
    finally:
        document.close()


def test_the_docx_has_heading_styles_tables_lists_and_equations() -> None:
    document = docx.Document(str(SAMPLES / GENERATED[1]))
    styles = Counter(paragraph.style.name for paragraph in document.paragraphs if paragraph.style)
    assert styles["Heading 1"] == 11
    assert styles["List Bullet"] > 10
    assert styles["Caption"] == len(document.tables) == 4
    equations = document.element.findall(f".//{{{'http://schemas.openxmlformats.org/officeDocument/2006/math'}}}oMath")
    assert len(equations) == 3
