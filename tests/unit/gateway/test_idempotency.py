"""The keys in memory keep the promises of the real ones."""

from __future__ import annotations

from typing import Any

import pytest

from docward.events.messages import Actor
from docward.gateway.idempotency import BUSY
from docward.gateway.problems import ProblemError
from docward.gateway.publishing import Publishing
from installation import until
from unit.gateway.fakes import Clock, MemoryKeys, MemoryPublisher
from unit.gateway.keys_suite import SUITE

ACTOR = Actor(subject="mira", roles=("contributor",))


@pytest.mark.parametrize("check", SUITE, ids=lambda check: check.__name__)
async def test_keys_in_memory(check: Any) -> None:
    clock = Clock()
    await check(MemoryKeys(clock), clock)


async def test_a_request_holds_its_key_for_as_long_as_it_is_worked_on() -> None:
    clock = Clock()
    keys = MemoryKeys(clock)
    publishing = Publishing(MemoryPublisher(), keys, hold_every_s=0.01)
    started = clock.time

    async def held() -> bool:
        return keys.busy_until("mira", "key") > started + BUSY

    async with publishing.attempt(ACTOR, "key"):
        clock.passes(BUSY.total_seconds() - 1)
        await until(held)
        clock.passes(2)
        with pytest.raises(ProblemError):
            await keys.reserve("mira", "key")
    assert (await keys.reserve("mira", "key")).answer is None  # it failed, and is free at once
