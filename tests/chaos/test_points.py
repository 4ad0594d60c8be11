"""The points are what the code has, and enough of them."""

from __future__ import annotations

import inspect

import pytest

from chaos.points import LOOPS, PLACES, points, target


def test_there_are_at_least_forty_points() -> None:
    assert len(points()) >= 40
    assert len({str(point) for point in points()}) == len(points())
    assert len({dotted for places in PLACES.values() for dotted in places.values()}) >= 20


@pytest.mark.parametrize(
    ("service", "place"),
    [(service, place) for known in (PLACES, LOOPS) for service, places in known.items() for place in places],
)
def test_a_point_is_a_function_that_is_awaited(service: str, place: str) -> None:
    owner, name = target(service, place)
    assert inspect.iscoroutinefunction(getattr(owner, name))
