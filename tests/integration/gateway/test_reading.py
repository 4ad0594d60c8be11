"""Every read of the API, over a read model in which everything has happened."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from docward.gateway.queries import findings
from docward.runtime.postgres import connect_pool
from docward.runtime.projections import READER_ROLE
from integration.gateway.served import Served
from integration.projector import cast
from unit.projector.story import DOCUMENT, command_id

DOC = f"/api/v1/documents/{DOCUMENT}"


async def get(client: httpx.AsyncClient, path: str, status: int = 200, **kwargs: Any) -> Any:
    answer = await client.get(path, **kwargs)
    assert answer.status_code == status, answer.text
    return answer.json()


async def pages(client: httpx.AsyncClient, path: str, **params: Any) -> list[Any]:
    """All items of a list, read in pages of the given size."""
    items: list[Any] = []
    cursor = None
    while True:
        page = await get(client, path, params={**params, **({"cursor": cursor} if cursor else {})})
        assert len(page["items"]) <= params.get("limit", 50)
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


async def test_a_document_is_read_with_an_etag(gateway: Served) -> None:
    async with gateway.client() as client:
        answer = await client.get(DOC)
        document = answer.json()
        assert answer.headers["ETag"] == f'"d{document["stream_version"]}.a{document["analysis_stream_version"]}"'
        assert (document["status"], document["current_version"]) == ("analysis-failed", 4)
        assert document["owner"] == "jo.ferrante"
        assert document["repositories"][0]["name"]
        unchanged = await client.get(DOC, headers={"If-None-Match": answer.headers["ETag"]})
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert (await client.get(DOC, headers={"If-None-Match": '"d1.a1"'})).status_code == 200


async def test_every_status_can_be_listed(gateway: Served) -> None:
    async with gateway.client() as client:
        for number, (status, _) in enumerate(cast.STATES):
            listed = await pages(client, "/api/v1/documents", status=status, limit=200)
            assert str(cast.document_at(number)) in [document["document_id"] for document in listed]
            assert {document["status"] for document in listed} == {status}
        everything = await pages(client, "/api/v1/documents", limit=200)
        assert "deleted" not in {document["status"] for document in everything}


@pytest.mark.parametrize("limit", [1, 2, 7])
async def test_pages_hold_every_row_once(gateway: Served, limit: int) -> None:
    async with gateway.client() as client:
        for path in ("/api/v1/documents", f"{DOC}/versions", f"{DOC}/findings", f"{DOC}/analyses", f"{DOC}/audit"):
            whole = await pages(client, path, limit=200)
            assert await pages(client, path, limit=limit) == whole
            assert whole


async def test_filters_narrow_a_list(gateway: Served) -> None:
    async with gateway.client() as client:
        document = await get(client, DOC)
        repository = document["repositories"][0]["repository_id"]

        async def found(**params: Any) -> bool:
            listed = await pages(client, "/api/v1/documents", limit=200, **params)
            return str(DOCUMENT) in [row["document_id"] for row in listed]

        assert await found(tag="edited", owner="jo.ferrante", compliance="non-compliant", repository=repository)
        assert await found(since=document["created_at"])
        assert not await found(until=document["created_at"])
        assert not await found(tag="other")
        assert not await found(owner="nobody")
        assert not await found(compliance="compliant")
        assert not await found(repository=str(uuid4()))


async def test_search_finds_titles_and_texts(gateway: Served) -> None:
    async with gateway.client() as client:
        by_title = await pages(client, "/api/v1/documents", q="edited momentum")
        by_text = await pages(client, "/api/v1/documents", q="restored")
        assert [str(DOCUMENT)] == [d["document_id"] for d in by_title] == [d["document_id"] for d in by_text]
        assert await pages(client, "/api/v1/documents", q="withdrawn") == []
        assert await pages(client, "/api/v1/documents", q='"unbalanced -(') == []
        golden = await pages(client, "/api/v1/documents", q="momentum", limit=200)
        assert len(golden) > 3
        assert await pages(client, "/api/v1/documents", q="momentum", limit=2) == golden
        assert await pages(client, "/api/v1/documents", q="momentum", status="converting")


async def test_versions_say_where_they_come_from(gateway: Served) -> None:
    async with gateway.client() as client:
        versions = await pages(client, f"{DOC}/versions")
        assert [(v["version"], v["origin"]) for v in versions] == [
            (4, "restore"),
            (3, "changes"),
            (2, "revision"),
            (1, "upload"),
        ]


async def test_content_is_the_markdown_of_a_version(gateway: Served) -> None:
    async with gateway.client() as client:
        newest = await client.get(f"{DOC}/content")
        assert newest.text == "# Momentum\n\nRestored.\n"
        assert newest.headers["Content-Type"] == "text/markdown; charset=utf-8"
        assert newest.headers["X-Content-Type-Options"] == "nosniff"
        assert newest.headers["Docward-Version"] == "4"
        third = await client.get(f"{DOC}/content", params={"version": 3})
        assert "Drawdown control" in third.text
        same = await client.get(f"{DOC}/content", headers={"If-None-Match": newest.headers["ETag"]})
        assert same.status_code == 304
        assert (await get(client, f"{DOC}/content?version=2", 404))["code"] == "not-converted"
        assert (await get(client, f"{DOC}/content?version=99", 404))["code"] == "not-found"
        submitted = cast.document_at(0)
        assert (await get(client, f"/api/v1/documents/{submitted}/content", 404))["code"] == "not-converted"
        gone = cast.document_at(3)
        assert (await get(client, f"/api/v1/documents/{gone}/content", 410))["code"] == "object-gone"


async def test_findings_are_listed_worst_first_and_filtered(gateway: Served) -> None:
    async with gateway.client() as client:
        findings = await pages(client, f"{DOC}/findings")
        ranks = ["critical", "high", "medium", "low", "info"]
        order = [ranks.index(finding["severity"]) for finding in findings]
        assert order == sorted(order)
        assert findings
        first, other, _ = cast.FINGERPRINTS
        accepted = await pages(client, f"{DOC}/findings", status=["accepted", "modified"])
        assert {finding["fingerprint"] for finding in accepted} == {first, other}
        assert [f["fingerprint"] for f in await pages(client, f"{DOC}/findings", severity="critical")] == ["f" * 32]
        category = findings[0]["category"]
        by_category = await pages(client, f"{DOC}/findings", category=category)
        assert {finding["category"] for finding in by_category} == {category}
        present = await pages(client, f"{DOC}/findings", present=True)
        assert len(present) == 2
        one = await get(client, f"{DOC}/findings/{other}")
        assert (one["status"], one["replacement"]) == ("modified", "Appendix B")
        await get(client, f"{DOC}/findings/nothing", 404)


async def test_findings_are_found_by_their_fingerprints(gateway: Served) -> None:
    async with gateway.client() as client:
        listed = [item["fingerprint"] for item in await pages(client, f"{DOC}/findings")]
    dsn = gateway.settings.postgres.dsn.get_secret_value()
    async with await connect_pool(dsn, name="reader", schema="read", size=1, role=READER_ROLE) as reads:
        found = await findings.among(reads, DOCUMENT, [*listed, "0" * 16])
        assert await findings.among(reads, uuid4(), listed) == []
    assert sorted(each.fingerprint for each in found) == sorted(listed)


async def test_analyses_and_verdicts(gateway: Served) -> None:
    async with gateway.client() as client:
        analyses = await pages(client, f"{DOC}/analyses")
        assert {analysis["status"] for analysis in analyses} == {"completed", "cancelled", "failed"}
        assert [analysis["analysis_id"] for analysis in analyses if analysis["latest"]] == [str(cast.THIRD)]
        assert (await get(client, f"{DOC}/analyses/{cast.FOURTH}"))["failure_reason"] == "object-missing"
        await get(client, f"{DOC}/analyses/{uuid4()}", 404)
        latest = await pages(client, f"{DOC}/verdicts")
        assert {verdict["analysis_id"] for verdict in latest} == {str(cast.THIRD)}
        golden = [a["analysis_id"] for a in analyses if a["version"] == 1]
        first = await pages(client, f"{DOC}/verdicts", analysis=golden[0], limit=1)
        assert [verdict["ordinal"] for verdict in first] == sorted(verdict["ordinal"] for verdict in first)
        assert len(first) == len(cast.VERDICTS)
        kind = first[0]["verdict"]
        assert {v["verdict"] for v in await pages(client, f"{DOC}/verdicts", analysis=golden[0], verdict=kind)} == {
            kind
        }
        elsewhere = cast.document_at(5)
        await get(client, f"/api/v1/documents/{elsewhere}/verdicts?analysis={golden[0]}", 404)
        assert await pages(client, f"/api/v1/documents/{cast.document_at(3)}/verdicts") == []


async def test_repositories_and_their_releases(gateway: Served) -> None:
    async with gateway.client() as client:
        listed = await pages(client, "/api/v1/policy-repositories")
        assert [repository["name"] for repository in listed] == ["internal-algorithm-standard"]
        answer = await client.get("/api/v1/policy-repositories/Internal-Algorithm-Standard")
        repository = answer.json()
        assert (repository["archived"], repository["latest_release"]) == (True, 3)
        assert [policy["id"] for policy in repository["policies"]] == ["P-4", "P-5"]
        same = await client.get(str(answer.url), headers={"If-None-Match": answer.headers["ETag"]})
        assert same.status_code == 304
        first = await get(client, "/api/v1/policy-repositories/internal-algorithm-standard/releases/1")
        assert [policy["id"] for policy in first["policies"]] == ["P-1", "P-2", "P-3"]
        await get(client, "/api/v1/policy-repositories/internal-algorithm-standard/releases/9", 404)
        await get(client, "/api/v1/policy-repositories/unknown", 404)


async def test_operations_say_what_became_of_commands(gateway: Served) -> None:
    async with gateway.client() as client:
        done = await get(client, f"/api/v1/operations/{command_id(1)}")
        assert (done["status"], done["document_id"], done["visible"]) == ("succeeded", str(DOCUMENT), True)
        refused = await get(client, f"/api/v1/operations/{command_id(6)}")
        assert (refused["status"], refused["code"], refused["current_version"]) == ("rejected", "version-conflict", 5)
        waiting = await get(client, f"/api/v1/operations/{command_id(8)}", headers={"Prefer": "wait=1"})
        assert waiting["status"] == "accepted"
        unknown = await get(client, f"/api/v1/operations/{uuid4()}", 404)
        assert unknown["code"] == "not-found"
        everything = await pages(client, "/api/v1/operations", limit=10)
        assert len({operation["operation_id"] for operation in everything}) == len(everything) > 10
        rejected = await pages(client, "/api/v1/operations", status="rejected")
        assert str(command_id(6)) in [operation["operation_id"] for operation in rejected]
        mine = await pages(client, "/api/v1/operations", document_id=str(DOCUMENT), limit=200)
        assert {operation["document_id"] for operation in mine} == {str(DOCUMENT)}


async def test_the_audit_trail_has_every_event(gateway: Served) -> None:
    async with gateway.client("auditor") as client:
        trail = await pages(client, "/api/v1/audit", limit=100)
        assert len(trail) > 50
        times = [entry["time"] for entry in trail]
        assert times == sorted(times, reverse=True)
        types = await pages(client, "/api/v1/audit", type="finding-accepted")
        assert {entry["type"] for entry in types} == {"finding-accepted"}
        by_actor = await pages(client, "/api/v1/audit", actor="nobody")
        assert by_actor == []
        correlated = await pages(client, "/api/v1/audit", correlation_id=str(command_id(40)))
        assert "pack-imported" in {entry["type"] for entry in correlated}
        own = await pages(client, f"{DOC}/audit", limit=200)
        assert {"document-submitted", "analysis-completed", "document-made-private"} <= {e["type"] for e in own}
        assert {entry["aggregate_id"] for entry in own} == {str(DOCUMENT)}
        deleted = await pages(client, f"/api/v1/documents/{cast.document_at(9)}/audit")
        assert "document-deleted" in {entry["type"] for entry in deleted}


async def test_a_deleted_document_is_gone(gateway: Served) -> None:
    async with gateway.client() as client:
        for rest in ("", "/content", "/findings", "/versions", "/events"):
            problem = await get(client, f"/api/v1/documents/{cast.document_at(9)}{rest}", 410)
            assert problem["code"] == "deleted"


@pytest.mark.parametrize(
    ("roles", "subject", "sees"),
    [
        (("viewer",), "jo.ferrante", True),
        (("viewer",), "sam", False),
        (("contributor",), "mara.lindqvist", False),
        (("auditor",), "sam", True),
        (("admin",), "sam", True),
    ],
)
async def test_a_private_document_exists_only_for_those_who_may_see_it(
    gateway: Served,
    roles: tuple[str, ...],
    subject: str,
    sees: bool,  # noqa: FBT001  # a parameter of pytest
) -> None:
    async with gateway.client(*roles, subject=subject) as client:
        for rest in ("", "/content", "/versions", "/findings", "/analyses", "/verdicts", "/audit"):
            answer = await client.get(DOC + rest)
            assert answer.status_code == (200 if sees else 404), (rest, answer.text)
        listed = [d["document_id"] for d in await pages(client, "/api/v1/documents", limit=200)]
        assert (str(DOCUMENT) in listed) == sees
        searched = [d["document_id"] for d in await pages(client, "/api/v1/documents", q="drawdown OR restored")]
        assert (str(DOCUMENT) in searched) == sees
        operations = await pages(client, "/api/v1/operations", limit=200)
        assert {operation["actor_subject"] for operation in operations} <= {subject} or roles[0] in {"admin", "auditor"}
        answer = await client.get(f"/api/v1/operations/{command_id(8)}")
        assert answer.status_code == (200 if roles[0] in {"admin", "auditor"} or subject == "mara.lindqvist" else 404)


async def test_the_trail_of_a_document_is_for_its_owner_and_auditors(gateway: Served) -> None:
    shared = cast.document_at(3)
    async with gateway.client("viewer", subject="sam", groups=("equity-systematic",)) as client:
        seen = await client.get(f"/api/v1/documents/{shared}")
        assert seen.status_code == 200
        answer = await client.get(f"/api/v1/documents/{shared}/audit")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_values_that_cannot_be_looked_for_are_refused(gateway: Served) -> None:
    async with gateway.client() as client:
        for path in ("documents?tag=%00", "documents?q=a%00b", f"documents/{DOCUMENT}/findings/%00", "audit?actor=%00"):
            assert (await get(client, f"/api/v1/{path}", 422))["code"] == "invalid-request"
        assert (await client.get(f"/api/v1/documents/{UUID(int=0)}")).status_code == 404
        await get(client, "/api/v1/documents?since=0001-01-01T00:00:00%2B14:00", 422)
