"""A log of raw records, as released versions wrote them, projects to the rows that it always projected to.

`golden_log/records.jsonl` only grows: a record in it is never changed, because topics keep theirs for ever. Rows change
when a projection's version does; `python tests/contracts/test_golden_log.py` writes them anew, for a person to read.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from uuid import UUID

from contracts.golden import SIGNER, TYPES
from docward.events.codec import Codec, Record, verified_actor
from docward.events.messages import Command
from docward.projector.projections import PROJECTIONS
from unit.projector.story import Told, rows

FOLDER = Path(__file__).parent / "golden_log"
TEXT = b"# Momentum\n\nDrawdown control.\n"
"""What every object of the log holds."""


class Objects(dict[str, bytes | None]):
    def __missing__(self, uri: str) -> bytes | None:
        return None if uri.endswith("gone.md") else TEXT


def records() -> list[Record]:
    found = []
    for line in (FOLDER / "records.jsonl").read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        headers = tuple((name, base64.b64decode(value)) for name, value in said["headers"])
        found.append(
            Record(
                said["topic"],
                said["partition"],
                said["offset"],
                said["timestamp"],
                base64.b64decode(said["key"]),
                base64.b64decode(said["value"]),
                headers,
            )
        )
    return found


def told(record: Record) -> Told:
    decoded = Codec(TYPES).decode(record)
    if isinstance(decoded.message, Command):
        actor = verified_actor(decoded, {SIGNER.key_id: SIGNER.key})
        return Told(decoded.envelope._replace(actor=actor), decoded.message)
    return Told(decoded.envelope, decoded.message)


def projected() -> dict[str, Any]:
    """Every row by read model and table, in the order of its key."""
    log = [(record.topic, told(record)) for record in records()]
    found: dict[str, Any] = {}
    for projection in PROJECTIONS:
        names = {topic.name for topic in projection.topics}
        mine = [message for topic, message in log if topic in names]
        tables = rows(projection, mine, Objects(unread=None))
        found[projection.name] = {
            table: [_plain(row) for _, row in sorted(content.items(), key=lambda item: str(item[0]))]
            for table, content in sorted(tables.items())
        }
    return found


def _plain(row: dict[str, Any]) -> Any:
    return json.loads(json.dumps(row, default=lambda v: str(v) if isinstance(v, UUID) else v.isoformat()))


def test_the_log_projects_to_the_committed_rows() -> None:
    committed = json.loads((FOLDER / "rows.json").read_text(encoding="utf-8"))
    found = projected()
    assert found.keys() == committed.keys()
    for name in committed:
        assert found[name] == committed[name], name


def test_every_released_version_that_is_projected_is_in_the_log() -> None:
    there = {(message.envelope.type, message.envelope.version) for message in map(told, records())}
    released = {tuple(line.split()[1].removesuffix(".json").rsplit(".v", 1)) for line in _released()}
    wanted = {cls.TYPE for projection in PROJECTIONS for topic in projection.topics for cls in topic.types}
    assert {(name, int(version)) for name, version in released if name in wanted} <= there


def _released() -> list[str]:
    index = Path(__file__).parents[2] / "libs" / "events" / "released" / "index.txt"
    return [line for line in index.read_text(encoding="utf-8").splitlines() if line]


if __name__ == "__main__":
    (FOLDER / "rows.json").write_text(json.dumps(projected(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
