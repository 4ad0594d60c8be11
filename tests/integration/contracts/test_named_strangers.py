"""What other systems may get wrong, case by case, against a converter that runs: parked with a reason, forwarded,
rejected by an event, or decided; and what the broker itself refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from docward.events.actor import Signer, Statement
from docward.events.messages import Actor
from docward.events.topics import DOCUMENT_COMMANDS
from docward.runtime.deciders import FORWARDED
from docward.runtime.kafka import partition_of
from docward.runtime.rawheaders import header_key
from installation import Installation, until
from integration.contracts.log import producing, read, write
from integration.contracts.strangers import CODECS, PARTITIONS, Sent

TYPE, BODY = "make-private", b"{}"
EVENT = b'{"title": "mine"}'
SIGNER = Signer("stranger", b"?" * 32)


@dataclass(frozen=True)
class Sender:
    """Of commands that are right in every respect, to be spoilt."""

    signer: Signer

    def says(
        self,
        type_: str = TYPE,
        body: bytes = BODY,
        *,
        ident: UUID | None = None,
        key: UUID | None = None,
        roles: tuple[str, ...] = ("contributor",),
        signer: Signer | None = None,
        source: str = "/strangers",
    ) -> Sent:
        document, id_, time = key or uuid4(), str(ident or uuid4()), "2026-10-12T08:30:00+00:00"
        subject = f"document:{document}"
        statement = Statement(id_, source, subject, time, type_, body)
        token = (signer or self.signer).sign(Actor(subject="stranger", roles=roles), statement)
        texts = {
            "ce_specversion": "1.0",
            "ce_id": id_,
            "ce_type": type_,
            "ce_source": source,
            "ce_subject": subject,
            "ce_time": time,
            "ce_actor": token,
            "content-type": "application/json",
        }
        name = str(document).encode()
        return Sent(partition_of(name, PARTITIONS), name, body, tuple((n, t.encode()) for n, t in texts.items()))


def elsewhere(sent: Sent) -> Sent:
    return replace(sent, partition=(sent.partition + 1) % PARTITIONS)


def more(sent: Sent, *headers: tuple[str, bytes | None]) -> Sent:
    return replace(sent, headers=(*sent.headers, *headers))


def submitted(uri: str) -> bytes:
    original = {"uri": uri, "sha256": "0" * 64, "size": 1, "media_type": "text/markdown"}
    return json.dumps({"title": "t", "filename": "t.md", "original": original}).encode()


Make = Callable[[Sender], Sent]
CASES: dict[str, tuple[str, Make]] = {
    # the envelope
    "unknown type": ("undecodable", lambda by: by.says("do-as-i-say")),
    "no type": ("undecodable", lambda by: by.says().without("ce_type")),
    "an internal command": ("undecodable", lambda by: by.says("record-conversion")),
    "an event instead of a command": ("undecodable", lambda by: by.says("details-edited", EVENT)),
    "a command of another topic": ("undecodable", lambda by: by.says("create-repository", b'{"name": "mine"}')),
    "unknown version": ("undecodable", lambda by: by.says().header("ce_dataversion", b"99")),
    "version zero": ("undecodable", lambda by: by.says().header("ce_dataversion", b"0")),
    "no id": ("undecodable", lambda by: by.says().without("ce_id")),
    "an id that is none": ("undecodable", lambda by: by.says().header("ce_id", b"17")),
    "a null attribute": ("undecodable", lambda by: by.says().header("ce_source", None)),
    "an attribute that is no UTF-8": ("undecodable", lambda by: by.says().header("ce_source", b"\xff\xfe")),
    "an attribute twice": ("undecodable", lambda by: more(by.says(), ("ce_type", TYPE.encode()))),
    "another specification": ("undecodable", lambda by: by.says().header("ce_specversion", b"0.3")),
    "missing content type": ("undecodable", lambda by: by.says().without("content-type")),
    "another content type": ("undecodable", lambda by: by.says().header("content-type", b"application/xml")),
    "no headers at all": ("undecodable", lambda by: replace(by.says(), headers=())),
    # the body
    "null body": ("undecodable", lambda by: replace(by.says(), value=None)),
    "empty body": ("undecodable", lambda by: replace(by.says(), value=b"")),
    "binary body": ("undecodable", lambda by: replace(by.says(), value=bytes(range(256)))),
    "byte order mark": ("undecodable", lambda by: by.says(body=b"\xef\xbb\xbf{}")),
    "UTF-16": ("undecodable", lambda by: by.says(body="{}".encode("utf-16"))),
    "NUL in a text": ("undecodable", lambda by: by.says("edit-details", rb'{"title": "a\u0000b"}')),
    "NUL in an unknown field": ("undecodable", lambda by: by.says(body=rb'{"x": "\u0000"}')),
    "half a surrogate pair": ("undecodable", lambda by: by.says("edit-details", rb'{"title": "\ud800"}')),
    "truncated": ("undecodable", lambda by: by.says("edit-details", b'{"title": "a')),
    "no object": ("undecodable", lambda by: by.says(body=b"[]")),
    "100,000 levels": ("undecodable", lambda by: by.says(body=b"[" * 100_000)),
    "a reference outside of the store": (
        "undecodable",
        lambda by: by.says("submit-document", submitted("file:///etc/passwd")),
    ),
    # who says it
    "unsigned": ("bad-signature", lambda by: by.says().without("ce_actor")),
    "signed by a stranger": ("bad-signature", lambda by: by.says(signer=SIGNER)),
    "signed with another's key": ("bad-signature", lambda by: by.says(signer=replace(by.signer, key=b"?" * 32))),
    "signed for another body": ("bad-signature", lambda by: replace(by.says(), value=b'{"expected_version": 7}')),
    "signed for another document": (
        "bad-signature",
        lambda by: by.says().header("ce_subject", dict(by.says().headers)["ce_subject"]),
    ),
    "in the name of a service": (
        "bad-signature",
        lambda by: by.says().header("ce_source", b"/docward/gateway"),
    ),
    # where it lies
    "a key that is no id": ("undecodable", lambda by: replace(by.says(), key=b"mine")),
    "wrong partition": ("forwarded", lambda by: elsewhere(by.says())),
    "no key": ("forwarded", lambda by: elsewhere(replace(by.says(), key=None))),
    "wrong partition, forwarded before": (
        "wrong-partition",
        lambda by: more(elsewhere(by.says()), (FORWARDED, b"1")),
    ),
    # what is allowed, and nobody's business
    "binary headers of its own": ("not-found", lambda by: more(by.says(), ("x", b"\xff\x00"), ("y", None))),
    "a header key that is no UTF-8": ("not-found", lambda by: more(by.says(), (header_key(b"\xff\xfe"), b"1"))),
    "an answer asked for": ("not-found", lambda by: more(by.says(), ("reply_to", b"document-events"))),
    "an unknown field": ("not-found", lambda by: by.says(body=b'{"colour": "red"}')),
    "larger than its topic takes once inflated": (
        "not-found",
        lambda by: by.says(body=b'{"x": "' + b"y" * 3_000_000 + b'"}'),
    ),
    "an actor who may not": (
        "forbidden",
        lambda by: by.says("submit-document", submitted("uploads/1"), roles=("viewer",)),
    ),
    "an actor without a role": ("forbidden", lambda by: by.says("submit-document", submitted("uploads/1"), roles=())),
}
"""Name to what becomes of it: the reason of what is parked, `forwarded`, or the code of a rejection."""


async def fate(installation: Installation, place: tuple[int, int], sent: Sent) -> str | None:
    """None: nothing yet."""
    rows = await installation.fetch(
        "select * from converter.parked where partition = $1 and record_offset = $2 and mirrored", *place
    )
    if rows:
        (row,) = rows
        headers = [(key.encode("utf-8", "surrogateescape"), value) for key, value in sent.headers]
        assert (row["key"], row["value"]) == (sent.key, sent.value)
        assert list(zip(row["header_keys"], row["header_values"], strict=True)) == headers
        return str(row["reason"])
    ident = dict(sent.headers).get("ce_id") or b""
    rejections = await installation.fetch(
        """
        select convert_from(body, 'utf8')::jsonb ->> 'code' as code from converter.events
        where type = 'command-rejected' and causation_id::text = $1
        """,
        ident.decode("ascii", "replace"),
    )
    return str(rejections[0]["code"]) if rejections else None


@pytest.fixture
async def by(installation: Installation) -> Sender:
    installation.start("converter")
    await installation.ready("converter")
    return Sender(installation.signer("example"))


async def sent(installation: Installation, records: list[Sent], codec: int = 0) -> dict[tuple[int, int], Sent]:
    async with producing(installation) as producer:
        return await write(producer, installation.prefix + DOCUMENT_COMMANDS.name, records, codec)


async def test_every_mistake_has_the_answer_that_the_contract_names(installation: Installation, by: Sender) -> None:
    made = {name: make(by) for name, (_, make) in CASES.items()}
    names = {id(record): name for name, record in made.items()}
    places: dict[str, tuple[int, int]] = {}
    for number, record in enumerate(made.values()):
        for place, one in (await sent(installation, [record], CODECS[number % len(CODECS)])).items():
            places[names[id(one)]] = place
    found: dict[str, str] = {}

    async def answered() -> bool:
        for name, place in places.items():
            if name not in found and (answer := await fate(installation, place, made[name])) is not None:
                found[name] = answer
        return len(found) == len(CASES)

    forwarded = [name for name, (expected, _) in CASES.items() if expected == "forwarded"]
    try:
        await until(answered, within=60, every=0.2)
    finally:
        missing = CASES.keys() - found.keys()
        assert not missing, f"neither parked nor answered: {missing}"
    log = await read(installation, DOCUMENT_COMMANDS)
    copies = [dict(record.headers)["ce_id"] for record in log if (FORWARDED, b"1") in record.headers]
    for name in forwarded:
        assert dict(made[name].headers)["ce_id"] in copies, name
        assert found[name] == "not-found", f"{name}: decided where it belongs"
    expected = {name: "not-found" if name in forwarded else answer for name, (answer, _) in CASES.items()}
    assert found == expected


async def test_an_id_counts_once_and_never_for_two_bodies(installation: Installation, by: Sender) -> None:
    ident, key = uuid4(), uuid4()
    first = by.says(ident=ident, key=key)
    other = by.says("edit-details", b'{"title": "another"}', ident=ident, key=key)
    await sent(installation, [first, first, other])

    async def answered() -> list[Any]:
        rows = await installation.fetch(
            "select convert_from(body, 'utf8')::jsonb ->> 'code' as code from converter.events order by seq"
        )
        return [row["code"] for row in rows] if len(rows) == 2 else []

    assert await until(answered) == ["not-found", "id-reused"]
    assert await installation.fetch("select 1 from converter.parked") == []


async def test_what_is_larger_than_the_topic_takes_is_refused_by_the_broker(
    installation: Installation, by: Sender
) -> None:
    record = by.says(body=b'{"x": "' + b"y" * 3_000_000 + b'"}')
    producer = AIOKafkaProducer(bootstrap_servers=installation.kafka, acks="all", max_request_size=8_000_000)
    await producer.start()
    try:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(
                installation.prefix + DOCUMENT_COMMANDS.name,
                record.value,
                record.key,
                partition=record.partition,
                headers=list(record.headers),
            )
    finally:
        await producer.stop()
