"""The main job: three documents in, their seeded defects out with exact quotes, and clean sentences left alone."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from docward.cli import codes
from docward.events.findings import AnalysisReport
from docward.localstack.stack import Stack
from docward.projector.projections import PROJECTIONS
from docward.reports import FORMATS, MEDIA_TYPES
from docward.runtime.service import STALE_S
from installation import Installation, new_installation, until

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
TRUTH: dict[str, Any] = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))
PACKS = ("self-containment", "internal-algorithm-standard")
NAMES = sorted(TRUTH)


@pytest.fixture(scope="module")
async def reviewed(
    servers: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Installation, dict[str, str]]]:
    """The samples, analysed by real services; document ids by file name."""
    async with new_installation(servers, tmp_path_factory.mktemp("reviewed")) as place:
        place.start()
        await place.ready()
        with place.api() as api:
            import_packs(api)
            idents = {name: submit(api, SAMPLES / name) for name in NAMES}
            for ident in idents.values():
                await analysed(api, ident)
        yield place, idents


def test_every_loop_of_every_service_comes_round(reviewed: tuple[Installation, dict[str, str]]) -> None:
    """Whatever goes on for as long as its process does is watched: it makes the process not ready when it stands still,
    and ends it, for its supervisor to start it anew, when that lasts."""
    place, _ = reviewed
    expected = {
        "converter": {
            "converter-documents",
            "converter-documents-relay",
            "converter-documents-pruning",
            "jobs-convert-apply-changes",
            "converter-listener",
        },
        "analyzer": {
            "analyzer-policies",
            "analyzer-policies-relay",
            "analyzer-analyses",
            "analyzer-analyses-relay",
            "analyzer-analyses-pruning",
            "analyzer-conversions",
            "jobs-analyse-analyse-suite",
            "analyzer-listener",
        },
        "projector": {
            "filling",
            "recomputing",
            "switching",
            "projector-listener",
            *(projection.consumer for projection in PROJECTIONS),
        },
        "gateway": {"monitor", "gateway-listener", "progress", "idempotency-keys-pruning"},
    }
    for service, loops in expected.items():
        found = beats(place, service)
        assert loops - found.keys() == set()
        assert max(found.values()) < STALE_S


def beats(place: Installation, service: str) -> dict[str, float]:
    """Loop to the seconds since it came round."""
    metrics = httpx.get(f"http://127.0.0.1:{place.ports[service]}/metrics").text
    found = re.findall(r'^docward_loop_beat_age_seconds\{loop="([^"]+)"\} (\S+)$', metrics, re.MULTILINE)
    return {loop: float(age) for loop, age in found}


def import_packs(api: httpx.Client) -> None:
    for pack in PACKS:
        content = (ROOT / "policies" / f"{pack}.yaml").read_bytes()
        headers = {"Content-Type": "application/yaml", "Prefer": "wait=30"}
        answer = api.post("/policy-repositories/import", content=content, headers=headers)
        assert answer.status_code == 201, answer.text


def submit(api: httpx.Client, file: Path, **params: str) -> str:
    query = {"filename": file.name, "repositories": list(PACKS), **params}
    headers = {"Content-Type": "application/octet-stream"}
    answer = api.post("/documents", params=query, content=file.read_bytes(), headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["document_id"])


async def analysed(api: httpx.Client, ident: str, within: float = 60) -> dict[str, Any]:
    async def finished() -> dict[str, Any] | None:
        answer = api.get(f"/documents/{ident}")
        document: dict[str, Any] = answer.json()
        return document if answer.status_code == 200 and document["status"] == "analyzed" else None

    document = await until(finished, within=within)
    assert document is not None
    return document


def findings_of(api: httpx.Client, ident: str, of: str = "documents") -> list[dict[str, Any]]:
    page = api.get(f"/{of}/{ident}/findings", params={"limit": 100}).json()
    assert page["next_cursor"] is None
    return [finding for finding in page["items"] if finding["present"]]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def overlaps(quote: str, finding: dict[str, Any]) -> bool:
    return any(plain(quote) in plain(q["text"]) or plain(q["text"]) in plain(quote) for q in finding["quotes"])


@pytest.mark.parametrize(
    ("name", "defect"),
    [(name, defect) for name in NAMES for defect in TRUTH[name]["defects"]],
    ids=lambda v: str(v)[:0],
)
async def test_every_seeded_defect_is_found(
    reviewed: tuple[Installation, dict[str, str]], name: str, defect: dict[str, Any]
) -> None:
    place, idents = reviewed
    with place.api() as api:
        findings = findings_of(api, idents[name])
    if defect["quote"] is None:
        matching = [f for f in findings if not f["quotes"] and f["searched"] and f["category"] == defect["category"]]
    else:
        places = [defect["quote"], *defect.get("also", [])]
        matching = [f for f in findings if any(overlaps(quote, f) for quote in places)]
    assert matching, f"{defect['id']} ({defect['family']}): {defect['why']}"


@pytest.mark.parametrize("name", NAMES)
async def test_no_clean_sentence_is_flagged(reviewed: tuple[Installation, dict[str, str]], name: str) -> None:
    place, idents = reviewed
    with place.api() as api:
        findings = findings_of(api, idents[name])
    clean = TRUTH[name]["clean"]
    flagged = [(f["title"], sentence) for f in findings for sentence in clean if overlaps(sentence, f)]
    assert flagged == []


@pytest.mark.parametrize("name", NAMES)
async def test_every_quote_stands_in_the_document_exactly(
    reviewed: tuple[Installation, dict[str, str]], name: str
) -> None:
    place, idents = reviewed
    with place.api() as api:
        markdown = api.get(f"/documents/{idents[name]}/content").text
        findings = findings_of(api, idents[name])
    assert findings
    for finding in findings:
        for quote in finding["quotes"]:
            assert markdown[quote["span"]["start"] : quote["span"]["end"]] == quote["text"]
        if finding["proposal"]:
            span = finding["proposal"]["span"]
            assert markdown[span["start"] : span["end"]] == finding["proposal"]["original"]


@pytest.mark.parametrize("name", NAMES)
async def test_every_requirement_has_a_verdict(reviewed: tuple[Installation, dict[str, str]], name: str) -> None:
    place, idents = reviewed
    with place.api() as api:
        wanted = {
            (pack, policy["id"])
            for pack in PACKS
            for policy in api.get(f"/policy-repositories/{pack}/releases/1").json()["policies"]
        }
        page = api.get(f"/documents/{idents[name]}/verdicts", params={"limit": 100}).json()
    assert {(v["repository"], v["policy_id"]) for v in page["items"]} == wanted


@pytest.mark.parametrize("name", NAMES)
async def test_the_check_without_servers_finds_the_same_bytes(
    reviewed: tuple[Installation, dict[str, str]], name: str
) -> None:
    place, idents = reviewed
    ident = idents[name]
    args = [str(SAMPLES / name), "--document-id", ident, "--format", "json"]
    for pack in PACKS:
        args += ["--pack", pack]
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "docward.cli.main", "check", *args], capture_output=True, check=False
    )
    assert ran.returncode in {codes.OK, codes.FOUND}, ran.stderr
    (entry,) = json.loads(ran.stdout)["documents"]
    query = "select report from read.analyses where document_id = $1 order by requested_at"
    stored = await place.fetch(query, UUID(ident))
    uri = json.loads(stored[0]["report"])["uri"]
    assert AnalysisReport.model_validate(entry).model_dump_json().encode() == (place.objects / uri).read_bytes()


async def test_one_trace_leads_from_the_upload_to_every_event(reviewed: tuple[Installation, dict[str, str]]) -> None:
    place, idents = reviewed
    rows = await place.fetch("select traceparent, type from converter.events where type <> 'command-rejected'")
    rows += await place.fetch("select traceparent, type from analyzer.events where topic = 'analysis-events'")
    traces: dict[str, set[str]] = {}
    for row in rows:
        traces.setdefault(row["traceparent"].split("-")[1], set()).add(row["type"])
    assert len(traces) == len(idents)
    for types in traces.values():
        assert {"document-submitted", "document-converted", "analysis-requested", "analysis-completed"} <= types


@pytest.mark.parametrize("form", FORMATS)
async def test_every_report_of_an_analysis_names_the_version_and_its_findings(
    reviewed: tuple[Installation, dict[str, str]], form: str
) -> None:
    place, idents = reviewed
    with place.api() as api:
        document = api.get(f"/documents/{idents['momentum-execution-strategy.pdf']}").json()
        answer = api.get(f"/analyses/{document['latest_analysis_id']}/report", params={"format": form})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith(MEDIA_TYPES[form].partition(";")[0])
        if form != "junit":
            assert document["sha256"] in answer.text
        if form != "self-assessment":
            assert all(f["fingerprint"] in answer.text for f in findings_of(api, document["document_id"]))
        assert api.get(f"/analyses/{UUID(int=5)}/report").status_code == 404


async def test_an_accepted_finding_stays_accepted_in_the_next_analysis(
    reviewed: tuple[Installation, dict[str, str]],
) -> None:
    place, idents = reviewed
    ident = idents["intraday-mean-reversion.md"]
    with place.api() as api:
        finding = findings_of(api, ident)[0]
        path = f"/documents/{ident}/findings/{finding['fingerprint']}"
        accepted = api.post(f"{path}/accept", json={"comment": "agreed"}, headers={"Prefer": "wait=20"})
        assert accepted.status_code == 200, accepted.text
        assert accepted.json()["status"] == "accepted"
        again = api.post(f"{path}/accept", json={}, headers={"Prefer": "wait=20"})
        assert again.status_code == 409
        analysis = api.post(f"/documents/{ident}/analyses", json={}, headers={"Prefer": "wait=30"})
        assert analysis.status_code == 201, analysis.text
        assert api.get(path).json()["status"] == "accepted"
        found = {f["fingerprint"] for f in findings_of(api, ident)}
        assert found >= {finding["fingerprint"]}
        compared = api.get(f"/analyses/{analysis.json()['analysis_id']}/comparison").json()
        assert (compared["new"], compared["resolved"], set(compared["persisting"])) == ([], [], found)
        first = api.get(f"/analyses/{compared['compared_with']}/comparison").json()
        assert (first["compared_with"], first["persisting"], set(first["new"])) == (None, [], found)


async def test_what_was_accepted_becomes_the_next_version_and_is_found_no_more(
    reviewed: tuple[Installation, dict[str, str]],
) -> None:
    place, idents = reviewed
    with place.api() as api:
        markdown = api.get(f"/documents/{idents['intraday-mean-reversion.md']}/content")
        answer = api.post(
            "/documents",
            params={"filename": "copy.md", "repositories": list(PACKS)},
            content=markdown.content,
            headers={"Content-Type": "application/octet-stream"},
        )
        ident = str(answer.json()["document_id"])
        await analysed(api, ident)
        found = findings_of(api, ident)
        chosen = next(f for f in found if f["proposal"] and f["quotes"] and f["proposal"]["original"])
        span = chosen["proposal"]["span"]
        refused = [f["fingerprint"] for f in found if f["quotes"] and f is not chosen][:2]
        answers = {
            "modify": [{"fingerprint": chosen["fingerprint"], "text": "exactly 3"}],
            "reject": [{"fingerprint": fingerprint, "reason": "It is known."} for fingerprint in refused],
        }
        soon = {"Prefer": "wait=20"}
        given = api.post(f"/documents/{ident}/findings/answers", json=answers, headers=soon)
        assert given.status_code == 200, given.text
        statuses = {f["fingerprint"]: f["status"] for f in findings_of(api, ident)}
        assert statuses[chosen["fingerprint"]] == "modified"
        assert {statuses[fingerprint] for fingerprint in refused} == {"rejected"}
        never = api.post(f"/documents/{ident}/changes", json={"findings": refused}, headers=soon)
        assert (never.status_code, never.json()["code"]) == (409, "not-applicable")
        made = api.post(f"/documents/{ident}/changes", headers=soon)
        assert made.status_code == 200, made.text
        assert made.json()["current_version"] == 2

        async def analysed_again() -> dict[str, Any] | None:
            document: dict[str, Any] = api.get(f"/documents/{ident}").json()
            return document if document["analyzed_version"] == 2 and document["status"] == "analyzed" else None

        document = await until(analysed_again, within=60)
        assert document is not None
        text = api.get(f"/documents/{ident}/content").text
        assert text[span["start"] :].startswith("exactly 3")
        compared = api.get(f"/analyses/{document['latest_analysis_id']}/comparison").json()
        assert chosen["fingerprint"] in compared["resolved"]
        assert set(refused) <= set(compared["persisting"])
        again = api.post(f"/documents/{ident}/changes", json={"findings": [chosen["fingerprint"]]}, headers=soon)
        assert (again.status_code, again.json()["code"]) == (409, "not-applicable")


@pytest.fixture(scope="module")
async def suite(reviewed: tuple[Installation, dict[str, str]]) -> str:
    """The samples as a document group that was analysed as one; its id."""
    place, idents = reviewed
    with place.api() as api:
        return await analysed_group(api, list(idents.values()))


async def analysed_group(api: httpx.Client, members: list[str]) -> str:
    soon = {"Prefer": "wait=60"}
    group = api.post("/document-groups", json={"title": "All", "members": members}, headers=soon).json()
    url = f"/document-groups/{group['group_id']}"
    asked = api.post(f"{url}/analyses", headers=soon)
    assert asked.status_code in {201, 202}, asked.text

    async def finished() -> bool:
        return bool(api.get(url).json()["latest_analysis_id"])

    await until(finished, within=120)
    return str(group["group_id"])


async def test_the_samples_are_analysed_as_one_suite(reviewed: tuple[Installation, dict[str, str]], suite: str) -> None:
    """Each requirement has the verdict of the document that answers it best, and every quote names its document."""
    place, idents = reviewed
    with place.api() as api:
        url = f"/document-groups/{suite}"
        verdicts = api.get(f"{url}/verdicts", params={"limit": 100}).json()["items"]
        findings = api.get(f"{url}/findings", params={"limit": 100}).json()["items"]
        texts = {ident: api.get(f"/documents/{ident}/content").text for ident in idents.values()}
        covered = {
            (v["repository"], v["policy_id"])
            for ident in idents.values()
            for v in api.get(f"/documents/{ident}/verdicts", params={"limit": 100}).json()["items"]
            if v["verdict"] == "covered"
        }
    best = {(v["repository"], v["policy_id"]): v["verdict"] for v in verdicts}
    assert covered
    assert {best[requirement] for requirement in covered} <= {"covered", "contradicted"}
    quotes = [quote for item in (*findings, *verdicts) for quote in item["quotes"]]
    assert {quote["document_id"] for quote in quotes} == set(idents.values())
    for quote in quotes:
        assert texts[quote["document_id"]][quote["span"]["start"] : quote["span"]["end"]] == quote["text"]


async def test_the_check_of_a_suite_without_servers_finds_the_same_bytes(
    reviewed: tuple[Installation, dict[str, str]], suite: str
) -> None:
    """Findings with fingerprints and decision paths, verdicts, scores: the whole of the report, as it is stored, as the
    API gives it, and as the command finds it."""
    place, idents = reviewed
    args = ["--suite", "--format", "json"]
    for name, ident in idents.items():
        args += [str(SAMPLES / name), "--document-id", ident]
    for pack in PACKS:
        args += ["--pack", pack]
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-m", "docward.cli.main", "check", *args], capture_output=True, check=False
    )
    assert ran.returncode in {codes.OK, codes.FOUND}, ran.stderr
    (checked,) = json.loads(ran.stdout)["documents"]
    with place.api() as api:
        latest = api.get(f"/document-groups/{suite}").json()["latest_analysis_id"]
        (given,) = api.get(f"/analyses/{latest}/report", params={"format": "json"}).json()["documents"]
    stored = await place.fetch("select report from read.analyses where analysis_id = $1", UUID(latest))
    kept = (place.objects / json.loads(stored[0]["report"])["uri"]).read_bytes()
    for entry in (checked, given):
        assert AnalysisReport.model_validate(entry).model_dump_json().encode() == kept
    for field in ("sha256", "markdown_sha256", "releases", "converter"):
        assert checked[field] == given[field]
    for ours, theirs in zip(checked["members"], given["members"], strict=True):
        assert {**ours, "file": Path(ours["file"]).name, "version": 1} == theirs


@pytest.mark.parametrize("form", FORMATS)
async def test_every_report_of_a_suite_names_its_documents(
    reviewed: tuple[Installation, dict[str, str]], suite: str, form: str
) -> None:
    place, _ = reviewed
    with place.api() as api:
        latest = api.get(f"/document-groups/{suite}").json()["latest_analysis_id"]
        answer = api.get(f"/analyses/{latest}/report", params={"format": form})
        found = api.get(f"/document-groups/{suite}/findings", params={"limit": 100}).json()["items"]
    assert answer.status_code == 200, answer.text
    if form != "junit":
        assert all(name in answer.text for name in NAMES)
    if form != "self-assessment":
        assert all(f["fingerprint"] in answer.text for f in found)


LEADING = """\
# Momentum strategy

