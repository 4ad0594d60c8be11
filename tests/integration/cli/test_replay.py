"""`docward replay` and `projections verify` against a projector that is killed on its way, and `lag` and `topics`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from uuid import UUID

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from docward.events.topics import DOCUMENT_EVENTS
from installation import Installation, until
from integration.cli.test_parked import docward
from integration.cli.test_projections import BY, a_log, said

EVENTS = 3000
ONE = UUID(int=1, version=4)


async def test_a_replay_survives_the_death_of_the_command_and_of_the_projector(installation: Installation) -> None:
    place = installation
    place.start("projector")
    await place.ready()
    await a_log(place, EVENTS)

    async def projected() -> bool:
        rows = await place.fetch(
            "select sum(next_offset)::int as n from projector.checkpoints where consumer = 'projector-documents-v1'"
        )
        return bool(rows[0]["n"] == EVENTS)

    await until(projected, within=120)
    before = await place.fetch("select * from documents_v1.documents order by 1")
    await place.fetch("update documents_v1.documents set title = 'wrong'")
    await place.fetch("delete from documents_v1.document_versions where document_id = $1", ONE)

    survey = await said(place, "replay", "documents", "--all", "--dry-run", "--json")
    assert (survey["state"], survey["keys"], survey["of"]) == ("done", EVENTS, EVENTS)
    assert sum(each["records"] for each in survey["touched"]) == EVENTS
    one = await said(place, "replay", "documents", "--key", str(ONE), *BY)
    assert (one["state"], one["keys"]) == ("done", 1)
    assert len(await place.fetch("select from documents_v1.documents where title = 'wrong'")) == EVENTS - 1
    wrong = await said(place, "projections", "verify", "documents", "--json", code=1)
    assert len(wrong["unsettled"]) == 100

    words = [sys.executable, "-m", "docward.cli.main", "replay", "documents", "--all", "--rate", "1500", *BY]
    environment = {**os.environ, **place.environment("cli")}
    quiet = asyncio.subprocess.DEVNULL
    command = await asyncio.create_subprocess_exec(*words, env=environment, stdout=quiet, stderr=quiet)

    async def read() -> int:
        (row,) = await place.fetch("select records, state from projector.replays order by id desc limit 1")
        return int(row["records"]) if row["state"] == "running" else 0

    half = await until(read)
    command.send_signal(signal.SIGKILL)
    await command.wait()
    place.kill("projector")
    assert half < EVENTS
    place.start("projector")

    async def done() -> bool:
        (row,) = await place.fetch("select state from projector.replays order by id desc limit 1")
        return bool(row["state"] == "done")

    await until(done, within=60)
    assert await place.fetch("select * from documents_v1.documents order by 1") == before
    assert (await said(place, "projections", "verify", "documents", "--json"))["state"] == "done"
    assert len(await said(place, "projections", "replays", "documents", "--json")) == 5
    for words, code in (
        (["replay", "nothing", "--all"], 6),
        (["replay", "documents"], 2),
        (["replay", "documents", "--key", "x"], 2),
        (["replay", "documents", "--topic", "policy-events"], 1),
        (["replay", "documents", "--partition", "6"], 1),
        (["replay", "documents", "--from", "5", "--to", "3"], 1),
        (["replay", "documents", "--from", "2026-05-12T08:00:00Z", "--to", "2026-05-12T07:00:00Z"], 1),
        (["projections", "cancel", "1"], 1),
        (["projections", "cancel", "99"], 6),
    ):
        found, text = await docward(place, *words, "--why", "to see")
        assert (found, "Traceback" in text) == (code, False), text

    rows = [each for each in await said(place, "lag", "--json") if each["group"] == "projector-documents-v1"]
    assert [each["lag"] for each in rows] == [0] * 6
    place.stop("projector")
    await a_log(place, 12)
    rows = [each for each in await said(place, "lag", "--json") if each["group"] == "projector-documents-v1"]
    assert sum(each["lag"] for each in rows) == 12
    assert all((each["seconds"] > 0) == (each["lag"] > 0) for each in rows)

    assert await said(place, "topics", "diff", "--json") == []
    admin = AIOKafkaAdminClient(bootstrap_servers=place.kafka)
    await admin.start()
    name = place.prefix + DOCUMENT_EVENTS.name
    changed = {"retention.ms": "1000000", "segment.bytes": "1048576"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=changed)])
    differ = await said(place, "topics", "diff", "--json", code=1)
    assert ("retention.ms", "1000000", "-1") in {(each["setting"], each["is"], each["should"]) for each in differ}
    await said(place, "topics", "apply", "--json")
    assert await said(place, "topics", "diff", "--json") == []
    (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    await admin.close()
    kept = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert kept["segment.bytes"] == "1048576", "what is not declared stays"
