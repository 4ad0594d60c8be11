"""The scenario on three brokers, briefly."""

from __future__ import annotations

import pytest

from chaos.brokers import brokers
from chaos.runner import Ground

pytestmark = pytest.mark.timeout(900)  # minutes, and the machine may be busy

BROKERS = 3
"""Of the servers of this file."""


async def test_a_dead_broker_of_three_costs_nothing_that_was_acknowledged(ground: Ground) -> None:
    outcome = await brokers(ground)
    print("\n".join(outcome.lines()))
    assert outcome.violations == [], outcome.as_json()
