"""One installation for all tests of the read side, with everything of the cast projected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from docward.events.topics import CONVERTER_DEAD_LETTERS
from docward.localstack.stack import Stack
from integration.projector import cast
from integration.projector.installation import Installation, installed
from unit.projector.story import told

TEXTS = {
    "version-1": "# Momentum\n\nThe first wording.\n",
    "version-3": "# Momentum\n\nDrawdown control.\n",
    "version-4": "# Momentum\n\nRestored.\n",
    "deleted": "# Momentum\n\nWithdrawn.\n",
}


@pytest.fixture(scope="session")
async def projected(servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with installed(servers, tmp_path_factory.mktemp("objects")) as installation:
        texts = {name: await installation.store(f"products/{name}.md", text) for name, text in TEXTS.items()}
        await installation.publish(cast.commands())
        await installation.publish(cast.the_repository())
        await installation.publish(cast.the_document(texts))
        await installation.publish(cast.its_analyses())
        await installation.publish(cast.a_deleted_document(texts))
        await installation.publish(cast.the_group())
        await installation.publish(cast.states())
        await installation.publish(cast.asked())
        await installation.set_aside(CONVERTER_DEAD_LETTERS, told("make-private", by=7))
        async with installation.projecting():
            await installation.settled()
        yield installation


@asynccontextmanager
async def documents_in_every_state(servers: Stack, objects: Path) -> AsyncIterator[Installation]:
    """The last event of one of them is left out."""
    async with installed(servers, objects) as one:
        texts = {name: await one.store(f"products/{name}.md", text) for name, text in TEXTS.items()}
        await one.publish(cast.the_document(texts)[:-1])
        await one.publish(cast.a_deleted_document(texts))
        await one.publish(cast.states())
        yield one


@pytest.fixture
async def place(servers: Stack, tmp_path: Path) -> AsyncIterator[Installation]:
    async with documents_in_every_state(servers, tmp_path) as one:
        yield one
