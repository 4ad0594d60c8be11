"""Live events: everything, once, in order, readable when it arrives; and resumed where a reader left off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from docward.events.codec import Envelope
from docward.events.messages import Actor
from docward.events.progress import ProgressReported
from docward.events.topics import PROGRESS
from docward.gateway import app
from integration.gateway.served import DEADLINE_S, Served, an_event, gateway_settings
from integration.gateway.test_writing import converted, submitted
from unit.projector.story import DOCUMENT


@dataclass
class Sent:
    """One server-sent event."""

    event: str = ""
    id: str | None = None
    data: Any = None


async def _events(answer: httpx.Response) -> AsyncIterator[Sent]:
    sent = Sent()
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            sent.event = value
        elif name == "id":
            sent.id = value
        elif name == "data":
            sent.data = json.loads(value)
        elif not line and sent.event:
            yield sent
            sent = Sent()


@asynccontextmanager
async def watching(client: httpx.AsyncClient, ident: UUID, **headers: str) -> AsyncIterator[AsyncIterator[Sent]]:
    async with (
        asyncio.timeout(DEADLINE_S),
        client.stream("GET", f"/api/v1/documents/{ident}/events", headers=headers) as answer,
    ):
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        yield _events(answer)


async def take(events: AsyncIterator[Sent], number: int) -> list[Sent]:
    return [await anext(events) for _ in range(number)]


async def test_a_reader_gets_what_was_and_what_comes(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        async with watching(client, ident) as events:
            past = await take(events, 2)
            assert [(sent.event, sent.id) for sent in past] == [
                ("document-submitted", "d1.a0"),
                ("document-converted", "d2.a0"),
            ]
            operation = str(uuid4())
            await gateway.say(an_event("details-edited", 3, key=ident, command=operation, title="Pushed"))
            (edited,) = await take(events, 1)
            assert (edited.event, edited.id) == ("details-edited", "d3.a0")
            assert edited.data["causation_id"] == operation
            assert edited.data["body"]["title"] == "Pushed"
            await gateway.say(an_event("analysis-requested", 1, key=ident, command=operation, analysis_id=str(uuid4())))
            (requested,) = await take(events, 1)
            assert (requested.event, requested.id) == ("analysis-requested", "d3.a1")


async def test_what_is_pushed_can_be_read(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        async with watching(client, ident, **{"Last-Event-ID": "d2.a0"}) as events:
            for version in range(3, 8):
                title = f"Title {version}"
                message = an_event("details-edited", version, key=ident, command=uuid4(), title=title)
                await gateway.installation.publish([message])
                (sent,) = await take(events, 1)
                shown = (await client.get(f"/api/v1/documents/{ident}/audit", params={"limit": 1})).json()["items"][0]
                assert shown["event_id"] == sent.data["event_id"]
        await gateway.installation.settled()


async def test_a_reader_who_comes_back_misses_nothing_and_gets_nothing_twice(gateway: Served) -> None:
    async with gateway.client() as client:
        async with watching(client, DOCUMENT) as events:
            whole = await take(events, 30)
        for place in (0, 7, 19, 28):
            async with watching(client, DOCUMENT, **{"Last-Event-ID": whole[place].id or ""}) as events:
                assert await take(events, 29 - place) == whole[place + 1 :]


async def test_progress_is_passed_on_without_an_id(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        async with watching(client, ident, **{"Last-Event-ID": "d2.a0"}) as events:
            waiting = asyncio.create_task(take(events, 1))
            while not waiting.done():  # the topic is read from its end: a report before that is missed
                await _report(gateway, ident)
                await asyncio.wait([waiting], timeout=0.2)
            (sent,) = waiting.result()
    assert (sent.event, sent.id) == ("progress", None)
    assert sent.data == {
        "document_id": str(ident),
        "version": 1,
        "stage": "converting",
        "done": 3,
        "total": 9,
        "unit": "pages",
    }


async def test_progress_is_shown_in_the_operation_while_it_runs(gateway: Served) -> None:
    async with asyncio.timeout(DEADLINE_S), gateway.client() as client:
        operation, ident = await submitted(client)
        place = f"/api/v1/operations/{operation}"
        await gateway.say(an_event("document-submitted", 1, key=ident, command=operation))
        while (running := (await client.get(place)).json())["progress"] is None:
            await _report(gateway, ident, UUID(str(operation)))
            await asyncio.sleep(0.2)  # the topic is read from its end: a report before that is missed
        assert running["status"] == "running"
        assert running["progress"] == {"stage": "converting", "done": 3, "total": 9, "unit": "pages"}
        (listed,) = (await client.get("/api/v1/operations", params={"document_id": str(ident)})).json()["items"]
        assert listed == running
        await gateway.say(an_event("document-converted", 2, key=ident, command=operation, version=1))
        ended = (await client.get(place)).json()
        assert (ended["status"], ended["progress"]) == ("succeeded", None)


async def _report(gateway: Served, ident: UUID, command_id: UUID | None = None) -> None:
    report = ProgressReported(document_id=ident, version=1, stage="converting", done=3, total=9, unit="pages")
    envelope = Envelope(
        id=uuid4(),
        type=report.TYPE,
        source="/docward/converter",
        time=datetime.now(UTC),
        subject=f"document:{ident}",
        key=ident,
        correlation_id=uuid4(),
        causation_id=command_id,
        actor=Actor(subject="converter", kind="job"),
    )
    await gateway.installation.around.publisher.publish(PROGRESS, envelope, report)


async def test_the_stream_ends_with_the_document(gateway: Served) -> None:
    async with gateway.client() as client:
        ident = await converted(gateway, client)
        async with watching(client, ident, **{"Last-Event-ID": "d2.a0"}) as events:
            await gateway.say(an_event("document-deleted", 3, key=ident, command=uuid4(), reason="obsolete"))
            assert [sent.event async for sent in events] == ["document-deleted"]


async def test_the_stream_ends_when_the_document_may_no_longer_be_seen(gateway: Served) -> None:
    async with gateway.client() as owner, gateway.client("viewer", subject="sam") as client:
        ident = await converted(gateway, owner, visibility="organization", groups=[])
        async with watching(client, ident, **{"Last-Event-ID": "d2.a0"}) as events:
            await gateway.say(an_event("document-made-private", 3, key=ident, command=uuid4()))
            rest = [sent.event async for sent in events]
        assert rest in ([], ["document-made-private"])
        assert (await client.get(f"/api/v1/documents/{ident}")).status_code == 404


@pytest.mark.parametrize("last", ["5", "d1", "dx.a1", "d1.a1; drop"])
async def test_an_id_that_was_never_sent_is_refused(gateway: Served, last: str) -> None:
    async with gateway.client() as client:
        answer = await client.get(f"/api/v1/documents/{DOCUMENT}/events", headers={"Last-Event-ID": last})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid-event-id")


async def test_an_open_stream_does_not_hold_up_the_end_of_the_process(gateway: Served) -> None:
    settings = gateway_settings(gateway.installation)
    stopping = asyncio.Event()
    process = asyncio.create_task(app.main(settings, stopping))
    other = Served(gateway.installation, settings, gateway.described)
    async with asyncio.timeout(DEADLINE_S), other.client() as client:
        while True:
            try:
                if (await client.get("/health/ready")).status_code == httpx.codes.OK:
                    break
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.05)
        async with watching(client, DOCUMENT) as events:
            await take(events, 1)
            stopping.set()
            began = asyncio.get_running_loop().time()
            await process
            assert asyncio.get_running_loop().time() - began < 5
