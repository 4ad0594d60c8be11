"""Stand-ins for the gateway's tests: a broker in memory, and idempotency keys that pass the real ones' suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from docward.events.actor import Signer
from docward.events.codec import Codec, Envelope, Record, encode
from docward.events.messages import Message
from docward.events.topics import Topic
from docward.gateway.idempotency import BUSY, Reservation, command_id, in_flight
from docward.runtime.errors import BrokerUnavailableError

KEY = bytes(range(32))
SIGNER = Signer("gateway", KEY)


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time = datetime(2026, 10, 12, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def passes(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class MemoryPublisher:
    """Keeps what was published; every record must read back as it will be read from its topic."""

    published: list[tuple[Topic, Envelope, Any]] = field(default_factory=list)
    down: bool = False

    async def publish(self, topic: Topic, envelope: Envelope, message: Message) -> None:
        if self.down:
            raise BrokerUnavailableError("down")
        encoded = encode(envelope, message, SIGNER)
        record = Record(topic.name, 0, len(self.published), 0, encoded.key, encoded.value, encoded.headers)
        Codec(topic.types).decode(record)
        assert encoded.size <= topic.max_bytes
        self.published.append((topic, envelope, message))

    @property
    def only(self) -> tuple[Topic, Envelope, Any]:
        (one,) = self.published
        return one


class MemoryKeys:
    """IdempotencyKeys of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[Reservation, datetime]] = {}

    def busy_until(self, subject: str, key: str) -> datetime:
        return self._kept[subject, key][1]

    async def reserve(self, subject: str, key: str) -> Reservation:
        fresh = Reservation(command_id(subject, key), subject, key, uuid4())
        known, busy_until = self._kept.get((subject, key), (fresh, self._clock()))
        if known.answer is not None:
            return replace(known, holder=None)
        if busy_until > self._clock():
            raise in_flight()
        taken = replace(fresh, fingerprint=known.fingerprint)
        self._kept[subject, key] = (taken, self._clock() + BUSY)
        return taken

    async def hold(self, reservation: Reservation) -> None:
        place = (reservation.subject, reservation.key or "")
        known, _ = self._kept[place]
        if known.holder == reservation.holder and known.answer is None:
            self._kept[place] = (known, self._clock() + BUSY)

    async def complete(self, reservation: Reservation, fingerprint: str, answer: dict[str, Any]) -> None:
        place = (reservation.subject, reservation.key or "")
        self._kept[place] = (replace(reservation, fingerprint=fingerprint, answer=answer), self._clock())

    async def release(self, reservation: Reservation, fingerprint: str | None) -> None:
        place = (reservation.subject, reservation.key or "")
        known, _ = self._kept[place]
        if known.holder == reservation.holder and known.answer is None:
            self._kept[place] = (replace(known, fingerprint=known.fingerprint or fingerprint), self._clock())


async def chunks(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
