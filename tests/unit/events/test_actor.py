"""`ce_actor` is a detached JWS: another JOSE library makes and checks the same ones."""

from __future__ import annotations

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import BadSignatureError as ForeignBadSignatureError
from joserfc.jwk import OctKey

from docward.events.actor import Signer, Statement, claimed_actor, verify
from docward.events.errors import BadSignatureError
from docward.events.messages import Actor

KEY = b"a key of the tests, 32 bytes long"
SIGNER = Signer("gateway", KEY)
KEYRING = {"gateway": KEY}
REGISTRY = jws.JWSRegistry(algorithms=["HS256"], strict_check_header=False)  # `actor` is a header of ours
FOREIGN_KEY = OctKey.import_key(KEY)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
statements = st.builds(
    Statement, id=texts, source=texts, subject=texts, time=texts, type=texts, body=st.binary(max_size=80)
)
actors = st.builds(
    Actor,
    subject=texts.filter(bool),
    name=texts,
    roles=st.lists(texts, max_size=2).map(tuple),
    groups=st.lists(texts, max_size=2).map(tuple),
)


@given(actor=actors, statement=statements)
def test_another_library_verifies_what_we_sign(actor: Actor, statement: Statement) -> None:
    token = SIGNER.sign(actor, statement)
    checked = jws.deserialize_compact(token, FOREIGN_KEY, registry=REGISTRY, payload=statement.payload())
    assert checked.headers()["actor"] == actor.model_dump(mode="json")
    assert checked.headers()["kid"] == "gateway"
    with pytest.raises(ForeignBadSignatureError):
        jws.deserialize_compact(token, FOREIGN_KEY, registry=REGISTRY, payload=statement.payload() + b" ")


@given(actor=actors, statement=statements)
def test_we_verify_what_another_library_signs(actor: Actor, statement: Statement) -> None:
    protected = {"kid": "gateway", "typ": "JOSE", "alg": "HS256", "actor": actor.model_dump(mode="json")}
    whole = jws.serialize_compact(protected, statement.payload(), FOREIGN_KEY, registry=REGISTRY)
    assert verify(jws.detach_content(whole), statement, KEYRING) == actor
    with pytest.raises(BadSignatureError):  # the payload must be detached
        verify(whole, statement, KEYRING)


@given(actor=actors, statement=statements, other=statements)
def test_a_signature_fits_its_statement_only(actor: Actor, statement: Statement, other: Statement) -> None:
    token = SIGNER.sign(actor, statement)
    assert claimed_actor(token) == verify(token, statement, KEYRING) == actor
    if other != statement:
        with pytest.raises(BadSignatureError):
            verify(token, other, KEYRING)


@given(data=st.data())
def test_any_changed_character_breaks_the_token(data: st.DataObject) -> None:
    statement = Statement("1", "/s", "document:1", "t", "submit-document", b"{}")
    token = SIGNER.sign(Actor(subject="mara"), statement)
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.characters(exclude_characters=token[at])) + token[at + 1 :]
    with pytest.raises(BadSignatureError):
        verify(changed, statement, KEYRING)


def test_the_payload_is_canonical_json_of_the_attributes_and_the_hash_of_the_body() -> None:
    statement = Statement("id-1", "/docward/gateway", "document:1", "2026-10-12T08:31:00Z", "make-private", b'{"a":1}')
    digest = hashlib.sha256(b'{"a":1}').hexdigest()
    assert statement.payload().decode() == (
        f'{{"id":"id-1","sha256":"{digest}","source":"/docward/gateway","subject":"document:1",'
        '"time":"2026-10-12T08:31:00Z","type":"make-private"}'
    )


def test_the_protected_header_names_algorithm_key_and_actor() -> None:
    token = SIGNER.sign(Actor(subject="mara", roles=("admin",)), Statement("1", "s", "d:1", "t", "x", b""))
    protected = token.partition("..")[0]
    assert json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4))) == {
        "alg": "HS256",
        "kid": "gateway",
        "actor": {"subject": "mara", "name": "", "kind": "user", "roles": ["admin"], "groups": []},
    }


@pytest.mark.parametrize("attribute", ["id", "source", "subject", "time", "type"])
def test_moving_text_between_attributes_is_seen(attribute: str) -> None:
    parts = {"id": "a", "source": "b", "subject": "c", "time": "d", "type": "e"}
    token = SIGNER.sign(Actor(subject="mara"), Statement(**parts, body=b""))
    moved = {**parts, attribute: parts[attribute] + "x"}
    with pytest.raises(BadSignatureError, match="fit"):
        verify(token, Statement(**moved, body=b""), KEYRING)
