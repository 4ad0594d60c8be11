"""The example producers of the documentation, run as they stand: their commands are decided where they arrive."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from docward.runtime.kafka import partition_of
from installation import Installation, until

DOCS = Path(__file__).parents[3] / "docs" / "contracts"
STAND_IN = Path(__file__).parent / "kcat_stand_in.py"
PRODUCERS = [
    [sys.executable, str(DOCS / "publish_a_command.py")],
    [sys.executable, str(DOCS / "publish_with_confluent_kafka.py")],
    ["bash", str(DOCS / "publish_with_kcat.sh")],
]


@pytest.mark.parametrize("name", ["publish_with_confluent_kafka.py", "publish_with_kcat.sh"])
def test_an_example_is_thirty_lines_without_docward(name: str) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 30
    assert "import docward" not in text
    assert "from docward" not in text


@pytest.fixture
def kcat(tmp_path: Path) -> Path:
    """A folder whose `kcat` is our own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "kcat").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n', encoding="utf-8")
    (folder / "kcat").chmod(0o755)
    return folder


async def test_the_commands_of_every_example_producer_are_decided(installation: Installation, kcat: Path) -> None:
    installation.start("converter")
    await installation.ready("converter")
    environment = {
        **os.environ,
        **installation.environment("example"),
        "PATH": f"{kcat}{os.pathsep}{os.environ['PATH']}",
    }
    commands = []
    for producer in PRODUCERS:
        ran = subprocess.run(producer, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        commands.append(UUID(ran.stdout.strip()))

    async def converted() -> bool:
        rows = await installation.fetch(
            "select causation_id from converter.events where type = 'document-converted' and causation_id = any($1)",
            commands,
        )
        return len(rows) == len(commands)

    await until(converted)
    assert await installation.fetch("select reason, error_message from converter.parked") == []
    topic = f"{installation.prefix}document-commands"
    assert await end_offsets(installation, topic) == len(commands)  # none was forwarded


async def end_offsets(installation: Installation, topic: str) -> int:
    consumer = Consumer({"bootstrap.servers": installation.kafka, "group.id": "ends"})
    try:
        return sum(consumer.get_watermark_offsets(TopicPartition(topic, partition))[1] for partition in range(6))
    finally:
        consumer.close()


@pytest.mark.parametrize(("partitioner", "same"), [("murmur2_random", True), ("consistent_random", False)])
def test_librdkafka_partitions_as_kafka_does_only_when_told(
    installation: Installation,
    partitioner: str,
    same: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    topic = f"{installation.prefix}placed"
    admin = AdminClient({"bootstrap.servers": installation.kafka})  # without a name it would be gone at once
    admin.create_topics([NewTopic(topic, 6, 1)])[topic].result(30)
    placed: dict[bytes | None, int | None] = {}

    def delivered(error: object, message: Message) -> None:
        assert error is None
        placed[message.key()] = message.partition()

    producer = Producer({"bootstrap.servers": installation.kafka, "partitioner": partitioner})
    for _ in range(60):
        producer.produce(topic, b"", str(uuid4()), on_delivery=delivered)
    assert producer.flush(30) == 0
    assert len(placed) == 60
    assert all(partition_of(key or b"", 6) == partition for key, partition in placed.items()) is same
