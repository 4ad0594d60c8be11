"""Document groups over HTTP, on the real topics and the real read model. What deciders would say, tests say."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from integration.gateway.served import Served, an_event
from integration.gateway.test_reading import get
from integration.gateway.test_writing import SOON, converted, submitted

GROUPS = "/api/v1/document-groups"


async def asked(client: httpx.AsyncClient, method: str, path: str, **request: Any) -> dict[str, Any]:
    answer = await client.request(method, path, **request)
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def a_group(gateway: Served, client: httpx.AsyncClient, *members: UUID, **body: Any) -> UUID:
    """A group that the client has created, as the decider would record it."""
    wish = {"title": "Suite", "members": [str(m) for m in members], **body}
    accepted = await asked(client, "POST", GROUPS, json=wish)
    ident = UUID(accepted["group_id"])
    owner = (await get(client, "/api/v1/me"))["subject"]
    primary = str(members[0]) if members else None
    created = {"visibility": "organization", "groups": [], "primary": primary, "owner": owner, **wish}
    await gateway.say(an_event("document-group-created", 1, key=ident, command=accepted["operation_id"], **created))
    return ident


async def test_a_group_appears_for_whoever_waits(gateway: Served) -> None:
    async with gateway.client() as client:
        one, two = await converted(gateway, client), await converted(gateway, client)
        wish = {"title": "Suite", "members": [str(one), str(two)]}
        key = {"Idempotency-Key": f"k-{uuid4()}"}
        accepted = await asked(client, "POST", GROUPS, json=wish, headers=key)
        ident = UUID(accepted["group_id"])
        assert accepted["links"]["document-group"] == f"{GROUPS}/{ident}"
        waiting = asyncio.create_task(client.post(GROUPS, json=wish, headers={**key, **SOON}))
        await gateway.say(
            an_event(
                "document-group-created",
                1,
                key=ident,
                command=accepted["operation_id"],
                primary=str(one),
                owner="mara.lindqvist",
                visibility="private",
                groups=[],
                **wish,
            )
        )
        answer = await waiting
        assert (answer.status_code, answer.headers["ETag"]) == (201, '"d1.a0"')
        group = answer.json()
        assert [(m["document_id"], m["primary"], m["status"]) for m in group["members"]] == [
            (str(one), True, "converted"),
            (str(two), False, "converted"),
        ]
        assert group["results_visible"]
        operation = await get(client, f"/api/v1/operations/{accepted['operation_id']}")
        assert (operation["group_id"], operation["document_id"], operation["status"]) == (str(ident), None, "succeeded")
        again = await client.get(f"{GROUPS}/{ident}", headers={"If-None-Match": '"d1.a0"'})
        assert again.status_code == 304


async def test_every_change_of_a_group_is_a_command(gateway: Served) -> None:
    async with gateway.client() as client:
        one, two, three = [await converted(gateway, client) for _ in range(3)]
        ident = await a_group(gateway, client, one, two)
        url = f"{GROUPS}/{ident}"
        steps: list[tuple[str, str, dict[str, Any], str, dict[str, Any]]] = [
            ("PATCH", url, {"json": {"title": "Other"}}, "document-group-renamed", {"title": "Other"}),
            ("POST", f"{url}/members", {"json": {"document_id": str(three)}}, "group-member-added", {}),
            ("PUT", f"{url}/primary", {"json": {"document_id": str(three)}}, "primary-member-set", {}),
            ("DELETE", f"{url}/members/{one}", {}, "group-member-removed", {"document_id": str(one)}),
        ]
        for version, (method, path, request, event, body) in enumerate(steps, start=2):
            headers = {"If-Match": f'"d{version - 1}.a0"'}
            accepted = await asked(client, method, path, headers=headers, **request)
            body = body or {"document_id": str(three)}  # noqa: PLW2901 -- the member that most of them are about
            await gateway.say(an_event(event, version, key=ident, command=accepted["operation_id"], **body))
        group = await get(client, url)
        assert (group["title"], group["stream_version"]) == ("Other", 5)
        assert [(m["document_id"], m["primary"]) for m in group["members"]] == [(str(two), False), (str(three), True)]
        stale = await client.patch(url, json={"title": "x"}, headers={"If-Match": '"d1.a0"'})
        assert (stale.status_code, stale.json()["current_version"]) == (412, 5)
        trail = await get(client, f"{url}/audit")
        assert [entry["type"] for entry in trail["items"]][-1] == "document-group-created"


async def test_a_deleted_group_is_gone_and_its_documents_stay(gateway: Served) -> None:
    async with gateway.client() as client:
        one = await converted(gateway, client)
        ident = await a_group(gateway, client, one)
        accepted = await asked(client, "DELETE", f"{GROUPS}/{ident}")
        await gateway.say(an_event("document-group-deleted", 2, key=ident, command=accepted["operation_id"]))
        assert (await client.get(f"{GROUPS}/{ident}")).status_code == 410
        again = await client.delete(f"{GROUPS}/{ident}")
        assert (again.status_code, again.json()["code"]) == (410, "deleted")
        assert (await client.get(f"/api/v1/documents/{one}")).status_code == 200
        assert str(ident) not in {group["group_id"] for group in (await get(client, GROUPS))["items"]}


async def test_lists_are_paged_and_filtered_by_member(gateway: Served) -> None:
    async with gateway.client() as client:
        one = await converted(gateway, client)
        made = [await a_group(gateway, client, one, title=f"Suite {n}") for n in range(3)]
        first = await get(client, GROUPS, params={"member": str(one), "limit": 2})
        rest = await get(client, GROUPS, params={"member": str(one), "limit": 2, "cursor": first["next_cursor"]})
        found = [group["group_id"] for group in (*first["items"], *rest["items"])]
        assert sorted(found) == sorted(map(str, made))
        assert rest["next_cursor"] is None


async def test_a_member_must_be_a_document_that_the_caller_sees(gateway: Served) -> None:
    async with gateway.client("contributor", subject="otto") as other, gateway.client() as client:
        hidden = await converted(gateway, client, visibility="private")
        for path, request in (
            (GROUPS, {"title": "Suite", "members": [str(hidden)]}),
            (f"{GROUPS}/{await a_group(gateway, other)}/members", {"document_id": str(hidden)}),
        ):
            refused = await other.post(path, json=request)
            assert (refused.status_code, refused.json()["code"]) == (422, "unknown-document")


async def test_a_group_is_seen_as_its_visibility_says_and_a_hidden_member_shows_nothing(gateway: Served) -> None:
    async with gateway.client() as client, gateway.client("contributor", subject="otto") as other:
        hidden = await converted(gateway, client, visibility="private")
        shared = await a_group(gateway, client, hidden)
        own = await a_group(gateway, client, hidden, visibility="private")
        seen = await get(other, f"{GROUPS}/{shared}")
        assert (seen["members"][0]["title"], seen["results_visible"]) == (None, False)
        assert (await other.get(f"{GROUPS}/{own}")).status_code == 404
        assert (await other.patch(f"{GROUPS}/{shared}", json={"title": "x"})).status_code == 403
        assert (await other.get(f"{GROUPS}/{shared}/audit")).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"title": " "},
        {"title": "Suite", "visibility": "group"},
        {"title": "Suite", "primary": str(UUID(int=1))},
        {"title": "Suite", "members": [str(UUID(int=n)) for n in range(51)]},
        {"title": "Suite", "unknown": 1},
    ],
)
async def test_a_bad_wish_is_named(gateway: Served, body: dict[str, Any]) -> None:
    async with gateway.client() as client:
        refused = await client.post(GROUPS, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")


async def test_a_change_of_nothing_is_refused(gateway: Served) -> None:
    async with gateway.client() as client:
        document = await converted(gateway, client)
        for url in (f"{GROUPS}/{await a_group(gateway, client)}", f"/api/v1/documents/{document}"):
            refused = await client.patch(url, json={})
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid-request")


async def test_findings_of_a_group_are_answered_by_commands_for_it(gateway: Served) -> None:
    async with gateway.client() as client, gateway.client("contributor", subject="otto") as other:
        hidden = await converted(gateway, client, visibility="private")
        ident = await a_group(gateway, client, hidden)
        url = f"{GROUPS}/{ident}"
        answers = {"reject": [{"fingerprint": "f1", "reason": "known"}]}
        accepted = await asked(client, "POST", f"{url}/findings/answers", json=answers)
        assert (accepted["group_id"], accepted["links"]["document-group"]) == (str(ident), url)
        operation = await get(client, f"/api/v1/operations/{accepted['operation_id']}")
        assert (operation["type"], operation["stream"]) == ("answer-findings", f"analysis:{ident}")
        unknown = await client.post(f"{url}/findings/f1/accept")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not-found")
        nothing = await client.post(f"{url}/members/{hidden}/changes")
        assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing-to-do")
        for path, body in (("findings/answers", answers), ("findings/f1/accept", {})):
            refused = await other.post(f"{url}/{path}", json=body)
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert (await other.post(f"{url}/members/{hidden}/changes")).status_code in {403, 404}


async def test_a_viewer_creates_no_group(gateway: Served) -> None:
    async with gateway.client("viewer") as viewer:
        assert (await viewer.post(GROUPS, json={"title": "Suite"})).status_code == 403


async def test_a_group_is_analysed_by_whoever_sees_all_of_its_members(gateway: Served) -> None:
    async with gateway.client() as client, gateway.client("contributor", subject="otto") as other:
        one, hidden = await converted(gateway, client), await converted(gateway, client, visibility="private")
        url = f"{GROUPS}/{await a_group(gateway, client, one, hidden)}"
        accepted = await asked(client, "POST", f"{url}/analyses", json={"focus": ["CON"]})
        operation = await get(client, f"/api/v1/operations/{accepted['operation_id']}")
        assert operation["type"] == "request-suite-analysis"
        for method, path in (("POST", "analyses"), ("GET", "analyses"), ("GET", "findings"), ("GET", "verdicts")):
            refused = await other.request(method, f"{url}/{path}")
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
            if method == "GET":
                assert await get(client, f"{url}/{path}") == {"items": [], "next_cursor": None}


async def test_a_group_that_is_not_whole_is_not_analysed(gateway: Served) -> None:
    async with gateway.client() as client:
        command, raw = await submitted(client)
        gone = await converted(gateway, client)
        await gateway.say(
            an_event("document-submitted", 1, key=raw, command=command, owner="mara.lindqvist", repositories=[])
        )
        groups = [(await a_group(gateway, client, *members)) for members in ((), (raw,), (gone,))]
        await gateway.say(an_event("document-deleted", 3, key=gone, command=str(uuid4())))
        for group, code in zip(groups, ("no-members", "not-converted", "member-deleted"), strict=True):
            refused = await client.post(f"{GROUPS}/{group}/analyses")
            assert (refused.status_code, refused.json()["code"]) == (409, code)
