"""Documents of one suite: what one states, no other has to; what two state differently is told with both texts."""

from __future__ import annotations

from uuid import UUID

import pytest

from docward.analyzer.analysis import Member, analyse, analyse_suite
from docward.converter.conversion import convert

from .conftest import release_of

LIMITS, STRATEGY = UUID(int=1), UUID(int=2)
STATED = "# 1 Limits\n\nThe maximum order value of the algorithm is EUR 2 million per order.\n"
SILENT = "# 1 Signals\n\nThe algorithm buys the stock when its price is above the 20 day mean.\n"


def member(ident: UUID, title: str, text: str, filename: str = "") -> Member:
    made = convert(text.encode(), "text/markdown", document_id=str(ident))
    return Member(ident, title, filename or f"{title.lower()}.md", made.ir, made.markdown)


def suite(first: str, second: str, *releases):
    return analyse_suite([member(STRATEGY, "Strategy", first), member(LIMITS, "Limits sheet", second)], releases)


@pytest.fixture
def release(packs):
    return release_of(packs["internal-algorithm-standard"])


def verdicts(report):
    return {verdict.policy.policy_id: verdict for verdict in report.verdicts}


def test_a_requirement_that_one_document_covers_is_covered_and_names_that_document(packs, release):
    policy = next(p for p in packs["internal-algorithm-standard"].requirements if p.tests[0].expect == "covered")
    text = policy.tests[0].text
    assert verdicts(report_of(SILENT, release))[policy.id].verdict == "missing"
    report = suite(SILENT, text, release)
    verdict = verdicts(report)[policy.id]
    assert verdict.verdict == "covered"
    assert verdict.explanation.startswith("Limits sheet: ")
    assert {quote.document_id for quote in verdict.quotes} == {LIMITS}
    assert not any(policy.title in f.explanation for f in report.findings)


def test_a_value_that_another_document_gives_is_not_missing():
    named = "# 1 Limits\n\nA maximum order value applies to every order of the algorithm.\n"
    assert "No value for the maximum order value" in {f.title for f in report_of(named).findings}
    assert "No value for the maximum order value" in {f.title for f in suite(named, SILENT).findings}
    assert "No value for the maximum order value" not in {f.title for f in suite(named, STATED).findings}


def test_what_is_missing_is_missing_in_every_document_of_a_suite(release):
    told = "Nothing about it was found in the document"
    lacking = [v for v in suite(SILENT, STATED, release).verdicts if v.explanation.startswith(told)]
    assert lacking
    assert all(v.explanation.endswith(" No other document of the suite says more.") for v in lacking)
    alone = analyse_suite([member(STRATEGY, "Strategy", SILENT)], [release])
    assert not any("other document" in v.explanation for v in alone.verdicts)


USED = """# 1 Guide

"Base Price" means the first price. "Cut Value" means a value. "Net Level" means a level.

The QXV enters on the Fixing Date at 18:15 of each business day.
"""
MEANT = {
    "QXV is used but never spelled out": '"QXV" means the quarterly value.',
    "Fixing Date is not defined": '"Fixing Date" means 3 May 2026.',
    "“business day” without a calendar": '"Business Day" means a day on which the exchange in Oslo is open.',
    "18:15 has no time zone": "All times are Oslo time.",
}


@pytest.mark.parametrize(("title", "meaning"), MEANT.items())
def test_what_a_word_means_one_document_says_for_all(title, meaning):
    others = " ".join(said for other, said in MEANT.items() if other != title)
    assert title in {f.title for f in report_of(USED).findings}
    assert title in {f.title for f in suite(USED, f"# 1 Rules\n\n{others}\n").findings}
    assert title not in {f.title for f in suite(USED, f"# 1 Rules\n\n{meaning}\n").findings}


def test_a_zone_of_all_times_does_not_say_when_the_market_closes():
    text, title = "# 1 Guide\n\nThe level is fixed at market close.\n", "“market close” has no time and no zone"
    assert title in {f.title for f in suite(text, "# 1 Rules\n\nAll times are Oslo time.\n").findings}


def report_of(text, *releases):
    one = member(STRATEGY, "Strategy", text)
    return analyse(one.ir, one.markdown, releases)


def test_a_requirement_that_no_document_states_is_missing_once_with_the_sections_of_both(release):
    report = suite(SILENT, SILENT.replace("Signals", "Exits"), release)
    missing = [verdict for verdict in report.verdicts if verdict.verdict == "missing"]
    assert missing
    for verdict in missing:
        assert {"Strategy, 1 Signals", "Limits sheet, 1 Exits"} <= set(verdict.searched)
    absent = [f for f in report.findings if f.origin.startswith("rule:") and not f.quotes]
    assert absent
    assert len({f.title for f in absent}) == len(absent)
    assert all(any(place.startswith("Limits sheet") for place in f.searched) for f in absent)


