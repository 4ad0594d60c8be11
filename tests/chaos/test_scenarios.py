"""The scenarios on one broker, briefly."""

from __future__ import annotations

import pytest

from chaos.runner import Ground
from chaos.scenarios import SCENARIOS, Scenario

pytestmark = pytest.mark.timeout(900)  # minutes, and the machine may be busy

ELSEWHERE = {"kills", "members", "loops"}
"""The first has a file of its own, to run beside these; the others wait minutes for slow work and for watchdogs: `make
chaos` does."""


@pytest.mark.parametrize(
    "scenario",
    [each for each in SCENARIOS if each.brokers == 1 and not each.for_long and each.name not in ELSEWHERE],
    ids=lambda scenario: scenario.name,
)
async def test_a_scenario_holds(ground: Ground, scenario: Scenario) -> None:
    outcome = await scenario.happen(ground)
    print("\n".join(outcome.lines()))
    assert outcome.violations == [], outcome.as_json()
