"""What breaks readers of old records, and what breaks old readers, is found; what breaks nobody is not."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from contracts.golden import body
from contracts.instances import instances, is_time, is_uuid, mutants
from docward.events.compatibility import breaks
from docward.events.schemas import schemas

Schema = dict[str, Any]
EXPORTED = schemas()
SAMPLE = 120
RECORDS, READERS = "old-records", "old-readers"
FORMATS = FormatChecker(())
FORMATS.checkers = {"uuid": (is_uuid, ()), "date-time": (is_time, ())}


def an_object(*required: str, **fields: Schema) -> Schema:
    return {"type": "object", "properties": fields, "required": list(required)}


TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
NOTHING: Schema = {"type": "null"}
COLOUR: Schema = {"type": "string", "enum": ["red", "green"]}


def either(*ways: Schema) -> Schema:
    return {"anyOf": list(ways)}


def matching(pattern: str) -> Schema:
    return {**TEXT, "pattern": pattern}


def a_list(**more: Any) -> Schema:
    return {"type": "array", "items": TEXT, **more}


SHORT = either(TEXT, NOTHING) | {"maxLength": 9}

# old, new, and (rule, who suffers) of each break of the field `x`
RULES: list[tuple[str, Schema, Schema, set[tuple[str, str]]]] = [
    ("another type", TEXT, COUNT, {("type", RECORDS), ("type", READERS)}),
    ("integers become numbers", COUNT, {"type": "number"}, {("type", READERS)}),
    ("numbers become integers", {"type": "number"}, COUNT, {("type", RECORDS)}),
    ("null is allowed", TEXT, either(TEXT, NOTHING), {("type", READERS)}),
    ("null is refused", either(TEXT, NOTHING), TEXT, {("type", RECORDS)}),
    ("an alternative more", either(TEXT, NOTHING), either(TEXT, COUNT, NOTHING), {("type", READERS)}),
    ("alternatives in another order", either(TEXT, NOTHING), either(NOTHING, TEXT), set()),
    ("a limit beside alternatives", either(TEXT, NOTHING), SHORT, {("length", RECORDS)}),
    ("the same limit inside", SHORT, either({**TEXT, "maxLength": 9}, NOTHING), set()),
    ("a list of types", {"type": ["string", "null"]}, either(TEXT, NOTHING), set()),
    ("a value more", COLOUR, {**COLOUR, "enum": ["red", "green", "blue"]}, {("values", READERS)}),
    ("a value less", COLOUR, {**COLOUR, "enum": ["red"]}, {("values", RECORDS)}),
    ("values in another order", COLOUR, {**COLOUR, "enum": ["green", "red"]}, set()),
    ("one value", COLOUR, {"const": "red"}, {("values", RECORDS)}),
    ("enumerated", TEXT, COLOUR, {("values", RECORDS)}),
    ("no longer enumerated", COLOUR, TEXT, {("values", READERS)}),
    ("values that are too long", COLOUR, {**TEXT, "maxLength": 3}, {("values", RECORDS), ("values", READERS)}),
    ("true is not one", {"enum": [1]}, {"enum": [True]}, {("values", RECORDS), ("values", READERS)}),
    ("numbers among all", {"enum": [1, 2]}, COUNT, {("values", READERS)}),
    ("numbers within limits", {"enum": [1, 2]}, {**COUNT, "minimum": 1, "maximum": 2}, {("values", READERS)}),
    ("numbers past a limit", {"enum": [1, 2]}, {**COUNT, "maximum": 1}, {("values", RECORDS), ("values", READERS)}),
    ("half a number", {"const": 0.5}, COUNT, {("values", RECORDS), ("values", READERS)}),
    ("a list", {"const": [1]}, {"type": "array"}, {("values", READERS)}),
    ("an object", {"const": {}}, {"type": "object"}, {("values", READERS)}),
    ("an object of fields", {"const": {}}, an_object(y=TEXT), {("values", RECORDS), ("values", READERS)}),
    ("true", {"const": True}, {"type": "boolean"}, {("values", READERS)}),
    ("one of several", {"const": "a"}, either(TEXT, NOTHING), {("values", READERS), ("type", READERS)}),
    ("at least one", COUNT, {**COUNT, "minimum": 1}, {("range", RECORDS)}),
    ("at least two", {**COUNT, "minimum": 1}, {**COUNT, "minimum": 2}, {("range", RECORDS)}),
    ("no limit any more", {**COUNT, "maximum": 9}, COUNT, {("range", READERS)}),
    ("less than", COUNT, {**COUNT, "exclusiveMaximum": 9}, {("range", RECORDS)}),
    ("longer texts", {**TEXT, "maxLength": 9}, {**TEXT, "maxLength": 10}, {("length", READERS)}),
    ("shorter texts", {**TEXT, "maxLength": 9}, {**TEXT, "maxLength": 8}, {("length", RECORDS)}),
    ("no empty text", TEXT, {**TEXT, "minLength": 1}, {("length", RECORDS)}),
    ("a limit of nothing", TEXT, {**TEXT, "minLength": 0}, set()),
    ("no empty list", a_list(), a_list(minItems=1), {("length", RECORDS)}),
    ("longer lists", a_list(maxItems=2), a_list(maxItems=3), {("length", READERS)}),
    ("another pattern", matching("a"), matching("b"), {("pattern", RECORDS), ("pattern", READERS)}),
    ("a pattern", TEXT, matching("a"), {("pattern", RECORDS)}),
    ("a format", TEXT, {**TEXT, "format": "uuid"}, {("format", RECORDS)}),
    ("no format any more", {**TEXT, "format": "uuid"}, TEXT, {("format", READERS)}),
    ("anything goes", TEXT, {}, {("type", READERS)}),
    ("nothing goes", TEXT, {"enum": []}, {("values", RECORDS)}),
    ("words about it", TEXT, {**TEXT, "title": "X", "description": "A text.", "examples": ["a"]}, set()),
    ("a keyword that nobody knows", TEXT, {**TEXT, "minProperties": 1}, {("unjudged", RECORDS), ("unjudged", READERS)}),
    ("another default", {**TEXT, "default": ""}, {**TEXT, "default": "-"}, {("default", RECORDS)}),
    ("a default", TEXT, {**TEXT, "default": ""}, {("default", RECORDS)}),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), [case[1:] for case in RULES], ids=[case[0] for case in RULES])
def test_a_change_of_a_field(old: Schema, new: Schema, expected: set[tuple[str, str]]) -> None:
    found = breaks(an_object(x=old), an_object(x=new))
    assert {(b.rule, b.breaks) for b in found} == expected
    assert {b.field for b in found} <= {"x"}


def test_a_new_required_field_breaks_readers_of_old_records() -> None:
    (found,) = breaks(an_object("a", a=TEXT), an_object("a", "b", a=TEXT, b=TEXT))
    assert (found.field, found.rule, found.breaks) == ("b", "required", RECORDS)


@pytest.mark.parametrize("new", [an_object(a=TEXT), an_object()], ids=["optional", "removed"])
def test_a_required_field_that_may_be_missing_breaks_old_readers(new: Schema) -> None:
    (found,) = breaks(an_object("a", a=TEXT), new)
    assert (found.field, found.rule, found.breaks) == ("a", "required", READERS)


def test_optional_fields_come_and_go() -> None:
    assert breaks(an_object("a", a=TEXT), an_object("a", a=TEXT, b=COUNT)) == []
    assert breaks(an_object("a", a=TEXT, b=COUNT), an_object("a", a=TEXT)) == []


def test_readers_that_refuse_unknown_fields_break_on_additions() -> None:
    closed = {**an_object(a=TEXT), "additionalProperties": False}
    assert [(b.field, b.rule, b.breaks) for b in breaks(closed, {**closed, **an_object(a=TEXT, b=TEXT)})] == [
        ("b", "fields", READERS)
    ]
    assert [(b.field, b.rule, b.breaks) for b in breaks(an_object(a=TEXT, b=TEXT), closed)] == [
        ("b", "fields", RECORDS)
    ]


def test_the_values_of_a_map_are_compared() -> None:
    texts, counts = ({"type": "object", "additionalProperties": value} for value in (TEXT, COUNT))
    found = breaks(an_object(x=texts), an_object(x=counts))
    assert {(b.field, b.rule, b.breaks) for b in found} == {("x.*", "type", RECORDS), ("x.*", "type", READERS)}


def test_the_names_of_a_map_are_compared() -> None:
    colours = {"type": "object", "additionalProperties": COUNT, "propertyNames": {"enum": ["red", "green"]}}
    more = {**colours, "propertyNames": {"enum": ["red", "green", "blue"]}}
    assert [(b.rule, b.breaks) for b in breaks(colours, more)] == [("values", READERS)]


def test_a_break_deep_inside_is_found_where_it_is() -> None:
    def nested(leaf: Schema) -> Schema:
        quote = {"$ref": "#/$defs/Quote"}
        finding = an_object("quotes", quotes={"type": "array", "items": quote})
        root = an_object("findings", findings={"type": "array", "items": finding})
        return {**root, "$defs": {"Quote": an_object("page", page=leaf)}}

    (found,) = breaks(nested(either(COUNT, NOTHING)), nested(COUNT))
    assert (found.field, found.rule, found.breaks) == ("findings[].quotes[].page", "type", RECORDS)
    assert found.detail


def test_a_schema_of_true_is_anything() -> None:
    found = breaks(an_object(x={"type": "array", "items": True}), an_object(x=a_list()))
    assert [(b.field, b.rule, b.breaks) for b in found] == [("x[]", "type", RECORDS)]


def test_a_type_that_contains_itself_is_compared() -> None:
    def tree(leaf: Schema) -> Schema:
        inner = {"type": "array", "items": {"$ref": "#/$defs/Tree"}}
        return {"$ref": "#/$defs/Tree", "$defs": {"Tree": an_object("leaf", leaf=leaf, branches=inner)}}

    assert breaks(tree(TEXT), tree(TEXT)) == []
    assert {b.field for b in breaks(tree(TEXT), tree(COUNT))} == {"leaf"}


def test_renamed_definitions_are_no_difference() -> None:
    one = {**an_object(a={"$ref": "#/$defs/One"}), "$defs": {"One": COLOUR}}
    other = {**an_object(a={"$ref": "#/$defs/Other"}), "$defs": {"Other": COLOUR}}
    assert breaks(one, other) == []


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_a_schema_fits_itself(name: str) -> None:
    assert breaks(EXPORTED[name], copy.deepcopy(EXPORTED[name])) == []


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_an_optional_field_more_breaks_nobody(name: str) -> None:
    wider = copy.deepcopy(EXPORTED[name])
    for described in [wider, *wider.get("$defs", {}).values()]:
        if "properties" in described:
            described["properties"]["added"] = {"anyOf": [TEXT, NOTHING], "default": None}
    assert wider != EXPORTED[name]
    assert breaks(EXPORTED[name], wider) == breaks(wider, EXPORTED[name]) == []


def refuses(reader: Schema, values: Iterable[Any]) -> bool:
    validator = Draft202012Validator(reader, format_checker=FORMATS)
    return any(not validator.is_valid(value) for value in values)


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_no_change_that_an_example_notices_is_missed(name: str) -> None:
    """Single changes of every schema: whatever refuses the golden example, whole or without what is optional."""
    old, golden = EXPORTED[name], body(name.removesuffix(".json"))
    least = {key: value for key, value in golden.items() if key in old.get("required", [])}
    every = list(mutants(old))
    some = random.Random(name).sample(every, min(len(every), SAMPLE))  # noqa: S311 -- a sample, not a secret
    unnoticed = [(change, new) for change, new in some if RECORDS not in {b.breaks for b in breaks(old, new)}]
    assert [change for change, new in unnoticed if refuses(new, [golden, least])] == []
    assert len(unnoticed) < len(some)


ALL_MUTANTS = [
    (name, *mutant) for name in sorted(EXPORTED) if name != "ir.v1.json" for mutant in mutants(EXPORTED[name])
]


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_change_that_any_record_notices_is_missed(data: st.DataObject) -> None:
    """Both ways: records as the old schema allows them to the new readers, records of the new one to old readers."""
    name, change, new = ALL_MUTANTS[data.draw(st.integers(0, len(ALL_MUTANTS) - 1))]
    old = EXPORTED[name]
    found = {b.breaks for b in breaks(old, new)}
    if refuses(new, [data.draw(instances(old, old), label="an old record")]):
        assert RECORDS in found, f"{name}: {change}"
    if change.endswith(("a pattern is set", "a format is set")):
        return  # values of both at once are not made here
    records = instances(new, new)
    if records.is_empty:
        return  # the change left no room for any
    if refuses(old, [data.draw(records, label="a new record")]):
        assert READERS in found, f"{name}: {change}"


def test_the_changes_cover_every_rule_and_both_directions() -> None:
    chosen = random.Random(4).sample(ALL_MUTANTS, 800)  # noqa: S311 -- a sample, not a secret
    found = {(b.rule, b.breaks) for name, _, new in chosen for b in breaks(EXPORTED[name], new)}
    rules = {"type", "values", "required", "range", "length", "pattern", "format"}
    assert {(rule, RECORDS) for rule in rules} <= found
    assert {(rule, READERS) for rule in rules - {"pattern"}} <= found
