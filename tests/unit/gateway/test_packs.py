"""Packs come as YAML or JSON, and what is none is refused with where it is wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docward.events.policies import ImportPack, repository_id
from docward.events.topics import POLICY_COMMANDS
from docward.gateway.packs import read_pack
from docward.gateway.problems import ProblemError
from unit.gateway.running import Running, signed_in

URL = "/api/v1/policy-repositories/import"
YAML = b"""
pack:
  id: house-rules
  version: "1.0"
  title: House rules
  as_of: 2026-10-12
requirements:
  - id: HR-1
    level: MUST
    title: Name the owner
    paraphrase: The document names the person who owns the strategy.
    evidence:
      concepts: {any: [owner]}
      sections_prior: [governance]
"""
PACK: dict[str, Any] = {
    "pack": {"id": "house-rules", "version": "1.0", "title": "House rules"},
    "requirements": [{"id": "HR-1", "level": "MUST", "title": "Name the owner", "paraphrase": "It names its owner."}],
}


async def test_yaml_and_json_are_read_alike() -> None:
    pack = await read_pack(YAML)
    assert pack.pack.as_of == "2026-10-12"
    assert pack.requirements[0].evidence.any == ("owner",)
    assert (await read_pack(json.dumps(PACK).encode())).requirements[0].id == "HR-1"
    assert (await read_pack(b"\xef\xbb\xbf" + YAML)).pack.id == "house-rules"


async def test_an_import_becomes_a_command_for_the_repository_of_that_name(running: Running) -> None:
    headers = {**signed_in("admin"), "Content-Type": "application/yaml", "Idempotency-Key": "k"}
    answer = await running.client.post(URL, content=YAML, headers=headers)
    assert answer.status_code == 202, answer.text
    topic, envelope, command = running.publisher.only
    assert topic is POLICY_COMMANDS
    assert isinstance(command, ImportPack)
    assert envelope.subject == f"policy-repository:{repository_id('house-rules')}"
    assert answer.json()["repository_id"] == str(repository_id("House-Rules"))
    assert answer.json()["links"]["policy-repository"] == "/api/v1/policy-repositories/house-rules"
    again = await running.client.post(URL, content=json.dumps(PACK), headers=headers)
    assert again.json()["code"] == "idempotency-key-reused"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid-request"),
        (b"\xff\xfe", 400, "unreadable-pack"),
        (b"{unbalanced", 400, "unreadable-pack"),
        (b"a: 1\nb: [", 400, "unreadable-pack"),
        (b"a: &x [1]\nb: *x", 400, "unreadable-pack"),
        (b"[" * 100 + b"]" * 100, 400, "unreadable-pack"),
        (b"!!python/object/apply:os.system ['true']", 400, "unreadable-pack"),
        (b"just words", 422, "invalid-request"),
        (json.dumps({**PACK, "requirements": []}).encode(), 422, "invalid-request"),
        (json.dumps({**PACK, "pack": {"id": "No Good"}}).encode(), 422, "invalid-request"),
        (b"--- a\n--- b\n", 400, "unreadable-pack"),
        (b"x" * (1024 * 1024 + 1), 413, "too-large"),
    ],
)
async def test_what_is_no_pack_is_refused(running: Running, body: bytes, status: int, code: str) -> None:
    answer = await running.client.post(URL, content=body, headers=signed_in("admin"))
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert not running.publisher.published


async def test_mistakes_in_a_pack_are_named_by_their_place(running: Running) -> None:
    wrong = {**PACK, "requirements": [{**PACK["requirements"][0], "level": "OUGHT"}]}
    answer = await running.client.post(URL, content=json.dumps(wrong), headers=signed_in("admin"))
    assert [error["field"] for error in answer.json()["errors"]] == ["body.requirements.0.level"]


async def test_a_pack_that_no_topic_takes_is_refused(running: Running) -> None:
    policy = {**PACK["requirements"][0], "rationale": "x" * 1_040_000}
    answer = await running.client.post(
        URL, content=json.dumps({**PACK, "requirements": [policy]}), headers=signed_in("admin")
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


@given(st.binary(max_size=200) | st.text(alphabet="[]{}:-&*!|>'\"\n ab\t#%", max_size=80).map(str.encode))
async def test_no_body_ends_in_anything_but_a_pack_or_a_problem(body: bytes) -> None:
    with pytest.raises(ProblemError):
        await read_pack(body)
