"""What is made of a stored position, a log and what a tool has set in Kafka."""

from __future__ import annotations

import pytest
from aiokafka.structs import OffsetAndMetadata

from docward.events.codec import Record
from docward.runtime.checkpoints import Position
from docward.runtime.positions import Log, Verdict, judge, landmark
from docward.runtime.rawheaders import header_key

HERE, ELSEWHERE = b"here", b"elsewhere"
RECORD = Record("t", 0, 7, 1000, b"k", b"v", (("a", b"1"), ("b", None)))


def a_log(first: int = 0, end: int = 100, before: bytes | None = HERE, committed: int = 50, metadata: str = "") -> Log:
    return Log(first, end, before, OffsetAndMetadata(committed, metadata))


def at(next_offset: int = 50, mark: bytes | None = HERE) -> Position:
    return Position(next_offset, 3, mark, copied=True)


@pytest.mark.parametrize(
    ("position", "log"),
    [
        (at(), a_log()),
        (at(), a_log(committed=45, metadata="pg;epoch=2")),
        (at(), a_log(first=20)),
        (at(), a_log(first=50, before=None)),
        (at(100), a_log(committed=100)),
        (at(mark=None), a_log(before=ELSEWHERE)),
        (Position(0, 3), a_log(before=None, committed=-1)),
        (Position(50, 3, HERE), a_log(committed=-1)),
    ],
    ids=[
        "here",
        "our own copy lags",
        "older ones expired",
        "all before expired",
        "at the end",
        "unknown",
        "first start",
        "ended before the first copy",
    ],
)
def test_a_position_that_is_recognised_goes_on(position: Position, log: Log) -> None:
    assert judge(position, log) == Verdict()


@pytest.mark.parametrize(
    ("position", "log", "why"),
    [
        (at(), a_log(first=51), "not in the log"),
        (at(), a_log(end=49), "not in the log"),
        (at(), a_log(before=ELSEWHERE), "made anew"),
        (at(), a_log(before=None), "made anew"),
    ],
    ids=["expired", "shorter", "longer and another", "nothing there"],
)
def test_a_position_that_means_nothing_stops(position: Position, log: Log, why: str) -> None:
    verdict = judge(position, log)
    assert why in (verdict.lost or "")
    assert (verdict.back_to, verdict.refused) == (None, None)


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (a_log(committed=10), Verdict(back_to=10)),
        (a_log(first=10, committed=10), Verdict(back_to=10)),
        (a_log(before=ELSEWHERE, committed=0), Verdict(back_to=0)),
        (a_log(end=20, committed=0), Verdict(back_to=0)),
    ],
    ids=["backwards", "to the first", "all of a log made anew", "all of a shorter one"],
)
def test_a_tool_is_followed_backwards(log: Log, expected: Verdict) -> None:
    assert judge(at(), log) == expected


@pytest.mark.parametrize(
    ("log", "why", "lost"),
    [
        (a_log(committed=60), "ahead", False),
        (a_log(committed=5, first=10), "no longer in the log", False),
        (a_log(committed=-1), "gone", False),
        (a_log(before=ELSEWHERE, committed=10), "no longer in the log", True),
    ],
    ids=["ahead", "expired", "gone", "into the middle of a log made anew"],
)
def test_a_tool_is_not_followed_elsewhere(log: Log, why: str, lost: bool) -> None:  # noqa: FBT001 -- a parameter of the table
    verdict = judge(at(), log)
    assert verdict.back_to is None
    assert why in (verdict.refused or "")
    assert (verdict.lost is not None) == lost


@pytest.mark.parametrize(
    "other",
    [
        RECORD._replace(timestamp=1001),
        RECORD._replace(key=b"kv", value=b""),
        RECORD._replace(key=None),
        RECORD._replace(value=None),
        RECORD._replace(headers=(("a", b"1"), ("b", b""))),
        RECORD._replace(headers=(("a", b"1b"),)),
        RECORD._replace(headers=((header_key(b"\xff"), b"1"), ("b", None))),
    ],
)
def test_a_landmark_tells_records_apart_and_not_places(other: Record) -> None:
    assert landmark(RECORD) == landmark(RECORD._replace(topic="elsewhere", partition=3, offset=900))
    assert landmark(other) != landmark(RECORD)
