"""How messages become column values: what every projection shares."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from typing import Any, cast

from docward.events.codec import Envelope
from docward.events.messages import Value


def ddl(name: str) -> str:
    """The tables of a projection: `<name>.sql` beside this file."""
    return (files(__package__) / f"{name}.sql").read_text(encoding="utf-8")


def plain(value: Value) -> dict[str, Any]:
    """For a jsonb column: nothing but JSON's own types."""
    return cast("dict[str, Any]", value.__pydantic_serializer__.to_python(value, mode="json"))


def plain_list(values: Iterable[Value]) -> list[dict[str, Any]]:
    return [plain(value) for value in values]


def at_and_by(verb: str, envelope: Envelope) -> dict[str, Any]:
    """`<verb>_at`, `<verb>_by` and `<verb>_by_name`: when it happened, and who did it."""
    return {
        f"{verb}_at": envelope.time,
        f"{verb}_by": envelope.actor.subject,
        f"{verb}_by_name": envelope.actor.name,
    }


def moved(envelope: Envelope) -> dict[str, Any]:
    """How far the row's stream has come, and when."""
    return {"updated_at": envelope.time, "stream_version": envelope.stream_version}
