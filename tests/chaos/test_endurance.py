"""What grows is told from what goes up and down."""

from __future__ import annotations

import pytest

from chaos.endurance import slope


def test_a_steady_growth_is_its_slope() -> None:
    assert slope([(minute / 10, 100 + 3 * minute / 10) for minute in range(50)]) == pytest.approx(3)


def test_what_goes_up_and_down_does_not_grow() -> None:
    assert abs(slope([(minute / 10, 100.0 + minute % 2) for minute in range(100)])) < 0.05


def test_a_single_reading_says_nothing() -> None:
    assert slope([(0.0, 100.0)]) == 0
