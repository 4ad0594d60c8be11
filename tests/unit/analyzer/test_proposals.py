"""A proposal never makes matters worse: applied as it stands, it brings no finding of its severity or a higher one."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from docward.analyzer.analysis import analyse
from docward.analyzer.analysis.findings import SEVERITIES
from docward.converter.conversion import convert
from docward.runtime.sniffing import MARKDOWN, sniff

from .conftest import DOCUMENT_ID, converted
from .test_checks import DEFECTS

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for folder in (ROOT / "samples", ROOT / "tests" / "eval" / "blind")
    for path in folder.iterdir()
    if path.suffix in {".docx", ".md", ".pdf"} and path.name != "README.md"
)


@cache
def markdown(path):
    content = path.read_bytes()
    media_type = sniff(content, path.name, lambda: content) or MARKDOWN
    return convert(content, media_type, document_id=DOCUMENT_ID, filename=path.name).markdown


def findings(text):
    made = converted(text)
    return made.markdown, analyse(made.ir, made.markdown, []).findings


def worse(text):
    """Proposals after which a check says more than before, in its severity or a higher one."""
    text, before = findings(text)
    for finding in before:
        change = finding.proposal
        if change is None:
            continue
        assert text[change.span.start : change.span.end] == change.original
        _, after = findings(text[: change.span.start] + change.replacement + text[change.span.end :])
        for check, number in (severe(after, finding) - severe(before, finding)).items():
            yield f"{finding.title} [{change.replacement.strip()}] brings {number} of {check}"


def severe(found, than):
    """How many findings of each check are at least as severe as this one."""
    bound = SEVERITIES.index(than.severity)
    return Counter(each.origin for each in found if SEVERITIES.index(each.severity) <= bound)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_no_proposal_in_a_document_brings_a_finding(path):
    assert list(worse(markdown(path))) == []


@pytest.mark.parametrize("text", dict.fromkeys(text for _, text, _ in DEFECTS))
def test_no_proposal_for_a_single_defect_brings_a_finding(text):
    assert list(worse(text)) == []
