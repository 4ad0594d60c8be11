"""`docward parked` against a running converter: what it shows, has redriven and gives up."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
import sys
from typing import Any
from uuid import uuid4

import pytest

from docward.events.codec import Encoded
from docward.events.topics import DOCUMENT_COMMANDS
from docward.runtime.kafka import Publisher, partition_of
from installation import Installation, until

KEY = str(uuid4()).encode()
GARBAGE = b"\xff\x00 not a message"


async def docward(place: Installation, *words: str, data: str | None = None) -> tuple[int, str]:
    environment = {**os.environ, **place.environment("cli")}
    command = [sys.executable, "-m", "docward.cli.main", *words]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False, input=data
    )
    return done.returncode, done.stdout or done.stderr


@pytest.fixture
async def place(installation: Installation) -> Installation:
    """A converter that has set two pieces of garbage aside."""
    installation.start("converter")
    await installation.ready()
    publisher = Publisher(installation.settings("gateway").kafka, installation.signer("gateway"))
    await publisher.start()
    records = [Encoded(KEY, GARBAGE, (("ce_id", None), ("x", b"\xfe"))), Encoded(KEY, GARBAGE, ())]
    await publisher.write(DOCUMENT_COMMANDS, partition_of(KEY, DOCUMENT_COMMANDS.partitions), records)
    await publisher.stop()

    async def mirrored() -> bool:
        rows = await installation.fetch("select mirrored from converter.parked")
        return len(rows) == 2 and all(row["mirrored"] for row in rows)

    await until(mirrored)
    return installation


async def listed(place: Installation, *filters: str) -> list[dict[str, Any]]:
    code, said = await docward(place, "parked", "list", "--json", *filters)
    assert code == 0, said
    rows: list[dict[str, Any]] = json.loads(said)
    return rows


async def test_parked_records_are_listed_shown_redriven_and_discarded(place: Installation) -> None:
    first, second = await listed(place)
    assert (first["reason"], first["key"], first["attempts"]) == ("undecodable", KEY.decode(), 1)
    assert await listed(place, "--reason", "unexpected") == []
    assert await listed(place, "--until", "1d") == []
    assert len(await listed(place, "--since", "1h", "--key", KEY.decode(), "--consumer", "converter-documents")) == 2

    code, said = await docward(place, "parked", "show", first["record"])
    shown = json.loads(said)
    assert code == 0
    assert base64.b64decode(shown["value_base64"]) == GARBAGE
    assert shown["headers"] == {"ce_id": None, "x": "\\xfe"}
    assert shown["undecodable"]
    assert shown["message"] is None

    words = ("parked", "redrive", first["record"], "--why", "tried", "--json")
    code, said = await docward(place, *words, "--dry-run")
    assert (code, [each["outcome"] for each in json.loads(said)]) == (0, ["dry-run"])
    code, said = await docward(place, *words)
    assert (code, [(each["outcome"], each["attempts"]) for each in json.loads(said)]) == (1, [("parked-again", 2)])

    await place.fetch("update converter.parked set attempts = 5")
    code, said = await docward(place, *words)
    assert (code, [each["outcome"] for each in json.loads(said)]) == (1, ["too-many-attempts"])

    code, said = await docward(place, "parked", "discard", second["record"], "--why", "garbage", "--yes", "--json")
    assert (code, [each["outcome"] for each in json.loads(said)]) == (0, ["discarded"])
    assert [each["record"] for each in await listed(place)] == [first["record"]]
    (kept,) = await place.fetch("select * from converter.operator_actions where verb = 'discarded'")
    assert (kept["why"], bytes(kept["value"])) == ("garbage", GARBAGE)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["show", "converter/999"], 6),
        (["show", "nonsense"], 2),
        (["list", "--since", "yesterday"], 2),
        (["redrive", "--why", "because"], 2),
        (["redrive", "projector/12", "--why", "because"], 6),
    ],
)
async def test_a_wrong_call_says_what_is_wrong(installation: Installation, words: list[str], code: int) -> None:
    found, said = await docward(installation, "parked", *words)
    assert found == code
    assert "Traceback" not in said
