"""A conversion redone by a newer converter: what it reads as before keeps its ids, findings and answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.crew import Crew
from chaos.mutants import Edit, Mutant
from docward.localstack.stack import Stack
from e2e.test_samples import SAMPLES, analysed, findings_of, import_packs, submit
from installation import Installation, new_installation, until

SAMPLE = "intraday-mean-reversion.md"
SOON = {"Prefer": "wait=30"}
INSERTED = "The converter before this one did not see this line."
REWRITTEN = "exactly 7 ticks"


@dataclass(frozen=True)
class Read:
    """What users have of a document."""

    text: str
    ids: dict[str, str]
    """Of its blocks, by their text."""
    findings: dict[str, Any]
    """By fingerprint; those that are present."""


def newer(quote: str) -> Mutant:
    """A converter that reads a line more at the beginning of the same bytes, and something else where the quote is."""
    get, version = "data = await self._objects.get(original)", "converter=made.report.converter"
    seen = rf'.replace(b"\n\n", b"\n\n{INSERTED}\n\n", 1).replace({quote.encode()!r}, {REWRITTEN.encode()!r})'
    edits = ((get, f"data = (await self._objects.get(original)){seen}"), (version, 'converter="docward-converter/9"'))
    function = "docward.converter.jobs:ConverterJobs.convert"
    return Mutant("a newer converter", "", tuple(Edit(function, old, new) for old, new in edits))


@asynccontextmanager
async def upgraded(place: Installation, quote: str) -> AsyncIterator[None]:
    """The converter is another one."""
    place.stop("converter")
    crew = Crew(place, newer(quote))
    try:
        crew.start("converter")
        await crew.ready()
        yield
    finally:
        crew.end()


@pytest.fixture
async def place(servers: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    async with new_installation(servers, tmp_path) as made:
        made.start()
        await made.ready()
        yield made


async def test_what_a_newer_converter_reads_as_before_keeps_ids_findings_and_answers(place: Installation) -> None:
    with place.api() as api:
        import_packs(api)
        ident = submit(api, SAMPLES / SAMPLE)
        first = await analysed(api, ident)
        before = read(api, ident)
        rewritten, kept = chosen(before)
        for finding in (rewritten, kept):
            path = f"/documents/{ident}/findings/{finding['fingerprint']}/modify"
            assert api.post(path, json={"text": "exactly 3"}, headers=SOON).status_code == 200
        async with upgraded(place, rewritten["quotes"][0]["text"]):
            place.stop("analyzer")
            assert api.post(f"/documents/{ident}/conversion", json={}, headers=SOON).status_code in {200, 202}
            await until(lambda: converted_by(api, ident, "docward-converter/9"), within=60)
            early = api.post(f"/documents/{ident}/changes", json={}, headers=SOON)
            assert (early.status_code, early.json()["code"]) == (409, "stale-text"), early.text
            place.start("analyzer")
            second = await analysed_anew(api, ident, first["latest_analysis_id"])
            assert second["current_version"] == first["current_version"] == 1
            assert api.get(f"/documents/{ident}/versions/1").json()["converter"] == "docward-converter/9"
            after = read(api, ident)
            assert after.text == reread(before.text, rewritten)
            assert_ids_kept(before, after)
            assert_findings_kept(before, after, rewritten, kept)
            await assert_only_what_is_kept_applies(api, ident, after, rewritten, kept)


def assert_ids_kept(before: Read, after: Read) -> None:
    """Blocks of the same words have the same ids; the rewritten one has another."""
    same = before.ids.keys() & after.ids.keys()
    assert [block for block in same if before.ids[block] != after.ids[block]] == []
    assert len(same) >= len(before.ids) - 1, "one block was rewritten"
    assert not set(before.ids.values()) & {after.ids[block] for block in after.ids.keys() - same}


def assert_findings_kept(before: Read, after: Read, rewritten: Any, kept: Any) -> None:
    """Those of the same words are the same findings, at their new places; those of the rewritten line are gone."""
    missing = before.findings.keys() - after.findings.keys()
    assert rewritten["fingerprint"] in missing
    assert [each for each in missing if REWRITTEN not in line_of(after.text, before.text, before.findings[each])] == []
    for fingerprint in before.findings.keys() & after.findings.keys():
        one, other = before.findings[fingerprint], after.findings[fingerprint]
        assert [quote["text"] for quote in one["quotes"]] == [quote["text"] for quote in other["quotes"]]
        assert all(after.text[quote["span"]["start"] :].startswith(quote["text"]) for quote in other["quotes"])
        assert other["status"] == ("modified" if one is kept else one["status"])


async def assert_only_what_is_kept_applies(
    api: httpx.Client, ident: str, after: Read, rewritten: Any, kept: Any
) -> None:
    """What was answered of words that are no longer there is refused by name; the other change stands at its place."""
    gone = api.get(f"/documents/{ident}/findings/{rewritten['fingerprint']}").json()
    assert (gone["status"], gone["present"]) == ("modified", False)
    stale = {"findings": [rewritten["fingerprint"]]}
    refused = api.post(f"/documents/{ident}/changes", json=stale, headers=SOON)
    assert (refused.status_code, refused.json()["code"]) == (409, "not-applicable")
    made = api.post(f"/documents/{ident}/changes", json={}, headers=SOON)
    assert made.status_code == 200, made.text
    await until(lambda: at_version(api, ident, 2), within=60)
    span = after.findings[kept["fingerprint"]]["proposal"]["span"]
    changed = after.text[: span["start"]] + "exactly 3" + after.text[span["end"] :]
    assert api.get(f"/documents/{ident}/content").text == reread(changed, rewritten)


async def converted_by(api: httpx.Client, ident: str, converter: str) -> bool:
    version = api.get(f"/documents/{ident}/versions/1").json()
    return bool(version["converter"] == converter and version["status"] == "converted")


def read(api: httpx.Client, ident: str) -> Read:
    text = api.get(f"/documents/{ident}/content").text
    blocks = api.get(f"/documents/{ident}/ir").json()["blocks"]
    ids = {text[block["span"]["start"] : block["span"]["end"]]: block["id"] for block in blocks}
    assert len(ids) > 20
    return Read(text, ids, {finding["fingerprint"]: finding for finding in findings_of(api, ident)})


def reread(text: str, rewritten: Any) -> str:
    """As the newer converter reads it."""
    return text.replace("\n\n", f"\n\n{INSERTED}\n\n", 1).replace(rewritten["quotes"][0]["text"], REWRITTEN)


def chosen(before: Read) -> tuple[Any, Any]:
    """Two findings that propose a change of words which stand in the text once: the first and the last of them."""
    those = [
        finding
        for finding in before.findings.values()
        if finding["proposal"]
        and finding["proposal"]["original"]
        and before.text.count(finding["quotes"][0]["text"]) == 1
    ]
    those.sort(key=lambda finding: int(finding["quotes"][0]["span"]["start"]))
    assert len(those) > 1
    return those[0], those[-1]


def line_of(now: str, text: str, finding: Any) -> str:
    """What stands now where the finding's line was; without a quote, all of it."""
    if not finding["quotes"]:
        return now
    number = text.count("\n", 0, finding["quotes"][0]["span"]["start"])
    return now.split("\n")[number + 2]


async def analysed_anew(api: httpx.Client, ident: str, before: str) -> dict[str, Any]:
    async def done() -> dict[str, Any] | None:
        document: dict[str, Any] = api.get(f"/documents/{ident}").json()
        return document if document["status"] == "analyzed" and document["latest_analysis_id"] != before else None

    document = await until(done, within=60)
    assert document is not None
    return document


async def at_version(api: httpx.Client, ident: str, number: int) -> bool:
    document = api.get(f"/documents/{ident}").json()
    return bool(document["latest_converted_version"] == number)
