"""Reports: valid in their formats, complete, and harmless whatever a document says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from lxml import etree

from docward.analyzer.analysis import Release as Rules
from docward.analyzer.analysis import analyse
from docward.analyzer.analysis.packs import bundled_packs, load_pack
from docward.converter.conversion import convert
from docward.events.findings import AnalysisReport
from docward.events.policies import repository_id
from docward.reports import FORMATS, Release, Reviewed, Standing, render

TEXT = """\
# Ärger <script>alert(1)</script> & \x1b Strategy

## 1 Limits

A maximum order value applies to every order. The calibration is in Appendix C.

## 2 Control

In volatile markets the desk adjusts the limits as appropriate & “<b>soon</b>”.
"""


@pytest.fixture(scope="module")
def reviewed() -> Reviewed:
    packs = [load_pack(path) for path in bundled_packs()]
    rules = [Rules(repository_id(p.pack.id), p.pack.id, 1, p.requirements) for p in packs]
    made = convert(TEXT.encode(), "text/markdown", document_id="d")
    return Reviewed(
        name="a folder/strategy.md",
        title=made.ir.title or "",
        document_id="d",
        analysis_id="a",
        sha256="0" * 64,
        markdown=made.markdown,
        markdown_sha256=made.ir.markdown_sha256,
        report=analyse(made.ir, made.markdown, rules),
        releases=tuple(Release(p.pack.id, 1, "1" * 64) for p in packs),
    )


def sarif(document: Reviewed) -> dict[str, Any]:
    return dict(json.loads(render("sarif", [document])))


def test_json_gives_the_analysis_back_byte_for_byte(reviewed):
    (entry,) = json.loads(render("json", [reviewed]))["documents"]
    assert AnalysisReport.model_validate(entry).model_dump_json() == reviewed.report.model_dump_json()


def test_sarif_keeps_the_rules_of_its_schema(reviewed):
    log = sarif(reviewed)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert len(run["results"]) == len(reviewed.report.findings)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert 0 <= result["rank"] <= 100
        assert result["message"]["text"]
        for location in [*result["locations"], *result["relatedLocations"]]:
            artifact = location["physicalLocation"]["artifactLocation"]
            assert artifact == {"uri": "a%20folder/strategy.md", "index": 0}
        for fix in result.get("fixes", ()):
            for change in fix["artifactChanges"]:
                assert change["replacements"]


def test_sarif_regions_lead_to_the_quotes(reviewed):
    lines = reviewed.markdown.split("\n")
    regions = [
        (place["physicalLocation"]["region"], place["physicalLocation"]["region"]["snippet"]["text"])
        for result in sarif(reviewed)["runs"][0]["results"]
        for place in result["locations"]
        if "region" in place["physicalLocation"]
    ]
    assert regions
    for region, text in regions:
        assert reviewed.markdown[region["charOffset"] :][: region["charLength"]] == text
        if region["startLine"] == region["endLine"]:
            line = lines[region["startLine"] - 1]
            assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == text


def test_a_pdf_has_no_lines_and_no_fixes(reviewed):
    for result in sarif(replace(reviewed, media_type="application/pdf"))["runs"][0]["results"]:
        assert "fixes" not in result
        assert all("region" not in place["physicalLocation"] for place in result["locations"])


def test_decisions_show_as_suppressions_and_baseline_states(reviewed):
    finding = reviewed.report.findings[0]
    standing = Standing(status="rejected", reason="agreed elsewhere", is_new=False)
    result = sarif(replace(reviewed, standings={finding.fingerprint: standing}))["runs"][0]["results"][0]
    assert result["suppressions"] == [{"kind": "external", "justification": "agreed elsewhere"}]
    assert result["baselineState"] == "unchanged"


@pytest.mark.parametrize("form", ["html", "self-assessment"])
def test_pages_are_well_formed_and_what_a_document_says_is_no_markup(reviewed, form):
    page = render(form, [reviewed])
    opened: list[str] = []

    class Balanced(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002  # the name of the library
            assert tag not in {"script", "b", "iframe", "img"}
            if tag not in {"meta", "br"}:
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Balanced().feed(page)
    assert opened == []
    assert not re.search(r"(?:src|href)=", page)


def test_the_page_shows_every_verdict_finding_and_hash(reviewed):
    page = render("html", [reviewed])
    for verdict in reviewed.report.verdicts:
        assert verdict.policy.policy_id in page
    for finding in reviewed.report.findings:
        assert finding.fingerprint in page
    for digest in (reviewed.sha256, reviewed.markdown_sha256, reviewed.releases[0].sha256):
        assert digest in page
    assert "<h3>Not assessed</h3>" in page


def test_junit_is_xml_whatever_the_text_holds(reviewed):
    assert etree.fromstring(render("junit", [replace(reviewed, name="\x1b\x00.md")]).encode()).tag == "testsuites"


@pytest.mark.parametrize("form", FORMATS)
def test_no_document_is_a_report_too(form):
    assert render(form, [])