def test_two_values_for_one_parameter_are_told_with_the_words_of_both_documents():
    report = suite(STATED, STATED.replace("EUR 2 million", "EUR 5 million"))
    (clash,) = [f for f in report.findings if f.origin == "check:suite-values"]
    assert clash.severity == "critical"
    assert [quote.document_id for quote in clash.quotes] == [STRATEGY, LIMITS]
    assert ["2 million" in clash.quotes[0].text, "5 million" in clash.quotes[1].text] == [True, True]
    assert report.implementability.verdict == "not-implementable"
    assert not [f for f in suite(STATED, STATED).findings if f.origin == "check:suite-values"]


def test_two_definitions_of_one_term_are_told_with_the_words_of_both_documents():
    first = '# 1 Definitions\n\n"Trading Day" means a day on which Xetra is open for continuous trading.\n'
    second = '# 1 Definitions\n\n"Trading Day" means every weekday from Monday to Friday, holidays included.\n'
    (clash,) = [f for f in suite(first, second).findings if f.origin == "check:suite-definitions"]
    assert [quote.document_id for quote in clash.quotes] == [STRATEGY, LIMITS]
    assert not [f for f in suite(first, first).findings if f.origin == "check:suite-definitions"]


@pytest.mark.parametrize(
    ("title", "filename"),
    [
        ("Trading Calendar Policy", "a.md"),
        ("Holidays", "trading_calendar-policy.docx"),
        ("Trading Calendar Policy v2", "b.md"),
    ],
)
def test_a_document_that_is_in_the_suite_is_not_missing(title, filename):
    text = "# 1 Time\n\nThe strategy trades on days listed in the Trading Calendar Policy and the Market Data Policy.\n"
    alone = report_of(text)
    assert {m.name for m in alone.missing_documents} == {"Trading Calendar Policy", "Market Data Policy"}
    report = analyse_suite([member(STRATEGY, "Strategy", text), member(LIMITS, title, STATED, filename)], ())
    assert {m.name for m in report.missing_documents} == {"Market Data Policy"}
    assert {q.document_id for m in report.missing_documents for q in m.referenced_at} == {STRATEGY}
    cited = [f.title for f in report.findings if f.category == "external-dependency"]
    assert not any("Trading Calendar" in name for name in cited)
    assert any("Market Data" in name for name in cited)


def test_every_quote_stands_in_the_document_that_it_names_and_fingerprints_are_distinct(release):
    vague = "# 1 Control\n\nIn volatile markets the desk adjusts the strategy as appropriate.\n"
    members = [member(STRATEGY, "Strategy", STATED + vague), member(LIMITS, "Limits sheet", vague)]
    report = analyse_suite(members, [release])
    texts: dict[UUID | None, str] = {each.document_id: each.markdown for each in members}
    quoted = (
        *(quote for found in report.findings for quote in found.quotes),
        *(quote for verdict in report.verdicts for quote in verdict.quotes),
        *(quote for gap in report.gaps for quote in gap.quotes),
    )
    for quote in quoted:
        assert texts[quote.document_id][quote.span.start : quote.span.end] == quote.text
    for found in report.findings:
        if found.proposal is not None:
            span = found.proposal.span
            assert texts[found.proposal.document_id][span.start : span.end] == found.proposal.original
    assert len({f.fingerprint for f in report.findings}) == len(report.findings)
    assert report == analyse_suite(members, [release])


def test_a_contradiction_in_one_document_stays_one_whatever_another_states(release, packs):
    text = "# 1 Halt\n\nThere is no kill switch, and nobody can stop the algorithm.\n"
    kept = "# 1 Halt\n\nThe kill switch cancels all open orders within 1 second; the head of the desk can press it.\n"
    of_all = [release_of(pack) for pack in packs.values()]
    alone = {p for p, v in verdicts(report_of(text, *of_all)).items() if v.verdict == "contradicted"}
    assert alone
    together = verdicts(suite(kept, text, *of_all))
    assert {p for p, v in together.items() if v.verdict == "contradicted"} >= alone


def test_a_suite_of_one_says_what_its_document_says(release):
    alone = report_of(STATED, release)
    one = analyse_suite([member(STRATEGY, "Strategy", STATED)], [release])
    assert [f.fingerprint for f in one.findings] == [f.fingerprint for f in alone.findings]
    assert [v.verdict for v in one.verdicts] == [v.verdict for v in alone.verdicts]
    assert (one.compliance, one.self_containment) == (alone.compliance, alone.self_containment)


def test_nothing_and_the_same_document_twice_are_no_suite():
    one = member(STRATEGY, "Strategy", STATED)
    for members in ([], [one, one]):
        with pytest.raises(ValueError, match="each of them once"):
            analyse_suite(members, ())
