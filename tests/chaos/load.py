"""What a run's people and systems ask for: commands on few keys, some of them twice, stale, astray or senseless.

Everything that was acknowledged is written down, by the id of the command or by a mark. What was not acknowledged is
sent again, as it was.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid5

import httpx

from docward.events.actor import Signer
from docward.events.codec import Encoded, Envelope, encode
from docward.events.documents import (
    EditDetails,
    MakePrivate,
    RequestConversion,
    ShareWithGroups,
    SubmitDocument,
    TransferOwnership,
)
from docward.events.messages import DOCWARD, Actor, Command
from docward.events.topics import ANALYSIS_COMMANDS, DOCUMENT_COMMANDS, DOCUMENT_EVENTS, POLICY_COMMANDS, Topic
from docward.gateway.auth import development_token
from docward.runtime.errors import BrokerUnavailableError
from docward.runtime.kafka import Publisher, partition_of
from docward.runtime.objects import ObjectStore
from docward.runtime.rawheaders import header_key
from installation import KEYS, Installation

MARK = "chaos-mark"
"""Header of a record that is no command: its sender knows it by that."""
ACTOR = Actor(subject="chaos", roles=("contributor", "admin"))
FORGER = Signer("example", b"x" * 32)
TEXT = """# Strategy {n}

## 1 Purpose

Orders are capped at an appropriate value; see Appendix D.

## 2 Limits

