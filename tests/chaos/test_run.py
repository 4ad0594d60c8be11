"""A short run of the real thing: services die at points and at random, and every command comes to its end once."""

from __future__ import annotations

from chaos.load import Pace
from chaos.points import Point
from chaos.runner import hunt
from installation import Installation

POINTS = (
    Point("converter", "commit", "before"),
    Point("converter", "publish", "after"),
    Point("converter", "append events", "after"),
    Point("projector", "settle a batch", "after"),
    Point("projector", "write rows", "after"),
    Point("analyzer", "react", "before"),
    Point("gateway", "publish a command", "after"),
)


async def test_a_short_run_holds(installation: Installation) -> None:
    pace = Pace(documents=8, uploads_s=2)
    outcome = await hunt(installation, seed="short", kills=14, seconds=20, points=POINTS, pace=pace, frozen=False)
    assert outcome.violations == [], outcome.as_json()
    assert outcome.kills >= 4, outcome.as_json()
    assert outcome.reached, outcome.as_json()
    assert outcome.counted["acknowledged"] > 50, outcome.as_json()
