"""Tables that requirements are about: which tables are meant, which columns are there, which rows are filled."""

from __future__ import annotations

import pytest

from docward.analyzer.analysis import Release
from docward.events.policies import Policy

TABLE = {
    "about": r"(?:control inventory|inventory of controls)",
    "lists": "control",
    "column": "owner|responsible",
    "filled": True,
}
HEAD = "| ID | Control | Owner |\n|---|---|---|\n"
COLLAR, SIZE, THROTTLE = (
    "| C-1 | Collar | A. Meyer |\n",
    "| C-2 | Size |  |\n",
    "| C-3 | Throttle | _tbd_ |\n",
)


def policy(ident: str = "T-1", **changes):
    evidence = {"concepts": {"any": ["inventory .. owner"], "within": "sentence"}}
    known = {"id": ident, "level": "MUST", "title": "Owners", "paraphrase": "Each control has an owner."}
    return Policy.model_validate({**known, "evidence": evidence, "table": TABLE, **changes})


@pytest.fixture
def judged(report, any_id):
    def judge(text, *policies):
        found = report(text, Release(any_id, "house", 1, policies or (policy(),)))
        return found.verdicts[0], [f for f in found.findings if f.family == "SCH"]

    return judge


@pytest.mark.parametrize(
    "over",
    [
        "# Control inventory\n\n",
        "# Registers\n\n## 2 Inventory of controls\n\n### 2.1 Equities\n\n",
        "# Registers\n\nThe inventory of controls:\n\n",
    ],
)
def test_a_table_is_meant_by_what_stands_over_it(judged, over):
    verdict, findings = judged(over + HEAD + COLLAR)
    assert (verdict.verdict, findings) == ("covered", [])
    assert verdict.quotes[0].text == "ID | Control | Owner"


@pytest.mark.parametrize(
    "text",
    [
        "# Limits\n\n" + HEAD + COLLAR,
        "# Control inventory\n\n| Field | Meaning |\n|---|---|\n| ID | a number |\n",
        "# Control inventory\n\nIt is kept by the desk.\n",
    ],
)
def test_without_such_a_table_the_text_decides(judged, text):
    assert judged(text)[0].verdict == "missing"
    assert judged(text + "\nThe inventory names the owner of each control.\n")[0].verdict == "covered"


def test_a_missing_column_is_found_in_the_header(judged):
    verdict, (finding,) = judged("# Control inventory\n\n| ID | Control |\n|---|---|\n| C-1 | Collar |\n")
    assert (verdict.verdict, finding.severity) == ("missing", "medium")
    assert finding.quotes[0].text == "ID | Control"
    assert "no column" in verdict.explanation


def test_rows_that_are_not_filled_are_quoted(judged):
    verdict, (finding,) = judged("# Control inventory\n\n" + HEAD + COLLAR + SIZE + THROTTLE)
    assert verdict.verdict == "partial"
    assert "“Owner” is empty in 2 row(s)" in verdict.explanation
    assert [quote.text.split(" |")[0] for quote in finding.quotes] == ["C-2", "C-3"]


def test_a_column_that_need_not_be_filled_may_be_empty(judged):
    text = "# Control inventory\n\n" + HEAD + SIZE
    assert judged(text, policy(table=TABLE | {"filled": False}))[0].verdict == "covered"


def test_every_table_of_the_kind_must_have_the_column(judged):
    second = "\nOf futures:\n\n| ID | Control |\n|---|---|\n| F-1 | Rate |\n"
    text = "# Control inventory\n\n" + HEAD + COLLAR + second
    verdict, (finding,) = judged(text)
    assert (verdict.verdict, len(finding.quotes)) == ("missing", 1)


def test_columns_that_one_header_lacks_are_one_finding(judged):
    status = policy("T-2", title="Status", table=TABLE | {"column": "status"})
    scope = policy("T-3", title="Scope", table=TABLE | {"column": "scope"})
    _, (finding,) = judged("# Control inventory\n\n" + HEAD + COLLAR, status, scope)
    assert finding.title == "Status: no column (and 1 more)"
    assert "T-3 Scope" in finding.explanation


def test_what_the_engine_says_of_an_inventory_itself_is_not_said_twice(judged):
    table = TABLE | {"about": "algorithm inventory", "lists": "algorithm"}
    text = "# Algorithm inventory\n\n| ID | Algorithm |\n|---|---|\n| A-1 | Arrow |\n"
    verdict, (finding,) = judged(text, policy(table=table))
    assert (verdict.verdict, finding.origin) == ("missing", "check:inventory-tables")
