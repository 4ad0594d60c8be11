"""A proposal never makes matters worse: applied as it stands, it brings no finding of its severity or a higher one."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from docward.analyzer.analysis import analyse
from docward.analyzer.analysis.findings import SEVERITIES
from docward.analyzer.analysis.packs import bundled_packs
from docward.converter.conversion import convert
from docward.runtime.sniffing import MARKDOWN, sniff

from .conftest import DOCUMENT_ID, converted
from .test_checks import DEFECTS

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    path
    for folder in (ROOT / "samples", ROOT / "tests" / "eval" / "tuned")
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


ABOUT_EVERYTHING = """# Strategy

The trading algorithm sends orders to Xetra. Prices are those of Corvane Feed Handler, version 7.1.

# Index

The index is calculated by its administrator. An exchange-traded fund tracks the index.
"""
"""All packs apply to it, and it names the source of its prices."""


def proposals(pack):
    """In parts, so that what a section says once too often for all of them is not taken for a fault of one."""
    texts = [policy.proposal.text for policy in pack.requirements if policy.proposal is not None]
    return ["\n\n".join(texts[first : first + 12]) for first in range(0, len(texts), 12)]


@pytest.mark.parametrize("name", [path.stem for path in bundled_packs()])
def test_no_proposal_of_a_pack_contradicts_a_requirement_or_brings_a_finding_of_a_check(name, packs, releases):
    before = judged(ABOUT_EVERYTHING, releases)
    for part in proposals(packs[name]):
        after = judged(f"{ABOUT_EVERYTHING}\n{part}\n", releases)
        assert after[0] - before[0] == Counter(), part
        assert after[1] - before[1] == set(), part


def judged(text, releases):
    """Which checks say something that weighs as much as an absence, and which requirements are contradicted."""
    made = converted(text)
    report = analyse(made.ir, made.markdown, releases)
    checks = Counter(f"{f.origin}: {f.title}" for f in report.findings if f.origin[:6] == "check:" and weighs(f))
    return checks, {v.policy.policy_id for v in report.verdicts if v.verdict == "contradicted"}


def weighs(finding):
    return SEVERITIES.index(finding.severity) < SEVERITIES.index("info")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_no_proposal_in_a_document_brings_a_finding(path):
    assert list(worse(markdown(path))) == []


@pytest.mark.parametrize("text", dict.fromkeys(text for _, text, _ in DEFECTS))
def test_no_proposal_for_a_single_defect_brings_a_finding(text):
    assert list(worse(text)) == []
