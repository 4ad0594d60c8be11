"""Versions of a document beside each other, as the API shows them."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

from docward.converter.conversion import convert
from docward.runtime.sniffing import MARKDOWN
from integration.gateway.served import Served, an_event
from integration.gateway.test_reading import get
from unit.projector.story import command_id

BEFORE = "# Momentum\n\nThe lookback is 250 trading days.\n\nWeights are equal.\n"
AFTER = "# Momentum\n\nThe lookback is 200 trading days.\n\nWeights are equal.\n\nNothing is hedged.\n"


async def with_versions(gateway: Served, *texts: str) -> UUID:
    """A document with a converted version for each text, and one whose conversion failed."""
    ident, command = uuid4(), command_id(900)
    events = [an_event("document-submitted", 1, key=ident, command=command, repositories=[])]
    for number, text in enumerate(texts, 1):
        if number > 1:
            events.append(an_event("revision-submitted", 2 * number - 1, key=ident, command=command, version=number))
        done = convert(text.encode(), MARKDOWN, document_id=str(ident))
        refs: dict[str, Any] = {
            "markdown": await gateway.installation.store(f"products/{ident}/{number}/a.md", done.markdown),
            "ir": await gateway.installation.store(f"products/{ident}/{number}/a.json", done.ir.model_dump_json()),
        }
        refs = {name: ref.model_dump() for name, ref in refs.items()}
        events.append(an_event("document-converted", 2 * number, key=ident, command=command, version=number, **refs))
    last = len(texts) + 1
    events.append(an_event("revision-submitted", 2 * last - 1, key=ident, command=command, version=last))
    events.append(an_event("conversion-failed", 2 * last, key=ident, command=command, version=last))
    await gateway.say(*events)
    return ident


async def test_a_difference_has_spans_of_both_versions(gateway: Served) -> None:
    ident = await with_versions(gateway, BEFORE, AFTER)
    url = f"/api/v1/documents/{ident}/versions"
    async with gateway.client() as client:
        answer = await client.get(f"{url}/1/diff/2")
        found = answer.json()
        assert (found["before"], found["after"], found["unchanged"]) == (1, 2, 2)
        assert found["counts"] == {"changed": 1, "inserted": 1}
        changed, inserted = found["changes"]
        assert [cut(BEFORE, word["before"]) for word in changed["words"]] == ["250"]
        assert [cut(AFTER, word["after"]) for word in changed["words"]] == ["200"]
        assert cut(AFTER, inserted["after"]["span"]) == inserted["after"]["text"] == "Nothing is hedged."
        again = await client.get(f"{url}/1/diff/2", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert (await get(client, f"{url}/2/diff/2"))["changes"] == []


async def test_what_has_no_text_cannot_be_compared(gateway: Served) -> None:
    ident = await with_versions(gateway, BEFORE)
    url = f"/api/v1/documents/{ident}/versions"
    async with gateway.client() as client:
        assert (await get(client, f"{url}/1/diff/2", 404))["code"] == "not-converted"
        assert (await get(client, f"{url}/1/diff/3", 404))["code"] == "not-found"
        await get(client, f"{url}/0/diff/1", 422)


async def test_one_version_is_read_by_its_number(gateway: Served) -> None:
    ident = await with_versions(gateway, BEFORE)
    url = f"/api/v1/documents/{ident}/versions"
    async with gateway.client() as client:
        assert (await get(client, f"{url}/2"))["status"] == "conversion-failed"
        assert (await get(client, f"{url}/1"))["status"] == "converted"
        await get(client, f"{url}/3", 404)


MEANING = "# M\n\n“Spread” means the ask less the bid.\n\n$$S = \\frac{Spread}{q} + 1$$\n\n$$T = S \\cdot Spread$$\n"


async def test_the_graph_tells_what_a_change_reaches(gateway: Served) -> None:
    ident = await with_versions(gateway, MEANING)
    url = f"/api/v1/documents/{ident}/graph"
    async with gateway.client() as client:
        whole = await get(client, url)
        names = {node["id"]: node["name"] for node in whole["nodes"]}
        assert [names[one] for one in whole["order"]] == ["Spread", "S", "T"]
        around = await get(client, url, params={"of": "spread"})
        assert [names[one] for one in around["focus"]["descendants"]] == ["S", "T"]
        assert (await get(client, url, 404, params={"of": "nothing"}))["code"] == "not-found"
        etags = [(await client.get(url, params=params)).headers["ETag"] for params in ({}, {"of": "S"}, {"of": "T"})]
        assert len(set(etags)) == 3
        assert (await client.get(url, headers={"If-None-Match": etags[0]})).status_code == 304


async def test_the_ir_is_text_for_whoever_asks_for_text(gateway: Served) -> None:
    ident = await with_versions(gateway, MEANING)
    url = f"/api/v1/documents/{ident}/ir"
    async with gateway.client() as client:
        by_form = await client.get(url, params={"form": "text"})
        by_header = await client.get(url, headers={"Accept": "text/plain"})
        assert by_form.text == by_header.text
        assert by_form.text.startswith("docward-ir-text/1\n")
        assert by_form.headers["Content-Type"] == "text/plain; charset=utf-8"
        for headers in ({}, {"Accept": "*/*"}, {"Accept": "application/json, text/plain"}):
            assert (await get(client, url, headers=headers))["schema_version"] == "ir.v1"


def cut(text: str, span: dict[str, int]) -> str:
    return text[span["start"] : span["end"]]
