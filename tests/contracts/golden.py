"""The committed contracts as files: golden examples and JSON Schemas, by type and version."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docward.events.actor import Signer, Statement
from docward.events.codec import Headers, Record
from docward.events.messages import Actor, Message
from docward.events.topics import TOPICS, Topic, message_types

EVENTS = Path(__file__).parents[2] / "libs" / "events"
OBJECTS = ("ir", "report")
"""Contracts that are stored as objects and never sent."""

SIGNER = Signer("example", b"a key of the tests, 32 bytes long")
ACTOR = Actor(subject="mara.lindqvist", name="Mara Lindqvist", roles=("contributor",), groups=("equity-systematic",))
TYPES = tuple(message_types())
NEWEST = tuple(f"{cls.TYPE}.v{cls.VERSION}" for cls in TYPES)


@dataclass(frozen=True, slots=True)
class Golden:
    headers: dict[str, str]
    key: str
    body: dict[str, Any]

    def record(self, topic: str = "", *, body: bytes | None = None) -> Record:
        """The example as a signed Kafka record, with another body if one is given."""
        value = json.dumps(self.body, ensure_ascii=False).encode() if body is None else body
        at = self.headers
        statement = Statement(at["ce_id"], at["ce_source"], at["ce_subject"], at["ce_time"], at["ce_type"], value)
        headers: Headers = tuple((name, text.encode()) for name, text in at.items())
        signed: Headers = (*headers, ("ce_actor", SIGNER.sign(ACTOR, statement).encode()))
        return Record(topic, 0, 0, 0, self.key.encode(), value, signed)


def example(name: str) -> Golden:
    return Golden(**json.loads((EVENTS / "examples" / f"{name}.json").read_bytes()))


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((EVENTS / "schemas" / f"{name}.json").read_bytes())
    return loaded


def body(name: str) -> dict[str, Any]:
    """What the schema of that name describes: a message's body, or an object as a whole."""
    loaded: dict[str, Any] = json.loads((EVENTS / "examples" / f"{name}.json").read_bytes())
    return loaded if name.partition(".")[0] in OBJECTS else example(name).body


def committed(folder: str) -> dict[str, set[int]]:
    """Type to the versions that a folder holds. A file whose name is no contract's is an error."""
    found: dict[str, set[int]] = {}
    for path in sorted((EVENTS / folder).iterdir()):
        match = re.fullmatch(r"([a-z][a-z-]*)\.v([1-9][0-9]*)\.json", path.name)
        assert match, f"{path.name} is no <type>.v<N>.json"
        found.setdefault(match[1], set()).add(int(match[2]))
    return found


def carried(cls: type[Message]) -> tuple[Topic, ...]:
    return tuple(topic for topic in TOPICS if cls in topic.types)
