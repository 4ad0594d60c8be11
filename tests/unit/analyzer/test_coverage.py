"""Verdicts: evidence and facets, contradiction by value and by negation, and never silence."""

from __future__ import annotations

import pytest

from docward.analyzer.analysis import Release, scores
from docward.events.findings import PolicyRef, Verdict
from docward.events.policies import Policy


def policy(**changes):
    return Policy.model_validate(
        {
            "id": "P-1",
            "level": "MUST",
            "title": "Alerts within five seconds",
            "paraphrase": "Alerts arrive within five seconds.",
            "evidence": {"concepts": {"all": ["alert"], "any": ["limit_breach"], "within": "paragraph"}},
            "facets": [
                {"id": "T", "kind": "quantity", "dimension": "time", "op": "<=", "value": "5 s", "near": ["raised"]},
                {"id": "O", "kind": "role"},
            ],
            **changes,
        }
    )


@pytest.fixture
def verdict(report, any_id):
    def decide(text, **changes):
        release = Release(any_id, "house", 3, (policy(**changes),))
        found = report(text, release)
        return found.verdicts[0], found

    return decide


GOOD = "Alerts are raised within 3 seconds of a breach and shown to the trader."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD, "covered"),
        ("Alerts are raised within 30 seconds of a breach and shown to the trader.", "contradicted"),
        ("Alerts are raised when a breach occurs and shown to the trader.", "partial"),
        ("The system does not support alerts on a breach.", "contradicted"),
        ("There are no alerts on a breach.", "contradicted"),
        ("Alerts are raised no later than 3 seconds after a breach; the trader reads them.", "covered"),
        ("The alert sound can be changed.", "missing"),
        ("The desk opens at nine.", "missing"),
    ],
)
def test_the_evidence_decides(verdict, text, expected):
    assert verdict(f"# 1 Monitoring\n\n{text}")[0].verdict == expected


def test_a_covered_verdict_shows_its_evidence(verdict):
    found, report = verdict(f"# 1 Monitoring\n\n{GOOD}")
    assert [quote.text for quote in found.quotes] == [GOOD]
    assert {facet.id: facet.met for facet in found.facets} == {"T": True, "O": True}
    assert report.findings == ()
    assert report.compliance == "compliant"


def test_a_broken_bound_is_a_finding_of_the_policy(verdict):
    found, report = verdict("# 1 A\n\nAlerts are raised 30 seconds after a breach and shown to the trader.")
    (finding,) = [f for f in report.findings if f.origin == "rule:P-1"]
    assert (finding.family, finding.severity) == ("NUM", "critical")
    assert finding.policy == found.policy
    assert "30 seconds stated, <= 5 s required" in found.explanation
    assert report.compliance == "non-compliant"


def test_an_absence_names_what_was_searched(verdict):
    found, report = verdict("# 1 Scope\n\nNothing.\n\n# 2 Data\n\nNothing.")
    assert found.searched == ("1 Scope", "2 Data")
    assert report.findings[0].searched == found.searched
    assert report.findings[0].quotes == ()


def test_the_sections_where_it_usually_stands_are_named_first(verdict):
    evidence = {"concepts": {"all": ["alert"]}, "sections_prior": ["monitoring"]}
    found, _ = verdict("# 1 Scope\n\nNothing.\n\n# 2 Monitoring\n\nNothing.", evidence=evidence, facets=[])
    assert found.searched == ("2 Monitoring",)


def test_a_heading_lends_its_subject_to_its_section(verdict):
    evidence = {"concepts": {"all": ["kill_switch"], "within": "section"}}
    facets = [{"id": "A", "kind": "concept", "any": ["cancel_orders"]}]
    text = "# 1 Kill switch\n\nThe kill switch is red.\n\nIt cancels all orders."
    assert verdict(text, evidence=evidence, facets=facets)[0].verdict == "covered"


def test_a_facet_that_is_essential_makes_it_missing(verdict):
    facets = [{"id": "O", "kind": "role", "severity_if_missing": "missing"}]
    assert verdict("# 1 A\n\nAlerts follow a breach.", facets=facets)[0].verdict == "missing"


def test_a_pattern_of_the_pack_contradicts(verdict):
    contradicts = {"patterns": ["alerts? (?:are|is) (?:sent|raised) hourly"]}
    assert verdict("# 1 A\n\nAlerts are raised hourly.", contradicts=contradicts)[0].verdict == "contradicted"


def test_what_does_not_apply_is_not_applicable(verdict):
    found, report = verdict(GOOD, applies_if=["backtest", "dark pool"])
    assert found.verdict == "not-applicable"
    assert found.explanation == "The document does not speak of what it is for: backtest, dark pool."
    found, _ = verdict(f"{GOOD}\n\n# 2 Tests\n\nA backtest is made.", applies_if=["backtest && dark pool"])
    assert found.explanation == "The document does not speak of what it is for: dark pool."
    assert verdict(f"{GOOD}\n\n# 2 Tests\n\nA backtest is made.", applies_if=["backtest && alert"])[0].quotes
    assert report.compliance is None