## 1 Limits

A maximum order value applies to every order of the algorithm. In volatile markets the desk adjusts it as appropriate.
"""
SHEET = """\
# Parameters of the momentum strategy

## 1 Values

The maximum order value of the algorithm is EUR 2 million per order. Prices are refreshed from time to time.
"""


async def test_what_is_accepted_of_a_group_changes_the_member_whose_words_it_is(
    reviewed: tuple[Installation, dict[str, str]], tmp_path: Path
) -> None:
    place, _ = reviewed
    with place.api() as api:
        idents = []
        for name, text in (("leading.md", LEADING), ("sheet.md", SHEET)):
            (tmp_path / name).write_text(text)
            idents.append(submit(api, tmp_path / name))
            await analysed(api, idents[-1])
        group = await analysed_group(api, idents)
        found = findings_of(api, group, of="document-groups")
        quoted = [f for f in found if f["quotes"] and f["proposal"]]
        other, chosen = (next(f for f in quoted if f["quotes"][0]["document_id"] == ident) for ident in idents)
        assert chosen["proposal"]["document_id"] == idents[1]
        url, soon = f"/document-groups/{group}", {"Prefer": "wait=30"}
        answers = {"modify": [{"fingerprint": chosen["fingerprint"], "text": "every 5 seconds"}]}
        answered = api.post(f"{url}/findings/answers", json=answers, headers=soon)
        assert (answered.status_code, answered.json().get("group_id")) == (200, group), answered.text
        path = f"{url}/findings/{other['fingerprint']}"
        refused = api.post(f"{path}/reject", json={"reason": "It is known."}, headers=soon)
        assert (refused.status_code, refused.json().get("status")) == (200, "rejected"), refused.text
        assert api.post(f"{path}/accept", headers=soon).status_code == 409
        assert api.post(f"{path}/reopen", headers=soon).json()["status"] == "open"
        one = {"findings": [chosen["fingerprint"]]}
        wrong = api.post(f"{url}/members/{idents[0]}/changes", json=one, headers=soon)
        assert (wrong.status_code, "another document" in wrong.text) == (409, True)
        made = api.post(f"{url}/members/{idents[1]}/changes", headers=soon)
        assert (made.status_code, made.json().get("current_version")) == (200, 2), made.text
        assert api.get(f"/documents/{idents[0]}").json()["current_version"] == 1

        async def converted() -> bool:
            return bool(api.get(f"/documents/{idents[1]}").json()["latest_converted_version"] == 2)

        await until(converted, within=60)
        assert "every 5 seconds" in api.get(f"/documents/{idents[1]}/content").text
        stale = api.post(f"{url}/members/{idents[1]}/changes", json=one, headers=soon)
        assert (stale.status_code, "found in version 1" in stale.text) == (409, True)
