"""Pack files as they are sent, in YAML or JSON, become packs; or a problem that says where they are wrong."""

from __future__ import annotations

import asyncio
from typing import Any

import yaml
from pydantic import ValidationError

from docward.events.policies import Pack
from docward.gateway.problems import ProblemError, invalid_fields

MAX_DEPTH = 50


class _Loader(yaml.CSafeLoader):
    """Plain values only; what looks like a date stays the text that was written."""

    yaml_implicit_resolvers = {  # noqa: RUF012  # as the library's own class declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }


async def read_pack(body: bytes) -> Pack:
    """Raises ProblemError for what is no pack. JSON is YAML, so one reader serves both."""
    data = await asyncio.to_thread(_loaded, body)
    try:
        pack = Pack.model_validate(data)
    except ValidationError as error:
        raise invalid_fields(error, within="body") from error
    if not pack.requirements:
        raise ProblemError(422, "invalid-request", "The pack has no requirements.")
    return pack


def _loaded(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig")
        _refuse_bombs(text)
        return yaml.load(text, _Loader)  # noqa: S506  # a safe loader
    except UnicodeDecodeError as error:
        raise _unreadable("it is not UTF-8") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark is not None else "a value cannot be read"
        raise _unreadable(f"it is neither YAML nor JSON ({where})") from error


def _refuse_bombs(text: str) -> None:
    """Aliases let a small file stand for a huge one, and deep nesting exhausts the stack: packs need neither."""
    depth = 0
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _unreadable("YAML aliases are not taken")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise _unreadable("it is nested too deeply")


def _unreadable(why: str) -> ProblemError:
    return ProblemError(400, "unreadable-pack", f"The pack cannot be read: {why}.")
