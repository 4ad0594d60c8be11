"""A batch of records inside the transaction of its effects, and who applies it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from docward.events.codec import Record
from docward.runtime.checkpoints import Place
from docward.runtime.errors import TooManyParkedError
from docward.runtime.limits import Backlog
from docward.runtime.parking import Parked
from docward.runtime.postgres import Connection


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

    def waits(self, record: Record) -> bool:
        """Whether the record's key is blocked; then it is queued behind what blocks it."""
        if record.key not in self._backlog(record).waiting:
            return False
        self.park(Parked(record, "behind-parked", blocks=True, error="", message="an earlier record is parked"))
        return True

    def _backlog(self, record: Record) -> Backlog:
        return self.backlogs[record.topic, record.partition]


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
