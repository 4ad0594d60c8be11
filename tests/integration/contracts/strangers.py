"""Records as strangers may publish them: from noise to commands that are right in every respect. All from a seed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from uuid import UUID

from contracts.golden import EVENTS
from docward.events.actor import Signer, Statement
from docward.events.codec import MAX_ATTRIBUTE, Headers
from docward.events.messages import Actor
from docward.events.topics import DOCUMENT_COMMANDS
from docward.runtime.kafka import partition_of
from docward.runtime.rawheaders import header_key

PARTITIONS = DOCUMENT_COMMANDS.partitions
CODECS = (0, 1, 2, 3, 4)
"""Kafka's numbers: none, gzip, snappy, lz4, zstd."""
NAMES = ("ce_id", "ce_type", "ce_source", "ce_time", "ce_subject", "ce_specversion", "ce_actor", "content-type")
NAMED_HEADERS = (*NAMES, "ce_dataversion", "ce_correlationid", "ce_causationid", "ce_streamversion", "traceparent")
BODIES = {
    path.name.partition(".")[0]: json.loads(path.read_bytes())["body"]
    for path in sorted((EVENTS / "examples").glob("*.json"))
    if path.name not in {"ir.v1.json", "report.v1.json"}
}
COMMANDS = [cls.TYPE for cls in DOCUMENT_COMMANDS.types]


