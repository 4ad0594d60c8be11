"""A batch of records inside the transaction of its effects, and who applies it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from docward.events.codec import Record
from docward.runtime.checkpoints import Place
from docward.runtime.errors import TooManyParkedError
from docward.runtime.limits import Backlog
from docward.runtime.parking import Parked
from docward.runtime.postgres import Connection

BREATH = 50
"""Records that are read in one go: what the database is sent meanwhile must not wait for many of them."""


@dataclass(slots=True)
class Batch:
    """What a handler may use inside the transaction."""

    connection: Connection
    last_seq: Mapping[Place, int]
    """Number of the last event recorded per partition, under the lock of its checkpoint row."""
    backlogs: Mapping[Place, Backlog]
    """What is parked already: the keys whose records queue, and how much more may be."""
    parked: list[Parked] = field(default_factory=list)

    def park(self, item: Parked) -> None:
        """Raises TooManyParkedError: then nothing of the batch counts, and its partition stops at the record."""
        self.parked.append(item)
        record, backlog = item.record, self._backlog(item.record)
        excess = backlog.add(record.offset, record.key, blocks=item.blocks, unexpected=item.reason == "unexpected")
        if excess is not None:
            raise TooManyParkedError(record, f"{excess}: {item.message}")

    @property
    def blocked(self) -> bool:
        """Whether any key is."""
        return any(backlog.waiting for backlog in self.backlogs.values())

    def waits(self, record: Record) -> bool:
        """Whether the record's key is blocked; then it is queued behind what blocks it."""
        if record.key not in self._backlog(record).waiting:
            return False
        self.park(Parked(record, "behind-parked", blocks=True, error="", message="an earlier record is parked"))
        return True

    def _backlog(self, record: Record) -> Backlog:
        return self.backlogs[record.topic, record.partition]


SLOW_S = 5.0
"""A transaction that takes longer has too many records; the database ends a session that idles for so long in one."""
TRIES = 3
"""Of one record that cannot be done in that time, before it is parked."""


@dataclass(slots=True)
class Pace:
    """How many records a transaction takes: half as many after a slow one, twice as many after a quick one."""

    most: int
    at_once: int
    tries: Counter[tuple[Place, int]] = field(default_factory=Counter)
    """Of records that were too slow by themselves."""

    def done(self, seconds: float) -> None:
        if seconds > SLOW_S:
            self.at_once = max(1, self.at_once // 2)
        elif seconds < SLOW_S / 5:
            self.at_once = min(self.most, self.at_once * 2)

    def failed(self, records: Sequence[Record]) -> bool:
        """After one that was too slow to be done at all; whether it is a single record that has had its tries."""
        self.at_once = max(1, len(records) // 2)
        if len(records) > 1:
            return False
        record = ((records[0].topic, records[0].partition), records[0].offset)
        self.tries[record] += 1
        return self.tries[record] >= TRIES and self.tries.pop(record) > 0


class Handler(Protocol):
    """The effects of records. Everything it writes goes through `batch.connection`."""

    async def prepare(self, records: Sequence[Record]) -> Any:
        """Outside the transaction: decode, forward, fetch. What it returns is given to `apply`."""

    async def apply(self, prepared: Any, batch: Batch) -> None:
        """Inside the transaction that moves the positions. Raises nothing for a bad record: it parks it."""

    async def skip(self, records: Sequence[Record], batch: Batch) -> None:
        """Inside the transaction that discards them: an operator decided that these records have no effect."""

    async def committed(self) -> None:
        """After the commit: wake whoever waits for the effects."""
