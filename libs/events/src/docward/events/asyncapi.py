"""The catalogue: an AsyncAPI 3.0 document of every topic and message, from TOPICS, the models and the examples.

The same input yields the same bytes. Every example in it is a whole record, signed by the key of the signing
walk-through. `docs/contracts/asyncapi.json` and what the gateway serves are one file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from docward.events.actor import Signer, Statement
from docward.events.messages import Actor, Command, Message
from docward.events.schemas import schemas
from docward.events.topics import TOPICS, Topic, message_types

Json = dict[str, Any]

FILE = "services/gateway/src/docward/gateway/asyncapi.json"
"""In a checkout; the docs link to it."""
BINDING = "0.5.0"
"""Version of AsyncAPI's Kafka bindings."""
EXAMPLE_SIGNER = Signer("example", bytes(range(32)))
EXAMPLE_ACTOR = Actor(subject="mara.lindqvist", roles=("contributor",))
ABOUT = """Commands that other systems may send to Docward, and the events that they may read. How records are keyed and
signed, what becomes of a command and how events are read safely is told in prose beside this document.

Topic names may carry an installation's prefix (`DOCWARD_KAFKA__TOPIC_PREFIX`). The examples are signed by the key
000102…1e1f under the id `example`, for a body of canonical JSON: keys sorted, no blanks, UTF-8 not escaped."""

_HEADERS: Mapping[str, tuple[str, Json]] = {
    "ce_specversion": ("Of CloudEvents.", {"const": "1.0"}),
    "ce_id": ("Id of the message. Commands are decided once per id.", {"format": "uuid"}),
    "ce_type": ("What it is.", {}),
    "ce_source": ("URI reference of the sender; `/docward/<service>` of a service.", {"format": "uri-reference"}),
    "ce_time": ("RFC 3339 with an offset from UTC.", {"format": "date-time"}),
    "ce_subject": ("The stream: `document:<uuid>`, …", {"pattern": "^[a-z-]+:[0-9a-f-]{36}$"}),
    "ce_dataversion": ("Version of the type; absent: 1.", {}),
    "ce_correlationid": ("Id of the message that began it all; absent: ce_id.", {"format": "uuid"}),
    "ce_causationid": ("Of an event its command, of a reaction's command the event.", {"format": "uuid"}),
    "ce_streamversion": ("1 for the first event of its stream, then without gaps.", {"pattern": "^[1-9][0-9]*$"}),
    "ce_actor": ("Who asked for it: a detached JWS, HS256.", {"pattern": r"^[\w-]+\.\.[\w-]+$"}),
    "content-type": ("Of the body.", {"enum": ["application/json", "application/json; charset=utf-8"]}),
    "traceparent": ("W3C trace context.", {}),
}  # fmt: skip
_ALWAYS = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_actor", "content-type")

REASONS: Mapping[str, str] = {
    "undecodable": "envelope, version or body is no message of its topic",
    "bad-signature": "ce_actor is missing, forged, or signed by an unknown key",
    "wrong-partition": "forwarded to its partition, and misplaced again",
    "unexpected": "a defect: the service failed on it",
    "behind-parked": "an earlier record of its key is parked",
}
_DEAD_LETTER: Mapping[str, tuple[str, Json]] = {
    "dlq-topic": ("Topic it was read from.", {}),
    "dlq-partition": ("Partition.", {"pattern": "^[0-9]+$"}),
    "dlq-offset": ("Offset.", {"pattern": "^[0-9]+$"}),
    "dlq-timestamp": ("Its timestamp, milliseconds since 1970.", {"pattern": "^-?[0-9]+$"}),
    "dlq-group": ("Consumer that set it aside.", {}),
    "dlq-service-version": ("Name and version of the service.", {}),
    "dlq-reason": ("; ".join(f"{reason}: {why}" for reason, why in REASONS.items()) + ".", {"enum": list(REASONS)}),
    "dlq-error-class": ("Name of the error.", {}),
    "dlq-error-message": ("What it says, without secrets.", {"maxLength": 1000}),
    "dlq-attempts": ("How often it was tried.", {"pattern": "^[0-9]+$"}),
    "dlq-first-failed-at": ("RFC 3339.", {"format": "date-time"}),
    "dlq-trace": ("traceparent of the record, empty without one.", {}),
}


