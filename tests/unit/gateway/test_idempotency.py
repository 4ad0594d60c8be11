"""The keys in memory keep the promises of the real ones."""

from __future__ import annotations

from typing import Any

import pytest

from unit.gateway.fakes import Clock, MemoryKeys
from unit.gateway.keys_suite import SUITE


@pytest.mark.parametrize("check", SUITE, ids=lambda check: check.__name__)
async def test_keys_in_memory(check: Any) -> None:
    clock = Clock()
    await check(MemoryKeys(clock), clock)
