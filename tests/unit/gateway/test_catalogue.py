"""The catalogue of messages is open to everybody and needs nobody else's servers."""

from __future__ import annotations

import re

import httpx

from unit.gateway.running import Running


async def test_the_document_and_its_page_need_no_token(running: Running) -> None:
    transport = httpx.ASGITransport(running.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as stranger:
        document, page = await stranger.get("/asyncapi"), await stranger.get("/asyncapi/")
    assert document.headers["content-type"] == "application/json"
    assert document.json()["asyncapi"] == "3.0.0"
    assert "document-commands" in document.json()["channels"]
    assert page.headers["content-type"] == "text/html; charset=utf-8"


async def test_the_page_loads_nothing_from_elsewhere(running: Running) -> None:
    page = await running.client.get("/asyncapi/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "//" not in re.sub(r"^\s*//.*$", "", page.text, flags=re.MULTILINE)
    assert set(re.findall(r'(?:href|src|fetch\()="?([^"`)]+)', page.text)) <= {"../asyncapi", "../docs"}


async def test_the_entrance_leads_to_it(running: Running) -> None:
    links = (await running.client.get("/")).json()["links"]
    assert (await running.client.get(links["messages"])).status_code == 200
    assert (await running.client.get(links["asyncapi"])).status_code == 200
