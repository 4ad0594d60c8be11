"""The description of the API is whole, and needs nobody else's servers."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from unit.gateway.running import Running


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


@pytest.fixture
def document(running: Running) -> dict[str, Any]:
    return running.app.openapi()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        node: Any = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/")]
        assert node


def test_every_schema_is_one(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_address_says_what_it_answers(document: dict[str, Any]) -> None:
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            place = f"{method} {path}"
            assert described["summary"], place
            assert described["tags"], place
            responses = described["responses"]
            assert {"401", "403", "422", "500", "503"} <= set(responses), place
            for status, response in responses.items():
                if status >= "400":
                    assert response["content"]["application/problem+json"]["schema"] == problem, (place, status)
                elif status != "304":
                    assert response["content"], (place, status)
            if method != "get":
                assert "202" in responses, place
            if method != "get" and "/admin/" not in path:  # what an operator asks for is no command
                assert {"Idempotency-Key", "Prefer"} <= {parameter["name"] for parameter in described["parameters"]}


def test_every_answer_to_an_operator_names_its_fields(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, described in methods.items() if "/admin/" in path else ():
            for status, response in described["responses"].items():
                if status < "300":
                    schema = response["content"]["application/json"]["schema"]
                    described_as = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                    assert described_as["properties"], f"{method} {path}"


async def test_the_page_for_people_fetches_only_the_description(running: Running) -> None:
    page = await running.client.get("/docs")
    assert page.status_code == 200
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
    links = (await running.client.get("/")).json()["links"]
    for link in ("docs", "openapi", "ready", "metrics"):
        assert (await running.client.get(links[link])).status_code == 200
