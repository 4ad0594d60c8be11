"""Whatever hangs has an old beat, also beside what does not; who owns too little joins anew, ever less often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Set as AbstractSet
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import NoOffsetForPartitionError

from docward.runtime import parking
from docward.runtime.checkpoints import Checkpoints
from docward.runtime.delivery import FIRST_LOOK_S, LATEST_LOOK_S, Delivery, DeliveryLoop
from docward.runtime.jobs import JobPool
from docward.runtime.ownership import LONGEST_PATIENCE, PATIENCE, Ownership
from docward.runtime.settings import Kafka

SESSION_S = 10.0


class HangsOnce:
    """A database that never answers the first who asks."""

    def __init__(self) -> None:
        self.asked = 0
        self.often = asyncio.Event()

    async def fetchrow(self, *_: Any) -> None:
        self.asked += 1
        if self.asked == 20:
            self.often.set()
        if self.asked == 1:
            await asyncio.Event().wait()


async def test_a_worker_that_hangs_is_not_hidden_by_the_others() -> None:
    pool = HangsOnce()
    jobs = JobPool(
        [],
        pool=cast("Any", pool),
        concurrency=3,
        report=lambda _: cast("Any", None),
        wake_relay=lambda: None,
        look_every_s=0.01,
    )
    began = time.monotonic()
    task = asyncio.create_task(jobs.run())
    await pool.often.wait()
    assert jobs.beat - began < 0.1 < time.monotonic() - jobs.beat + 0.1
    assert max(jobs._beats) > jobs.beat
    task.cancel()
    await asyncio.wait([task])


class Assigned:
    def __init__(self, *partitions: int) -> None:
        self.partitions = {TopicPartition("t", number) for number in partitions}

    def assignment(self) -> AbstractSet[TopicPartition]:
        return self.partitions


def test_a_member_that_owns_less_than_it_was_assigned_joins_anew_and_waits_longer_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    kafka = Kafka(bootstrap_servers="nowhere:1", session_timeout_ms=int(SESSION_S * 1000))
    one = Ownership("one", kafka, cast("Checkpoints", None))
    waits = []
    for _ in range(7):
        one.begin(cast("AIOKafkaConsumer", Assigned(1)))
        began = now
        while not one.adrift():
            now += SESSION_S / 4
        waits.append(round((now - began) / SESSION_S))
    assert waits[0] == PATIENCE
    assert waits == sorted(waits)
    assert waits[-1] == waits[-2] == LONGEST_PATIENCE
    one.begin(cast("AIOKafkaConsumer", Assigned()))
    for _ in range(8 * LONGEST_PATIENCE):
        now += SESSION_S / 4
        assert not one.adrift()
    one.begin(cast("AIOKafkaConsumer", Assigned(1)))
    began = now
    while not one.adrift():
        now += SESSION_S / 4
    assert round((now - began) / SESSION_S) == PATIENCE, "it was whole for long enough"


class Table:
    """As the table `parked`: a hundred records, and a broker that takes its time."""

    marked = 0

    async def fetch(self, *_: Any) -> list[dict[str, Any]]:
        empty = dict.fromkeys(("topic", "reason", "error_class", "error_message"), "")
        return [empty | {"id": number} for number in range(100)]

    async def execute(self, *_: Any) -> None:
        self.marked += 1


async def test_mirroring_ends_in_bounded_time_however_slow_the_broker_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parking, "MIRROR_WITHIN_S", -1.0)
    table = Table()
    assert await parking.mirror(cast("Any", table), cast("Any", None), "one", cast("Any", None), "one/1")
    assert table.marked == 0


class Unset:
    """A consumer of partitions that have no positions yet, for as long as it is told."""

    unset = True

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        if self.unset:
            raise NoOffsetForPartitionError({})
        return {}


async def test_positions_that_cannot_be_taken_over_are_looked_at_ever_less_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    around = SimpleNamespace(
        settings=SimpleNamespace(kafka=Kafka(bootstrap_servers="nowhere:1")),
        pool=None,
        publisher=None,
        instance=lambda _: "one",
        listener=SimpleNamespace(on=lambda *_: None),
    )
    loop = DeliveryLoop(Delivery("one", (), cast("Any", None), "one"), cast("Any", None), cast("Any", around))
    loop._mirror_at = loop._redrive_at = float("inf")
    consumer = Unset()
    for _ in range(8):
        await loop._come_round(cast("AIOKafkaConsumer", consumer))
    assert waits == sorted(waits)
    assert (waits[0], waits[-2:]) == (FIRST_LOOK_S, [LATEST_LOOK_S] * 2)
    consumer.unset = False
    await loop._come_round(cast("AIOKafkaConsumer", consumer))
    consumer.unset = True
    await loop._come_round(cast("AIOKafkaConsumer", consumer))
    assert waits[-1] == FIRST_LOOK_S
