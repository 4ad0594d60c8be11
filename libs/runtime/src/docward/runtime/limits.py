"""When a partition stops instead of parking on: a bad release must build up a backlog, not empty its topic.

What failed unexpectedly counts; what queues behind a parked record, or was parked for its own bytes, does not. All of
it follows from what is parked and from offsets, so a restart forgets nothing, and the first record that succeeds ends a
run: a mended release goes on by itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

FAILED_IN_A_ROW = 10
FAILED, AMONG = 20, 100
"""Unexpected failures among so many records, at most."""
BLOCKED_KEYS = 50
"""For whatever reason: keys do not go bad by the dozen."""
WAITING_OF_A_KEY, WAITING = 10_000, 50_000
"""Records parked where order matters, of one key and of the partition: each batch looks at them."""


@dataclass(slots=True)
class Backlog:
    """What is parked of a partition."""

    waiting: Counter[bytes | None] = field(default_factory=Counter)
    """Records by key, of the keys that are blocked."""
    failed: set[int] = field(default_factory=set)
    """Offsets of unexpected failures, of late."""
    untried: set[int] = field(default_factory=set)
    """Offsets of what was parked for another reason, of late."""
    limited: bool = True

    def add(self, offset: int, key: bytes | None, *, blocks: bool, unexpected: bool) -> str | None:
        """Count one more; the limit that it exceeds."""
        fresh = blocks and key not in self.waiting
        if blocks:
            self.waiting[key] += 1
        (self.failed if unexpected else self.untried).add(offset)
        return self._excess(offset, key, fresh=fresh, unexpected=unexpected) if self.limited else None

    def _excess(self, offset: int, key: bytes | None, *, fresh: bool, unexpected: bool) -> str | None:
        if unexpected and self._run(offset) > FAILED_IN_A_ROW:
            return f"more than {FAILED_IN_A_ROW} records in a row failed"
        if unexpected and sum(offset - AMONG < each <= offset for each in self.failed) > FAILED:
            return f"more than {FAILED} of {AMONG} records failed"
        if fresh and len(self.waiting) > BLOCKED_KEYS:
            return f"more than {BLOCKED_KEYS} keys are blocked"
        if self.waiting[key] > WAITING_OF_A_KEY:
            return f"more than {WAITING_OF_A_KEY} records of one key are parked"
        if self.waiting.total() > WAITING:
            return f"more than {WAITING} records are parked"
        return None

    def _run(self, offset: int) -> int:
        """Failures without a success between them, up to this one."""
        run = 0
        while offset in self.failed or offset in self.untried:
            run += offset in self.failed
            offset -= 1
        return run
