"""Released schemas never change, and today's stand beside every one of them."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from contracts.golden import EVENTS, TYPES
from contracts.instances import instances
from docward.events.findings import AnalysisReport
from docward.events.ir import Ir
from docward.events.releases import Finding, State, check, export, in_folder, release, released
from docward.events.schemas import schemas
from docward.events.topics import TOPICS
from docward.events.upcasts import upcast

NAME = "document-submitted.v1.json"
EXPORTED = schemas()


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A copy of the committed schemas and their releases."""
    for folder in ("schemas", "released"):
        shutil.copytree(EVENTS / folder, tmp_path / folder)
    return tmp_path


def changed(name: str = NAME, **properties: Any) -> dict[str, dict[str, Any]]:
    """The exported schemas, with other fields in one of them."""
    exported = copy.deepcopy(EXPORTED)
    exported[name]["properties"].update(properties)
    return exported


TEXT_OR_NOTHING = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}


def test_todays_schemas_stand_beside_every_released_one() -> None:
    states, lost = released(EVENTS)
    assert [str(finding) for finding in lost + check(EXPORTED, states)] == []
    assert len(states) >= len(EXPORTED)


def test_every_schema_of_the_first_release_is_listed() -> None:
    states, _ = released(EVENTS)
    assert {state.name for state in states} >= {name for name in EXPORTED if name.endswith(".v1.json")}


def test_a_released_file_that_was_changed_is_found(contracts: Path) -> None:
    path = contracts / "schemas" / NAME
    path.write_text(path.read_text(encoding="utf-8").replace("255", "256"), encoding="utf-8")
    _, (finding,) = released(contracts)
    assert (finding.contract, finding.rule) == ("document-submitted.v1", "frozen")
    assert "restore" in finding.advice


def test_a_released_file_that_is_gone_is_found(contracts: Path) -> None:
    (contracts / "schemas" / NAME).unlink()
    _, findings = released(contracts)
    assert [finding.rule for finding in findings] == ["frozen"]


def test_a_schema_that_grows_keeps_its_released_state(contracts: Path) -> None:
    release(contracts)
    grown = changed(note=TEXT_OR_NOTHING)
    assert export(contracts, grown) == [NAME]
    states, lost = released(contracts)
    assert lost == []
    assert check(grown, states) == []
    assert release(contracts) == [NAME]
    assert len([state for state in released(contracts)[0] if state.name == NAME]) == 2
    assert release(contracts) == []


def test_what_was_exported_but_never_released_is_not_kept(contracts: Path) -> None:
    before = set((contracts / "released").glob("*.json"))
    export(contracts, changed(note=TEXT_OR_NOTHING))
    export(contracts, changed(remark=TEXT_OR_NOTHING))
    assert len(set((contracts / "released").glob("*.json")) - before) == 1


def test_each_released_state_counts_not_the_last_one_only(contracts: Path) -> None:
    """A field came, went, and comes back as something else: the last release knows nothing of it."""
    for exported in (changed(note=TEXT_OR_NOTHING), EXPORTED):
        export(contracts, exported)
        release(contracts)
    other = changed(note={"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None})
    assert check(other, in_folder(contracts / "schemas")) == []
    states, _ = released(contracts)
    assert {(finding.field, finding.breaks) for finding in check(other, states)} == {
        ("note", "old-records"),
        ("note", "old-readers"),
    }


def test_a_break_names_who_deploys_first() -> None:
    exported = changed(visibility={"enum": ["private", "group", "organization", "world"], "type": "string"})
    (finding,) = check(exported, [State(NAME, EXPORTED[NAME])])
    assert (finding.field, finding.rule, finding.breaks) == ("visibility", "values", "old-readers")
    assert "readers first (analyzer, projector" in finding.advice
    assert "writers last (converter)" in finding.advice
    assert "version 2" in finding.advice


def test_a_break_of_old_records_asks_for_an_upcast() -> None:
    exported = changed()
    exported[NAME]["required"].append("currency")
    (finding,) = check(exported, [State(NAME, EXPORTED[NAME])])
    assert (finding.field, finding.rule, finding.breaks) == ("currency", "required", "old-records")
    assert "upcast from version 1" in finding.advice
    assert str(finding).startswith("document-submitted.v1 currency: required [old-records]: ")


def test_a_type_that_nobody_reads_any_more_is_found() -> None:
    (finding,) = check({}, [State(NAME, EXPORTED[NAME])])
    assert finding.rule == "removed"


def test_a_newer_version_needs_the_upcast_from_the_released_one() -> None:
    second = {NAME.replace("v1", "v2"): EXPORTED[NAME]}
    state = State(NAME, EXPORTED[NAME])
    (finding,) = check(second, [state])
    assert (finding.rule, "_document_submitted_v1_to_v2" in finding.advice) == ("upcast", True)
    assert check(second, [state], {("document-submitted", 1): dict}) == []


@pytest.mark.parametrize("name", sorted(EXPORTED))
def test_every_contract_has_readers_and_writers_to_name(name: str) -> None:
    exported = copy.deepcopy(EXPORTED)
    exported[name]["required"] = [*exported[name].get("required", []), "more"]
    (finding,) = check(exported, [State(name, EXPORTED[name])])
    services = {service for topic in TOPICS for service in topic.consumers}
    assert any(service in finding.advice for service in services)
    assert "nobody" not in finding.advice


READERS: dict[str, type[BaseModel]] = {cls.TYPE: cls for cls in TYPES} | {"ir": Ir, "report": AnalysisReport}


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_released_schema_allows_is_read_by_todays_model(data: st.DataObject) -> None:
    """But for what no schema can say (a title of blanks, two policies of one id): that is the sender's mistake then."""
    states = released(EVENTS)[0]
    state = states[data.draw(st.integers(0, len(states) - 1))]
    type_, _, rest = state.name.partition(".v")
    old = data.draw(instances(dict(state.schema), dict(state.schema)), label=state.name)
    reader, newest = READERS[type_], getattr(READERS[type_], "VERSION", 1)
    body = upcast(type_, int(rest.removesuffix(".json")), newest, old)
    assert mistakes(reader, body) <= {"value_error"}


def mistakes(reader: type[BaseModel], body: dict[str, Any]) -> set[str]:
    """The kinds of errors by which a model refuses a body; those of validators in code are `value_error`."""
    try:
        reader.model_validate_json(json.dumps(body))
    except ValidationError as error:
        return {each["type"] for each in error.errors()}
    return set()


@pytest.mark.parametrize("line", ["no hash", "0" * 64 + " one-blank.v1.json", "0" * 64 + "  ../x.v1.json"])
def test_an_index_that_does_not_read_is_an_error(contracts: Path, line: str) -> None:
    with (contracts / "released" / "index.txt").open("a", encoding="utf-8") as index:
        index.write(line + "\n")
    with pytest.raises(ValueError, match="is no"):
        released(contracts)


def test_findings_are_sorted_and_said_once() -> None:
    state = State(NAME, EXPORTED[NAME])
    exported = changed(title={"type": "integer"}, description={"type": "integer"})
    findings = check(exported, [state, state])
    assert findings == sorted(set(findings))
    assert all(isinstance(finding, Finding) for finding in findings)
