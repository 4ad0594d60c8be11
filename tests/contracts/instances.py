"""Values that a JSON Schema allows, and the changes that a schema may suffer."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

Schema = dict[str, Any]

MANY = 5
DEEP = 3
"""Below, lists are short and optional fields are left out."""


def instances(schema: Schema, root: Schema, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of every shape that the schema describes; limits are as likely as what lies between them."""
    if "$ref" in schema:
        target = root["$defs"][schema["$ref"].rpartition("/")[2]]
        return st.deferred(lambda: instances(target, root, depth + 1))
    if "anyOf" in schema:
        return st.one_of([instances(way, root, depth) for way in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    match schema.get("type"):
        case "integer" | "number":
            return _numbers(schema)
        case "string":
            return _texts(schema)
        case "array":
            return _lists(schema, root, depth)
        case "object":
            return _objects(schema, root, depth)
    plain = {"null": st.none(), "boolean": st.booleans()}
    return plain.get(schema.get("type", ""), st.none() | st.integers() | st.text(max_size=3))


def _lists(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", MANY)
    size = least if depth > DEEP else min(most, max(MANY, least))
    if size < least:  # a change that leaves no room for any instance
        return st.nothing()
    return st.lists(instances(schema.get("items", {}), root, depth + 1), min_size=least, max_size=size)


def _numbers(schema: Schema) -> st.SearchStrategy[Any]:
    least, most = int(schema.get("minimum", -(2**40))), int(schema.get("maximum", 2**40))
    if most < least:
        return st.nothing()
    whole = st.sampled_from([least, most]) | st.integers(least, most)
    return whole | st.floats(least, most) if schema["type"] == "number" else whole


def _texts(schema: Schema) -> st.SearchStrategy[Any]:
    if schema.get("format") == "uuid":
        return st.uuids().map(str)
    if "format" in schema:
        return st.sampled_from(["2026-10-12T08:31:00Z", "2026-10-12T08:31:00.5+02:00"])
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].removesuffix("$") + r"\Z").filter(
            lambda text: len(text) <= schema.get("maxLength", len(text))
        )
    least, most = schema.get("minLength", 0), schema.get("maxLength", 40)
    if most < least:
        return st.nothing()
    letters = st.characters(exclude_categories=("Cs", "Cc"))
    return st.sampled_from(["x" * least, "x" * most]) | st.text(letters, min_size=least, max_size=min(most, least + 20))


def _objects(schema: Schema, root: Schema, depth: int) -> st.SearchStrategy[Any]:
    fields = {name: instances(field, root, depth + 1) for name, field in schema.get("properties", {}).items()}
    needed = {name: fields[name] for name in schema.get("required", ())}
    optional = {name: field for name, field in fields.items() if name not in needed}
    if depth > DEEP:
        optional = {}
    made = st.fixed_dictionaries(needed, optional=optional)
    if isinstance(schema.get("additionalProperties"), dict):
        names = instances({"type": "string", **schema.get("propertyNames", {})}, root, depth + 1)
        more = st.dictionaries(names, instances(schema["additionalProperties"], root, depth + 1), max_size=3)
        return st.tuples(made, more).map(lambda both: both[1] | both[0])
    return made


def nodes(schema: Schema) -> Iterator[tuple[str | int, ...]]:
    """The path of every schema inside a schema."""
    yield ()
    for keyword in ("properties", "$defs"):
        for name, inner in schema.get(keyword, {}).items():
            yield from ((keyword, name, *path) for path in nodes(inner))
    for keyword in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(keyword), dict):
            yield from ((keyword, *path) for path in nodes(schema[keyword]))
    for index, inner in enumerate(schema.get("anyOf", ())):
        yield from (("anyOf", index, *path) for path in nodes(inner))


def at(schema: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        schema = schema[step]
    return schema


def mutants(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Every schema that differs from this one in a single keyword, with the name of the change."""
    for path in nodes(schema):
        for name, changed in _changes(at(schema, path)):
            mutant = copy.deepcopy(schema)
            if path:
                at(mutant, path[:-1])[path[-1]] = changed
            else:
                mutant = changed | {"$defs": schema.get("$defs", {})}
            yield f"{'/'.join(map(str, path)) or '(whole)'}: {name}", mutant


def _changes(node: Schema) -> Iterator[tuple[str, Schema]]:
    yield from _of_type(node)
    yield from _of_limits(node)
    yield from _of_values(node)
    yield from _of_fields(node)


def _of_type(node: Schema) -> Iterator[tuple[str, Schema]]:
    kind = node.get("type")
    if isinstance(kind, str) and not {"enum", "const"} & node.keys():
        for other in sorted({"string", "integer", "boolean", "array", "null"} - {kind}):
            yield f"{kind} becomes {other}", {"type": other}
        yield "null is allowed", {"anyOf": [dict(node), {"type": "null"}]}
    for index in range(len(node.get("anyOf", ()))):
        yield f"alternative {index} goes", {**node, "anyOf": [w for i, w in enumerate(node["anyOf"]) if i != index]}


def _of_limits(node: Schema) -> Iterator[tuple[str, Schema]]:
    for keyword, step in (("minimum", 1), ("minLength", 1), ("minItems", 1), ("maximum", -1), ("maxItems", -1)):
        if keyword in node:
            yield f"{keyword} is tighter", {**node, keyword: node[keyword] + step}
            yield f"{keyword} goes", {key: value for key, value in node.items() if key != keyword}
    set_anew = {
        "array": ({"maxItems": 0}, {"minItems": node.get("minItems", 0) + 1}),
        "integer": ({"minimum": -5, "maximum": -1},),
        "number": ({"minimum": -5, "maximum": -1},),
    }
    for more in set_anew.get(node.get("type", ""), ()):
        yield f"{more} is set", {**node, **more}


def _of_values(node: Schema) -> Iterator[tuple[str, Schema]]:
    if node.get("type") == "string" and "enum" not in node:
        yield "a length is set", {**node, "maxLength": min(3, node.get("maxLength", 3))}
        yield "a pattern is set", {**node, "pattern": "^never$"}
        yield "a format is set", {**node, "format": "date-time" if node.get("format") == "uuid" else "uuid"}
        yield "its values are enumerated", {**node, "enum": ["only this"]}
    for value in node.get("enum", ()):
        yield f"{value} goes", {**node, "enum": [other for other in node["enum"] if other != value] or ["nothing"]}
    if "enum" in node:
        yield "a value more", {**node, "enum": [*node["enum"], "a-new-one"]}


def _of_fields(node: Schema) -> Iterator[tuple[str, Schema]]:
    needed, fields = node.get("required", []), node.get("properties", {})
    for name in fields:
        if name in needed:
            fewer = [other for other in needed if other != name]
            yield f"{name} is optional", {**node, "required": fewer}
            rest = {key: value for key, value in fields.items() if key != name}
            yield f"{name} goes", {**node, "properties": rest, "required": fewer}
        else:
            yield f"{name} is required", {**node, "required": [*needed, name]}
    if fields:
        grown = {**fields, "grown": {"type": "string"}}
        yield "a required field more", {**node, "properties": grown, "required": [*needed, "grown"]}


def is_uuid(text: object) -> bool:
    try:
        return isinstance(text, str) and str(UUID(text)) == text.lower()
    except ValueError:
        return False


def is_time(text: object) -> bool:
    try:
        return isinstance(text, str) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
