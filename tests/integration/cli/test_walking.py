"""The runbooks, walked: every command that a page gives is run in the order of the page, against services that run,
with its placeholders filled in, and ends as it should."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from contracts.test_runbooks import given
from docward.cli.main import app
from docward.events.codec import Encoded
from docward.events.topics import DOCUMENT_COMMANDS
from docward.runtime.kafka import Publisher, partition_of
from installation import Installation, until
from integration.cli.test_parked import docward

SAMPLE = Path(__file__).parents[3] / "samples" / "intraday-mean-reversion.md"
WHY = "--why walked"

ENDS: dict[str, list[tuple[int, str]]] = {
    "alarms.md": [
        (0, r"converter-documents +document-commands"),
        (0, r"projector-documents-v1 +document-events/0 +\d+ +0 to \d+ "),
        (0, r"undecodable"),
        (0, r"projector-documents-v1 "),
        (0, r"gateway +ready"),
        (0, r"every topic is as it is declared"),
        (0, r"every topic is as it is declared"),
        (0, r"projector +ready"),
        (0, r"projector +ready"),
        (0, r"service"),
    ],
    "parked-records.md": [
        (0, r"converter/\d+  undecodable"),
        (0, r"nothing is parked"),
        (0, r'"reason": "undecodable"'),
        (0, r"dry-run"),
        (1, r"parked-again"),
        (0, r"nothing is parked"),
        (1, r"parked-again"),
        (0, r"discarded"),
    ],
    "positions.md": [
        (0, r"converter-documents +document-commands/\d +[1-4] +0 to [1-4] +\d+ +recognised"),
        (0, r"converter-documents +document-commands/\d +[1-4] +0 to [1-4] +\d+ +recognised"),
        (0, r"would go on at 0"),
        (0, r"goes on at 0"),
    ],
    "projections.md": [
        (0, r"documents_v1 +live +yes"),
        (0, r"documents_v1 +live +yes"),
        (0, r"documents_v1_g2"),
        (0, r"documents_v1_g2 +filling +yes"),
        (0, r"views stand over documents_v1_g2"),
        (0, r"views stand over documents_v1,"),
        (0, r"documents_v1_g2 is dropped"),
        (0, r"views stand over documents_v1_g3, search_v1_g2"),
    ],
    "replay.md": [
        (0, r"verify documents: done"),
        (0, r'"state": "done"'),
        (0, r"verify documents against store: done"),
        (0, r"\n1 keys"),
        (0, r"^0 keys, 0 records to read, about 0 s"),
        (0, r"^0 keys, 0 records to read, about 0 s"),
        (0, r"^0 keys, 0 records to read, about 0 s"),
        (0, r"\n1 keys, \d records to read\n"),
        (0, r"replay documents: done.*1 of 1 keys"),
        (0, r"replay documents: done.*1 of 1 keys"),
        (0, r"replay documents from store: done.*1 of 1 keys"),
        (0, r"replay documents: done"),
        (0, r"replay documents: done"),
        (0, r"replay documents: cancell(ing|ed)"),
    ],
    "republish.md": [
        (0, r"document-events: \d+ events of \d+ partitions, 0 to go"),
        (0, r"analysis-events: \d+ events of \d+ partitions, 0 to go"),
        (0, r"document-events: \d+ events of \d+ partitions, 0 to go"),
        (0, r"documents_v1_g4"),
        (0, r"documents_v1_g4 +filling"),
        (0, r"views stand over documents_v1_g4"),
        (0, r"documents_v1_g3 is dropped"),
        (0, r"verify documents against store: done"),
    ],
    "topics.md": [
        (0, r"projector-documents"),
        (0, r'"stored": "postgres"'),
        (0, r"document-events"),
        (0, r"every topic is as it is declared"),
        (0, r"every topic is as it is declared"),
    ],
}
"""Page to the exit code, and what is printed, of each of its commands."""

FIRST = {
    "docward projections switch documents search": ["projections rebuild documents", "projections rebuild search"],
    "docward projections cancel": ["replay documents --all --rate 1 --timeout 0"],
}
"""What has to go on already when a page begins in the middle of it."""


class Stack:
    """A stack of the command's own, on the shared servers. The operators' verbs run inside the test: starting an
    interpreter for each would take most of the time."""

    document: str

    def said(self, line: str, *, code: int = 0) -> Any:
        found, text = self.run(f"{line} --json")
        assert found == code, text
        return json.loads(text)

    def run(self, line: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, shlex.split(line), input="y\n")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout or done.stderr

    def filled(self, line: str) -> str:
        """With the names of what is there, for those that the page makes up."""
        if "converter/12" in line:
            line = line.replace("converter/12", self.said("parked list")[0]["record"])
        if "documents_v1 " in line:
            rows = self.said("projections status documents")
            line = line.replace("documents_v1", [row["schema"] for row in rows if row["state"] == "standby"][-1])
        if "document-commands/3" in line:  # one without records: its owner is not restarted here
            rows = self.said("positions show converter-documents")
            line = line.replace("/3", f"/{next(row['partition'] for row in rows if not row['end_offset'])}")
        if "cancel 12" in line:
            line = line.replace("12", str(self.said("projections replays documents")[0]["replay"]))
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", lambda _: self.document, line)


@pytest.fixture
async def stack(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    """One document, and three pieces of garbage that were set aside."""
    for name, value in {
        "DOCWARD_KAFKA__BOOTSTRAP_SERVERS": installation.kafka,
        "DOCWARD_KAFKA__TOPIC_PREFIX": installation.prefix,
        "DOCWARD_POSTGRES__DSN": installation.dsn,
        "DOCWARD_DATA_DIR": str(installation.folder / "data"),
        "COLUMNS": "200",
    }.items():
        monkeypatch.setenv(name, value)
    one = Stack()
    try:
        code, text = await docward(installation, "up")
        assert code == 0, text
        code, text = await docward(installation, "submit", str(SAMPLE), "--wait", "--json")
        assert code == 0, text
        one.document = json.loads(text)[0]["document_id"]
        await garbage(installation)
        yield one
    finally:
        await docward(installation, "down")


async def garbage(place: Installation) -> None:
    publisher = Publisher(place.settings("gateway").kafka, place.signer("gateway"))
    await publisher.start()
    for _ in range(3):
        key = str(uuid4()).encode()
        partition = partition_of(key, DOCUMENT_COMMANDS.partitions)
        await publisher.write(DOCUMENT_COMMANDS, partition, [Encoded(key, b"\xff no message", ())])
    await publisher.stop()

    async def parked() -> bool:
        return len(await place.fetch("select 1 from converter.parked where mirrored")) == 3

    await until(parked)


def test_no_command_of_a_page_is_left_out() -> None:
    pages = [page for page, _ in given()]
    assert {page: pages.count(page) for page in pages} == {page: len(ends) for page, ends in ENDS.items()}


async def test_every_command_of_the_runbooks_does_what_its_page_says(stack: Stack) -> None:
    lines = given()
    ends = [end for page in dict.fromkeys(page for page, _ in lines) for end in ENDS[page]]
    wrong = []
    for (page, line), (code, printed) in zip(lines, ends, strict=True):
        for start, before in FIRST.items():
            if line.startswith(start):
                for each in before:
                    await asyncio.to_thread(stack.run, f"{each} {WHY}")
        filled = await asyncio.to_thread(stack.filled, line)
        found, text = await asyncio.to_thread(stack.run, filled.removeprefix("docward "))
        if found != code or not re.search(printed, text):
            wrong.append(f"{page}: {filled} ends with {found}, not {code}: {printed}\n{text}")
    assert wrong == [], "\n".join(wrong)
