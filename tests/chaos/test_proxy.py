"""The proxy passes on what comes, in order, and does what its weather says and nothing else."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from chaos.proxy import ERRORS, HEARTBEAT, JOIN_GROUP, PRODUCE, Frames, Proxy, Weather, error_at
from installation import _free_ports

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(1000):
        writer.write(piece)
        await writer.drain()


@asynccontextmanager
async def _through(
    weather: Weather, *, kafka: bool = False, answer: Answering | None = _echo
) -> AsyncIterator[tuple[Proxy, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through a proxy to whoever answers; to nobody without one."""

    answers = set()

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await (answer or _echo)(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    port, target = _free_ports(2)
    proxy = Proxy(port, target, random.Random(1), kafka, weather)  # noqa: S311 -- to be drawn again
    async with await asyncio.start_server(answered, "127.0.0.1", target if answer else 0):
        await proxy.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield proxy, reader, writer
        finally:
            writer.close()
            await proxy.stop()
            await asyncio.gather(*filter(None, answers))


def _request(api: int, correlation: int, version: int = 7) -> bytes:
    return struct.pack(">ihhi", 8, api, version, correlation)


def _answer(correlation: int, rest: bytes = b"") -> bytes:
    return struct.pack(">ii", 4 + len(rest), correlation) + rest


async def test_in_calm_weather_everything_passes_in_order() -> None:
    async with _through(Weather()) as (proxy, reader, writer):
        sent = bytes(range(256)) * 1000
        writer.write(sent)
        writer.write_eof()
        assert await reader.read(-1) == sent
        assert not +proxy.done


async def test_what_is_late_keeps_its_order() -> None:
    async with _through(Weather(late_s=0.02)) as (_, reader, writer):
        for number in range(20):
            writer.write(bytes([number]))
            await asyncio.sleep(0)
        assert await reader.readexactly(20) == bytes(range(20))


async def test_a_reset_is_an_error_of_the_connection() -> None:
    async with _through(Weather(reset=1.0)) as (proxy, reader, writer):
        writer.write(b"lost")
        with pytest.raises(ConnectionResetError):
            await reader.read(10)
        assert proxy.done["reset"] == 1


@pytest.mark.parametrize("weather", [Weather(silent=1.0), Weather(half_closed=1.0)], ids=["silent", "half-closed"])
async def test_a_connection_on_which_nothing_arrives_ends(weather: Weather) -> None:
    async with _through(weather) as (proxy, reader, writer):
        writer.write(b"lost")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(10), 10) == b""
        assert proxy.done.total() >= 1


async def test_whoever_cannot_be_reached_through_it_is_away() -> None:
    async with _through(Weather(), answer=None) as (_, reader, _writer):
        assert await reader.read(10) == b""


async def test_a_repeated_write_arrives_twice_and_is_answered_once() -> None:
    arrived = []

    async def broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await reader.readexactly(12)
            arrived.append(struct.unpack(">ihhi", request)[1:])
            writer.write(_answer(arrived[-1][2], struct.pack(">i", 0)))

    async with _through(Weather(repeated_request=1.0), kafka=True, answer=broker) as (_, reader, writer):
        writer.write(_request(PRODUCE, 1) + _request(HEARTBEAT, 2, version=1))
        answers = [await reader.readexactly(12) for _ in range(2)]
        assert [struct.unpack_from(">i", answer, 4)[0] for answer in answers] == [1, 2]
        assert arrived == [(PRODUCE, 7, 1), (PRODUCE, 7, 1), (HEARTBEAT, 1, 2)]


def test_an_error_takes_the_place_of_the_first_code() -> None:
    frames = Frames(Proxy(0, 0, random.Random(1), True, Weather(error=1.0)))  # noqa: S311 -- to be drawn again
    frames.request(_request(PRODUCE, 1))
    good = _answer(1, struct.pack(">ih3siihq", 1, 3, b"top", 1, 5, 0, 77))
    (bad,) = frames.response(good)
    *before, code, offset = struct.unpack(">iiih3siihq", bad)
    assert (before, offset) == ([len(good) - 4, 1, 1, 3, b"top", 1, 5], 77)
    assert code in ERRORS[PRODUCE]


def test_an_answer_of_another_layout_is_left_alone() -> None:
    assert error_at(_answer(1, b"\0" * 40), PRODUCE, 9) is None
    assert error_at(_answer(1, b"\0" * 40), 3, 5) is None
    assert error_at(_answer(1, b"\0" * 40), JOIN_GROUP, 5) == 12
    assert error_at(_answer(1, struct.pack(">ii", 0, 0)), PRODUCE, 7) is None
