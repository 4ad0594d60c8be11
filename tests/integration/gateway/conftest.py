"""One gateway for the tests of a file, over the read model that the projector's cast has filled.

Not for longer: it runs in this process, and while tests elsewhere hold the event loop its watchdog would end the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from docward.localstack.stack import Stack
from integration.gateway.served import Served, served
from integration.projector import cast
from integration.projector.conftest import TEXTS
from integration.projector.installation import installed


@pytest.fixture(scope="module")
async def gateway(servers: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with installed(servers, tmp_path_factory.mktemp("objects")) as installation:
        texts = {name: await installation.store(f"products/{name}.md", text) for name, text in TEXTS.items()}
        for messages in (
            cast.commands(),
            cast.the_repository(),
            cast.the_document(texts),
            cast.its_analyses(),
            cast.a_deleted_document(texts),
            cast.states(),
            cast.asked(),
        ):
            await installation.publish(messages)
        async with installation.projecting(), served(installation) as running:
            await installation.settled()
            yield running