def test_what_nothing_looked_at_is_not_assessed(verdict):
    found, report = verdict(GOOD, evidence={}, facets=[])
    assert found.verdict == "not-assessed"
    assert report.compliance == "partial"


def test_a_may_is_judged_but_never_a_finding(verdict):
    found, report = verdict("# 1 Scope\n\nNothing.", level="MAY")
    assert found.verdict == "missing"
    assert report.findings == ()
    assert report.compliance is None


def test_the_proposal_stands_at_the_end_of_its_section(verdict):
    text = "# 1 Monitoring\n\nNothing.\n\n# 2 Data\n\nNothing."
    proposal = {"text": "Alerts reach {role}.", "insert_after": {"section": "monitoring"}}
    _, report = verdict(text, proposal=proposal)
    change = report.findings[0].proposal
    assert change is not None
    assert change.original == ""
    assert change.slots == ("role",)
    edited = text[: change.span.start] + change.replacement + text[change.span.end :]
    assert edited.startswith("# 1 Monitoring\n\nNothing.\n\nAlerts reach {role}.\n\n# 2 Data")


def verdicts(*kinds, level="MUST"):
    reference = PolicyRef(
        repository_id="00000000-0000-0000-0000-000000000007", repository="r", release=1, policy_id="p"
    )
    return [Verdict(policy=reference, level=level, title="t", verdict=kind, explanation="") for kind in kinds]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("covered", "covered"), "compliant"),
        (("covered", "not-applicable"), "compliant"),
        (("covered", "partial"), "partial"),
        (("covered", "not-assessed"), "partial"),
        (("covered", "missing"), "non-compliant"),
        (("covered", "contradicted"), "non-compliant"),
        (("not-applicable",), None),
        ((), None),
    ],
)
def test_compliance_follows_the_musts(kinds, expected):
    assert scores.compliance(verdicts(*kinds)) == expected
    assert scores.compliance([*verdicts(*kinds), *verdicts("missing", level="SHOULD")]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is no alert. Orders breach the band.", "contradicted"),
        ("No breach is in scope; the trader is on duty.", "missing"),
        ("The system does not support a dashboard.", "missing"),
    ],
)
def test_to_deny_a_part_of_what_is_wanted_is_no_contradiction(verdict, text, expected):
    assert verdict(f"# 1 Monitoring\n\n{text}")[0].verdict == expected


def test_without_one_of_several_ways_the_others_are_open(verdict):
    evidence = {"concepts": {"any": ["price_collar", "position_limit"], "within": "paragraph"}}
    one = "# 1 A\n\nThere is no price collar."
    assert verdict(one, evidence=evidence, facets=[])[0].verdict == "missing"
    both = f"{one} There are no position limits."
    assert verdict(both, evidence=evidence, facets=[])[0].verdict == "contradicted"


def test_an_absence_says_where_was_looked(verdict):
    found, _ = verdict("# 1 Scope\n\nNothing.", evidence={"concepts": {"all": ["alert"]}, "sections_prior": ["scope"]})
    assert found.explanation == "Nothing about it was found in the document, above all in 1 Scope."


_KILL = {"concepts": {"all": ["kill_switch"]}}


def _several(any_id, count, name="house"):
    return Release(any_id, name, 1, tuple(policy(id=f"P-{n}.{m}") for n in range(count) for m in range(3)))


def test_absences_of_one_section_are_reported_together(report, any_id):
    found = report("# 1 Scope\n\n" + "The desk is blue and the walls are grey. " * 70, _several(any_id, 2))
    assert [f.title for f in found.findings if "requirements" in f.title] == [
        "house, P-0: nothing stated on 3 requirements",
        "house, P-1: nothing stated on 3 requirements",
    ]
    assert len(found.verdicts) == 6


def test_many_absent_sections_of_a_pack_are_one_finding_in_a_long_text_too(report, any_id):
    prose = "# 1 Scope\n\n" + "The desk is blue and the walls are grey. " * 70
    found = report(prose, _several(any_id, 4), _several(any_id, 3, "other"))
    assert [f.title for f in found.findings if "requirements" in f.title] == [
        "house, other: nothing stated on 21 requirements"
    ]


def test_what_is_half_met_in_passing_is_told_with_what_is_absent(report, any_id):
    policies = [policy(id="A-1"), *(policy(id=f"P-{n}", evidence=_KILL) for n in "12")]
    policies += [policy(id=f"{n}-1", evidence=_KILL) for n in "QR"]
    release = Release(any_id, "house", 1, tuple(policies))
    half = (
        "Alerts are raised within 3 seconds of a breach."
        + " The door of the index is blue and the walls are grey." * 70
    )
    joined = "house: little or nothing stated on 5 requirements"
    assert joined in [f.title for f in report(f"# 1 Colours\n\n{half}", release).findings]
    told = {f.title for f in report(f"# 1 Alerts\n\n{half}", release).findings}
    assert {"Alerts within five seconds: incomplete", "house: nothing stated on 4 requirements"} <= told


