"""What is relayed from memory is what the table holds, in its order, without a gap."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import pytest

from docward.converter.documents import DOCUMENT
from docward.events.actor import Signer
from docward.runtime.eventstore import KEPT, KEPT_BYTES, EventStore, Recorded
from docward.runtime.postgres import Pool

SIGNER = Signer("converter", b"\x01" * 32)
DOCUMENT_ID = UUID(int=7)


def recorded(seq: int, body: bytes = b"{}") -> Recorded:
    return Recorded(
        topic="document-events",
        partition=0,
        seq=seq,
        stream_id=f"document:{DOCUMENT_ID}",
        version=seq,
        id=UUID(int=seq),
        type="document-made-private",
        dataversion=1,
        key=DOCUMENT_ID,
        time=datetime(2026, 1, 2, tzinfo=UTC),
        correlation_id=UUID(int=9),
        causation_id=UUID(int=9),
        actor=b'{"subject":"mara"}',
        traceparent=None,
        body=body,
    )


class Stored:
    """The table `events`, as far as the relay reads it."""

    def __init__(self, *rows: Recorded) -> None:
        self._rows = rows
        self.read = 0

    async def fetch(self, _sql: str, _topic: str, partition: int, relayed: int, *_limits: int) -> list[tuple[Any, ...]]:
        self.read += 1
        return [(*row, 0) for row in self._rows if row.partition == partition and row.seq > relayed]


@pytest.fixture
def store() -> EventStore:
    return EventStore("converter", "converter-documents", DOCUMENT)


async def relayed_after(store: EventStore, stored: Stored, seq: int) -> list[int]:
    return [number for number, _ in await store.unrelayed(cast("Pool", stored), 0, seq, SIGNER)]


async def test_what_was_committed_a_moment_ago_is_not_read_again(store: EventStore) -> None:
    rows = [recorded(seq) for seq in (1, 2, 3)]
    stored = Stored(*rows)
    from_table = await store.unrelayed(cast("Pool", stored), 0, 0, SIGNER)
    store.keep(rows)
    assert await store.unrelayed(cast("Pool", stored), 0, 0, SIGNER) == from_table
    assert await relayed_after(store, stored, 2) == [3]
    assert stored.read == 1


async def test_what_others_appended_between_is_read_from_the_table(store: EventStore) -> None:
    stored = Stored(*(recorded(seq) for seq in (1, 2, 3, 4)))
    store.keep([recorded(1), recorded(2)])
    store.keep([recorded(4)])
    assert await relayed_after(store, stored, 0) == [1, 2, 3, 4]
    assert await relayed_after(store, stored, 3) == [4]
    assert stored.read == 1


async def test_what_was_relayed_before_is_read_from_the_table_when_it_is_asked_for_again(store: EventStore) -> None:
    stored = Stored(*(recorded(seq) for seq in (1, 2, 3)))
    store.keep([recorded(1), recorded(2), recorded(3)])
    assert await relayed_after(store, stored, 2) == [3]
    assert await relayed_after(store, stored, 0) == [1, 2, 3]
    assert stored.read == 1


async def test_neither_many_events_nor_large_ones_stay_in_memory(store: EventStore) -> None:
    rows = [recorded(seq) for seq in range(1, KEPT + 2)]
    large = recorded(KEPT + 2, b"x" * (KEPT_BYTES + 1))
    stored = Stored(*rows, large)
    store.keep(rows)
    assert (await relayed_after(store, stored, 0))[0] == 1
    assert stored.read == 1
    store.keep([large])
    assert await relayed_after(store, stored, KEPT + 1) == [KEPT + 2]
    assert stored.read == 2
