"""Cursors lead on from the last row, and only from rows of their own list."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docward.gateway import pagination
from docward.gateway.problems import ProblemError


def test_a_page_shows_its_limit_and_leads_on_only_when_there_is_more() -> None:
    full = pagination.page([1, 2, 3], 2, lambda row: (row,))
    assert full.items == [1, 2]
    assert pagination.decode(full.next_cursor, tuple[int]) == (2,)
    assert pagination.page([1, 2], 2, lambda row: (row,)).next_cursor is None
    assert pagination.page([], 2, lambda row: (row,)).items == []


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_reads_back_to_the_microsecond(time: datetime, ident: UUID) -> None:
    assert pagination.decode(pagination.encode((time, ident)), tuple[datetime, UUID]) == (time, ident)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_rank_reads_back_exactly(rank: float) -> None:
    ident = uuid4()
    assert pagination.decode(pagination.encode((rank, ident)), tuple[float, UUID]) == (rank, ident)


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.hex()))
def test_anything_else_is_refused(cursor: str) -> None:
    with pytest.raises(ProblemError) as refused:
        pagination.decode(cursor, tuple[datetime, UUID])
    assert (refused.value.status, refused.value.code) == (422, "invalid-cursor")


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(ProblemError):
        pagination.decode(pagination.encode(("name",)), tuple[datetime, UUID])