def test_a_short_text_does_not_drown_in_absences(report, any_id):
    (only,) = report("# 1 Scope\n\nNothing.", _several(any_id, 8)).findings
    assert only.title == "house: nothing stated on 24 requirements"


def test_a_short_text_about_something_else_is_told_so_once(report, any_id):
    (only,) = report("# 1 Scope\n\nNothing.", _several(any_id, 2), _several(any_id, 1, "other")).findings
    assert only.title == "house, other: nothing stated on 9 requirements"
    assert "3 requirements of other (P-0.0 " in only.explanation


def test_a_pack_that_is_silent_too_joins_what_a_short_text_is_told(report, any_id):
    spoken = [policy(id=f"Q-{n}") for n in range(2)]
    other = Release(any_id, "other", 1, (*spoken, policy(id="R-1", evidence={"concepts": {"all": ["backtest"]}})))
    found = report(f"# 1 A\n\n{GOOD}", _absent(any_id, 8), other).findings
    assert [f.title for f in found] == ["house, other: nothing stated on 9 requirements"]


def _absent(any_id, count):
    evidence = {"concepts": {"all": ["kill_switch"]}}
    return Release(any_id, "house", 1, tuple(policy(id=f"P-{n}", evidence=evidence) for n in range(count)))


def test_what_several_packs_find_wanting_in_one_sentence_is_told_once(report, any_id):
    half = "# 1 Alerts\n\nAlerts are raised within 3 seconds of a breach."
    packs = [Release(any_id, name, 1, (policy(),)) for name in ("house", "other")]
    (alone,), (joined,) = (report(half, *some).findings for some in (packs[:1], packs))
    assert joined.title == f"{alone.title} (and 1 more)"
    assert "other" in joined.explanation
    assert len(report(half, *packs).verdicts) == 2


def test_an_incomplete_requirement_keeps_its_fingerprint_in_other_words(report, any_id):
    release = Release(any_id, "house", 1, (policy(),))
    texts = ("Alerts are raised within 3 seconds of a breach.", "An alert on a breach is raised in under 2 seconds.")
    one, other = (report(f"# 1 A\n\n{text}", release).findings[0].fingerprint for text in texts)
    assert one == other


def test_another_contradiction_is_another_finding(report, any_id):
    release = Release(any_id, "house", 1, (policy(),))
    texts = ("No alert on a breach is raised.", "Nobody reviews the alerts on a breach.")
    one, other = (report(f"# 1 A\n\n{text}", release).findings[0].fingerprint for text in texts)
    assert one != other


def test_a_likely_passage_is_offered_and_decides_nothing(verdict):
    found, _ = verdict("# 1 A\n\nSignals arrive within five seconds.\n\nThe desk is blue.")
    assert found.verdict == "missing"
    assert "please confirm" in found.explanation
    assert [quote.text for quote in found.quotes] == ["Signals arrive within five seconds."]


def test_what_a_document_of_its_kind_need_not_state_is_not_held_against_it(verdict):
    text = "# Momentum strategy\n\nNothing."
    assert verdict(text, doc_types=["policy"])[0].verdict == "not-assessed"
    assert verdict(text, doc_types=["strategy"])[0].verdict == "missing"


@pytest.mark.parametrize(
    "text",
    ["No alert on a breach is raised.", "Nobody reviews the alerts on a breach.", "The desk lacks alerts on a breach."],
)
def test_a_denial_in_other_words_contradicts(verdict, text):
    assert verdict(f"# 1 A\n\n{text}")[0].verdict == "contradicted"


def test_what_is_beyond_a_bound_may_be_ignored(verdict):
    facets: dict[str, list[str]] = {"facets": []}
    assert verdict("# 1 A\n\nAn alert on a breach older than one day is ignored.", **facets)[0].verdict == "covered"
    assert verdict("# 1 A\n\nAn alert on a breach is ignored.", **facets)[0].verdict == "contradicted"


def test_a_prohibition_is_no_denial(verdict):
    text = "No strategy runs without alerts on a breach, which the trader sees; they are raised within 2 seconds."
    assert verdict(f"# 1 A\n\n{text}")[0].verdict == "covered"


def test_a_value_whose_unit_has_a_column_of_its_own_is_a_value_of_that_unit(verdict):
    band = {
        "evidence": {"concepts": {"any": ["price_collar"]}},
        "facets": [{"id": "V", "kind": "quantity", "dimension": "percent"}],
    }
    table = "# 1 Limits\n\n| Control | Limit | Unit |\n|---|---|---|\n| Price collar | 2 | {} |\n"
    assert verdict(table.format("%"), **band)[0].verdict == "covered"
    assert verdict(table.format("ticks"), **band)[0].verdict == "partial"
