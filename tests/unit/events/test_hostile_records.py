"""Whatever bytes arrive: a message, UndecodableError or BadSignatureError, and never anything else."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docward.events.actor import Signer, verify
from docward.events.codec import MAX_ATTRIBUTE, Codec, Envelope, Record, encode, envelope_of, verified_actor
from docward.events.documents import SubmitDocument
from docward.events.errors import BadSignatureError, UndecodableError
from docward.events.topics import message_types

CODEC = Codec(message_types())
KEYRING = {"gateway": b"a key of the tests, 32 bytes long"}
Make = Callable[..., Record]


def token(header: object) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=") + b"..c2lnbmF0dXJl"


def claims(**changes: object) -> dict[str, Any]:
    return {"alg": "HS256", "kid": "gateway", "actor": {"subject": "mara"}, **changes}


@pytest.mark.parametrize(
    "name", ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "content-type"]
)
def test_a_missing_attribute_is_undecodable(record: Make, name: str) -> None:
    with pytest.raises(UndecodableError, match=name):
        CODEC.decode(record({name: None}))


ATTRIBUTES = ["ce_specversion", "ce_id", "ce_type", "ce_subject", "ce_actor", "content-type", "ce_unheard_of"]


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize(
    ("value", "says"),
    [(None, "null"), (b"\xff\xfe", "UTF-8"), (b"a\x00b", "NUL"), (b"a" * (MAX_ATTRIBUTE + 1), "longer")],
)
def test_an_attribute_that_is_no_text_is_undecodable(record: Make, name: str, value: bytes | None, says: str) -> None:
    whole = record()
    headers = tuple((header, content) for header, content in whole.headers if header != name)
    with pytest.raises(UndecodableError, match=says):
        CODEC.decode(whole._replace(headers=(*headers, (name, value))))


@pytest.mark.parametrize("name", ["ce_id", "ce_actor", "ce_type", "content-type", "ce_unheard_of"])
def test_an_attribute_that_occurs_twice_is_undecodable(record: Make, name: str) -> None:
    whole = record({"ce_unheard_of": b"1"})
    again = (name, dict(whole.headers)[name])
    with pytest.raises(UndecodableError, match="twice"):
        CODEC.decode(whole._replace(headers=(*whole.headers, again)))


@pytest.mark.parametrize(("name", "value"), [("x-any", None), ("x-\udcff", b"\xff"), ("x-any", b"\x00\xff")])
def test_headers_of_others_are_nobodys_business(record: Make, name: str, value: bytes | None) -> None:
    whole = record()
    strange = whole._replace(headers=(*whole.headers, (name, value), (name, value)))
    assert verified_actor(CODEC.decode(strange), KEYRING).subject == "mara.lindqvist"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_specversion", b"0.3"),
        ("ce_specversion", b""),
        ("content-type", b"application/xml"),
        ("content-type", b"application/json; charset=utf-16"),
        ("content-type", b"application/cloudevents+json"),
        ("ce_type", b"SubmitDocument"),
        ("ce_type", b"record-conversion"),
        ("ce_type", b""),
        ("ce_dataversion", b"0"),
        ("ce_dataversion", b"2"),
        ("ce_dataversion", b"-1"),
        ("ce_dataversion", b"one"),
        ("ce_dataversion", b""),
        ("ce_dataversion", b"9" * 5000),
        ("ce_id", b"42"),
        ("ce_id", b""),
        ("ce_correlationid", b"mine"),
        ("ce_causationid", b"yours"),
        ("ce_streamversion", b"1.5"),
        ("ce_time", b"yesterday"),
        ("ce_time", b"2026-10-12T08:31:00"),
        ("ce_time", b"2026-13-12T08:31:00Z"),
        ("ce_time", b"0001-01-01T00:00:00+14:00"),
        ("ce_time", b""),
    ],
)
def test_an_attribute_that_does_not_read_is_undecodable(record: Make, name: str, value: bytes) -> None:
    with pytest.raises(UndecodableError):
        CODEC.decode(record({name: value}))


@pytest.mark.parametrize("key", [b"\xff", b"momentum", b"3f0a7c1e", b"\x00", b"a" * 100_000])
def test_a_key_that_is_no_id_is_undecodable(record: Make, key: bytes) -> None:
    with pytest.raises(UndecodableError):
        CODEC.decode(record(key=key))


@pytest.mark.parametrize("subject", [b"document", b"document:", b"document:7", b":"])
def test_without_key_the_subject_must_name_the_aggregate(record: Make, subject: bytes) -> None:
    with pytest.raises(UndecodableError):
        CODEC.decode(record({"ce_subject": subject}, key=None))


BODY = json.loads(
    '{"title": "T", "filename": "f.md", "original": {"uri": "u", "sha256": "", "size": 1, "media_type": "t"}}'
)
BODY["original"]["sha256"] = "0" * 64


def body(**changes: object) -> bytes:
    return json.dumps({**BODY, **changes}).encode()


def original(**changes: object) -> bytes:
    return body(original={**BODY["original"], **changes})


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="JSON null"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"text"', id="string"),
        pytest.param(b"{}", id="no fields"),
        pytest.param(b"\xef\xbb\xbf" + body(), id="byte order mark"),
        pytest.param(body().decode().encode("utf-16"), id="UTF-16"),
        pytest.param(body()[:-1], id="truncated"),
        pytest.param(body()[: len(body()) // 2], id="half"),
        pytest.param(body() + b"}", id="trailing brace"),
        pytest.param(body() + body(), id="two bodies"),
        pytest.param(body().replace(b'"T"', b'"\xff"'), id="not UTF-8"),
        pytest.param(body().replace(b'"T"', b'"\xed\xa0\x80"'), id="raw surrogate"),
        pytest.param(body().replace(b'"T"', rb'"\ud800"'), id="escaped surrogate"),
        pytest.param(body().replace(b'"T"', b'"a\x00b"'), id="raw NUL"),
        pytest.param(body().replace(b'"T"', rb'"a\u0000b"'), id="escaped NUL"),
        pytest.param(body().replace(b'"title"', rb'"x\u0000": 1, "title"'), id="NUL in a name"),
        pytest.param(body(unknown={"deep": ["a\x00"]}), id="NUL in an unknown field"),
        pytest.param(body(expected_version=-1), id="negative version"),
        pytest.param(body(expected_version=2**31), id="version past an integer column"),
        pytest.param(body().replace(b'"T"', b"9" * 10_000), id="10,000 digits"),
        pytest.param(body(expected_version="first"), id="word for a number"),
        pytest.param(body().replace(b'"T"', b"NaN"), id="NaN"),
        pytest.param(original(size=2**63), id="size past a bigint column"),
        pytest.param(original(size=-1), id="negative size"),
        pytest.param(original(size=1e400), id="infinite size"),
        pytest.param(original(sha256="0" * 63), id="short hash"),
        pytest.param(original(uri=""), id="no uri"),
        pytest.param(original(uri="../secrets.json"), id="parent folder"),
        pytest.param(original(uri="uploads/../../etc/passwd"), id="parent folder inside"),
        pytest.param(original(uri="/etc/passwd"), id="absolute path"),
        pytest.param(original(uri="file:///etc/passwd"), id="address"),
        pytest.param(original(uri="s3://elsewhere/object"), id="other store"),
        pytest.param(original(uri="a\\b"), id="backslash"),
        pytest.param(original(uri="uploads//1"), id="empty step"),
        pytest.param(original(uri="uploads/1\n"), id="line end"),
        pytest.param(original(uri="a" * 256), id="longer than a file name"),
        pytest.param(body(title=" \t"), id="blank title"),
        pytest.param(body(title="t" * 256), id="long title"),
        pytest.param(body(visibility="world"), id="unknown visibility"),
        pytest.param(b'{"a":' * 100_000, id="deep objects"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="deep lists"),
        pytest.param(body(unknown="\x00").replace(b"{", b'{"x":' + b"[" * 3000 + b"]" * 3000 + b",", 1), id="deep+NUL"),
    ],
)
def test_a_body_that_is_no_message_is_undecodable(record: Make, value: bytes | None) -> None:
    with pytest.raises(UndecodableError):
        CODEC.decode(record(value=value))


def test_what_is_wrong_is_said_in_few_words(record: Make) -> None:
    before = {
        "analysis_id": "018f6b2e-0000-4000-8000-000000000001",
        "version": 1,
        "engine": "offline/1",
        "releases": [],
    }
    value = json.dumps({**before, "findings": {"x" * 9000: 1}}).encode()
    with pytest.raises(UndecodableError, match="findings") as caught:
        CODEC.decode(record({"ce_type": b"analysis-completed"}, value=value))
    assert len(str(caught.value)) < 500


TOKENS = {
    "no text at all": b"",
    "one part": b"abc",
    "two parts": b"abc.def",
    "four parts": b"a..b.c",
    "a payload inside": token(claims()).replace(b"..", b".e30."),
    "no base64": b"%%%..abc",
    "not ASCII": "é..abc".encode(),
    "no JSON": token(b"{"),
    "not UTF-8": token(b"\xff\xfe"),
    "JSON, but no object": token([1]),
    "JSON, but a number": token(7),
    "nothing in it": token({}),
    "alg none": token(claims(alg="none")),
    "alg missing": token({"kid": "gateway", "actor": {"subject": "mara"}}),
    "alg of a key pair": token(claims(alg="RS256")),
    "alg in a list": token(claims(alg=["HS256"])),
    "alg in lower case": token(claims(alg="hs256")),
    "no key id": token({"alg": "HS256", "actor": {"subject": "mara"}}),
    "no actor": token({"alg": "HS256", "kid": "gateway"}),
    "actor is text": token(claims(actor="mara")),
    "actor is nobody": token(claims(actor={"subject": ""})),
    "actor of no kind": token(claims(actor={"subject": "mara", "kind": "root"})),
    "NUL in a claim": token(claims(actor={"subject": "mara\x00"})),
    "NUL in a group": token(claims(actor={"subject": "mara", "groups": ["\x00"]})),
    "surrogate in a claim": token(claims(actor={"subject": "\ud800"})),
    "an extension that must be understood": token(claims(crit=["exp"], exp=1)),
    "deep": token(b"[" * 10_000),
    "5,000 digits": token(b'{"alg":"HS256","kid":' + b"9" * 5_000 + b"}"),
}


@pytest.mark.parametrize("value", TOKENS.values(), ids=TOKENS)
def test_a_token_that_does_not_read_is_refused(record: Make, value: bytes) -> None:
    whole = record({"ce_actor": value})
    with pytest.raises((UndecodableError, BadSignatureError)):
        verified_actor(CODEC.decode(whole), KEYRING)
    with pytest.raises((UndecodableError, BadSignatureError)):
        verified_actor(CODEC.decode(record())._replace(token=value.decode("latin-1")), KEYRING)


PROPERLY_SIGNED = {
    "alg none": claims(alg="none"),
    "another alg": claims(alg="HS384"),
    "an extension that must be understood": claims(crit=["exp"], exp=1),
    "NUL in the subject": claims(actor={"subject": "mara\x00"}),
    "NUL in the name": claims(actor={"subject": "mara", "name": "\x00"}),
    "NUL in a role": claims(actor={"subject": "mara", "roles": ["admin\x00"]}),
    "NUL in a group": claims(actor={"subject": "mara", "groups": ["\x00"]}),
}


@pytest.mark.parametrize("header", PROPERLY_SIGNED.values(), ids=PROPERLY_SIGNED)
def test_a_right_signature_does_not_excuse_a_wrong_header(record: Make, header: dict[str, Any]) -> None:
    statement = CODEC.decode(record()).statement
    protected = token(header).partition(b"..")[0].decode()
    payload = base64.urlsafe_b64encode(statement.payload()).rstrip(b"=").decode()
    mac = hmac.digest(KEYRING["gateway"], f"{protected}.{payload}".encode(), "sha256")
    signed = f"{protected}..{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    with pytest.raises(BadSignatureError):
        verify(signed, statement, KEYRING)
    with pytest.raises(UndecodableError):
        CODEC.decode(record({"ce_actor": signed.encode()}))


def test_a_signature_that_is_no_text_is_refused(record: Make) -> None:
    decoded = CODEC.decode(record())
    assert decoded.token is not None
    with pytest.raises(BadSignatureError):
        verify(decoded.token[:-1] + "\ud800", decoded.statement, KEYRING)


def test_an_unsigned_record_is_a_claim_of_nobody(record: Make) -> None:
    decoded = CODEC.decode(record({"ce_actor": None}))
    assert decoded.envelope.actor.subject == "anonymous"
    with pytest.raises(BadSignatureError, match="missing"):
        verified_actor(decoded, KEYRING)


@pytest.mark.parametrize(
    "changes",
    [
        {"ce_id": b"018f6b2e-0000-7000-8000-00000000beef"},
        {"ce_id": b"018F6B2E-0000-7000-8000-000000000001"},  # the same id, spelled otherwise than it was signed
        {"ce_source": b"/docward/elsewhere"},
        {"ce_subject": b"document:00000000-0000-0000-0000-000000000000"},
        {"ce_time": b"2026-10-12T08:31:00.123457Z"},
    ],
)
def test_a_changed_attribute_breaks_the_signature(record: Make, changes: dict[str, bytes]) -> None:
    with pytest.raises(BadSignatureError, match="fit"):
        verified_actor(CODEC.decode(record(changes)), KEYRING)


def test_a_changed_body_or_type_breaks_the_signature(record: Make) -> None:
    value = record().value
    assert value is not None
    with pytest.raises(BadSignatureError, match="fit"):
        verified_actor(CODEC.decode(record(value=value + b" ")), KEYRING)
    with pytest.raises(BadSignatureError, match="fit"):
        verified_actor(CODEC.decode(record({"ce_type": b"make-private"}, value=value)), KEYRING)


def test_another_messages_signature_does_not_fit(record: Make, envelope: Envelope, message: SubmitDocument) -> None:
    other = encode(envelope._replace(source="/other"), message, Signer("gateway", KEYRING["gateway"]))
    with pytest.raises(BadSignatureError, match="fit"):
        verified_actor(CODEC.decode(record({"ce_actor": dict(other.headers)["ce_actor"]})), KEYRING)


@pytest.mark.parametrize(
    ("signer", "says"),
    [
        (Signer("gateway", b"another key"), "fit"),
        (Signer("gateway", b""), "fit"),
        (Signer("stranger", KEYRING["gateway"]), "keyring"),
    ],
)
def test_a_stranger_is_not_believed(
    record: Make, envelope: Envelope, message: SubmitDocument, signer: Signer, says: str
) -> None:
    forged = dict(encode(envelope, message, signer).headers)["ce_actor"]
    with pytest.raises(BadSignatureError, match=says):
        verified_actor(CODEC.decode(record({"ce_actor": forged})), KEYRING)


def attempt(record: Record) -> None:
    with suppress(UndecodableError):
        envelope_of(record)
    with suppress(UndecodableError, BadSignatureError):
        verified_actor(CODEC.decode(record), KEYRING)


names = st.sampled_from([*ATTRIBUTES, "ce_time", "ce_source", "ce_dataversion", "ce_streamversion"]) | st.text(
    max_size=8
)
values = st.none() | st.binary(max_size=40) | st.sampled_from([b"1.0", b"1", b"application/json", b"submit-document"])


@given(
    key=st.none() | st.binary(max_size=40),
    value=st.none() | st.binary(max_size=60),
    headers=st.lists(st.tuples(names, values), max_size=14).map(tuple),
)
def test_any_bytes_at_all(
    key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes | None], ...]
) -> None:
    attempt(Record("document-commands", 0, 0, 0, key, value, headers))


VALID = b"""{"expected_version": null, "title": "Momentum", "filename": "m.md", "original": {"uri": "uploads/1",
"sha256": "0000000000000000000000000000000000000000000000000000000000000000", "size": 12, "media_type": "text"}}"""
HEADERS: tuple[tuple[str, bytes | None], ...] = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"018f6b2e-0000-7000-8000-000000000001"),
    ("ce_type", b"submit-document"),
    ("ce_source", b"/docward/gateway"),
    ("ce_time", b"2026-10-12T08:31:00.123456Z"),
    ("ce_subject", b"document:3f0a7c1e-5b7d-5c42-9a53-2f6f0f9b8d11"),
    ("ce_actor", token(claims())),
    ("content-type", b"application/json"),
)


@given(data=st.data())
def test_any_change_to_a_good_record(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(VALID)))
    cut = data.draw(st.integers(0, 4))
    value = VALID[:start] + data.draw(st.binary(max_size=4)) + VALID[start + cut :]
    index = data.draw(st.integers(0, len(HEADERS) - 1))
    name, good = HEADERS[index]
    assert good is not None
    at = data.draw(st.integers(0, len(good)))
    changed = good[:at] + data.draw(st.binary(max_size=3)) + good[at + data.draw(st.integers(0, 2)) :]
    headers = (*HEADERS[:index], (name, changed), *HEADERS[index + 1 :])
    attempt(Record("document-commands", 0, 0, 0, None, VALID, headers))
    attempt(Record("document-commands", 0, 0, 0, None, value, HEADERS))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from([cls.TYPE for cls in message_types()]), value=json_values, fields=st.data())
def test_any_json_for_any_type(name: str, value: object, fields: st.DataObject) -> None:
    cls = next(cls for cls in message_types() if name == cls.TYPE)
    shaped = {field: fields.draw(json_values) for field in cls.model_fields}
    headers = tuple((key, name.encode() if key == "ce_type" else content) for key, content in HEADERS)
    for sent in (value, shaped):
        attempt(Record("document-commands", 0, 0, 0, None, json.dumps(sent).encode("utf-8", "surrogatepass"), headers))
