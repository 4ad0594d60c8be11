"""The catalogue is today's, whole, well-formed by AsyncAPI's rules, and its examples are real records."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from contracts.golden import EVENTS, NEWEST, TYPES, example
from docward.events import asyncapi
from docward.events.codec import Codec, Record, verified_actor
from docward.events.schemas import schemas
from docward.events.topics import TOPICS, Topic
from docward.runtime import parking

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "contracts" / "asyncapi.json").read_text(encoding="utf-8")
DOCUMENT: dict[str, Any] = json.loads(TEXT)
MESSAGES = DOCUMENT["components"]["messages"]


def closed(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def each(value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value, "propertyNames": {"pattern": r"^[A-Za-z0-9_.-]+$"}}


STRING = {"type": "string"}
REF = closed(("$ref",), **{"$ref": {"type": "string", "pattern": "^#/"}})
TAGS = {"type": "array", "items": closed(("name",), name=STRING), "uniqueItems": True}
SCHEMA = {"type": "object"}
TOPIC_CONFIGURATION = {
    "type": "object",
    "properties": {
        "cleanup.policy": {"type": "array", "items": {"enum": ["delete", "compact"]}},
        "retention.ms": {"type": "integer", "minimum": -1},
        "max.message.bytes": {"type": "integer", "minimum": 0},
    },
    "additionalProperties": False,
}
KAFKA_CHANNEL = closed(
    topic=STRING,
    partitions={"type": "integer", "minimum": 1},
    topicConfiguration=TOPIC_CONFIGURATION,
    bindingVersion={"const": "0.5.0"},
)
STRUCTURE = closed(
    ("asyncapi", "info"),
    asyncapi={"const": "3.0.0"},
    id={"type": "string", "format": "uri"},
    info=closed(("title", "version"), title=STRING, version=STRING, description=STRING),
    defaultContentType=STRING,
    servers=each(
        closed(
            ("host", "protocol"),
            host=STRING,
            protocol=STRING,
            description=STRING,
            variables=each(closed(default=STRING, description=STRING)),
        )
    ),
    channels=each(
        closed(
            ("address", "messages"),
            address=STRING,
            title=STRING,
            description=STRING,
            servers={"type": "array", "items": REF},
            messages=each(REF),
            bindings=closed(kafka=KAFKA_CHANNEL),
        )
    ),
    operations=each(
        closed(
            ("action", "channel"),
            action={"enum": ["send", "receive"]},
            title=STRING,
            channel=REF,
            tags=TAGS,
            bindings=closed(kafka=closed(bindingVersion={"const": "0.5.0"})),
        )
    ),
    components=closed(
        messages=each(
            closed(
                name=STRING,
                title=STRING,
                summary=STRING,
                contentType=STRING,
                tags=TAGS,
                correlationId=closed(("location",), location={"pattern": r"^\$message\.(header|payload)#/"}),
                headers=SCHEMA,
                payload=SCHEMA,
                bindings=closed(kafka=closed(key=SCHEMA, bindingVersion={"const": "0.5.0"})),
                examples={
                    "type": "array",
                    "items": closed(name=STRING, summary=STRING, headers=SCHEMA, payload={}),
                },
            )
        ),
        schemas=each(SCHEMA),
    ),
)
"""What this document uses of AsyncAPI 3.0.0, by its specification; `official_asyncapi.py` judges by all of it."""


def references(node: Any) -> Iterator[str]:
    match node:
        case dict():
            if isinstance(node.get("$ref"), str):
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


def resolved(node: Any) -> Any:
    while "$ref" in node:
        found: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def validator(node: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**node, "components": DOCUMENT["components"]})


def test_the_committed_document_is_the_generated_one() -> None:
    assert asyncapi.rendered(asyncapi.document(EVENTS / "examples")) == TEXT, "run: docward contracts export"


def test_the_gateway_serves_the_committed_document() -> None:
    assert (ROOT / asyncapi.FILE).read_text(encoding="utf-8") == TEXT


def test_it_has_the_structure_of_asyncapi() -> None:
    Draft202012Validator.check_schema(STRUCTURE)
    assert [error.message for error in Draft202012Validator(STRUCTURE).iter_errors(DOCUMENT)] == []


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > len(TYPES)
    assert all(isinstance(resolved({"$ref": reference}), dict) for reference in found)


def test_every_schema_is_one_for_asyncapi_and_for_json_schema() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft7Validator.check_schema(schema)
        Draft202012Validator.check_schema(schema)


def test_every_type_is_a_message_and_every_object_a_schema() -> None:
    assert set(MESSAGES) == {*NEWEST, "dead-letter"}
    assert {name.removesuffix(".json") for name in schemas()} <= set(DOCUMENT["components"]["schemas"])


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_channel_says_what_its_topic_is(topic: Topic) -> None:
    channel = DOCUMENT["channels"][topic.name]
    kafka = channel["bindings"]["kafka"]
    kept = kafka["topicConfiguration"]
    assert (kafka["topic"], kafka["partitions"]) == (topic.name, topic.partitions)
    assert (kept["retention.ms"], kept["max.message.bytes"]) == (topic.retention_ms, topic.max_bytes)
    assert list(channel["messages"]) == ([f"{cls.TYPE}.v{cls.VERSION}" for cls in topic.types] or ["dead-letter"])
    parties = {
        action: tuple(
            operation["tags"][0]["name"]
            for operation in DOCUMENT["operations"].values()
            if operation["action"] == action and operation["channel"]["$ref"] == f"#/channels/{topic.name}"
        )
        for action in ("send", "receive")
    }
    assert parties == {"send": topic.producers, "receive": topic.consumers}


@pytest.mark.parametrize("name", NEWEST)
def test_an_example_is_a_record_of_its_message(name: str) -> None:
    message, golden = MESSAGES[name], example(name)
    (shown,) = message["examples"]
    assert shown["payload"] == golden.body
    for part, value in (("headers", shown["headers"]), ("payload", shown["payload"])):
        assert [error.message for error in validator(message[part]).iter_errors(value)] == []
    body = json.dumps(shown["payload"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    headers = tuple((header, value.encode()) for header, value in shown["headers"].items())
    decoded = Codec(TYPES).decode(Record("", 0, 0, 0, golden.key.encode(), body, headers))
    assert verified_actor(decoded, {"example": bytes(range(32))}) == asyncapi.EXAMPLE_ACTOR


@pytest.mark.parametrize("name", NEWEST)
def test_a_record_of_another_message_does_not_fit(name: str) -> None:
    other = next(one for one in NEWEST if one != name)
    headers = MESSAGES[other]["examples"][0]["headers"]
    assert not validator(MESSAGES[name]["headers"]).is_valid(headers)


def test_the_headers_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "contracts" / "README.md").read_text(encoding="utf-8")
    table = page.partition("## A record")[2].partition("## Topics")[0]
    described = set(re.findall(r"^\| `([a-z_-]+)` \|", table, re.MULTILINE))
    assert set(DOCUMENT["components"]["schemas"]["event-headers"]["properties"]) == described


def test_the_headers_of_dead_letters_are_those_that_are_written() -> None:
    source = Path(parking.__file__).read_text(encoding="utf-8")
    headers = DOCUMENT["components"]["schemas"]["dead-letter-headers"]["properties"]
    assert set(headers) == set(re.findall(r'"(dlq-[a-z-]+)"', source))
    assert tuple(headers["dlq-reason"]["enum"]) == get_args(parking.Reason)


def test_two_models_of_one_name_are_an_error() -> None:
    one, other = ({"$defs": {"Same": {"type": kind}}, "type": "object"} for kind in ("string", "integer"))
    with pytest.raises(ValueError, match="Same"):
        asyncapi.shared({"a.v1.json": one, "b.v1.json": other})