The weight of a constituent is at most 5 %.
"""


@dataclass(frozen=True, slots=True)
class Pace:
    documents: int = 18
    """Keys."""
    writers: int = 3
    pause_s: float = 0.12
    """Between two batches of a writer, on average."""
    batch: int = 16
    """Commands in a batch, at most."""
    uploads_s: float = 6.0
    """Between two documents that come through the gateway."""
    conversions: float = 0.002
    """Part of the commands that ask for a document to be converted again."""
    poison: float = 0.05
    """Part of the batches that are no commands."""


@dataclass
class Load:
    place: Installation
    seed: str
    pace: Pace = field(default_factory=Pace)
    acknowledged: dict[UUID | str, float] = field(default_factory=dict)
    """And when (`time.monotonic`)."""

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed}/load")  # noqa: S311 -- to be drawn again
        self._publisher = Publisher(self.place.settings("example").kafka, self.place.signer("example"))
        self._objects = ObjectStore(self.place.objects.as_uri())
        self._sent: deque[tuple[Topic, int, Sequence[Encoded]]] = deque(maxlen=50)
        self._keys: list[UUID] = []
        self._number = 0
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`; then what is under way is finished."""
        try:
            await self._submit_all()
            async with asyncio.TaskGroup() as group:
                for writer in range(self.pace.writers):
                    group.create_task(self._write(self._keys[writer :: self.pace.writers]))
                group.create_task(self._upload())
        finally:
            await self._publisher.stop()

    def stop(self) -> None:
        self._stop.set()

    async def _submit_all(self) -> None:
        """A document per key, without the gateway."""
        for _ in range(self.pace.documents):
            key = self._ident()
            uri = f"uploads/{key}"
            original = await self._objects.put(uri, TEXT.format(n=self._number).encode(), "text/markdown")
            await self._send(key, [SubmitDocument(title=f"Strategy {key}", filename="strategy.md", original=original)])
            self._keys.append(key)

    async def _write(self, keys: Sequence[UUID]) -> None:
        while not self._stop.is_set():
            chance = self._random.random()
            if chance < 0.05 and self._sent:
                await self._insist(*self._random.choice(self._sent))
            elif chance < 0.05 + self.pace.poison:
                await self._poison(self._random.choice(keys))
            else:
                number = self._random.randint(1, self.pace.batch)
                await self._send(self._random.choice(keys), [self._command() for _ in range(number)])
            await self._pause(self.pace.pause_s)

    def _command(self) -> Command:
        self._number += 1
        chance = self._random.random()
        if chance < self.pace.conversions:
            return RequestConversion(version=1)
        if chance < 0.15:
            return ShareWithGroups(groups=(f"group-{self._number}",))
        if chance < 0.25:
            return MakePrivate()
        if chance < 0.30:
            return TransferOwnership(owner=f"owner-{self._number}")
        expected = self._random.randint(1, 500) if chance < 0.36 else None
        return EditDetails(title=f"title {self._number}", expected_version=expected)

    async def _send(self, key: UUID, commands: Sequence[Command]) -> None:
        idents = [self._ident() for _ in commands]
        records = [
            encode(self._envelope(ident, key, command), command, self._publisher.signer)
            for ident, command in zip(idents, commands, strict=True)
        ]
        home = partition_of(str(key).encode(), DOCUMENT_COMMANDS.partitions)
        astray = len(commands) == 1 and self._random.random() < 0.2 and key in self._keys
        partition = (home + 1) % DOCUMENT_COMMANDS.partitions if astray else home
        await self._insist(DOCUMENT_COMMANDS, partition, records)
        self.acknowledge(*idents)
        self._sent.append((DOCUMENT_COMMANDS, partition, records))

    async def _insist(self, topic: Topic, partition: int, records: Sequence[Encoded]) -> None:
        """Until it is acknowledged: the same records, however often."""
        while True:
            try:
                await self._publisher.write(topic, partition, records)
            except BrokerUnavailableError:
                await asyncio.sleep(0.2)
            else:
                return

    def acknowledge(self, *idents: UUID | str) -> None:
        self.acknowledged |= dict.fromkeys(idents, time.monotonic())

    async def _poison(self, key: UUID) -> None:
        """Nothing that could be a command, under the key of a document that it must not block."""
        self._number += 1
        mark = f"poison-{self._number}"
        good = EditDetails(title="never")
        signed = encode(self._envelope(self._ident(), key, good), good, FORGER)
        forms = [
            Encoded(str(key).encode(), b"\x00\xff no json", ()),
            signed,
            signed._replace(value=b"{"),
            Encoded(str(key).encode(), b"{}", (*signed.headers[:3], ("ce_time", None))),
            Encoded(str(key).encode(), b"{}", ((header_key(b"\xff\xfe"), b"no utf-8"), ("content-type", b"\xff"))),
            Encoded(b"", b"", ()),
        ]
        form = self._random.choice(forms)
        poison = form._replace(headers=(*form.headers, (MARK, mark.encode())))
        topic = self._random.choice((DOCUMENT_COMMANDS, DOCUMENT_COMMANDS, POLICY_COMMANDS, ANALYSIS_COMMANDS))
        await self._insist(topic, self._random.randrange(topic.partitions), [poison])
        self.acknowledge(mark)

    async def poison_events(self) -> None:
        """A record on an event topic that its readers cannot read, under a key of its own: order makes it block one."""
        await self._insist(
            DOCUMENT_EVENTS, self._random.randrange(6), [Encoded(str(self._ident()).encode(), b"no event", ())]
        )

    async def _upload(self) -> None:
        """Documents through the gateway, under a key each, sent again until one is accepted."""
        token = development_token(bytes.fromhex(KEYS["gateway"]))
        async with httpx.AsyncClient(
            base_url=f"{self.place.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=15
        ) as client:
            while not self._stop.is_set():
                self._number += 1
                await self._accepted(client, self._number)
                await self._pause(self.pace.uploads_s)

    async def _accepted(self, client: httpx.AsyncClient, number: int) -> None:
        headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": f"{self.seed}-{number}"}
        params = {"filename": f"upload-{number}.md"}
        content = TEXT.format(n=f"upload {number}").encode()
        while not self._stop.is_set():
            try:
                answer = await client.post("/documents", params=params, content=content, headers=headers)
            except httpx.TransportError:
                await asyncio.sleep(0.3)
                continue
            if answer.status_code == 202:
                self.acknowledge(UUID(answer.json()["operation_id"]))
            elif answer.status_code == 503:
                await asyncio.sleep(0.3)
                continue
            # 409: a gateway that died holds the key for minutes; nothing was promised to anybody.
            elif answer.status_code != 409:
                raise AssertionError(f"the gateway answered {answer.status_code}: {answer.text}")
            return

    async def _pause(self, mean_s: float) -> None:
        try:
            async with asyncio.timeout(self._random.uniform(0, 2 * mean_s)):
                await self._stop.wait()
        except TimeoutError:
            pass

    def _ident(self) -> UUID:
        self._number += 1
        return uuid5(DOCWARD, f"chaos/{self.seed}/{self._number}")

    @staticmethod
    def _envelope(ident: UUID, key: UUID, command: Command) -> Envelope:
        return Envelope(
            id=ident,
            type=command.TYPE,
            source="/chaos",
            time=datetime.now(UTC),
            subject=f"document:{key}",
            key=key,
            correlation_id=ident,
            actor=ACTOR,
        )
