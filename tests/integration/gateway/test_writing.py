"""Requests become commands on the real topics, and their outcomes come back through the real read model."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiokafka import TopicPartition

from contracts.golden import body as golden_body
from docward.events.messages import stream_id
from docward.events.policies import repository_id
from docward.events.topics import DOCUMENT_COMMANDS
from docward.runtime.kafka import reading
from integration.gateway.served import LIMIT, Served, a_rejection, an_event
from integration.gateway.test_reading import get, pages
from unit.gateway.fakes import chunks

DOCUMENTS = "/api/v1/documents"
TEXT = b"# Momentum\n\nThe lookback is 250 trading days.\n"
SOON = {"Prefer": "wait=20"}
GONE = {"uri": "products/gone.md", "sha256": "0" * 64, "size": 1, "media_type": "text/markdown"}


async def submitted(client: httpx.AsyncClient, **headers: str) -> tuple[str, UUID]:
    """Operation and document of an accepted submission."""
    answer = await client.post(DOCUMENTS, params={"filename": "m.md"}, content=TEXT, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["operation_id"], UUID(answer.json()["document_id"])


async def converted(gateway: Served, client: httpx.AsyncClient, **body: Any) -> UUID:
    """A document that was submitted by the client and has been converted."""
    operation, ident = await submitted(client)
    markdown = await gateway.installation.store(f"products/{ident}.md", TEXT.decode())
    owner = (await get(client, "/api/v1/me"))["subject"]
    await gateway.say(
        an_event("document-submitted", 1, key=ident, command=operation, owner=owner, repositories=[], **body),
        an_event(
            "document-converted", 2, key=ident, command=operation, markdown=markdown.model_dump(), repositories=[]
        ),
    )
    return ident


async def test_an_operation_is_there_as_soon_as_it_was_accepted(gateway: Served) -> None:
    async with gateway.client() as client:
        for _ in range(5):
            operation, ident = await submitted(client)
            seen = await get(client, f"/api/v1/operations/{operation}")
            assert (seen["status"], seen["stream"]) == ("accepted", stream_id("document", ident))
            assert (seen["type"], seen["actor_subject"]) == ("submit-document", "mara.lindqvist")


async def test_whoever_prefers_to_wait_gets_the_document(gateway: Served) -> None:
    async with gateway.client() as client:
        key = {"Idempotency-Key": f"k-{uuid4()}"}
        operation, ident = await submitted(client, **key)
        waiting = asyncio.create_task(
            client.post(DOCUMENTS, params={"filename": "m.md"}, content=TEXT, headers={**key, **SOON})
        )
        await gateway.say(an_event("document-submitted", 1, key=ident, command=operation, owner="mara.lindqvist"))
        assert not waiting.done(), "its conversion is not done"
        await gateway.say(an_event("document-converted", 2, key=ident, command=operation, markdown=GONE))
        answer = await waiting
        assert answer.status_code == 201
        assert answer.headers["Preference-Applied"] == "wait=20"
        assert answer.headers["ETag"] == '"d2.a0"'
        assert answer.headers["Content-Location"] == f"{DOCUMENTS}/{ident}"
        assert (answer.json()["document_id"], answer.json()["status"]) == (str(ident), "converted")
        settled = await get(client, f"/api/v1/operations/{operation}", headers=SOON)
        assert settled["status"] == "succeeded"


async def test_a_failed_conversion_is_an_outcome_too(gateway: Served) -> None:
    async with gateway.client() as client:
        operation, ident = await submitted(client)
        waiting = asyncio.create_task(client.get(f"/api/v1/operations/{operation}", headers=SOON))
        await gateway.say(
            an_event("document-submitted", 1, key=ident, command=operation),
            an_event("conversion-failed", 2, key=ident, command=operation, reason="encrypted", detail="It is locked."),
        )
        outcome = (await waiting).json()
        assert (outcome["status"], outcome["code"], outcome["detail"]) == ("failed", "encrypted", "It is locked.")


async def test_whoever_waits_too_short_gets_where_to_look(gateway: Served) -> None:
    async with gateway.client() as client:
        answer = await client.post(DOCUMENTS, content=TEXT, headers={"Prefer": "wait=0"})
        assert answer.status_code == 202
        assert "Preference-Applied" not in answer.headers
        assert (await client.get(answer.headers["Location"])).status_code == 200


async def test_a_rejection_reaches_whoever_waits(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        url = f"{DOCUMENTS}/{ident}"
        key = {"Idempotency-Key": f"k-{uuid4()}"}
        accepted = await client.patch(url, json={"title": "Other"}, headers={**key, "If-Match": '"d2.a0"'})
        assert accepted.status_code == 202
        waiting = asyncio.create_task(
            client.patch(url, json={"title": "Other"}, headers={**key, "If-Match": '"d2.a0"', **SOON})
        )
        operation = accepted.json()["operation_id"]
        await gateway.say(
            a_rejection(operation, ident, code="version-conflict", detail="it is at 3", current_version=3)
        )
        problem = await waiting
        assert problem.status_code == 412
        assert problem.headers["Content-Type"] == "application/problem+json"
        body = problem.json()
        assert (body["code"], body["current_version"], body["operation_id"]) == ("version-conflict", 3, operation)


async def test_a_stale_etag_is_refused_at_once_and_a_repeated_request_is_not(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        url = f"{DOCUMENTS}/{ident}"
        stale = await client.patch(url, json={"title": "A"}, headers={"If-Match": '"d1.a0"'})
        assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
        headers = {"If-Match": '"d2.a0"', "Idempotency-Key": f"k-{uuid4()}"}
        first = await client.patch(url, json={"title": "A"}, headers=headers)
        await gateway.say(an_event("details-edited", 3, key=ident, command=first.json()["operation_id"], title="A"))
        again = await client.patch(url, json={"title": "A"}, headers={**headers, **SOON})
        assert (again.status_code, again.json()["title"]) == (200, "A")
        other = await client.patch(url, json={"title": "B"}, headers=headers)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_every_change_of_a_document_is_a_command(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        url = f"{DOCUMENTS}/{ident}"
        requests: list[tuple[str, str, dict[str, Any], str]] = [
            ("PATCH", url, {"json": {"tags": ["new"]}}, "edit-details"),
            ("PUT", f"{url}/repositories", {"json": {"repositories": []}}, "assign-repositories"),
            ("POST", f"{url}/restore", {"json": {"version": 1}}, "restore-version"),
            ("POST", f"{url}/conversion", {"json": {"version": 1}}, "request-conversion"),
            ("POST", f"{url}/versions?filename=n.md&comment=better", {"content": TEXT}, "submit-revision"),
            ("POST", f"{url}/analyses", {"json": {"focus": ["NUM"]}}, "request-analysis"),
            ("POST", f"{url}/analyses", {}, "request-analysis"),
            ("DELETE", f"{url}?reason=obsolete", {}, "delete-document"),
        ]
        for method, path, body, type_ in requests:
            answer = await client.request(method, path, **body)
            assert answer.status_code == 202, answer.text
            operation = await get(client, answer.headers["Location"])
            assert (operation["type"], operation["document_id"]) == (type_, str(ident))


async def test_deleting_answers_with_the_operation(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        headers = {"Idempotency-Key": f"k-{uuid4()}"}
        accepted = await client.delete(f"{DOCUMENTS}/{ident}", headers=headers)
        operation = accepted.json()["operation_id"]
        await gateway.say(an_event("document-deleted", 3, key=ident, command=operation, reason=""))
        answer = await client.delete(f"{DOCUMENTS}/{ident}", headers={**headers, **SOON})
        assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
        assert (await client.delete(f"{DOCUMENTS}/{ident}")).status_code == 410
        assert (await get(client, f"{DOCUMENTS}/{ident}", 410))["code"] == "deleted"


@pytest.mark.parametrize(
    ("address", "body", "status", "code"),
    [
        ("PATCH ", {"title": ""}, 422, "invalid-request"),
        ("PATCH ", {"title": "x" * 256}, 422, "invalid-request"),
        ("PATCH ", {"tags": ["x"] * 21}, 422, "invalid-request"),
        ("PATCH ", {"title": "a\x00b"}, 422, "invalid-request"),
        ("PATCH ", [], 422, "invalid-request"),
        ("PATCH ", {"name": "misspelt"}, 422, "invalid-request"),
        ("PUT /repositories", {"repositories": ["unknown-pack"]}, 422, "unknown-repository"),
        ("PUT /repositories", {"repositories": ["internal-algorithm-standard"]}, 422, "unknown-repository"),
        ("PUT /repositories", {"repositories": ["a b"]}, 422, "invalid-request"),
        ("PUT /repositories", {}, 422, "invalid-request"),
        ("POST /restore", {"version": 0}, 422, "invalid-request"),
        ("POST /restore", {"version": 2**40}, 422, "invalid-request"),
        ("POST /analyses", {"version": 7}, 404, "not-found"),
        ("POST /analyses", {"focus": ["EVERYTHING"]}, 422, "invalid-request"),
        ("POST /analyses", {"repositories": ["unknown-pack@3"]}, 422, "unknown-repository"),
        ("POST /findings/unknown/accept", {}, 404, "not-found"),
        ("POST /findings/unknown/modify", {}, 422, "invalid-request"),
        ("POST /findings/unknown/reject", {"reason": ""}, 422, "invalid-request"),
        ("POST /findings/unknown/reopen", {"comment": "x" * 2001}, 422, "invalid-request"),
    ],
)
async def test_bad_input_is_a_problem_and_no_command(
    gateway: Served, address: str, body: Any, status: int, code: str
) -> None:
    method, _, rest = address.partition(" ")
    async with gateway.client() as client:
        ident = await the_document(gateway, client)
        answer = await client.request(method, f"{DOCUMENTS}/{ident}{rest}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        broken = await client.request(
            method, f"{DOCUMENTS}/{ident}{rest}", content=b"{", headers={"Content-Type": "application/json"}
        )
        assert (broken.status_code, broken.json()["code"]) == (400, "invalid-json")
        etag = await client.request(method, f"{DOCUMENTS}/{ident}{rest}", json=body, headers={"If-Match": "W/x"})
        assert etag.status_code in {404, 422}


_DOCUMENTS: dict[str, UUID] = {}


async def the_document(gateway: Served, client: httpx.AsyncClient) -> UUID:
    """One that is converted and then only read."""
    if "it" not in _DOCUMENTS:
        _DOCUMENTS["it"] = await converted(gateway, client)
    return _DOCUMENTS["it"]


async def test_only_a_converted_version_is_analysed(gateway: Served) -> None:
    async with gateway.client() as client:
        operation, ident = await submitted(client)
        await gateway.say(an_event("document-submitted", 1, key=ident, command=operation))
        answer = await client.post(f"{DOCUMENTS}/{ident}/analyses", json={})
        assert (answer.status_code, answer.json()["code"]) == (409, "not-converted")


async def test_an_analysis_that_was_waited_for_is_the_answer(gateway: Served) -> None:
    async with gateway.client("viewer", subject="sam") as client, gateway.client() as owner:
        ident = await converted(gateway, owner)
        headers = {"Idempotency-Key": f"k-{uuid4()}"}
        accepted = await client.post(f"{DOCUMENTS}/{ident}/analyses", headers=headers)
        operation, analysis = accepted.json()["operation_id"], str(uuid4())
        waiting = asyncio.create_task(client.post(f"{DOCUMENTS}/{ident}/analyses", headers={**headers, **SOON}))
        await gateway.say(
            *(
                an_event(name, number, key=ident, command=operation, analysis_id=analysis)
                for number, name in enumerate(
                    ("analysis-requested", "findings-recorded", "verdicts-recorded", "analysis-completed"), start=1
                )
            )
        )
        answer = await waiting
        assert (answer.status_code, answer.json()["analysis_id"], answer.json()["status"]) == (
            201,
            analysis,
            "completed",
        )
        findings = await pages(client, f"{DOCUMENTS}/{ident}/findings")
        assert findings
        forbidden = await client.post(f"{DOCUMENTS}/{ident}/findings/{findings[0]['fingerprint']}/accept")
        assert forbidden.status_code == 403
        await _feedback(gateway, owner, ident, findings[0]["fingerprint"])


async def _feedback(gateway: Served, client: httpx.AsyncClient, ident: UUID, fingerprint: str) -> None:
    url = f"{DOCUMENTS}/{ident}/findings/{fingerprint}"
    steps: list[tuple[str, Any, str, dict[str, Any], str]] = [
        ("accept", {"comment": "yes"}, "finding-accepted", {"comment": "yes"}, "accepted"),
        ("reopen", None, "finding-reopened", {"comment": ""}, "open"),
        ("modify", {"text": "Instead."}, "finding-modified", {"text": "Instead.", "comment": ""}, "modified"),
        ("reopen", {}, "finding-reopened", {"comment": ""}, "open"),
        ("reject", {"reason": "no"}, "finding-rejected", {"reason": "no"}, "rejected"),
    ]
    for version, (verb, sent, event, body, status) in enumerate(steps, start=5):
        headers = {"Idempotency-Key": f"k-{uuid4()}", "If-Match": f'"d2.a{version - 1}"'}
        accepted = await client.post(f"{url}/{verb}", json=sent, headers=headers)
        assert accepted.status_code == 202, accepted.text
        operation = accepted.json()["operation_id"]
        await gateway.say(an_event(event, version, key=ident, command=operation, fingerprint=fingerprint, **body))
        again = await client.post(f"{url}/{verb}", json=sent, headers={**headers, **SOON})
        assert (again.status_code, again.json()["status"]) == (200, status), again.text
    stale = await client.post(f"{url}/reopen", json={}, headers={"If-Match": '"d2.a4"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 9)


async def test_a_group_s_document_exists_for_its_groups(gateway: Served) -> None:
    async with gateway.client("contributor") as owner:
        ident = await converted(gateway, owner, visibility="group", groups=["risk", "equity"])
        for groups, status in ((), 404), (("macro",), 404), (("macro", "equity"), 200):
            async with gateway.client("viewer", subject="sam", groups=groups) as client:
                assert (await client.get(f"{DOCUMENTS}/{ident}")).status_code == status
        assert (await owner.get(f"{DOCUMENTS}/{ident}")).status_code == 200


LOSSES = {
    "converter": "docward-converter/0.1.0",
    "characters_in": 12,
    "characters_out": 10,
    "dropped": [{"what": "comments", "characters": 2, "why": "they are not part of the text"}],
    "warnings": [],
    "pages": None,
}


async def test_ir_and_loss_report_are_read_as_they_were_stored(gateway: Served) -> None:
    async with gateway.client() as client:
        operation, ident = await submitted(client)
        golden = golden_body("ir.v1")
        ref = await gateway.installation.around.objects.put(
            f"products/{ident}.json", json.dumps(golden).encode(), "application/json"
        )
        losses = await gateway.installation.around.objects.put(
            f"products/{ident}-report.json", json.dumps(LOSSES).encode(), "application/json"
        )
        await gateway.say(
            an_event("document-submitted", 1, key=ident, command=operation),
            an_event(
                "document-converted",
                2,
                key=ident,
                command=operation,
                ir=ref.model_dump(),
                report=losses.model_dump(),
                markdown=GONE,
            ),
        )
        assert await get(client, f"{DOCUMENTS}/{ident}/ir") == golden
        assert await get(client, f"{DOCUMENTS}/{ident}/conversion") == LOSSES


async def test_others_may_see_but_not_change_a_document(gateway: Served) -> None:
    async with gateway.client("contributor", subject="sam") as client, gateway.client("contributor") as owner:
        ident = await converted(gateway, owner, visibility="organization", groups=[])
        url = f"{DOCUMENTS}/{ident}"
        assert (await client.get(url)).status_code == 200
        for method, rest, body in (
            ("PATCH", "", {"json": {"title": "Mine"}}),
            ("PUT", "/repositories", {"json": {"repositories": []}}),
            ("POST", "/restore", {"json": {"version": 1}}),
            ("POST", "/conversion", {"json": {"version": 1}}),
            ("POST", "/versions", {"content": TEXT}),
            ("DELETE", "", {}),
        ):
            answer = await client.request(method, url + rest, **body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), rest
        assert (await owner.patch(url, json={"title": "Ours"})).status_code == 202


async def test_a_pack_becomes_a_repository(gateway: Served) -> None:
    name = f"house-{uuid4().hex[:8]}"
    pack = {
        "pack": {"id": name, "version": "1", "title": "House rules"},
        "requirements": [{"id": "H-1", "level": "MUST", "title": "Owner", "paraphrase": "It names its owner."}],
    }
    async with gateway.client() as client:
        key = {"Idempotency-Key": f"k-{uuid4()}"}
        accepted = await client.post("/api/v1/policy-repositories/import", json=pack, headers=key)
        assert accepted.status_code == 202
        waiting = asyncio.create_task(
            client.post("/api/v1/policy-repositories/import", json=pack, headers={**key, **SOON})
        )
        operation, ident = accepted.json()["operation_id"], repository_id(name)
        await gateway.say(
            an_event("repository-created", 1, key=ident, command=operation, name=name, title="House rules"),
            an_event(
                "pack-imported", 2, key=ident, command=operation, chunk=1, chunks=1, policies=pack["requirements"]
            ),
        )
        await gateway.say(an_event("release-published", 3, key=ident, command=operation, release=1, policies=1))
        answer = await waiting
        assert (answer.status_code, answer.json()["name"]) == (201, name)
        stale = await client.post("/api/v1/policy-repositories/import", json=pack, headers={"If-Match": '"d1.a0"'})
        assert stale.status_code == 412
        document = await converted(gateway, client)
        url = f"{DOCUMENTS}/{document}/repositories"
        assert (await client.put(url, json={"repositories": [name]})).status_code == 202
        assert (await client.put(url, json={"repositories": [f"{name}@1"]})).status_code == 202
        unknown = await client.put(url, json={"repositories": [f"{name}@2"]})
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown-release")
        submitted_with = await client.post(DOCUMENTS, params={"repositories": f"{name.upper()}@1"}, content=TEXT)
        assert submitted_with.status_code == 202


async def test_what_was_uploaded_comes_back_as_an_attachment(gateway: Served) -> None:
    async with gateway.client() as client:
        answer = await client.post(DOCUMENTS, files={"file": ("größe <1>.md", TEXT)})
        operation, ident = answer.json()["operation_id"], UUID(answer.json()["document_id"])
        ref = await gateway.installation.store(f"uploads/{operation}", TEXT.decode())
        await gateway.say(
            an_event(
                "document-submitted",
                1,
                key=ident,
                command=operation,
                filename="größe _1_.md",
                original=ref.model_dump(),
            )
        )
        original = await client.get(f"{DOCUMENTS}/{ident}/original")
        assert original.content == TEXT
        assert original.headers["X-Content-Type-Options"] == "nosniff"
        assert original.headers["Content-Disposition"] == (
            "attachment; filename=\"gr__e _1_.md\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20_1_.md"
        )
        assert "sandbox" in original.headers["Content-Security-Policy"]


@pytest.mark.parametrize("form", [True, False])
async def test_the_limit_holds_over_http(gateway: Served, form: bool) -> None:  # noqa: FBT001  # a parameter of pytest
    async with gateway.client() as client:
        for size, status in ((LIMIT, 202), (LIMIT + 1, 413)):
            content = b"a" * size
            if form:
                answer = await client.post(DOCUMENTS, files={"file": ("a.md", content)})
            else:
                answer = await client.post(DOCUMENTS, content=chunks([content[:1000], content[1000:]]))
            assert answer.status_code == status, answer.text


async def test_whoever_sends_too_much_learns_it(gateway: Served) -> None:
    async with gateway.client() as client:
        for content in (b"a" * 8_000_000, chunks([b"a" * 65_536] * 100)):
            answer = await client.post(DOCUMENTS, content=content)
            assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
        forbidden = await client.post(DOCUMENTS, content=b"a" * 8_000_000, headers={"Authorization": "Bearer no"})
        assert forbidden.status_code == 401


async def records_of_commands(gateway: Served) -> int:
    """How many the topic of documents' commands has had."""
    kafka = gateway.settings.kafka
    places = [
        TopicPartition(kafka.topic_prefix + DOCUMENT_COMMANDS.name, p) for p in range(DOCUMENT_COMMANDS.partitions)
    ]
    async with reading(kafka) as consumer:
        return sum((await consumer.end_offsets(places)).values())


async def test_a_key_has_one_effect_however_many_use_it_at_once(gateway: Served) -> None:
    async with gateway.client() as client:
        headers = {"Idempotency-Key": f"k-{uuid4()}"}

        async def post() -> httpx.Response:
            return await client.post(
                DOCUMENTS, params={"filename": "m.md"}, content=TEXT, headers=headers, timeout=None
            )

        before = await records_of_commands(gateway)
        answers = await asyncio.gather(*(post() for _ in range(200)))
        assert await records_of_commands(gateway) == before + 1
        assert {answer.status_code for answer in answers} <= {202, 409}
        accepted = {answer.json()["operation_id"] for answer in answers if answer.status_code == 202}
        assert len(accepted) == 1
        refused = {answer.json()["code"] for answer in answers if answer.status_code == 409}
        assert refused <= {"request-in-progress"}
        (operation,) = accepted
        assert (await get(client, f"/api/v1/operations/{operation}"))["status"] == "accepted"
