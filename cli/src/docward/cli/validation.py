"""`docward validate FILE`: one message as the services would read it, and everything that is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.stack import Json
from docward.events.actor import Signer, Statement
from docward.events.codec import Codec, Encoded, Record
from docward.events.errors import UndecodableError
from docward.events.messages import Actor, Message
from docward.events.topics import TOPICS, message_types
from docward.events.upcasts import upcast


def validate(
    file: Annotated[Path, typer.Argument(help="JSON: a record {headers, key, body} as in `examples/`, or a body.")],
    *,
    of: Annotated[
        str | None, typer.Option("--type", metavar="TYPE[.vN]", help="What a body is; default: the file's name.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Check a record or a body as the services would read it, and say everything that is wrong.

    JSON: {type, version, errors, warnings}; exit code 1 when there are errors. Signatures are not judged.
    """
    with exit_codes():
        content = _json(file)
        if isinstance(content, dict) and isinstance(content.get("headers"), dict):
            headers = content["headers"]
            name, version = str(headers.get("ce_type")), str(headers.get("ce_dataversion", "1"))
            _type(name, codes.FAILED)
            body, errors = content.get("body"), list(_wrong_envelope(content))
        else:
            name, _, version = (of or file.name.removesuffix(".json")).partition(".v")
            version, body, errors = version or str(_type(name).VERSION), content, []
        errors += _wrong_body(_type(name), version, body)
        warnings = [f"{where}: unknown field, ignored" for where in _unknown(_type(name), version, body)]
        if json_output:
            print(json.dumps({"type": name, "version": version, "errors": errors, "warnings": warnings}))
        else:
            print("\n".join([*errors, *warnings, f"{name} version {version}: {'invalid' if errors else 'valid'}"]))
        if errors:
            raise typer.Exit(codes.FAILED)


def _wrong_envelope(record: dict[str, Any]) -> Iterator[str]:
    """What a service would set the record aside for, whatever its body; and its size."""
    headers = {str(name): str(value) for name, value in record["headers"].items()}
    name = headers.get("ce_type", "")
    topics = [topic for topic in TOPICS if any(name == cls.TYPE for cls in topic.types)]
    body = json.dumps(record.get("body"), ensure_ascii=False).encode()
    unsigned = Statement("", "", "", "", name, body)  # signatures are not judged, their size counts
    headers.setdefault("ce_actor", Signer("example", b"").sign(Actor(subject="example"), unsigned))
    encoded = tuple((header, value.encode()) for header, value in headers.items())
    key = record.get("key")
    if not key:
        yield "key: there is none; the record would be forwarded to the partition of its subject's id"
    elif headers.get("ce_subject", "").partition(":")[2] != key and name != "command-rejected":
        yield f"key: {key} is not the id in ce_subject {headers.get('ce_subject')!r}"
    try:
        Codec([_Anything]).decode(Record("", 0, 0, 0, str(key).encode() if key else None, b"{}", _as_anything(encoded)))
    except UndecodableError as error:
        yield str(error)
    size = Encoded(str(key or "").encode(), body, encoded).size
    yield from (f"{size} bytes, and {t.name} takes {t.max_bytes}" for t in topics if size > t.max_bytes)


class _Anything(Message):
    """Stands for any body while an envelope is judged."""


def _as_anything(headers: tuple[tuple[str, bytes], ...]) -> tuple[tuple[str, bytes], ...]:
    stood_for = {"ce_type": _Anything.TYPE.encode(), "ce_dataversion": b"1"}
    return tuple((name, stood_for.get(name, value)) for name, value in headers)


def _wrong_body(cls: type[Message], version: str, body: Any) -> list[str]:
    if not version.isdecimal() or not 1 <= int(version) <= cls.VERSION:
        return [f"ce_dataversion: version {version} of {cls.TYPE} is unknown; the newest is {cls.VERSION}"]
    try:
        newest = body if int(version) == cls.VERSION else upcast(cls.TYPE, int(version), cls.VERSION, body)
        cls.model_validate_json(json.dumps(newest))
    except ValidationError as error:
        return [
            f"{'.'.join(['body', *(str(part) for part in each['loc'])])}: {each['msg']}"
            for each in error.errors(include_url=False)
        ]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return [f"body: it does not read as version {version}: {type(error).__name__} {error}"]
    return [f"body: the text {text!r} holds the character NUL" for text in _texts(body) if "\x00" in text]


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield name
                yield from _texts(item)
        case list():
            for item in value:
                yield from _texts(item)


def _unknown(cls: type[Message], version: str, body: Any) -> Iterator[str]:
    """Fields that the schema of the newest version does not describe; of older ones nothing is said."""
    if version == str(cls.VERSION):
        root = cls.model_json_schema(mode="validation")
        yield from _undescribed(body, root, root, "body")


def _undescribed(value: Any, described: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    if "$ref" in described:
        described = root["$defs"][described["$ref"].rpartition("/")[2]]
    if "anyOf" in described:
        fitting = [way for way in described["anyOf"] if (way.get("type") == "null") is (value is None)]
        yield from min((list(_undescribed(value, way, root, at)) for way in fitting), key=len, default=())
    elif isinstance(value, dict) and "additionalProperties" not in described:
        fields = described.get("properties", {})
        yield from (f"{at}.{name}" for name in value if name not in fields)
        for name in value.keys() & fields.keys():
            yield from _undescribed(value[name], fields[name], root, f"{at}.{name}")
    elif isinstance(value, list) and "items" in described:
        for index, item in enumerate(value):
            yield from _undescribed(item, described["items"], root, f"{at}.{index}")


def _type(name: str, code: int = codes.USAGE) -> type[Message]:
    for cls in message_types():
        if name == cls.TYPE:
            return cls
    known = sorted(cls.TYPE for cls in message_types())
    near = get_close_matches(name, known, n=3)
    there = f"did you mean {' or '.join(near)}?" if near else f"say --type; there are: {', '.join(known)}"
    raise ClientError(f"{name!r} is no type of message; {there}", code)


def _json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes().decode())  # as the services do: UTF-8, without byte order mark
    except OSError as error:
        raise ClientError(f"{file}: {error.strerror}", codes.USAGE) from error
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise ClientError(f"{file} is no JSON: {what}", codes.FAILED) from error
