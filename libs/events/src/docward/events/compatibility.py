"""Whether two states of a JSON Schema can be used side by side: new readers of old records, old readers of new ones.

`breaks(old, new)` is pure and knows the keywords that pydantic writes. It may call a harmless change a break (one range
split into two alternatives), never a break harmless: a keyword that it does not know must not change at all. Readers
ignore unknown fields and writers write declared ones, so a field that only one side declares is no difference.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Schema = Mapping[str, Any]
Node = Schema | bool
"""Inside a schema, true stands for anything and false for nothing."""
Rule = Literal[
    "type",  # a value of this type is refused
    "values",  # a value that was, or will be, written is not among those that are read
    "required",  # a field that is read as required may be missing
    "range",  # numbers past a limit
    "length",  # too long, too short, too many, too few
    "pattern",
    "format",
    "fields",  # the reader refuses fields that are written
    "default",  # the two sides take a missing field for something else
    "unjudged",  # a keyword differs that this module cannot compare
]
Breaks = Literal["old-records", "old-readers"]
"""Who suffers: new readers cannot read old records, or old readers cannot read new records."""

ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "$defs", "discriminator", "$comment"}
_LOWER: Mapping[str, Literal["range", "length"]] = {
    "minimum": "range",
    "exclusiveMinimum": "range",
    "minLength": "length",
    "minItems": "length",
}
_UPPER: Mapping[str, Literal["range", "length"]] = {
    "maximum": "range",
    "exclusiveMaximum": "range",
    "maxLength": "length",
    "maxItems": "length",
}
_KIND = dict.fromkeys((*_LOWER, *_UPPER), "integer") | {
    "minLength": "string",
    "maxLength": "string",
    "minItems": "array",
    "maxItems": "array",
}
"""What a limit is for; a number may be an integer."""
_JUDGED = (
    ANNOTATIONS
    | _LOWER.keys()
    | _UPPER.keys()
    | {"type", "enum", "const", "pattern", "format", "items", "properties", "required", "additionalProperties"}
    | {"propertyNames", "anyOf", "oneOf", "$ref"}
)
_KINDS = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


@dataclass(frozen=True, slots=True, order=True)
class Break:
    field: str
    """Where: `original.sha256`, `findings[].quotes[].page`; empty for the whole."""
    rule: Rule
    breaks: Breaks
    detail: str


def breaks(old: Schema, new: Schema) -> list[Break]:
    """Every difference between two schemas of one version that a reader on either side would notice, by field."""
    found = {
        Break(field, rule, "old-records", detail) for field, rule, detail in _Reading(old, new, defaults=True).whole()
    }
    found |= {Break(field, rule, "old-readers", detail) for field, rule, detail in _Reading(new, old).whole()}
    return sorted(found)


_Refusal = tuple[str, Rule, str]


class _Reading:
    """What one schema allows to be written and the other refuses to read."""

    def __init__(self, written: Schema, read: Schema, *, defaults: bool = False) -> None:
        self._written = written
        self._read = read
        self._defaults = defaults
        self._open: set[tuple[int, int]] = set()
        self._merged: dict[int, Schema] = {}

    def whole(self) -> list[_Refusal]:
        return self._refusals(self._written, self._read, "")

    def _refusals(self, written: Node, read: Node, at: str) -> list[_Refusal]:
        a, b = self._resolved(written, self._written), self._resolved(read, self._read)
        pair = id(a), id(b)
        if pair in self._open:  # a recursive type, being compared already
            return []
        self._open.add(pair)
        try:
            ways_a, ways_b = _alternatives(a), _alternatives(b)
            if len(ways_a) == len(ways_b) == 1:
                return list(self._plain(ways_a[0], ways_b[0], at))
            return [refusal for way in ways_a for refusal in self._no_way(way, ways_b, at)]
        finally:
            self._open.remove(pair)

    def _no_way(self, way: Schema, ways: Sequence[Schema], at: str) -> list[_Refusal]:
        """What speaks against the nearest of the ways to read it; nothing if one of them takes it whole."""
        tried = [(self._refusals(way, other, at), other) for other in ways]
        if any(not refusals for refusals, _ in tried):
            return []
        kinds = _kinds(self._resolved(way, self._written))
        near = [refusals for refusals, other in tried if kinds & _kinds(self._resolved(other, self._read))]
        if not near:
            return [(at, "type", f"{_said(kinds)} is written, and not read")]
        return min(near, key=len)

    def _plain(self, a: Schema, b: Schema, at: str) -> Iterator[_Refusal]:
        yield from _unjudged(a, b, at)
        values = _values(a)
        if values is not None:
            yield from _refused_values(values, b, at)
            return
        if (read := _values(b)) is not None:
            yield at, "values", f"more is written than the {len(read)} values that are read"
            return
        kinds = _kinds(a) - _kinds(b)
        if kinds:
            yield at, "type", f"{_said(kinds)} is written, {_said(_kinds(b))} is read"
            return
        yield from _bounds(a, b, at)
        if "items" in b:
            yield from self._refusals(a.get("items", {}), b["items"], f"{at}[]")
        if "object" in _kinds(b):
            yield from self._fields(a, b, at)

    def _fields(self, a: Schema, b: Schema, at: str) -> Iterator[_Refusal]:
        read, others = b.get("properties", {}), b.get("additionalProperties", True)
        prefix = f"{at}." if at else ""
        for name in b.get("required", ()):
            if name not in a.get("required", ()):
                yield f"{prefix}{name}", "required", "it may be missing where it is written, and is required to be read"
        for name, written in a.get("properties", {}).items():
            where = f"{prefix}{name}"
            if name not in read:
                yield from self._other(written, others, where)
                continue
            yield from self._refusals(written, read[name], where)
            if self._defaults and name not in {*a.get("required", ()), *b.get("required", ())}:
                yield from _default(written, read[name], where)
        if isinstance(a.get("additionalProperties"), Mapping):
            yield from self._other(a["additionalProperties"], others, f"{prefix}*")
        if "propertyNames" in b:
            names = [{"type": "string", **side.get("propertyNames", {})} for side in (a, b)]
            yield from self._refusals(names[0], names[1], f"{prefix}* (its name)")

    def _other(self, written: Schema, others: Node, where: str) -> list[_Refusal]:
        """A field that the reader does not declare: ignored, unless it says something about such fields."""
        if others is True:
            return []
        return (
            [(where, "fields", "it is written, and refused")]
            if others is False
            else self._refusals(written, others, where)
        )

    def _resolved(self, schema: Node, root: Schema) -> Schema:
        """Without `$ref`; what stands beside one is added to what it refers to."""
        if isinstance(schema, bool):
            return {} if schema else {"enum": []}
        while "$ref" in schema:
            target: Schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
            beside = {key: value for key, value in schema.items() if key != "$ref" and key not in ANNOTATIONS}
            # kept, so that a recursive type comes back as the same object
            schema = self._merged.setdefault(id(schema), {**target, **beside}) if beside else target
        return schema


def _alternatives(schema: Schema) -> Sequence[Schema]:
    """The schemas of which one must fit. What stands beside them holds for each."""
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            ways: Sequence[Schema] = schema[keyword]
            beside = {key: value for key, value in schema.items() if key != keyword and key not in ANNOTATIONS}
            return [{**way, **beside} for way in ways] if beside else ways
    kinds = schema.get("type")
    if isinstance(kinds, list) and len(kinds) > 1:
        return [{**schema, "type": kind} for kind in kinds]
    return [schema]


def _kinds(schema: Schema) -> frozenset[str]:
    if (values := _values(schema)) is not None and "type" not in schema:
        return frozenset(kind for value in values for kind in _kinds_of(value))
    named = schema.get("type", _KINDS)
    kinds = frozenset({named}) if isinstance(named, str) else frozenset(named)
    return kinds | {"integer"} if "number" in kinds else kinds


def _kinds_of(value: Any) -> set[str]:
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
    return {"object"}


def _said(kinds: frozenset[str]) -> str:
    if kinds == _KINDS:
        return "anything"
    return " or ".join(sorted(kinds - {"integer"} if "number" in kinds else kinds))


def _values(schema: Schema) -> list[Any] | None:
    """The values that the schema enumerates; None if it does not."""
    if "const" in schema:
        return [value for value in [schema["const"]] if _in(value, schema.get("enum", [value]))]
    return list(schema["enum"]) if "enum" in schema else None


def _refused_values(values: Sequence[Any], b: Schema, at: str) -> Iterator[_Refusal]:
    if refused := [value for value in values if not _takes(b, value)]:
        shown = ", ".join(json.dumps(value) for value in refused)
        yield at, "values", f"{shown} is written, and not read"


def _in(value: Any, values: Sequence[Any]) -> bool:
    return any(value == other and isinstance(value, bool) == isinstance(other, bool) for other in values)


def _takes(b: Schema, value: Any) -> bool:
    """Whether a schema without alternatives takes a single value."""
    if (values := _values(b)) is not None and not _in(value, values):
        return False
    if not _kinds_of(value) & _kinds(b) or (isinstance(value, (list, dict)) and b.keys() - ANNOTATIONS - {"type"}):
        return False
    if isinstance(value, str):
        fits = b.get("minLength", 0) <= len(value) <= b.get("maxLength", len(value))
        return fits and "format" not in b and re.search(b.get("pattern", ""), value) is not None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        exact = b.get("minimum", value) <= value <= b.get("maximum", value)
        return bool(exact and not {"exclusiveMinimum", "exclusiveMaximum"} & b.keys())
    return True


def _bounds(a: Schema, b: Schema, at: str) -> Iterator[_Refusal]:
    kinds = _kinds(a)
    for keywords, sign, word in ((_LOWER, 1, "from"), (_UPPER, -1, "up to")):
        for keyword, rule in keywords.items():
            limit, written = b.get(keyword), a.get(keyword)
            if limit is None or _KIND[keyword] not in kinds or (limit == 0 and keyword in {"minLength", "minItems"}):
                continue
            if written is None or sign * written < sign * limit:
                so_far = "without limit" if written is None else f"{word} {written}"
                yield at, rule, f"{keyword}: {so_far} is written, only {word} {limit} is read"
    same: tuple[Literal["pattern", "format"], ...] = ("pattern", "format")
    for name in same:
        if "string" in kinds and name in b and a.get(name) != b[name]:
            yield at, name, f"{a.get(name, 'anything')} is written, {b[name]} is read"


def _default(written: Schema, read: Schema, at: str) -> Iterator[_Refusal]:
    before, after = (json.dumps(side.get("default"), sort_keys=True) for side in (written, read))
    if before != after:
        yield at, "default", f"a missing one was {before}, and would be read as {after}"


def _unjudged(a: Schema, b: Schema, at: str) -> Iterator[_Refusal]:
    for keyword in sorted((a.keys() | b.keys()) - _JUDGED):
        if a.get(keyword) != b.get(keyword):
            yield at, "unjudged", f"{keyword} differs, and is not compared"
