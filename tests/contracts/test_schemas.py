"""The committed schemas are the models', whole, without gaps and without leftovers."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.golden import EVENTS, OBJECTS, TYPES, committed
from docward.events import analyses, documents, policies
from docward.events.messages import Command, Event, Message
from docward.events.schemas import rendered, schemas, write
from docward.events.upcasts import UPCASTS

EXPORTED = schemas()
HELP = "differs from its model: `python -m docward.events.schemas libs/events/schemas`, or a new version if released"


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_the_committed_schema_is_the_exported_one(name: str) -> None:
    assert (EVENTS / "schemas" / name).read_text(encoding="utf-8") == rendered(EXPORTED[name]), f"{name} {HELP}"


def test_schemas_exist_for_each_type_and_object_only() -> None:
    assert set(committed("schemas")) == {cls.TYPE for cls in TYPES} | set(OBJECTS)


@pytest.mark.parametrize("folder", ["schemas", "examples"])
def test_no_version_is_missing(folder: str) -> None:
    newest = {cls.TYPE: cls.VERSION for cls in TYPES} | dict.fromkeys(OBJECTS, 1)
    assert committed(folder) == {name: set(range(1, version + 1)) for name, version in newest.items()}


def test_every_older_version_has_its_upcast_and_no_other_is_there() -> None:
    assert set(UPCASTS) == {(cls.TYPE, version) for cls in TYPES for version in range(1, cls.VERSION)}


@pytest.mark.parametrize("module", [documents, policies, analyses], ids=lambda module: module.__name__)
def test_every_command_and_event_is_carried_by_a_topic(module: object) -> None:
    declared = {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Message) and value not in {Command, Event, Message}
    }
    assert declared
    assert declared <= set(TYPES)


def test_the_export_writes_these_files(tmp_path: Path) -> None:
    directory = tmp_path / "schemas"
    write(directory)
    assert {path.name for path in directory.iterdir()} == set(EXPORTED)
