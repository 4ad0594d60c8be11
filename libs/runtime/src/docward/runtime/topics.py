"""The topics as they are, beside their declaration."""

from __future__ import annotations

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from docward.events.topics import TOPICS
from docward.runtime.kafka import reading, settings_of
from docward.runtime.lag import ends_of
from docward.runtime.settings import Kafka


async def described(kafka: Kafka) -> list[dict[str, Any]]:
    """Every declared topic; `records` is None for one that is not there."""
    async with reading(kafka) as consumer:
        there = {name.removeprefix(kafka.topic_prefix) for name in await consumer.topics()}
    ends = await ends_of(kafka, {topic.name for topic in TOPICS} & there)
    return [
        {
            "topic": kafka.topic_prefix + topic.name,
            "partitions": topic.partitions,
            "records": sum(end - first for (name, _), (first, end) in ends.items() if name == topic.name)
            if topic.name in there
            else None,
            "retention_ms": topic.retention_ms,
            "max_bytes": topic.max_bytes,
            "about": topic.about,
        }
        for topic in TOPICS
    ]


async def differences(kafka: Kafka) -> list[dict[str, Any]]:
    """What is not as it is declared. Partitions are not applicable: they never change."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers, request_timeout_ms=10_000)
    await admin.start()
    try:
        names = {kafka.topic_prefix + topic.name: topic for topic in TOPICS}
        there = {row["topic"]: row for row in await admin.describe_topics(list(names)) if not row["error_code"]}
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in there])
        settings = {
            resource[3]: {entry[0]: entry[1] for entry in resource[4]}
            for answer in answers
            for resource in answer.resources
        }
    finally:
        await admin.close()
    found = []
    for name, topic in names.items():
        if name not in there:
            found.append(_difference(name, "exists", "no", "yes"))
            continue
        partitions = len(there[name]["partitions"])
        if partitions != topic.partitions:
            found.append(_difference(name, "partitions", partitions, topic.partitions, applicable=False))
        found += [
            _difference(name, setting, settings[name].get(setting), value)
            for setting, value in settings_of(topic).items()
            if settings[name].get(setting) != value
        ]
    return found


def _difference(topic: str, setting: str, found: object, should: object, *, applicable: bool = True) -> dict[str, Any]:
    return {"topic": topic, "setting": setting, "is": found, "should": should, "applicable": applicable}
