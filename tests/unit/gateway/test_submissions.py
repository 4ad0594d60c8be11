"""POST /documents: what is taken, what is refused, and what is said about it afterwards."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any
from uuid import UUID

import pytest

from docward.events.documents import SubmitDocument
from docward.events.messages import derived_id
from docward.events.topics import DOCUMENT_COMMANDS
from docward.gateway.app import READ_AND_REFUSED_BYTES
from docward.runtime.sniffing import DOCX, HEAD_BYTES, MARKDOWN, PDF
from unit.gateway.fakes import chunks
from unit.gateway.running import LIMIT, Running, signed_in

URL = "/api/v1/documents"
TEXT = b"# Momentum\n\nThe lookback is 250 trading days.\n"


A_FILE = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\na'


def a_docx(*, telling_entries_last: bool = False) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        if telling_entries_last:
            archive.writestr("media/image.png", b"\x00" * (HEAD_BYTES + 1))
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    return buffer.getvalue()


async def test_a_raw_body_becomes_a_stored_object_and_a_signed_command(running: Running) -> None:
    answer = await running.client.post(
        URL, params={"filename": "momentum.md", "tags": ["equity", "live"], "visibility": "private"}, content=TEXT
    )
    assert answer.status_code == 202
    body = answer.json()
    topic, envelope, command = running.publisher.only
    assert topic is DOCUMENT_COMMANDS
    assert isinstance(command, SubmitDocument)
    assert body["operation_id"] == str(envelope.id)
    assert body["document_id"] == str(envelope.key) == str(derived_id("document", envelope.id))
    assert answer.headers["Location"] == body["links"]["operation"] == f"/api/v1/operations/{envelope.id}"
    assert body["links"]["document"] == f"{URL}/{body['document_id']}"
    assert envelope.subject == f"document:{envelope.key}"
    assert envelope.correlation_id == envelope.id
    assert (envelope.actor.subject, envelope.actor.roles) == ("mira", ("contributor",))
    assert (command.title, command.filename, command.tags) == ("momentum", "momentum.md", ("equity", "live"))
    assert command.visibility == "private"
    assert command.original.uri == f"uploads/{envelope.id}"
    assert command.original.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert (command.original.size, command.original.media_type) == (len(TEXT), MARKDOWN)
    assert await running.store.get(command.original) == TEXT


async def test_a_form_says_the_same_as_a_raw_body(running: Running) -> None:
    answer = await running.client.post(
        URL,
        data={
            "title": "Momentum ✓",
            "description": "Für alle",
            "tags": ["a", "b"],
            "visibility": "group",
            "groups": "risk",
        },
        files={"file": ("größe.md", TEXT, "application/x-anything")},
    )
    assert answer.status_code == 202, answer.text
    _, _, command = running.publisher.only
    assert (command.title, command.description, command.filename) == ("Momentum ✓", "Für alle", "größe.md")
    assert (command.tags, command.visibility, command.groups) == (("a", "b"), "group", ("risk",))
    assert command.original.media_type == MARKDOWN
    assert await running.store.get(command.original) == TEXT


async def test_fields_may_stand_after_the_file(running: Running) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="m.md"\r\n\r\n' + TEXT + b"\r\n"
        b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nLate\r\n--x--\r\n'
    )
    answer = await running.client.post(URL, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 202, answer.text
    assert running.publisher.only[2].title == "Late"


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\n", "a.bin", PDF),
        (a_docx(), "a.txt", DOCX),
        (a_docx(telling_entries_last=True), "", DOCX),
        (TEXT, "README", MARKDOWN),
    ],
)
async def test_the_type_is_told_by_the_bytes(running: Running, content: bytes, name: str, media_type: str) -> None:
    headers = {"Content-Type": "image/png"}
    answer = await running.client.post(URL, params={"filename": name}, content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    ref = running.publisher.only[2].original
    assert ref.media_type == media_type
    assert await running.store.get(ref) == content


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\x00\x00", b"PK\x03\x04 no archive", b"<?xml version='1.0'?><feed/>", b"MZ\x90\x00\x03"],
)
async def test_other_types_are_refused_with_what_to_do(running: Running, content: bytes) -> None:
    answer = await running.client.post(URL, params={"filename": "paper.md"}, content=content)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-type")
    assert "send" in answer.json()["detail"]
    assert not running.stored()
    assert not running.publisher.published


def form(content: bytes) -> dict[str, Any]:
    return {"files": {"file": ("a.md", content)}}


def raw(content: bytes) -> dict[str, Any]:
    return {"content": content}


def unannounced(content: bytes) -> dict[str, Any]:
    return {"content": chunks([content[:1000], content[1000:]])}


def announced_as(size: int) -> Any:
    def body(content: bytes) -> dict[str, Any]:
        return {"content": chunks([content[:1000], content[1000:]]), "headers": {"Content-Length": str(size)}}

    return body


@pytest.mark.parametrize("sent", [form, raw, unannounced, announced_as(10)])
async def test_the_limit_is_exact_to_the_byte_whatever_is_announced(running: Running, sent: Any) -> None:
    largest = b"a" * LIMIT
    assert (await running.client.post(URL, **sent(largest))).status_code == 202
    assert running.publisher.only[2].original.size == LIMIT
    stored = running.stored()
    answer = await running.client.post(URL, **sent(largest + b"a"))
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too-large", LIMIT)
    assert running.stored() == stored, "neither an object nor half of one is left"
    assert len(running.publisher.published) == 1


async def test_a_body_that_is_announced_far_too_large_is_not_read(running: Running) -> None:
    async def unread() -> Any:
        raise AssertionError("was read")
        yield b""

    announced = {"Content-Length": str(READ_AND_REFUSED_BYTES + 1)}
    answer = await running.client.post(URL, content=unread(), headers=announced)
    assert answer.status_code == 413


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer no"}, signed_in("viewer")])
async def test_a_body_that_is_refused_is_read_to_its_end(running: Running, headers: dict[str, str]) -> None:
    sent = []

    async def body() -> Any:
        for _ in range(10):
            sent.append(b"\x00" * HEAD_BYTES)
            yield sent[-1]

    answer = await running.client.post(URL, content=body(), headers=headers)
    assert answer.status_code in {401, 403, 415}
    assert len(sent) == 10


async def test_a_form_cannot_hide_bytes_beside_the_file(running: Running) -> None:
    padding = b"x" * (LIMIT + 1024 * 1024 + 1)
    body = (
        padding
        + b'\r\n--x\r\nContent-Disposition: form-data; name="file"; filename="m.md"\r\n\r\n'
        + TEXT
        + b"\r\n--x--"
    )
    answer = await running.client.post(URL, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code in {400, 413}
    assert not running.publisher.published


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"title": "x" * 256}, "title"),
        ({"title": "   "}, "title"),
        ({"description": "x" * 2001}, "description"),
        ({"tags": ["t"] * 21}, "tags"),
        ({"tags": "x" * 51}, "tags.0"),
        ({"visibility": "secret"}, "visibility"),
        ({"visibility": "group"}, "groups"),
        ({"groups": "risk"}, "groups"),
        ({"repositories": "no such name!"}, "repositories.0"),
        ({"repositories": "pack@0"}, "repositories.0"),
        ({"surprise": "x"}, "surprise"),
        ({"title": ["a", "b"]}, "title"),
        ({"title": "a\x00b"}, "body"),
    ],
)
async def test_every_wrong_field_is_named(running: Running, params: dict[str, Any], field: str) -> None:
    answer = await running.client.post(URL, params={"filename": "m.md", **params}, content=TEXT)
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid-request"
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert not running.publisher.published


@pytest.mark.parametrize("content", [b"", b" \n\t"])
async def test_an_empty_file_is_refused(running: Running, content: bytes) -> None:
    for sent in (raw(content), form(content)):
        answer = await running.client.post(URL, **sent)
        assert answer.status_code in {415, 422}
        assert not running.publisher.published


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=", b""),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        ("multipart/form-data; boundary=x", b"no parts at all"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\ntext',
        ),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\na\r\n--x--'),
        ("multipart/form-data; boundary=x", b"--x\r\nX-No: disposition\r\n\r\na\r\n--x--"),
        ("multipart/form-data; boundary=x", A_FILE + b"\r\n" + A_FILE + b"\r\n--x--"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"; filename="a.md"\r\n\r\na\r\n--x--',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\n\xff\r\n--x--',
        ),
    ],
)
async def test_a_form_that_is_none_is_refused(running: Running, content_type: str, body: bytes) -> None:
    answer = await running.client.post(URL, content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-form"), answer.text
    assert not running.publisher.published


async def test_a_viewer_may_not_submit(running: Running) -> None:
    answer = await running.client.post(URL, content=TEXT, headers=signed_in("viewer"))
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert not running.stored()


async def test_without_the_broker_nothing_is_accepted_and_the_caller_may_come_back(running: Running) -> None:
    running.publisher.down = True
    headers = {"Idempotency-Key": "k-1"}
    answer = await running.client.post(URL, content=TEXT, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (503, "broker-unavailable")
    assert 2 <= int(answer.headers["Retry-After"]) <= 10
    running.publisher.down = False
    again = await running.client.post(URL, content=TEXT, headers=headers)
    assert again.status_code == 202
    assert len(running.publisher.published) == 1


async def test_a_repeated_request_has_one_effect_and_the_same_answer(running: Running) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = await running.client.post(URL, params={"title": "A"}, content=TEXT, headers=headers)
    again = await running.client.post(URL, params={"title": "A"}, content=TEXT, headers=headers)
    assert first.status_code == again.status_code == 202
    assert first.json() == again.json()
    assert first.headers["Location"] == again.headers["Location"]
    assert len(running.publisher.published) == 1


@pytest.mark.parametrize(
    ("params", "content"), [({"title": "B"}, TEXT), ({"title": "A"}, TEXT + b"more"), ({"title": "A"}, b"")]
)
async def test_a_key_cannot_be_used_for_another_request(
    running: Running, params: dict[str, str], content: bytes
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    await running.client.post(URL, params={"title": "A"}, content=TEXT, headers=headers)
    other = await running.client.post(URL, params=params, content=content, headers=headers)
    assert other.status_code == 422
    assert other.json()["code"] in {"idempotency-key-reused", "empty-file"}
    assert len(running.publisher.published) == 1


async def test_a_key_whose_request_failed_midway_is_free_again(running: Running) -> None:
    headers = {"Idempotency-Key": "k-1"}
    bad = await running.client.post(URL, params={"title": "x" * 256}, content=TEXT, headers=headers)
    assert bad.status_code == 422
    same = await running.client.post(URL, params={"title": "x" * 256}, content=TEXT, headers=headers)
    assert same.json()["code"] == "invalid-request"


async def test_two_callers_may_use_the_same_key(running: Running) -> None:
    for subject in ("mira", "sam"):
        headers = {"Idempotency-Key": "k-1", **signed_in("contributor", subject=subject)}
        assert (await running.client.post(URL, content=TEXT, headers=headers)).status_code == 202
    ids = {envelope.key for _, envelope, _ in running.publisher.published}
    assert len(ids) == 2


async def test_without_a_key_every_request_counts(running: Running) -> None:
    for _ in range(2):
        await running.client.post(URL, content=TEXT)
    assert len({envelope.id for _, envelope, _ in running.publisher.published}) == 2


@pytest.mark.parametrize("key", ["", "x" * 256, "with blank", "ünï"])
async def test_a_key_must_be_readable(running: Running, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    answer = await running.client.post(URL, content=TEXT, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-request")


async def test_repositories_need_the_read_model(running: Running) -> None:
    answer = await running.client.post(URL, params={"repositories": "self-containment"}, content=TEXT)
    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")
    assert "secret" not in answer.text


async def test_the_caller_s_trace_goes_on(running: Running) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    await running.client.post(URL, content=TEXT, headers={"traceparent": parent})
    await running.client.post(URL, content=TEXT, headers={"traceparent": "nonsense"})
    traces = [(envelope.traceparent or "").split("-")[1] for _, envelope, _ in running.publisher.published]
    assert traces[0] == "0af7651916cd43dd8448eb211c80319c"
    assert len(traces[1]) == 32


async def test_command_ids_are_uuids_of_their_own(running: Running) -> None:
    answer = await running.client.post(URL, content=TEXT, headers={"Idempotency-Key": "k-1"})
    assert UUID(answer.json()["operation_id"]) == derived_id("command", "mira", "k-1")


async def test_what_was_accepted_is_accepted_even_when_its_outcome_cannot_be_seen(running: Running) -> None:
    answer = await running.client.post(URL, content=TEXT, headers={"Prefer": "wait=5"})
    assert answer.status_code == 202
    assert len(running.publisher.published) == 1
