"""Headers that say when, how often and from which state on something may happen."""

from __future__ import annotations

import pytest

from docward.gateway.preconditions import (
    MAX_WAIT_SECONDS,
    Versions,
    if_match,
    parse_versions,
    prefer_wait,
    require_current,
)
from docward.gateway.problems import ProblemError


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("wait=5", 5.0),
        ("respond-async, wait=10", 10.0),
        ('WAIT="3"', 3.0),
        ("wait=0", 0.0),
        ("wait=9999", MAX_WAIT_SECONDS),
        ("wait=soon", None),
        ("return=minimal", None),
        ("wait=-1", None),
    ],
)
async def test_prefer_says_how_long_to_wait(header: str | None, seconds: float | None) -> None:
    assert await prefer_wait(header) == seconds


async def test_an_etag_is_both_versions() -> None:
    assert Versions(12, 7).etag == '"d12.a7"'
    assert await if_match('"d12.a7"') == Versions(12, 7)
    assert await if_match("*") is None
    assert await if_match(None) is None


@pytest.mark.parametrize("text", ["", "d1", "a1", "d1.a", "d-1.a2", "d1.a2.b3", "d9999999999.a1", "d١.a1x"])
async def test_other_ids_are_none(text: str) -> None:
    assert parse_versions(text) is None
    with pytest.raises(ProblemError) as refused:
        await if_match(f'W/"{text}"')
    assert refused.value.code == "invalid-etag"


def test_a_state_that_is_past_is_refused_with_the_present_one() -> None:
    require_current(3, 3)
    require_current(4, 3)  # the read model may be behind
    with pytest.raises(ProblemError) as refused:
        require_current(2, 3)
    assert (refused.value.status, refused.value.code) == (412, "version-conflict")
    assert refused.value.more == {"current_version": 3}
