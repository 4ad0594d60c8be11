"""Whether enough brokers are there is asked of the brokers, not of metadata that may be old."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from docward.runtime.kafka import Quorum


async def _listening() -> tuple[asyncio.Server, SimpleNamespace]:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    return server, SimpleNamespace(host="127.0.0.1", port=server.sockets[0].getsockname()[1])


def _cluster(**brokers: SimpleNamespace) -> SimpleNamespace:
    found = [SimpleNamespace(nodeId=int(name[1:]), **vars(at)) for name, at in brokers.items()]
    return SimpleNamespace(brokers=lambda: found)


async def test_a_broker_that_is_back_counts_although_the_metadata_leave_it_out() -> None:
    (one, at1), (two, at2), (three, at3) = [await _listening() for _ in range(3)]
    quorum = Quorum()
    quorum.learn(_cluster(b1=at1, b2=at2, b3=at3))
    quorum.learn(_cluster(b2=at2, b3=at3))  # read while the first one was away
    async with one, three:
        two.close()
        await two.wait_closed()
        assert await quorum.there([1, 2, 3])


async def test_one_of_three_is_no_quorum() -> None:
    (one, at1), (two, at2), (three, at3) = [await _listening() for _ in range(3)]
    quorum = Quorum()
    quorum.learn(_cluster(b1=at1, b2=at2, b3=at3))
    async with one:
        for gone in (two, three):
            gone.close()
            await gone.wait_closed()
        assert not await quorum.there([1, 2, 3])


async def test_brokers_that_were_never_heard_of_are_no_reason_to_refuse() -> None:
    assert await Quorum().there([1, 2, 3])
