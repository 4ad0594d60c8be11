"""Every golden example is a message that today's code reads, and writes again unchanged."""

from __future__ import annotations

import json
from itertools import pairwise
from uuid import UUID

import pytest
from jsonschema import Draft202012Validator

from contracts.golden import ACTOR, EVENTS, NEWEST, OBJECTS, SIGNER, TYPES, body, carried, committed, example, schema
from docward.events.codec import Codec, encode, verified_actor
from docward.events.findings import AnalysisReport
from docward.events.ir import Ir
from docward.events.messages import Command, CommandRejected, Message

NAMES = sorted(path.stem for path in (EVENTS / "examples").iterdir())
MESSAGES = [name for name in NAMES if name.partition(".")[0] not in OBJECTS]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_validates_against_its_schema(name: str) -> None:
    described = schema(name)
    Draft202012Validator.check_schema(described)
    validator = Draft202012Validator(described, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(body(name))] == []


@pytest.mark.parametrize("name", MESSAGES)
def test_every_version_of_an_example_decodes(name: str) -> None:
    golden = example(name)
    decoded = Codec(TYPES).decode(golden.record())
    assert verified_actor(decoded, {SIGNER.key_id: SIGNER.key}) == ACTOR
    assert f"{decoded.envelope.type}.v{decoded.envelope.version}" == name
    assert decoded.envelope.key == UUID(golden.key)


@pytest.mark.parametrize("name", NEWEST)
def test_an_example_is_encoded_again_as_it_was(name: str) -> None:
    golden = example(name)
    decoded = Codec(TYPES).decode(golden.record())
    encoded = encode(decoded.envelope, decoded.message, SIGNER)
    assert json.loads(encoded.value) == golden.body
    assert encoded.key.decode() == golden.key
    written = {header: (value or b"").decode() for header, value in encoded.headers}
    assert written.pop("ce_actor")
    assert written == golden.headers


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.TYPE)
def test_an_example_fits_every_topic_that_carries_it(cls: type[Message]) -> None:
    decoded = Codec(TYPES).decode(example(f"{cls.TYPE}.v{cls.VERSION}").record())
    size = encode(decoded.envelope, decoded.message, SIGNER).size
    assert all(size <= topic.max_bytes for topic in carried(cls))


@pytest.mark.parametrize("cls", TYPES, ids=lambda cls: cls.TYPE)
def test_only_events_are_numbered(cls: type[Message]) -> None:
    golden = example(f"{cls.TYPE}.v{cls.VERSION}")
    numbered = "ce_streamversion" in golden.headers
    assert numbered is (not issubclass(cls, Command) and cls.TYPE != "progress-reported")


def test_the_stored_examples_read_as_their_models_and_back() -> None:
    for name, model in (("ir.v1", Ir), ("report.v1", AnalysisReport)):
        assert json.loads(model.model_validate(body(name)).model_dump_json()) == body(name)


def test_the_examples_of_a_stream_are_numbered_without_doubles() -> None:
    seen: dict[str, list[int]] = {}
    for name in MESSAGES:
        headers = example(name).headers
        if "ce_streamversion" in headers:
            seen.setdefault(headers["ce_subject"], []).append(int(headers["ce_streamversion"]))
    assert len(seen) > 3
    assert all(a < b for versions in seen.values() for a, b in pairwise(sorted(versions)))


def test_a_rejection_is_the_only_event_of_its_command() -> None:
    golden = example("command-rejected.v1")
    assert golden.headers["ce_subject"] == f"command:{golden.body['command_id']}"
    assert golden.headers["ce_streamversion"] == "1"
    assert golden.body["stream"] == f"document:{golden.key}"
    assert len(carried(CommandRejected)) == 3


def test_the_elements_of_the_ir_stand_where_they_say() -> None:
    ir = Ir.model_validate(body("ir.v1"))
    sections = {section.id for section in ir.sections}
    elements = [*ir.sections, *ir.blocks, *ir.definitions, *ir.formulas, *ir.tables, *ir.references, *ir.parameters]
    assert len({element.id for element in elements}) == len(elements)
    assert all(0 <= element.span.start < element.span.end <= ir.markdown_length for element in elements)
    assert {element.section_id for element in elements} <= sections
    assert all(a.span.end <= b.span.start for a, b in pairwise(ir.blocks))


def test_examples_exist_for_each_type_and_object_only() -> None:
    assert set(committed("examples")) == {cls.TYPE for cls in TYPES} | set(OBJECTS)
