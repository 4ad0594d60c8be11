"""What a sceptical reader would laugh at: false alarms, false coverage, and texts that are no specification."""

from __future__ import annotations

import pytest

from .conftest import release_of

PLAIN = """# 1 Overview

Algo "Harbour" lets us trade stocks of the DAX on Xetra. It buys what fell too far, because large sellers overreact.

# 2 Rules

Harbour sends a buy order when the score is below -2.0. It sends a sell order when the score is above 0.25.

# 3 Orders

Each order has a quantity of 100 shares and a limit price equal to the best bid. A stale price is not used.

| Limit | Value |
|---|---|
| Maximum net position | EUR 2,000,000 per share |
"""
RECIPE = """# Tomato soup

Serves four people. This soup is best in the summer, when tomatoes are ripe and cheap, and it keeps for some days.

Start at 18:00 if dinner is at 19:30. Fry the onions gently until they are soft. Add garlic and tomatoes, and cook for
30 minutes, stirring occasionally. Season appropriately. Add cream if necessary. Buy bread on the last working day of
the week. The soup should be served as soon as possible, and in any case before the guests become too hungry.
"""


@pytest.fixture
def algorithm(report, packs):
    release = release_of(packs["internal-algorithm-standard"])

    def decide(text):
        found = report(text, release)
        return {v.policy.policy_id: v.verdict for v in found.verdicts}, found

    return decide


@pytest.fixture
def contained(report, packs):
    def decide(text):
        found = report(text, release_of(packs["self-containment"]))
        return {v.policy.policy_id: v.verdict for v in found.verdicts}

    return decide


@pytest.mark.parametrize("policy", ["IAS-SIG-2", "IAS-EXE-1", "IAS-RSK-5", "IAS-DAT-2"])
def test_a_specification_in_plain_words_is_judged_and_covered(algorithm, policy):
    assert algorithm(PLAIN)[0][policy] == "covered"


@pytest.mark.parametrize(
    "text", ["We trade stocks.", "The desk will buy/sell bonds.", "An algo runs.", "A stop loss of 5 %."]
)
def test_a_trading_algorithm_in_plain_words_is_one(algorithm, text):
    assert algorithm(f"# 1 A\n\n{text}")[0]["IAS-RSK-9"] == "missing"


def test_a_pack_for_other_documents_makes_no_finding_and_says_why(algorithm):
    verdicts, found = algorithm("# 1 Weights\n\nThe index weights its 40 constituents equally.")
    assert set(verdicts.values()) == {"not-applicable"}
    assert all("algorithmic trading" in verdict.explanation for verdict in found.verdicts)
    assert not [f for f in found.findings if f.origin.startswith("rule:")]


def test_a_recipe_is_no_specification_and_nothing_else_is_said(report, releases):
    found = report(RECIPE, *releases)
    (only,) = found.findings
    assert only.title == "This does not read as a specification of an algorithm or index"
    assert (found.self_containment.score, found.implementability.verdict) == (0, "not-implementable")
    assert found.implementability.blocking == (only.fingerprint,)
    assert found.compliance is None


def test_a_specification_is_one(run):
    assert run("document-kind", PLAIN).drafts == ()


HISTORY = """# 9 Document control

| Version | Date | Change | Source |
|---|---|---|---|
| 0.9 | 2026-01-10 | Stop loss of 7 %, TBD, sent at 09:30, QRX | vendor |
"""


@pytest.mark.parametrize("check", ["time-zones", "named-sources", "placeholders", "acronyms"])
def test_the_version_history_is_not_judged(run, check):
    assert run(check, HISTORY).drafts == ()
    assert run(check, "# Version history\n\n- At 09:30 TBD data from the vendor of QRX\n").drafts == ()


def test_the_version_history_says_which_edition_it_is(run):
    assert run("document-control", HISTORY + "\nThe desk opens at nine each day.\n" * 120).examined


