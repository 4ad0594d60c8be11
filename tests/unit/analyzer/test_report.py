"""The report as a whole: exact quotes, stable fingerprints, exact edits, honest scores, the same bytes every time."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docward.analyzer.analysis import ENGINE, analyse
from docward.analyzer.analysis.packs import bundled_packs, load_pack

from .conftest import converted, release_of

VOCABULARY = """\
    # ## - | 1 2 section Appendix Table the The a threshold limit exceeds as appropriate TBD business day
    09:30 from vendor index is 5 % 7 % EUR 5m maximum order
    value applies kill switch not alert QRX "Term" means $$ x = y / z score
    RTS 6 Article 12 . , ; : algorithm backtest approved by Risk \n\n \n"""
WORDS = st.sampled_from(VOCABULARY.split(" "))
RELEASES = [release_of(load_pack(path)) for path in bundled_packs()]
DEFECTIVE = """\
# 1 Limits

A maximum order value applies to every order. The algorithm reads the QRX report.

# 2 Signal

$$
S = \\kappa \\cdot M
$$

where S is the score and M is the momentum. The limits are explained in Appendix C.
"""


def check_invariants(made, found):
    markdown = made.markdown
    fingerprints = [finding.fingerprint for finding in found.findings]
    assert len(set(fingerprints)) == len(fingerprints)
    for finding in found.findings:
        assert finding.quotes or finding.searched
        assert finding.decision
        for quote in finding.quotes:
            assert markdown[quote.span.start : quote.span.end] == quote.text != ""
        if finding.proposal is not None:
            span = finding.proposal.span
            assert markdown[span.start : span.end] == finding.proposal.original
            for slot in finding.proposal.slots:
                assert f"{{{slot}}}" in finding.proposal.replacement
    for verdict in found.verdicts:
        for quote in verdict.quotes:
            assert markdown[quote.span.start : quote.span.end] == quote.text
    parts = found.self_containment.parts
    score = sum(part.value * part.weight for part in parts) / sum(part.weight for part in parts)
    assert found.self_containment.score == pytest.approx(score, abs=1e-4)
    assert set(found.implementability.blocking) <= set(fingerprints)
    policies = [policy.id for release in RELEASES for policy in release.policies]
    assert [verdict.policy.policy_id for verdict in found.verdicts] == policies


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=120).map(" ".join))
def test_on_any_document_quotes_are_exact_and_every_policy_has_a_verdict(text):
    if not text.strip():
        return
    made = converted(text)
    check_invariants(made, analyse(made.ir, made.markdown, RELEASES))


def test_a_report_of_a_defective_document_keeps_the_invariants():
    made = converted(DEFECTIVE)
    found = analyse(made.ir, made.markdown, RELEASES)
    assert found.engine == ENGINE
    assert {"VAL", "TRM", "FML", "XRF"} <= {finding.family for finding in found.findings}
    check_invariants(made, found)


def test_fingerprints_survive_edits_elsewhere(report):
    before = {f.fingerprint for f in report(DEFECTIVE).findings}
    after = {f.fingerprint for f in report(f"# 0 Scope\n\nThis is a scope.\n\n{DEFECTIVE}").findings}
    assert before <= after


def test_a_repeated_defect_is_two_findings(report):
    found = report("Risk adjusts it as appropriate.\n\nThe desk acts.\n\nRisk adjusts it as appropriate.").findings
    assert len([f for f in found if f.family == "AMB"]) == 2
    assert len({f.fingerprint for f in found}) == len(found)


def test_an_ir_of_another_text_is_refused():
    made = converted("One text.")
    with pytest.raises(ValueError, match="does not belong to this Markdown"):
        analyse(made.ir, "Another text.", [])


def test_two_processes_with_different_hash_seeds_write_the_same_bytes():
    script = (
        "import sys;"
        "from docward.analyzer.analysis import Release, analyse;"
        "from docward.analyzer.analysis.packs import bundled_packs, load_pack;"
        "from docward.converter.conversion import convert;"
        "from docward.events.policies import repository_id;"
        "packs = [load_pack(p) for p in bundled_packs()];"
        "made = convert(sys.stdin.buffer.read(), 'text/markdown', document_id='d');"
        "releases = [Release(repository_id(p.pack.id), p.pack.id, 1, p.requirements) for p in packs];"
        "print(analyse(made.ir, made.markdown, releases).model_dump_json())"
    )
    reports = [
        subprocess.run(
            [sys.executable, "-c", script],
            input=DEFECTIVE.encode(),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert reports[0] == reports[1]
    assert len(reports[0]) > 1000


def test_without_repositories_there_is_no_compliance_and_no_verdict(report):
    found = report(DEFECTIVE)
    assert found.compliance is None
    assert found.verdicts == ()


def test_an_empty_document_has_no_finding_and_no_merit(report):
    found = report("# Title\n")
    assert found.findings == ()
    assert found.self_containment.score <= 1


def test_missing_documents_and_dependencies_are_recorded(report):
    found = report(
        "# 1 Data\n\nPrices are taken from the data vendor. Splits follow the Northgate Corporate Actions Guide. The"
        " calibration is in Appendix C.\n\n| Input | Source |\n|---|---|\n| Quotes | Northgate feed, release 7 |\n"
    )
    assert {document.criticality for document in found.missing_documents} == {"critical", "high"}
    dependencies = {dependency.name: dependency for dependency in found.external_dependencies}
    assert dependencies["data vendor"].kind == "vendor"
    assert dependencies["Northgate feed, release 7"].unspecified == ()


def test_a_critical_gap_makes_a_document_not_implementable(report):
    found = report(DEFECTIVE)
    assert found.implementability.verdict == "not-implementable"
    assert found.implementability.blocking
    assert report("# 1 Scope\n\nThe desk opens at nine.").implementability.verdict == "implementable"
