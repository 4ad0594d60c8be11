"""Whoever waits is woken by what they wait for, and by nothing else."""

from __future__ import annotations

import asyncio
import json

from docward.gateway.read_model import ReadModel


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_waiter_looks_again_when_its_stream_changes() -> None:
    read_model, looks = ReadModel(), []

    async def look() -> str | None:
        looks.append(1)
        return "there" if len(looks) == 3 else None

    waiting = asyncio.create_task(read_model.until(look, soon(), "document:1", "command:c"))
    for payload in (
        {"streams": {"document:2": 1}, "commands": ["d"]},
        {"streams": {"document:1": 4}},
        {"commands": ["c"]},
    ):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        read_model.notified(json.dumps(payload))
    assert await waiting == "there"
    assert len(looks) == 3


async def test_what_is_there_already_is_not_waited_for() -> None:
    async def look() -> int | None:
        return 7

    assert await ReadModel().until(look, soon(0), "document:1") == 7


async def test_a_waiter_gives_up_at_its_deadline() -> None:
    async def look() -> int | None:
        return None

    read_model = ReadModel()
    assert await read_model.until(look, soon(0.01), "document:1") is None
    assert not read_model._waiting, "nobody is left waiting"


async def test_everybody_looks_again_after_a_lost_connection_and_after_nonsense() -> None:
    read_model = ReadModel()
    for payload in ("", "not json", "[]", '{"streams": 5}'):
        with read_model.watching("document:1") as first, read_model.watching("command:c") as second:
            read_model.notified(payload)
            assert first.is_set()
            assert second.is_set()


async def test_closing_ends_all_waiting() -> None:
    read_model = ReadModel()

    async def look() -> int | None:
        return None

    waiting = asyncio.create_task(read_model.until(look, soon(60), "document:1"))
    await asyncio.sleep(0)
    read_model.close()
    assert await waiting is None
