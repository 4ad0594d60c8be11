"""`docward projections` against a running projector: a rebuild that is killed on its way, a switch and back."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from docward.events.codec import Encoded
from docward.events.topics import DOCUMENT_EVENTS
from docward.runtime.kafka import Publisher, partition_of
from installation import Installation, until
from integration.cli.test_parked import docward
from unit.projector.story import told

EVENTS = 24_000
BY = ("--why", "to see", "--json")


async def said(place: Installation, *words: str, code: int = 0) -> Any:
    found, text = await docward(place, *words)
    assert found == code, text
    return json.loads(text)


async def state(place: Installation, schema: str) -> dict[str, Any]:
    rows = await said(place, "projections", "status", "documents", "--json")
    return next(row for row in rows if row["schema"] == schema)


async def a_log(place: Installation, events: int) -> None:
    """Documents that were submitted, one event each."""
    publisher = Publisher(place.settings("gateway").kafka, place.signer("gateway"))
    await publisher.start()
    by_partition: dict[int, list[Encoded]] = {}
    for number in range(events):
        record = told("document-submitted", 1, key=UUID(int=number + 1, version=4), by=number).encoded()
        by_partition.setdefault(partition_of(record.key, DOCUMENT_EVENTS.partitions), []).append(record)
    for partition, records in by_partition.items():
        await publisher.write(DOCUMENT_EVENTS, partition, records)
    await publisher.stop()


async def test_a_rebuild_survives_a_kill_and_is_switched_to_and_back(installation: Installation) -> None:
    place = installation
    place.start("projector")
    await place.ready()
    await a_log(place, EVENTS)

    async def projected(consumer: str = "projector-documents-v1") -> int:
        rows = await place.fetch(
            "select coalesce(sum(next_offset), 0)::int as done from projector.checkpoints where consumer = $1", consumer
        )
        return int(rows[0]["done"])

    async def all_projected() -> bool:
        return await projected() == EVENTS

    await until(all_projected, within=120)
    assert (await state(place, "documents_v1"))["state"] == "live"
    asked = await said(place, "projections", "rebuild", "documents", *BY)
    assert (asked["schema"], asked["state"]) == ("documents_v1_g2", "filling")

    async def on_its_way() -> bool:
        return await projected("projector-documents-v1-g2") > 0

    await until(on_its_way, every=0.01)
    place.kill("projector")
    assert 0 < await projected("projector-documents-v1-g2") < EVENTS
    half = await state(place, "documents_v1_g2")
    assert half["eta_seconds"] > 0
    assert half["records"] + half["lag"] == half["of"] == EVENTS

    place.start("projector")

    async def rebuilt() -> bool:
        return await projected("projector-documents-v1-g2") == EVENTS

    await until(rebuilt, within=120)
    difference = "select * from {0}.documents except select * from {1}.documents"
    for one, other in (("documents_v1", "documents_v1_g2"), ("documents_v1_g2", "documents_v1")):
        assert await place.fetch(difference.format(one, other)) == []
    assert (await said(place, "projections", "switch", "documents", *BY))["schemas"] == ["documents_v1_g2"]
    assert (await said(place, "projections", "rollback", "documents", *BY))["schemas"] == ["documents_v1"]
    back = await said(place, "projections", "rollback", "documents", *BY)
    assert back["seconds"] < 1
    assert (await state(place, "documents_v1"))["state"] == "standby"
    assert (await place.fetch("select count(*) as number from read.documents"))[0]["number"] == EVENTS

    await said(place, "projections", "drop", "documents_v1", *BY)
    groups = {each["group"] for each in await said(place, "lag", "--json")}
    assert "projector-documents-v1-g2" in groups
    assert "projector-documents-v1" not in groups, "Kafka keeps its copy; nobody reads there"
    assert [row["schema"] for row in await said(place, "projections", "status", "documents", "--json")] == [
        "documents_v1_g2"
    ]
    for words, code in (
        (["drop", "documents_v1_g2"], 1),
        (["drop", "documents_v1"], 6),
        (["rebuild", "nothing"], 6),
        (["rollback", "documents"], 1),
        (["switch", "documents"], 1),
    ):
        found, text = await docward(place, "projections", *words, "--why", "to see")
        assert (found, "Traceback" in text) == (code, False), text
