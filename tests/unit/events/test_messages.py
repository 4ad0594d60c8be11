"""Names, ids and values of the language."""

from __future__ import annotations

import subprocess
import sys
from typing import ClassVar
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from docward.events.documents import SubmitDocument
from docward.events.ir import element_id
from docward.events.messages import DOCWARD, Event, ObjectRef, as_uuid, derived_id, stream_id, uuid_text
from docward.events.policies import CreateRepository, Evidence, Pack, repository_id


def test_a_wire_name_is_the_class_name_in_kebab_case() -> None:
    class PriceOfRTS6Changed(Event):
        VERSION: ClassVar[int] = 2

    assert PriceOfRTS6Changed.TYPE == "price-of-rts6-changed"
    assert SubmitDocument.TYPE == "submit-document"


def test_messages_cannot_be_changed() -> None:
    ref = ObjectRef(uri="uploads/1", sha256="0" * 64, size=1, media_type="text/markdown")
    with pytest.raises(ValidationError, match="frozen"):
        ref.size = 2  # type: ignore[misc]  # what the test is about


@given(st.lists(st.text(max_size=10), min_size=1, max_size=4), st.lists(st.text(max_size=10), min_size=1, max_size=4))
def test_equal_parts_give_equal_ids_and_others_do_not(one: list[str], other: list[str]) -> None:
    separator = "\x1f"
    assert derived_id(*one) == derived_id(*one)
    if separator.join(one) != separator.join(other):
        assert derived_id(*one) != derived_id(*other)


@given(ident=st.uuids(), more=st.text())
def test_ids_are_those_of_the_standard_library(ident: UUID, more: str) -> None:
    assert derived_id(ident, more, 1) == uuid5(DOCWARD, f"{ident}\x1f{more}\x1f1")
    assert uuid_text(ident) == str(ident)
    assert as_uuid(str(ident)) == as_uuid(f"{{{ident.hex.upper()}}}") == ident


def test_derived_ids_are_the_same_in_every_process() -> None:
    code = "from docward.events.messages import derived_id; print(derived_id('document', 1))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == str(derived_id("document", 1)) == "1c48ccba-873f-519a-8960-c900b3595483"


def test_a_stream_names_its_kind_and_aggregate() -> None:
    ident = uuid4()
    assert stream_id("document", ident) == f"document:{ident}"


def test_a_repository_name_exists_once_whatever_its_case() -> None:
    assert repository_id("Self-Containment") == repository_id("self-containment")
    assert repository_id("self-containment") != repository_id("selfcontainment")


@pytest.mark.parametrize("name", ["", "a", "-a", "a b", "a/b", "ü-x", "a" * 64, "ab\n"])
def test_a_repository_name_is_a_word(name: str) -> None:
    with pytest.raises(ValidationError):
        CreateRepository(name=name, title="Title")


def test_a_pack_nests_its_concepts() -> None:
    nested = Evidence.model_validate({"concepts": {"all": ["alert"], "within": "sentence"}, "sections_prior": ["risk"]})
    assert nested == Evidence(all=("alert",), within="sentence", sections_prior=("risk",))


def test_a_requirement_without_level_is_no_policy() -> None:
    pack = {"pack": {"id": "a-pack", "version": "1", "title": "A"}, "requirements": [{"id": "A-1", "title": "T"}]}
    with pytest.raises(ValidationError, match="level"):
        Pack.model_validate(pack)


def test_an_element_keeps_its_id_while_its_anchor_is_the_same() -> None:
    first = element_id("d", "definition", "rebalancing day")
    assert first == element_id("d", "definition", "rebalancing day", 0)
    others = {
        element_id("d", "definition", "rebalancing day", 1),
        element_id("e", "definition", "rebalancing day"),
        element_id("d", "section", "rebalancing day"),
        element_id("d", "definition", "rebalancing days"),
    }
    assert len(others | {first}) == 5
