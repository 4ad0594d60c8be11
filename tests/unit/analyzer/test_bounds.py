"""Whatever a document holds, a finding and a verdict fit into a message, and nothing is left out unsaid."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docward.analyzer.analysis import analyse, bounds
from docward.analyzer.analysis.packs import bundled_packs, load_pack

from .conftest import converted, release_of

MESSAGE = 32_000
"""Bytes of JSON that a finding or verdict may have."""
RELEASES = [release_of(load_pack(path)) for path in bundled_packs()]


def assert_small(report):
    for item in (*report.findings, *report.verdicts, *report.missing_documents):
        assert len(item.model_dump_json().encode()) < MESSAGE


def analysed(text):
    made = converted(text)
    report = analyse(made.ir, made.markdown, RELEASES)
    for finding in report.findings:
        for quote in finding.quotes:
            assert made.markdown[quote.span.start : quote.span.end] == quote.text
    return report


@pytest.mark.parametrize(
    "section",
    [
        "# {n} Limits\n\nThe maximum weight of a share is {n} %. It is reviewed as appropriate at {h}:00.\n\n",
        "# {n} Orders\n\nOrders follow Appendix Q and the Northgate Corporate Actions Guide.\n\n",
        "# {n} " + "Ü" * 400 + "\n\nThe algorithm buys on each business day, see section 9000.\n\n",
        "# {n} Limits\n\nA maximum order value applies to every order of the QRX desk; the limit is TBD.\n\n",
    ],
)
def test_hundreds_of_places_fit_into_one_message(section):
    report = analysed("".join(section.format(n=n, h=n % 24) for n in range(1, 400)))
    assert_small(report)
    assert len(report.findings) < 120


def test_repeats_become_one_finding_that_says_how_many(report):
    found = report(
        "".join(f"# {n} A\n\nThe strategy {n} sells stocks and futures as appropriate.\n\n" for n in range(30))
    )
    (vague,) = [f for f in found.findings if f.origin == "check:vague-wording"]
    assert "at 30 places" in vague.explanation
    assert "10 more places not shown" in vague.explanation
    assert len(vague.quotes) == bounds.QUOTES


def test_a_long_verdict_says_what_is_left_out(report, packs):
    text = "".join(f"# {n} Chapter {n}\n\nThe algorithm opens at nine.\n\n" for n in range(80))
    found = report(text, release_of(packs["internal-algorithm-standard"]))
    verdict = next(v for v in found.verdicts if v.policy.policy_id == "IAS-RSK-9")
    assert len(verdict.searched) == bounds.SECTIONS
    assert "30 more sections not shown" in verdict.explanation


WORDS = st.sampled_from(
    [
        "The limit",
        "is",
        "TBD",
        "5 %",
        "as appropriate",
        "Appendix Z",
        "QRX",
        "\U0001f4b6" * 300,
        "x" * 3000,
        "\n\n",
        "\n\n# A\n\n",
        "$$\nS = q \\cdot m\n$$\n\n",
        "business day",
        "09:30",
        "| a | b |\n|---|---|\n| Maximum loss | |\n\n",
        ".",
        "\x07" * 200,
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(WORDS, max_size=60))
def test_any_text_gives_small_findings_and_verdicts(parts):
    assert_small(analysed("# 1 Algorithm\n\n" + " ".join(parts)))


@given(st.text(max_size=3000), st.integers(10, 500))
def test_clipped_text_is_short_in_characters_and_bytes(text, limit):
    clipped = bounds.clip(text, limit)
    assert len(clipped) <= limit
    assert clipped == text or clipped.endswith("…")
    assert bounds.size(clipped) <= 2 * limit + 8
