"""People are not kept waiting for a broker that is known to be away."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from docward.events.documents import EditDetails
from docward.events.topics import DOCUMENT_COMMANDS
from docward.gateway.publishing import Prompt
from docward.runtime.errors import BrokerUnavailableError


class Broker:
    """Writes at once, refuses, or takes until it is told."""

    def __init__(self) -> None:
        self.refuses = False
        self.alone = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.written = asyncio.Event()

    async def publish(self, *_: object) -> None:
        await self.answers.wait()
        if self.refuses:
            raise BrokerUnavailableError("away")
        self.written.set()

    async def in_quorum(self, *_: object) -> bool:
        return not self.alone


async def publish(prompt: Prompt) -> None:
    envelope = SimpleNamespace(key="k")  # all that is looked at
    await prompt.publish(DOCUMENT_COMMANDS, envelope, EditDetails(title="x"))  # type: ignore[arg-type]  # as it says


async def test_a_first_failure_is_waited_for_and_the_next_one_is_not() -> None:
    broker = Broker()
    prompt = Prompt(broker, patience_s=0.2, away_s=0.01)
    broker.answers.clear()
    first = asyncio.create_task(publish(prompt))
    await asyncio.sleep(0)
    assert not first.done()
    with pytest.raises(BrokerUnavailableError, match="does not answer"):
        await first
    with pytest.raises(BrokerUnavailableError, match="still away"):
        await publish(prompt)
    assert not broker.written.is_set()


async def test_a_broker_that_is_replaced_in_time_is_waited_for() -> None:
    broker = Broker()
    broker.refuses = True
    patient = asyncio.create_task(publish(Prompt(broker, patience_s=30)))
    await asyncio.wait({patient}, timeout=0.05)
    broker.refuses = False
    await patient
    assert broker.written.is_set()


async def test_a_command_that_is_written_after_all_ends_the_haste() -> None:
    broker = Broker()
    prompt = Prompt(broker, patience_s=1, away_s=0.01)
    broker.refuses = True
    with pytest.raises(BrokerUnavailableError):
        await publish(prompt)
    broker.refuses = False
    broker.answers.clear()
    with pytest.raises(BrokerUnavailableError):
        await publish(prompt)
    broker.answers.set()
    await broker.written.wait()
    broker.answers.clear()
    patient = asyncio.create_task(publish(prompt))
    done, _ = await asyncio.wait({patient}, timeout=0.1)
    assert not done
    broker.answers.set()
    await patient


async def test_where_too_few_brokers_are_left_nobody_waits_for_one_to_be_replaced() -> None:
    broker = Broker()
    broker.answers.clear()
    prompt = Prompt(broker, patience_s=30, doubt_s=0.01)
    patient = asyncio.create_task(publish(prompt))
    done, _ = await asyncio.wait({patient}, timeout=0.1)
    assert not done
    broker.alone = True
    with pytest.raises(BrokerUnavailableError, match="too few"):
        await patient
    broker.answers.set()
    await broker.written.wait()
