"""Read models beside the event stores that published them: while a topic is lost, and after it was published again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from docward.events.topics import DOCUMENT_EVENTS
from installation import Installation, until
from integration.cli.test_parked import docward
from integration.cli.test_projections import said

WHY = ("--why", "to see", "--json")
READ_MODELS = ("documents", "search", "audit", "operations")


@pytest.fixture
async def place(installation: Installation) -> Installation:
    """With three documents, analysed."""
    await installation.start_with_analysed(3)
    return installation


async def verified(place: Installation, name: str, *, code: int = 0, against: str = "store") -> Any:
    return await said(place, "projections", "verify", name, "--against", against, "--json", code=code)


async def test_rows_are_held_against_the_event_store_whatever_became_of_the_topic(place: Installation) -> None:
    for name in (*READ_MODELS, "analyses", "findings", "verdicts", "repositories"):
        found = await verified(place, name)
        assert (found["state"], found["source"]) == ("done", "store"), found
    (one, *_) = await place.fetch("select document_id as id from documents_v1.documents order by 1")
    stranger = uuid4()
    rows = "select * from documents_v1.documents order by 1"
    right = await place.fetch(rows)

    await place.fetch("update documents_v1.documents set title = 'wrong' where document_id = $1", one["id"])
    await place.fetch("insert into search_v1.document_texts values ($1, 7, 'made up')", stranger)
    assert [each["key"] for each in (await verified(place, "documents", code=1))["unsettled"]] == [str(one["id"])]
    assert [each["key"] for each in (await verified(place, "search", code=1))["unsettled"]] == [str(stranger)]

    for service in ("converter", "analyzer", "projector"):
        place.stop(service)
    await place.delete_topic(DOCUMENT_EVENTS.name)
    place.start("converter", "analyzer", "projector")
    code, text = await docward(place, "projections", "verify", "documents")
    assert code == 1
    assert "it was made anew; docward republish document-events" in text
    assert [each["key"] for each in (await verified(place, "documents", code=1))["unsettled"]] == [str(one["id"])]
    survey = await said(
        place, "replay", "documents", "--key", str(one["id"]), "--source", "store", "--dry-run", "--json"
    )
    events = await place.fetch("select count(*) as n from converter.events where key = $1", one["id"])
    assert survey["of"] == sum(each["records"] for each in survey["touched"]) == events[0]["n"]
    nothing = await said(
        place, "replay", "search", "--from", "2999-01-01T00:00:00Z", "--source", "store", "--dry-run", "--json"
    )
    assert (nothing["of"], nothing["keys"], nothing["touched"]) == (0, 0, [])
    await said(place, "replay", "documents", "--key", str(one["id"]), "--source", "store", *WHY)
    await said(place, "replay", "search", "--key", str(stranger), "--source", "store", *WHY)
    assert await place.fetch(rows) == right
    for name in READ_MODELS:
        await verified(place, name)

    await said(place, "republish", DOCUMENT_EVENTS.name, "--yes", *WHY)
    for name in ("documents", "search"):
        await said(place, "projections", "rebuild", name, *WHY)

        async def filled(name: str = name) -> bool:
            shapes = await said(place, "projections", "status", name, "--json")
            return any(each["state"] == "filling" and each["lag"] == 0 for each in shapes)

        await until(filled)
        await said(place, "projections", "switch", name, "--force", *WHY)
        await verified(place, name, against="topics")
        await verified(place, name)
    assert await place.fetch(rows.replace("_v1", "_v1_g2")) == right


async def test_a_login_that_may_not_read_a_store_is_told_what_it_lacks(installation: Installation) -> None:
    installation.start("projector")
    await installation.ready("projector")
    found = await said(installation, "projections", "verify", "documents", "--against", "store", "--json", code=1)
    assert found["error"] == "there is no event store converter: its service has never run on this database"
