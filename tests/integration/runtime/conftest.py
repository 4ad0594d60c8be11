"""One process of a service of the tests, on the real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from installation import Installation
from integration.runtime.world import World, a_world


@pytest.fixture
async def world(installation: Installation) -> AsyncIterator[World]:
    async with a_world(installation) as one:
        yield one
