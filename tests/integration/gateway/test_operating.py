"""What admins may do to the system over HTTP, beside a projector that runs: the same as the command, by their token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from docward.localstack.stack import Stack
from docward.projector.app import views
from docward.projector.projections import PROJECTIONS
from docward.projector.switches import Switches
from docward.runtime.infrastructure import DECIDING
from docward.runtime.postgres import migrate
from installation import until
from integration.gateway.served import Served, served
from integration.projector.conftest import documents_in_every_state
from integration.projector.installation import Installation
from integration.projector.test_generations import filling
from integration.projector.test_replaying import recomputing, spoil
from unit.projector.story import DOCUMENT

ADMIN = "/api/v1/admin"


@dataclass
class Office:
    place: Installation
    served: Served
    client: httpx.AsyncClient

    async def post(self, path: str, status: int = 202, **body: Any) -> Any:
        answer = await self.client.post(ADMIN + path, json={"why": "to see", **body})
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, status: int = 200) -> Any:
        answer = await self.client.get(ADMIN + path)
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def place(servers: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    async with documents_in_every_state(servers, tmp_path) as one:
        yield one


@pytest.fixture
async def office(place: Installation) -> AsyncIterator[Office]:
    dsn = place.around.settings.postgres.dsn.get_secret_value()
    for schema in ("converter", "analyzer"):
        await migrate(dsn, schema, DECIDING)
    switches = Switches(PROJECTIONS, views(), place.around)
    async with filling(place), recomputing(place), served(place) as running, running.client() as client:
        task = asyncio.create_task(switches.run())
        await place.settled()
        yield Office(place, running, client)
        switches.stop()
        await task


async def test_a_read_model_is_rebuilt_switched_and_dropped(office: Office) -> None:
    begun = await office.post("/projections/documents/rebuild")
    assert (begun["schema"], begun["state"]) == ("documents_v1_g2", "requested")
    await office.post("/projections/documents/rebuild", 409)

    async def filled() -> bool:
        items = (await office.get("/projections"))["items"]
        (one,) = [each for each in items if each["schema"] == "documents_v1_g2"]
        return one["state"] == "filling" and one["lag"] == 0 and bool(one["fed"])

    await until(filled)
    assert (await office.post("/projections/documents/switch"))["schemas"] == ["documents_v1_g2"]
    assert (await office.post("/projections/documents/switch", 409))["code"] == "not-possible"
    assert (await office.post("/projections/documents/rollback"))["state"] == "done"
    await office.post("/generations/documents_v1/drop", 409)
    await office.post("/generations/documents_v1_g2/drop")
    await office.post("/projections/nothing/rebuild", 404)
    who = await office.place.pool.fetch("select distinct who, why from operator_actions")
    assert [(row["who"], row["why"]) for row in who] == [("mara.lindqvist", "to see")]


async def test_rows_are_surveyed_replayed_and_verified(office: Office) -> None:
    before = await office.place.tables()
    await spoil(office.place, "documents", DOCUMENT)

    async def over(ident: int) -> Any:
        async def ended() -> Any:
            found = await office.get(f"/replays/{ident}")
            return found if found["state"] not in {"asked", "running"} else None

        return await until(ended)

    body: dict[str, Any] = {"projection": "documents", "keys": [str(DOCUMENT)]}
    surveyed = await over((await office.post("/replays", action="survey", **body))["replay"])
    assert (surveyed["state"], surveyed["keys"]) == ("done", 1)
    found = await over((await office.post("/replays", action="verify", **body))["replay"])
    assert (found["state"], found["unsettled"][0]["key"]) == ("failed", str(DOCUMENT))
    assert (await over((await office.post("/replays", **body))["replay"]))["state"] == "done"
    assert await office.place.tables() == before
    assert len((await office.get("/replays?projection=documents"))["items"]) == 3
    await office.post("/replays", 422, projection="documents")
    await office.post("/replays", 409, projection="documents", topic="policy-events")
    await office.post("/replays", 404, projection="nothing", everything=True)
    await office.get("/replays/4711", 404)
    await office.post(f"/replays/{found['replay']}/cancel", 409)


async def test_topics_lag_and_parked_records_are_shown(office: Office) -> None:
    assert (await office.get("/topics/differences"))["items"] == []
    topics = {each["topic"]: each["records"] for each in (await office.get("/topics"))["items"]}
    assert sum(topics.values()) == office.place.published.total()
    lags = (await office.get("/lag"))["items"]
    assert {each["group"] for each in lags} >= {projection.consumer for projection in PROJECTIONS}
    assert all(each["lag"] == 0 == each["seconds"] for each in lags if each["group"].startswith("projector"))
    positions = (await office.get("/positions"))["items"]
    assert {each["group"] for each in positions} >= {projection.consumer for projection in PROJECTIONS}
    assert all(each["lost"] is None and each["recognised"] is not False for each in positions)
    assert (await office.get("/parked"))["items"] == []
    await office.get("/parked/converter/1", 404)
    await office.post("/parked/redrive", 404, records=["projector/1"])
    await office.post("/parked/redrive", 422, records=["nonsense"])
    await office.post("/parked/redrive", 422)
    await office.post("/parked/discard", 404, records=["converter/12"])
    republished = await office.post("/topics/document-events/republish")
    assert republished["unpublished"] == 0
    await office.post("/topics/document-commands/republish", 404)


@pytest.mark.parametrize("role", ["viewer", "contributor", "auditor"])
async def test_nobody_else_may(office: Office, role: str) -> None:
    async with office.served.client(role) as client:
        for path, methods in office.served.described._document["paths"].items():
            if path.startswith(ADMIN):
                for method in methods:
                    filled = path.replace("{name}", "documents").replace("{schema}", "documents_v1")
                    filled = filled.replace("{replay}", "1").replace("{service}", "projector").replace("{number}", "1")
                    answer = await client.request(method, filled, json={"why": "to see"} if method == "post" else None)
                    assert answer.status_code == 403, path


async def test_the_role_of_operators_can_do_nothing_else(office: Office) -> None:
    for statement in (
        "delete from parked",
        "update checkpoints set next_offset = 0",
        "select * from documents_v1.documents",
        "insert into converter.events default values",
    ):
        async with office.place.pool.acquire() as connection, rolled_back(connection):
            await connection.execute("set local role docward_operator")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)


@asynccontextmanager
async def rolled_back(connection: asyncpg.Connection) -> AsyncIterator[None]:
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()
