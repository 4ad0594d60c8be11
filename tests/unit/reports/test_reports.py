"""Reports: valid in their formats, complete, and harmless whatever a document says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest
from lxml import etree

from docward.analyzer.analysis import Member, analyse, analyse_suite
from docward.analyzer.analysis import Release as Rules
from docward.analyzer.analysis.packs import bundled_packs, load_pack
from docward.converter.conversion import Conversion, convert
from docward.events.findings import AnalysisReport
from docward.events.policies import repository_id
from docward.reports import FORMATS, Part, Release, Reviewed, Standing, render
from docward.reports.reviewed import compliance

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
        title=made.ir.title or "",
        document_id="d",
        analysis_id="a",
        report=analyse(made.ir, made.markdown, rules),
        parts=(a_part(made, "d", "a folder/strategy.md"),),
        releases=tuple(Release(p.pack.id, 1, "1" * 64) for p in packs),
    )


def a_part(made: Conversion, ident: str, file: str) -> Part:
    title, sha256 = made.ir.title or "", made.ir.markdown_sha256
    return Part(ident, file, title, "0" * 64, made.markdown, sha256)


def with_part(reviewed: Reviewed, **changed: Any) -> Reviewed:
    return replace(reviewed, parts=(replace(reviewed.parts[0], **changed),))


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


SARIF = {
    "log": ({"version", "runs"}, set()),
    "run": ({"tool", "results"}, {"columnKind", "artifacts"}),
    "artifact": ({"location"}, {"mimeType", "hashes", "properties"}),
    "result": (
        {"message", "ruleId", "ruleIndex", "level", "locations"},
        {"rank", "relatedLocations", "partialFingerprints", "properties", "baselineState", "suppressions", "fixes"},
    ),
    "location": ({"physicalLocation"}, {"id", "message", "logicalLocations", "properties"}),
    "physicalLocation": ({"artifactLocation"}, {"region"}),
    "region": (
        {"startLine", "startColumn", "endLine", "endColumn", "charOffset", "charLength"},
        {"snippet"},
    ),
    "fix": ({"artifactChanges"}, {"description"}),
    "replacement": ({"deletedRegion"}, {"insertedContent"}),
    "suppression": ({"kind"}, {"justification"}),
}
"""Of SARIF 2.1.0, section 3: what objects of a log must have and what else they have here. No other name is allowed."""


@pytest.mark.parametrize("media_type", ["text/markdown", "application/pdf"])
def test_sarif_has_only_names_of_its_standard(reviewed, media_type):
    finding = reviewed.report.findings[0]
    rejected = {finding.fingerprint: Standing(status="rejected", reason="agreed", is_new=True)}
    log = sarif(replace(with_part(reviewed, media_type=media_type), standings=rejected))
    (run,) = log["runs"]
    results, fixes = run["results"], [fix for result in run["results"] for fix in result.get("fixes", ())]
    places = [place for result in results for place in (*result["locations"], *result["relatedLocations"])]
    physical = [place["physicalLocation"] for place in places]
    edits = [edit for fix in fixes for change in fix["artifactChanges"] for edit in change["replacements"]]
    found = {
        "log": [log],
        "run": [run],
        "artifact": run["artifacts"],
        "result": results,
        "location": places,
        "physicalLocation": physical,
        "region": [*(p["region"] for p in physical if "region" in p), *(e["deletedRegion"] for e in edits)],
        "fix": fixes,
        "replacement": edits,
        "suppression": [each for result in results for each in result.get("suppressions", ())],
    }
    for kind, (needed, allowed) in SARIF.items():
        assert found[kind] or media_type != "text/markdown"
        for each in found[kind]:
            assert needed <= set(each) <= needed | allowed, kind
    for region in found["region"]:
        assert min(region["startLine"], region["startColumn"], region["endColumn"]) >= 1
        assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])


def test_sarif_regions_lead_to_the_quotes(reviewed):
    lines = reviewed.parts[0].markdown.split("\n")
    regions = [
        (place["physicalLocation"]["region"], place["physicalLocation"]["region"]["snippet"]["text"])
        for result in sarif(reviewed)["runs"][0]["results"]
        for place in result["locations"]
        if "region" in place["physicalLocation"]
    ]
    assert regions
    for region, text in regions:
        assert reviewed.parts[0].markdown[region["charOffset"] :][: region["charLength"]] == text
        if region["startLine"] == region["endLine"]:
            line = lines[region["startLine"] - 1]
            assert line[region["startColumn"] - 1 : region["endColumn"] - 1] == text


def test_findings_of_a_suite_stand_in_the_artifact_of_their_document(reviewed):
    """The numbers of artifacts go on from one document to the next."""
    suite = a_suite()
    (run,) = json.loads(render("sarif", [reviewed, suite]))["runs"]
    assert [a["location"]["uri"] for a in run["artifacts"]] == ["a%20folder/strategy.md", "one.md", "two.pdf"]
    results = run["results"][len(reviewed.report.findings) :]
    assert results
    for finding, result in zip(suite.report.findings, results, strict=True):
        places = [*result["locations"], *result["relatedLocations"]]
        for quote, place in zip(finding.quotes, places, strict=False):
            number = place["physicalLocation"]["artifactLocation"]["index"]
            part = suite.parts[number - 1]
            assert part.document_id == str(quote.document_id)
            assert ("region" in place["physicalLocation"]) == part.is_text
        for fix in result.get("fixes", ()):
            assert fix["artifactChanges"][0]["artifactLocation"]["index"] == 1
    told = json.loads(render("json", [suite]))["documents"][0]
    assert [member["file"] for member in told["members"]] == ["one.md", "two.pdf"]
    assert all("markdown" not in member for member in told["members"])


def a_suite() -> Reviewed:
    idents, files = [UUID(int=1), UUID(int=2)], ("one.md", "two.pdf")
    made = [convert(TEXT.encode(), "text/markdown", document_id=str(ident)) for ident in idents]
    members = [Member(i, f, f, m.ir, m.markdown) for i, m, f in zip(idents, made, files, strict=True)]
    one, two = (a_part(m, str(i), f) for i, m, f in zip(idents, made, files, strict=True))
    return Reviewed(
        title="Suite",
        document_id="g",
        analysis_id="a",
        report=analyse_suite(members, []),
        parts=(one, replace(two, media_type="application/pdf")),
        is_suite=True,
    )


def test_the_self_assessment_goes_through_every_article_and_annex_and_lists_what_nobody_assessed(reviewed):
    shown = render("self-assessment", [reviewed])
    own = shown[shown.index("<h2>eu-rts6</h2>") :]
    own = own[: own.find("<h2>", 10)] if "<h2>" in own[10:] else own
    heads = re.findall(r"<h3>([^:<]+):", own)
    assert heads == [*(f"Article {number}" for number in range(1, 29)), "Annex I"]
    for verdict in (v for v in reviewed.report.verdicts if v.policy.repository == "eu-rts6"):
        again = 2 if verdict.verdict in {"not-assessed", "not-applicable"} else 1
        assert len(re.findall(rf"\b{re.escape(verdict.policy.policy_id)}(?![\w.])", own)) == again
    assert {"Not assessed", "Not applicable"} <= set(re.findall(r"<h3>([^<]+)</h3>", own))


def test_silence_about_compliance_has_its_reason():
    assert compliance("partial", ["partial"]) == "partial"
    assert compliance(None, []) == "no statement, because no repository is assigned"
    assert compliance(None, ["not-applicable"]) == "no statement, because no MUST requirement applies to it"


def test_a_pdf_has_no_lines_and_no_fixes(reviewed):
    for result in sarif(with_part(reviewed, media_type="application/pdf"))["runs"][0]["results"]:
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
    assert etree.fromstring(render("junit", [with_part(reviewed, file="\x1b\x00.md")]).encode()).tag == "testsuites"


def test_junit_has_only_the_attributes_that_build_servers_know(reviewed):
    root = etree.fromstring(render("junit", [reviewed]).encode())
    assert set(root.attrib) == {"name", "tests", "failures", "errors", "time"}
    (suite,) = root
    assert set(suite.attrib) == {"name", "tests", "failures", "errors", "skipped", "time"}
    for case in suite:
        assert set(case.attrib) == {"classname", "name", "time"}
        (outcome,) = case
        allowed = {"failure": {"type", "message"}, "skipped": {"message"}, "system-out": set()}
        assert set(outcome.attrib) <= allowed[outcome.tag]
    for name in ("tests", "failures", "errors"):
        assert root.get(name) == suite.get(name)


@pytest.mark.parametrize("form", FORMATS)
def test_no_document_is_a_report_too(form):
    assert render(form, [])