@dataclass(frozen=True, slots=True)
class Sent:
    """A record to send, and where to."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    def header(self, name: str, value: bytes | None) -> Sent:
        rest = tuple((key, content) for key, content in self.headers if key != name)
        return replace(self, headers=(*rest, (name, value)))

    def without(self, name: str) -> Sent:
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] != name))


class Strangers:
    def __init__(self, seed: int, signer: Signer) -> None:
        self._random = Random(seed)  # noqa: S311 -- a test's, to be repeated
        self._signer = signer
        self._said: list[Sent] = []

    def record(self) -> Sent:
        kinds: list[tuple[int, Callable[[], Sent]]] = [
            (20, self.right),
            (25, self.broken),
            (15, self.noise),
            (10, self.misplaced),
            (8, self.forged),
            (8, self.repeated),
            (6, self.of_another_topic),
            (5, self.decorated),
            (3, self.large),
        ]
        weights = [weight for weight, _ in kinds]
        record = self._random.choices([make for _, make in kinds], weights)[0]()
        self._said = [*self._said[-50:], record]
        return record

    def batch(self, most: int) -> tuple[int, int]:
        """How many records one stranger sends at once, and by which codec."""
        return min(most, self._random.randint(1, 12)), self._random.choice(CODECS)

    def right(self) -> Sent:
        """A signed command, for a document that mostly does not exist, by an actor who mostly may give it."""
        type_ = "submit-document" if self._random.random() < 0.1 else self._random.choice(COMMANDS)
        return self._signed(type_, json.dumps(BODIES[type_], ensure_ascii=False).encode())

    def misplaced(self) -> Sent:
        """Right, but under no key, under one that is written otherwise, or in another partition."""
        record = self.right()
        match self._random.randrange(4):
            case 0:
                return replace(record, key=None)
            case 1:
                return replace(record, key=(record.key or b"").upper())
            case 2:
                return replace(record, partition=self._random.randrange(PARTITIONS)).header("docward-forwarded", b"1")
        return replace(record, partition=self._random.randrange(PARTITIONS))

    def broken(self) -> Sent:
        """Right but for one thing."""
        record, name = self.right(), self._random.choice(NAMED_HEADERS)
        value = record.value or b""
        at = self._random.randrange(len(value))
        breaks: list[Callable[[], Sent]] = [
            lambda: record.without(name),
            lambda: record.header(name, None),
            lambda: record.header(name, self._bytes(40)),
            lambda: record.header(name, b"x" * (MAX_ATTRIBUTE + 1)),
            lambda: replace(record, headers=(*record.headers, (name, b"1"), (name, b"1"))),
            lambda: record.header("content-type", b"application/xml"),
            lambda: record.header("ce_dataversion", self._random.choice([b"0", b"99", b"-1", b"one", b"9" * 5000])),
            lambda: record.header("ce_type", self._random.choice([b"submit", b"DocumentSubmitted", b"record-export"])),
            lambda: record.header("ce_subject", self._random.choice([b"document:", b"policy-repository:1", b"\x00"])),
            lambda: replace(record, key=self._bytes(40)),
            lambda: replace(record, value=None),
            lambda: replace(record, value=b""),
            lambda: replace(record, value=b"\xef\xbb\xbf" + value),
            lambda: replace(record, value=value.decode().encode("utf-16")),
            lambda: replace(record, value=value[:at]),
            lambda: replace(record, value=value[:at] + self._bytes(3) + value[at + 1 :]),
            lambda: self._signed("edit-details", rb'{"title": "a\u0000b"}'),
            lambda: self._signed("edit-details", rb'{"title": "\ud800"}'),
            lambda: self._signed("edit-details", b'{"title": "' + b"x" * 256 + b'"}'),
            lambda: self._signed("edit-details", b'{"a":' * 3000),
            lambda: self._signed("delete-document", b"[" * 100_000),
            lambda: self._signed("restore-version", b'{"version": ' + b"9" * 5000 + b"}"),
        ]
        return self._random.choice(breaks)()

    def forged(self) -> Sent:
        """Signed by a stranger, for another message, or by nobody."""
        record = self.right()
        match self._random.randrange(4):
            case 0:
                return self._signed("make-private", b"{}", Signer("stranger", b"?" * 32))
            case 1:
                return self._signed("make-private", b"{}", replace(self._signer, key=b"?" * 32))
            case 2:
                return record.header("ce_actor", dict(self.right().headers)["ce_actor"])
        return record.header("ce_source", b"/somebody/else")

    def repeated(self) -> Sent:
        """A record again as it was, or its id with another body."""
        if not self._said:
            return self.right()
        record = self._random.choice(self._said)
        ident = dict(record.headers).get("ce_id")
        if self._random.random() < 0.5 or ident is None or record.key is None:
            return record
        return self._signed("make-private", b'{"again": %d}' % self._random.randrange(10**6), ident=ident)

    def of_another_topic(self) -> Sent:
        """A message of Docward that this topic does not carry, or an event by somebody who is no service."""
        type_ = self._random.choice([name for name in BODIES if name not in COMMANDS])
        return self._signed(type_, json.dumps(BODIES[type_], ensure_ascii=False).encode())

    def decorated(self) -> Sent:
        """Right, with headers of the sender's own that are nobody's business."""
        more = tuple((header_key(self._bytes(6)), self._random.choice([None, self._bytes(20)])) for _ in range(3))
        record = self.right()
        return replace(record, headers=(*more, *record.headers, ("reply_to", b"elsewhere"), ("x-null", None)))

    def large(self) -> Sent:
        """Near what the topic takes; what compresses well is larger than that when it is read."""
        size = self._random.choice([200_000, 900_000, 3_000_000])
        body = b'{"title": "' + b"x" * 200 + b'", "more": "' + b"y" * size + b'"}'
        return self._signed("edit-details", body) if self._random.random() < 0.5 else self._noise(b"\x00" * size)

    def noise(self) -> Sent:
        return self._noise(self._random.choice([None, b"", self._bytes(200), b"null", b"[]", b"{}"]))

    def _noise(self, value: bytes | None) -> Sent:
        names = [header_key(self._bytes(8)), *self._random.sample(NAMED_HEADERS, self._random.randint(0, 6)), ""]
        headers = tuple((name, self._random.choice([None, b"", b"1.0", self._bytes(30)])) for name in names)
        key = self._random.choice([None, b"", self._bytes(20), str(self._uuid()).encode()])
        return Sent(self._random.randrange(PARTITIONS), key, value, headers)

    def _signed(self, type_: str, body: bytes, signer: Signer | None = None, *, ident: bytes | None = None) -> Sent:
        document = self._uuid()
        id_ = (ident or str(self._uuid()).encode()).decode("utf-8", "replace")
        subject, time = f"document:{document}", f"2026-10-12T08:{self._random.randrange(60):02}:00.5+02:00"
        roles = self._random.choice([("contributor",), ("contributor",), ("viewer",), ()])
        statement = Statement(id_, "/strangers", subject, time, type_, body)
        token = (signer or self._signer).sign(Actor(subject="stranger", roles=roles), statement)
        texts = {
            "ce_specversion": "1.0",
            "ce_id": id_,
            "ce_type": type_,
            "ce_source": "/strangers",
            "ce_subject": subject,
            "ce_time": time,
            "ce_actor": token,
            "content-type": "application/json",
        }
        key = str(document).encode()
        headers = tuple((name, text.encode()) for name, text in texts.items())
        return Sent(partition_of(key, PARTITIONS), key, body, headers)

    def _uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)

    def _bytes(self, longest: int) -> bytes:
        return self._random.randbytes(self._random.randint(0, longest))
