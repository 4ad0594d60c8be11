"""Many keys, many workers, and whatever can delay or fail does so at random: each key's events take effect in order.

The workers are delivery loops of one group in this process, on a topic of as many partitions. Some of them stop or are
cut off in the middle and come back; attempts fail as in an outage, as by bad data, and for no known reason, so that
keys are blocked while an operator redrives them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import asyncpg

from chaos.history import Violation
from chaos.outcome import Outcome
from chaos.runner import Ground
from docward.events.codec import Encoded, Record
from docward.events.topics import DOCUMENT_EVENTS, PROJECTOR_DEAD_LETTERS
from docward.runtime.batches import Batch
from docward.runtime.delivery import Delivery, DeliveryLoop
from docward.runtime.infrastructure import PROJECTING, Infrastructure, infrastructure
from docward.runtime.kafka import partition_of
from docward.runtime.operating import Operator, Selection, heads, mark, select_parked
from docward.runtime.parking import parked
from docward.runtime.settings import Postgres, Telemetry
from installation import Installation

WORKERS = 16
RESTLESS = 2
"""Workers that go and come."""
KEYS_OF_EACH = 4
JOSTLED = replace(DOCUMENT_EVENTS, name="jostled-events", partitions=WORKERS)
OPERATOR = Operator("chaos", "it failed once")
STALLED_S = 120.0
DDL = """
create table applied (
    id bigint generated always as identity primary key, consumer text not null, key text not null, version int not null
)
"""


@dataclass
class Jostling:
    """Of one seed; it is the handler of all of its workers."""

    around: Infrastructure
    consumer: str
    seed: str
    per_key: int
    done: Counter[str] = field(default_factory=Counter)
    """How often each fault was brought about."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 -- to be drawn again
        self._spoilt = {
            (key, self._random.randint(1, self.per_key)) for key in self._random.sample(KEYS, len(KEYS) // 8)
        }
        self._over = asyncio.Event()

    async def happen(self) -> list[Violation]:
        async with asyncio.TaskGroup() as group:
            for number in range(WORKERS):
                group.create_task(self._work(number, restless=number < RESTLESS))
            group.create_task(self._operate())
            try:
                whole = await self._all_applied()
            finally:
                self._over.set()
        if not whole:
            return [Violation("lost", f"{self.seed}: nothing took effect for {STALLED_S:g} s")]
        return await self._violations()

    async def _work(self, number: int, *, restless: bool) -> None:
        settings = self.around.settings.model_copy(update={"instance": f"worker-{number}"})
        delivery = Delivery(
            self.consumer, (JOSTLED,), PROJECTOR_DEAD_LETTERS, self.around.version, at_once=50, looks_ahead=True
        )
        while not self._over.is_set():
            loop = DeliveryLoop(delivery, self, replace(self.around, settings=settings))
            running = asyncio.create_task(loop.run())
            while not loop.joined and not self._over.is_set():
                await self._pause(0.1)
            await self._pause(self._random.uniform(2, 6) if restless else None)
            if restless and self._random.random() < 0.5:
                running.cancel()
                self.done["worker cut off"] += 1
            else:
                loop.stop()
            await asyncio.wait({running})
            if not running.cancelled():
                running.result()

    async def _pause(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    async def _operate(self) -> None:
        while not self._over.is_set():
            async with self.around.pool.acquire() as connection:
                rows = await select_parked(connection, "jostled", Selection(consumer=self.consumer))
                firsts = [row for row in await heads(connection, "jostled", rows) if row["action"] is None]
                self.done["redriven"] += await mark(connection, "jostled", firsts, "redrive", OPERATOR)
            await self._pause(0.5)

    async def prepare(self, records: Sequence[Record]) -> Sequence[Record]:
        await asyncio.sleep(self._random.uniform(0, 0.01))
        return records

    async def apply(self, records: Sequence[Record], batch: Batch) -> None:
        applied = [_fact(record) for record in records if not batch.waits(record) and not self._spoils(record, batch)]
        await asyncio.sleep(self._random.uniform(0, 0.02))
        self._fail(0.05, "outage before the effects", ConnectionError("at random"))
        await batch.connection.execute(
            """
            insert into applied (consumer, key, version)
            select $1, key, version from unnest($2::text[], $3::int[]) with ordinality u (key, version, n) order by n
            """,
            self.consumer,
            [key for key, _ in applied],
            [version for _, version in applied],
        )
        self._fail(0.05, "outage after the effects", ConnectionError("at random"))
        self._fail(0.02, "data refused", asyncpg.DataError("at random"))

    def _spoils(self, record: Record, batch: Batch) -> bool:
        fact = _fact(record)
        if fact not in self._spoilt:
            return False
        self._spoilt.discard(fact)
        self.done["failed for no known reason"] += 1
        batch.park(parked(record, "unexpected", ZeroDivisionError("at random"), blocks=True))
        return True

    def _fail(self, chance: float, fault: str, error: Exception) -> None:
        if self._random.random() < chance:
            self.done[fault] += 1
            raise error

    async def skip(self, records: Sequence[Record], batch: Batch) -> None:
        raise AssertionError(f"nobody discards {len(records)} records of {batch}")

    async def committed(self) -> None:
        """Nobody waits."""

    async def _all_applied(self) -> bool:
        """False when nothing has moved for long."""
        seen, moved = (0, 0), time.monotonic()
        while seen != (len(KEYS) * self.per_key, 0):
            row = await self.around.pool.fetchrow(
                """
                select (select count(*) from applied where consumer = $1),
                    (select count(*) from parked where consumer = $1)
                """,
                self.consumer,
            )
            if tuple(row) != seen:
                seen, moved = tuple(row), time.monotonic()
            if time.monotonic() - moved > STALLED_S:
                return False
            await asyncio.sleep(0.2)
        return True

    async def _violations(self) -> list[Violation]:
        rows = await self.around.pool.fetch(
            "select key, array_agg(version order by id) from applied where consumer = $1 group by key", self.consumer
        )
        found = []
        for key, versions in rows:
            if len(set(versions)) < len(versions):
                found.append(Violation("duplicated", f"{self.seed}: an event of {key} took effect twice"))
            elif len(versions) < self.per_key:
                found.append(Violation("lost", f"{self.seed}: an event of {key} took no effect"))
            elif versions != sorted(versions):
                found.append(Violation("reordered", f"{self.seed}: events of {key} took effect out of order"))
        return found


def _keys() -> list[str]:
    """As many of each partition."""
    names = (f"key-{number}" for number in range(10_000))
    homes: dict[int, list[str]] = {}
    for name in names:
        home = homes.setdefault(partition_of(name.encode(), WORKERS), [])
        if len(home) < KEYS_OF_EACH:
            home.append(name)
    return [name for home in sorted(homes) for name in homes[home]]


KEYS = _keys()


def _fact(record: Record) -> tuple[str, int]:
    return (record.key or b"").decode(), int(record.value or b"0")


@asynccontextmanager
async def _jostled(place: Installation) -> AsyncIterator[Infrastructure]:
    """Where the workers work."""
    settings = place.settings("projector").model_copy(
        update={
            "postgres": Postgres(dsn=place.dsn, pool_size=WORKERS + 4),
            "telemetry": Telemetry(log_level="CRITICAL"),
        }
    )
    topics = [JOSTLED, PROJECTOR_DEAD_LETTERS]
    async with infrastructure(
        "projector", settings, schema="jostled", migrations=[PROJECTING], topics=topics
    ) as around:
        await around.pool.execute(DDL)
        listening = asyncio.create_task(around.listener.run())
        yield around
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def order(ground: Ground) -> Outcome:
    started = time.monotonic()
    violations: list[Violation] = []
    faults: Counter[str] = Counter()
    form = ground.form
    async with ground.place("order") as place, _jostled(place) as around:
        for partition in range(WORKERS):
            keys = KEYS[partition * KEYS_OF_EACH :][:KEYS_OF_EACH]
            log = [Encoded(key.encode(), str(n).encode(), ()) for n in range(1, form.per_key + 1) for key in keys]
            await around.publisher.write(JOSTLED, partition, log)
        for number in range(form.orderings):
            jostling = Jostling(around, f"jostled-{number}", f"{ground.seed}/order/{number}", form.per_key)
            violations += await jostling.happen()
            faults += jostling.done
    counted = {"seeds": form.orderings, "events in order": form.orderings * form.per_key * len(KEYS)}
    return Outcome(violations, counted=counted, faults=dict(faults), seconds=time.monotonic() - started)
