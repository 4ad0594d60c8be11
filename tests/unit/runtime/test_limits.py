"""When a partition stops instead of parking on."""

from __future__ import annotations

from collections import Counter

import pytest

from docward.runtime import limits
from docward.runtime.limits import AMONG, BLOCKED_KEYS, FAILED, FAILED_IN_A_ROW, Backlog


def fails(backlog: Backlog, offset: int) -> str | None:
    """A record of a key of its own."""
    return backlog.add(offset, str(offset).encode(), blocks=True, unexpected=True)


def queues(backlog: Backlog, offset: int, key: bytes) -> str | None:
    return backlog.add(offset, key, blocks=True, unexpected=False)


def test_failures_in_a_row_stop_it() -> None:
    backlog = Backlog()
    assert [fails(backlog, offset) for offset in range(FAILED_IN_A_ROW)] == [None] * FAILED_IN_A_ROW
    assert "in a row" in (fails(backlog, FAILED_IN_A_ROW) or "")


def test_a_success_ends_a_run() -> None:
    backlog = Backlog()
    offsets = [*range(FAILED_IN_A_ROW), *range(FAILED_IN_A_ROW + 1, 2 * FAILED_IN_A_ROW + 1)]
    assert [fails(backlog, offset) for offset in offsets] == [None] * len(offsets)


def test_what_was_not_tried_neither_counts_nor_ends_a_run() -> None:
    backlog = Backlog()
    for offset in range(0, 2 * FAILED_IN_A_ROW, 2):
        assert fails(backlog, offset) is None
        assert queues(backlog, offset + 1, b"0") is None
    assert "in a row" in (fails(backlog, 2 * FAILED_IN_A_ROW) or "")


def test_a_share_of_failures_stops_it() -> None:
    backlog = Backlog()
    assert [fails(backlog, 3 * number) for number in range(FAILED)] == [None] * FAILED
    assert f"of {AMONG} records" in (fails(backlog, 3 * FAILED) or "")


def test_failures_that_are_far_between_stop_nothing_until_too_many_keys_are_blocked() -> None:
    backlog = Backlog()
    assert [fails(backlog, AMONG * number) for number in range(BLOCKED_KEYS)] == [None] * BLOCKED_KEYS
    assert "keys are blocked" in (fails(backlog, AMONG * BLOCKED_KEYS) or "")


def test_a_restart_forgets_nothing() -> None:
    before = Backlog(failed=set(range(90, 100)), waiting=Counter(str(offset).encode() for offset in range(90, 100)))
    assert "in a row" in (fails(before, 100) or "")
    assert fails(Backlog(failed=set(range(90, 100))), 101) is None


def test_garbage_that_blocks_nothing_stops_nothing() -> None:
    backlog = Backlog()
    assert all(backlog.add(n, b"%d" % n, blocks=False, unexpected=False) is None for n in range(10 * BLOCKED_KEYS))


def test_queues_are_bounded_by_key_and_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "WAITING_OF_A_KEY", 3)
    monkeypatch.setattr(limits, "WAITING", 5)
    backlog = Backlog()
    assert [queues(backlog, offset, b"a") for offset in range(3)] == [None] * 3
    assert "of one key" in (queues(backlog, 3, b"a") or "")
    assert queues(backlog, 4, b"b") is None
    assert "records are parked" in (queues(backlog, 5, b"b") or "")


def test_what_is_redriven_is_parked_already() -> None:
    backlog = Backlog(limited=False)
    assert [fails(backlog, offset) for offset in range(2 * BLOCKED_KEYS)] == [None] * 2 * BLOCKED_KEYS
