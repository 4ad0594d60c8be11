"""What another system does: it publishes a signed command and reads its outcome. And what a hostile one tries."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from installation import Installation, until

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "contracts" / "publish_a_command.py"


def test_the_script_of_the_documentation_is_thirty_lines_without_docward() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 30
    assert "import docward" not in text
    assert "from docward" not in text


async def test_a_command_of_another_system_has_its_outcome_in_the_api(installation: Installation) -> None:
    installation.start()
    await installation.ready()
    environment = {**os.environ, **installation.environment("example")}
    ran = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    command = ran.stdout.strip()
    with installation.api() as api:

        async def succeeded() -> dict[str, str] | None:
            answer = api.get(f"/operations/{command}")
            return answer.json() if answer.status_code == 200 and answer.json()["status"] == "succeeded" else None

        operation = await until(succeeded)
        assert operation is not None
        document = api.get(f"/documents/{operation['document_id']}").json()
        assert document["title"] == "Pairs strategy"
        assert document["owner"] == "pairs"


async def test_hostile_records_are_parked_and_nothing_else_stops(installation: Installation) -> None:
    installation.start()
    await installation.ready()
    topic = f"{installation.prefix}document-commands"
    hostile = [
        (b"garbage", b"\xff\x00 not json", [("ce_id", b"\xff")]),
        (b"null header", b"{}", [("ce_id", None)]),
        (b"tombstone", None, []),
        (b"unsigned", b"{}", [("ce_specversion", b"1.0"), ("content-type", b"application/json")]),
    ]
    producer = AIOKafkaProducer(bootstrap_servers=installation.kafka)
    await producer.start()
    for partition in range(6):
        for key, value, headers in hostile:
            await producer.send_and_wait(topic, value, key, partition, headers=headers)
    await producer.stop()
    with installation.api() as api:
        for _ in range(6):
            answer = api.post(
                "/documents",
                params={"filename": f"{uuid4().hex}.md"},
                content=b"# A strategy\n\nIt trades at 10:00 UTC.\n",
                headers={"Content-Type": "application/octet-stream", "Prefer": "wait=20"},
            )
            assert answer.status_code == 201, answer.text

    async def all_parked() -> bool:
        rows = await installation.fetch("select key, value, reason from converter.parked")
        expected = {(key, value) for key, value, _ in hostile}
        return len(rows) == 24 and {(row["key"], row["value"]) for row in rows} == expected

    assert await until(all_parked)
