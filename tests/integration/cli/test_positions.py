"""`docward positions` about a command topic that was made anew: told, decided by a person, and gone on with."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from docward.events.codec import Encoded
from docward.events.topics import DOCUMENT_COMMANDS, TOPICS
from docward.runtime.kafka import Publisher, ensure_topics, partition_of
from installation import Installation, until
from integration.cli.test_parked import docward

KEY = str(uuid4()).encode()
NUMBER = partition_of(KEY, DOCUMENT_COMMANDS.partitions)
PLACE = f"{DOCUMENT_COMMANDS.name}/{NUMBER}"
CALL = ("positions", "accept", "converter-documents", PLACE)
BY = ("--why", "made anew", "--yes")


async def garbage(place: Installation, *values: bytes) -> None:
    publisher = Publisher(place.settings("gateway").kafka, place.signer("gateway"))
    await publisher.start()
    await publisher.write(DOCUMENT_COMMANDS, NUMBER, [Encoded(KEY, value, ()) for value in values])
    await publisher.stop()


async def parked(place: Installation, number: int) -> None:
    async def all_parked() -> bool:
        return len(await place.fetch("select 1 from converter.parked")) == number

    await until(all_parked)


async def made_anew(place: Installation) -> None:
    """With Kafka's own tools, and by the services' way of creating topics."""
    await place.delete_topic(DOCUMENT_COMMANDS.name)
    await ensure_topics(place.settings("gateway").kafka, TOPICS)


async def test_a_position_in_a_log_that_was_made_anew_is_told_and_accepted(installation: Installation) -> None:
    place = installation
    place.start("converter")
    await place.ready()
    await garbage(place, b"\xff1", b"\xff2", b"\xff3")
    await parked(place, 3)
    code, said = await docward(place, "positions", "show", "converter-documents")
    assert (code, "recognised" in said) == (0, True), said
    place.stop("converter")

    await made_anew(place)
    await garbage(place, b"\xff4")
    lost = "position 3 is not in the log (0 to 1)"
    code, said = await docward(place, "positions", "show")
    assert (code, f"converter-documents {PLACE}: {lost}" in said) == (1, True), said
    code, said = await docward(place, "positions", "show", "--json")
    (row,) = (each for each in json.loads(said) if each["partition"] == NUMBER)
    assert (code, row["next_offset"], row["end_offset"], row["lost"]) == (1, 3, 1, lost)

    code, said = await docward(place, *CALL, "first", *BY, "--dry-run")
    assert (code, "would go on at 0" in said) == (0, True), said
    assert await place.fetch("select 1 from converter.operator_actions") == []
    code, said = await docward(place, *CALL, "first", *BY, "--json")
    assert (code, json.loads(said)["before"], json.loads(said)["after"]) == (0, 3, 0), said
    place.start("converter")
    await place.ready()
    await parked(place, 4)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("positions", "accept", "nobody", PLACE, "first", *BY), 6),
        (("positions", "accept", "converter-documents", "document-commands/6", "first", *BY), 2),
        (("positions", "accept", "converter-documents", "document-commands", "first", *BY), 2),
        ((*CALL, "yesterday", *BY), 2),
        (("positions", "show", "nobody"), 6),
    ],
)
async def test_a_wrong_call_says_what_is_wrong(installation: Installation, words: tuple[str, ...], code: int) -> None:
    found, said = await docward(installation, *words)
    assert (found, "Traceback" in said, bool(said)) == (code, False, True), said