def document(examples: Path) -> Json:
    """The AsyncAPI document. `examples` holds the golden examples, `<type>.v<N>.json`."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:docward:messages",
        "info": {"title": "Docward messages", "version": version("docward-events"), "description": ABOUT},
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka",
                "description": "The installation's broker.",
                "variables": {"bootstrap": {"default": "localhost:9092", "description": "Host and port."}},
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": {
                **{_name(cls): _message(cls, examples) for cls in message_types()},
                "dead-letter": _dead_letter(),
            },
            "schemas": shared(schemas()),
        },
    }


def rendered(described: Json) -> str:
    """In the order of declaration, which is the order of reading."""
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _name(cls: type[Message]) -> str:
    return f"{cls.TYPE}.v{cls.VERSION}"


def _ref(*steps: str) -> Json:
    return {"$ref": "/".join(("#", *steps))}


def _channel(topic: Topic) -> Json:
    names = [_name(cls) for cls in topic.types] or ["dead-letter"]
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.about} Key: {topic.key}.",
        "servers": [_ref("servers", "kafka")],
        "messages": {name: _ref("components", "messages", name) for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup_policy],
                    "retention.ms": topic.retention_ms,
                    "max.message.bytes": topic.max_bytes,
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations() -> Iterator[tuple[str, Json]]:
    """Who sends to a topic and who receives from it, from the point of view of the one who does."""
    for topic in TOPICS:
        for action, verb, parties in (("send", "sends to", topic.producers), ("receive", "reads", topic.consumers)):
            for party in parties:
                operation = {
                    "action": action,
                    "title": f"{party} {verb} {topic.name}",
                    "channel": _ref("channels", topic.name),
                    "tags": [{"name": party}],
                    "bindings": {"kafka": {"bindingVersion": BINDING}},
                }
                yield f"{party.replace(' ', '-')}.{action}.{topic.name}", operation


def _message(cls: type[Message], examples: Path) -> Json:
    name, kind = _name(cls), "command" if issubclass(cls, Command) else "event"
    own = {
        "ce_type": {"type": "string", "const": cls.TYPE},
        "ce_dataversion": {"type": "string", "const": str(cls.VERSION)},
    }
    about = {"summary": " ".join(cls.__doc__.split())} if cls.__doc__ else {}
    return {
        "name": cls.TYPE,
        "title": cls.__name__,
        **about,
        "contentType": "application/json",
        "tags": [{"name": kind}],
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "headers": {"allOf": [_ref("components", "schemas", f"{kind}-headers"), {"type": "object", "properties": own}]},
        "payload": _ref("components", "schemas", name),
        "bindings": {"kafka": {"key": {"type": "string", "format": "uuid"}, "bindingVersion": BINDING}},
        "examples": [_example(json.loads((examples / f"{name}.json").read_bytes()), name)],
    }


def _example(golden: Json, name: str) -> Json:
    headers = golden["headers"]
    body = json.dumps(golden["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    statement = Statement(
        id=headers["ce_id"],
        source=headers["ce_source"],
        subject=headers["ce_subject"],
        time=headers["ce_time"],
        type=headers["ce_type"],
        body=body,
    )
    signed = {**headers, "ce_actor": EXAMPLE_SIGNER.sign(EXAMPLE_ACTOR, statement)}
    return {"name": name, "summary": f"Under the key {golden['key']}.", "headers": signed, "payload": golden["body"]}


def _dead_letter() -> Json:
    return {
        "name": "dead-letter",
        "title": "A record set aside",
        "summary": "Key, body and headers as they were, byte for byte, and why in headers more.",
        "contentType": "application/octet-stream",
        "headers": _ref("components", "schemas", "dead-letter-headers"),
        "payload": {"description": "The bytes of the record, whatever they are."},
        "bindings": {"kafka": {"key": {"description": "As in the record set aside."}, "bindingVersion": BINDING}},
    }


def _headers(described: Mapping[str, tuple[str, Json]], required: tuple[str, ...]) -> Json:
    fields = {name: {"type": "string", "description": about, **rule} for name, (about, rule) in described.items()}
    return {"type": "object", "properties": fields, "required": list(required)}


def shared(exported: Mapping[str, Json]) -> Json:
    """Headers, payloads, and what payloads share: a definition of one name must be the same in all of them."""
    found: Json = {
        "command-headers": _headers({k: v for k, v in _HEADERS.items() if k != "ce_streamversion"}, _ALWAYS),
        "event-headers": _headers(_HEADERS, (*_ALWAYS, "ce_dataversion", "ce_correlationid")),
        "dead-letter-headers": _headers(_DEAD_LETTER, tuple(_DEAD_LETTER)),
    }
    for file, schema in exported.items():
        payload = _relinked(schema)
        for name, part in {**payload.pop("$defs", {}), file.removesuffix(".json"): payload}.items():
            if found.setdefault(name, part) != part:
                raise ValueError(f"two definitions of {name} differ: one of the models needs another name")
    return found


def _relinked(node: Any) -> Any:
    """With references to definitions turned into references to components."""
    match node:
        case {"$ref": str(ref), **rest}:
            return {**_ref("components", "schemas", ref.rpartition("/")[2]), **_relinked(rest)}
        case dict():
            return {key: _relinked(value) for key, value in node.items()}
        case list():
            return [_relinked(value) for value in node]
    return node


def write(contracts: Path) -> bool:
    """Write the document of a checkout, whose contracts (`libs/events`) are given; whether it changed."""
    path, text = contracts.parents[1] / FILE, rendered(document(contracts / "examples"))
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True
