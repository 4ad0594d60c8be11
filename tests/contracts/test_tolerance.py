"""Additive changes are free: whoever reads today survives a writer that adds fields anywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contracts.golden import TYPES, body, example, schema
from docward.events.codec import Codec
from docward.events.findings import AnalysisReport
from docward.events.ir import Ir
from docward.events.messages import Message

ADDED = {"added_by_a_newer_writer": {"deep": [1, "two", None]}}


def widened(value: Any, described: dict[str, Any], root: dict[str, Any]) -> Any:
    """`value` with a field more in every object that the schema describes by its properties, at any depth."""
    if "$ref" in described:
        return widened(value, root["$defs"][described["$ref"].rpartition("/")[2]], root)
    if "anyOf" in described:
        fits = [way for way in described["anyOf"] if (way.get("type") == "null") is (value is None)]
        return widened(value, fits[0], root)
    match value:
        case dict() if "properties" in described:
            return ADDED | {key: widened(item, described["properties"][key], root) for key, item in value.items()}
        case list() if "items" in described:
            return [widened(item, described["items"], root) for item in value]
    return value


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.TYPE)
def test_unknown_fields_of_a_body_are_ignored(cls: type[Message]) -> None:
    name = f"{cls.TYPE}.v{cls.VERSION}"
    golden = example(name)
    wider = json.dumps(widened(golden.body, schema(name), schema(name))).encode()
    assert b"added_by_a_newer_writer" in wider
    assert Codec(TYPES).decode(golden.record(body=wider)).message == Codec(TYPES).decode(golden.record()).message


@pytest.mark.parametrize(("name", "model"), [("ir.v1", Ir), ("report.v1", AnalysisReport)])
def test_unknown_fields_of_a_stored_object_are_ignored(name: str, model: type[Ir | AnalysisReport]) -> None:
    wider = widened(body(name), schema(name), schema(name))
    assert wider != body(name)
    assert model.model_validate(wider) == model.model_validate(body(name))


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.TYPE)
def test_optional_fields_may_be_left_out(cls: type[Message]) -> None:
    name = f"{cls.TYPE}.v{cls.VERSION}"
    required = schema(name).get("required", [])
    least = json.dumps({key: value for key, value in example(name).body.items() if key in required}).encode()
    assert isinstance(Codec(TYPES).decode(example(name).record(body=least)).message, cls)


def test_unknown_headers_are_ignored() -> None:
    record = example("submit-document.v1").record()
    strange = (("x-trace", None), ("ce_sequence", b"7"), ("tracestate", b"\xff"), ("x-trace", b"\x00"))
    codec = Codec(TYPES)
    wider = record._replace(headers=record.headers + strange)
    assert codec.decode(wider).message == codec.decode(record).message