@pytest.mark.parametrize(
    "text",
    [
        "HR and the DAX desk BUY.",
        "SELL the NET amount.",
        "BEGIN",
        "It trades AAPL, MSFT, GOOG and ORCL.",
        "The QTD result.",
    ],
)
def test_common_capitals_and_symbols_are_no_abbreviations(run, text):
    assert run("acronyms", text).drafts == ()


def test_where_something_runs_is_no_source(run):
    assert run("named-sources", "The strategy trades through the platform.").drafts == ()
    assert run("named-sources", "Prices are taken from the data platform.").drafts


@pytest.mark.parametrize(
    ("policy", "text", "expected"),
    [
        ("SC-PRM-1", "Position limits apply. A position is opened when the score is above 2.5.", "missing"),
        ("SC-PRM-1", "The maximum loss is set by management.", "missing"),
        ("SC-PRM-1", "The maximum loss is set by management. The stop loss is 5 %.", "partial"),
        ("SC-PRM-1", "The position limit of section 2 applies.\n\n# 2 Desk\n\nIt opens at nine.", "not-assessed"),
        ("SC-FML-4", "$$\nx = 2\n$$\n\nThe score is a weighted average of several factors.", "partial"),
        ("SC-FML-2", "The volatility is taken over the last 60 days.", "covered"),
        ("SC-FML-3", "The score is the return divided by V. When V is zero, no score is computed.", "covered"),
        ("SC-REP-3", "Where two scores are equal, the larger share is taken.", "covered"),
        (
            "SC-REP-3",
            "The 40 shares with the highest score are taken. Where two are equal, the older one is.",
            "covered",
        ),
        ("SC-PRM-2", "The stop loss is 5 % of the entry value. Every trade has a stop loss at 7 %.", "contradicted"),
        ("SC-PRM-2", "The stop loss is 5 %. The portfolio has a stop loss at 7 %.", "covered"),
    ],
)
def test_covered_is_what_is_there_and_stated(contained, policy, text, expected):
    assert contained(f"# 1 A\n\n{text}")[policy] == expected


def test_every_symbol_of_a_formula_is_looked_at(run):
    drafts = run("formula-symbols", "$$\nS = q \\cdot m + \\alpha\n$$\n\nwhere S is the score.").drafts
    assert {draft.decision[0] for draft in drafts} == {"symbol q", "symbol m", "symbol \\alpha"}


def test_a_limit_is_not_covered_by_a_number_of_something_else(algorithm):
    verdicts, _ = algorithm(
        "# 1 Risk\n\nPosition limits apply. The desk looks at them. The algorithm buys shares at a score above 2.5."
    )
    assert verdicts["IAS-RSK-5"] == "partial"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A stale price of the algorithm is not used.", "covered"),
        ("The algorithm has no data quality check.", "contradicted"),
    ],
)
def test_to_deny_a_fault_is_a_rule(algorithm, text, expected):
    assert algorithm(f"# 1 Data\n\n{text}")[0]["IAS-DAT-2"] == expected


def test_words_that_only_share_a_stem_are_no_mention(document):
    assert "signal" in document("The indicator is high.").concepts
    assert "signal" not in document("The indicative value is high.").concepts
    assert "position_limit" not in document("A maximum positive value is set.").concepts


def test_scores_follow_the_findings(algorithm):
    _, found = algorithm(PLAIN)
    assert any(f.severity == "high" for f in found.findings)
    assert found.self_containment.score < 0.8
    assert found.implementability.verdict == "with-assumptions"
    assert set(found.implementability.blocking) == {f.fingerprint for f in found.findings if f.severity == "high"}


def test_titles_are_short(report):
    subject = "maximum weight of a share that is listed on the main market of an exchange of the second group"
    text = f"# 1 A\n\nThe {subject} is 5 %.\n\n# 2 B\n\nThe {subject} is 4 %."
    (title,) = [f.title for f in report(text).findings if f.family == "CON"]
    assert len(title) <= 80
