"""Short runs of the real thing: services die at every point, and every command comes to its end once."""

from __future__ import annotations

import pytest

from chaos.kills import kills
from chaos.points import points
from chaos.runner import Ground

pytestmark = pytest.mark.timeout(900)  # minutes, and the machine may be busy


async def test_a_death_at_every_point_leaves_no_trace(ground: Ground) -> None:
    outcome = await kills(ground)
    assert outcome.violations == [], outcome.as_json()
    assert outcome.missed == [], outcome.as_json()
    assert len(outcome.reached) == len(points())
    assert outcome.counted["acknowledged"] > 500, outcome.as_json()
