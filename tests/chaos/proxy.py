"""A network between services and a server that can be made bad: a TCP proxy on loopback whose weather is drawn.

Traffic passes in pieces, in order: requests and responses of Kafka, or whatever was read at once of anything else. A
piece may be late, get lost with its connection (reset at once, after a silence, or half of it closed), arrive twice, or
come back with another error than it had. Of Kafka's protocol nothing is known but headers, and where in some answers
the first error code stands.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

AT_ONCE = 64 * 1024
SILENT_S = 6.0
"""At most, until a connection on which nothing arrives any more is reset: longer than a session, and then some."""

PRODUCE, OFFSET_COMMIT, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, SYNC_GROUP = 0, 8, 10, 11, 12, 14
COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, REBALANCING = 14, 15, 16, 27
ERRORS: dict[int, tuple[int, ...]] = {
    PRODUCE: (6, 7, 19, 20),  # not leader, timed out, not enough replicas, the same after the append
    OFFSET_COMMIT: (NOT_COORDINATOR, REBALANCING),
    FIND_COORDINATOR: (COORDINATOR_NOT_AVAILABLE,),
    JOIN_GROUP: (COORDINATOR_LOADING, NOT_COORDINATOR),
    HEARTBEAT: (NOT_COORDINATOR, REBALANCING),
    SYNC_GROUP: (NOT_COORDINATOR, REBALANCING),
}
"""By API key, what a broker may say instead of what it did say."""
_VERSIONS = {
    PRODUCE: (3, 8),
    OFFSET_COMMIT: (3, 7),
    FIND_COORDINATOR: (1, 2),
    JOIN_GROUP: (2, 5),
    HEARTBEAT: (1, 3),
    SYNC_GROUP: (1, 3),
}
"""Of which the answers are laid out as `error_at` has it."""


@dataclass(frozen=True, slots=True)
class Weather:
    """What may happen to a piece, as chances from 0 to 1."""

    late_s: float = 0.0
    """At most; drawn for each."""
    reset: float = 0.0
    half_closed: float = 0.0
    silent: float = 0.0
    repeated_request: float = 0.0
    """Of those that write: the broker has it twice, the client one answer."""
    repeated_response: float = 0.0
    error: float = 0.0
    """Of those that `ERRORS` knows."""


CALM = Weather()


@dataclass
class Proxy:
    """Passes what comes to `port` on to `target`, both on loopback."""

    port: int
    target: int
    draw: random.Random
    kafka: bool
    weather: Weather = CALM
    done: Counter[str] = field(default_factory=Counter)
    """How often each thing was done to a piece."""
    _connections: set[_Connection] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)

    async def stop(self) -> None:
        """Returns when no connection is left."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.reset()
        await asyncio.gather(*(connection.ended.wait() for connection in list(self._connections)))

    def happens(self, what: str, chance: float) -> bool:
        happens = chance > 0 and self.draw.random() < chance
        self.done[what] += happens
        return happens

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        connection = _Connection(self, (reader, writer), there)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)
            connection.ended.set()


Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    def __init__(self, proxy: Proxy, here: Ends, there: Ends) -> None:
        self._proxy = proxy
        self._here, self._there = here, there
        self._frames = Frames(proxy)
        self.ended = asyncio.Event()

    async def run(self) -> None:
        """Until both directions have ended, or the connection is reset."""
        (from_client, to_client), (from_server, to_server) = self._here, self._there
        with contextlib.suppress(ConnectionError):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(from_client, to_server, self._frames.request))
                group.create_task(self._pass(from_server, to_client, self._frames.response))
        for writer in (to_client, to_server):
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    def reset(self) -> None:
        for _, writer in (self._here, self._there):
            if not writer.transport.is_closing():
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, become: Callable[[bytes], list[bytes]]
    ) -> None:
        try:
            while piece := await self._piece(reader):
                weather = self._proxy.weather
                if weather.late_s:
                    await asyncio.sleep(self._proxy.draw.uniform(0, weather.late_s))
                if await self._lost(reader, writer):
                    return
                for each in become(piece) if self._proxy.kafka else [piece]:
                    writer.write(each)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        except (ConnectionError, OSError, RuntimeError):  # RuntimeError: the other direction has closed it already
            self.reset()

    async def _lost(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the piece is, and whatever follows it in its direction."""
        proxy, weather = self._proxy, self._proxy.weather
        if proxy.happens("reset", weather.reset):
            self.reset()
            return True
        half_closed = proxy.happens("half-closed", weather.half_closed)
        if not half_closed and not proxy.happens("silent", weather.silent):
            return False
        if half_closed:
            writer.write_eof()
        until = time.monotonic() + proxy.draw.uniform(0.2, 1) * SILENT_S
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - time.monotonic()):
                while await reader.read(AT_ONCE):
                    pass
        self.reset()
        return True

    async def _piece(self, reader: asyncio.StreamReader) -> bytes:
        """The next one; empty at the end."""
        if not self._proxy.kafka:
            return await reader.read(AT_ONCE)
        try:
            size = await reader.readexactly(4)
            return size + await reader.readexactly(int.from_bytes(size, "big"))
        except asyncio.IncompleteReadError:
            return b""


@dataclass
class _Asked:
    api: int
    version: int
    answers: int
    """That are still to come."""
    answered: bool = False


class Frames:
    """What becomes of the requests and responses of one connection, size included."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._asked: dict[int, _Asked] = {}

    def request(self, frame: bytes) -> list[bytes]:
        api, version, correlation = struct.unpack_from(">hhi", frame, 4)
        chance = self._proxy.weather.repeated_request if api == PRODUCE else 0
        copies = 1 + self._proxy.happens("repeated request", chance)
        self._asked[correlation] = _Asked(api, version, copies)
        return [frame] * copies

    def response(self, frame: bytes) -> list[bytes]:
        (correlation,) = struct.unpack_from(">i", frame, 4)
        asked = self._asked[correlation]
        asked.answers -= 1
        if not asked.answers:
            del self._asked[correlation]
        if asked.answered:
            return []
        asked.answered = True
        at = error_at(frame, asked.api, asked.version)
        if at is not None and self._proxy.happens("error", self._proxy.weather.error):
            code = self._proxy.draw.choice(ERRORS[asked.api])
            frame = frame[:at] + struct.pack(">h", code) + frame[at + 2 :]
        return [frame] * (1 + self._proxy.happens("repeated response", self._proxy.weather.repeated_response))


def error_at(frame: bytes, api: int, version: int) -> int | None:
    """Where the first error code of a response stands; None where it has none, or lies as we do not know."""
    first, last = _VERSIONS.get(api, (1, 0))
    if not first <= version <= last:
        return None
    at = 8  # size and correlation id
    if api != PRODUCE:
        at += 4  # for how long the client was throttled
    if api not in {PRODUCE, OFFSET_COMMIT}:
        return at
    if struct.unpack_from(">i", frame, at) == (0,):  # topics
        return None
    (name,) = struct.unpack_from(">h", frame, at + 4)
    return at + 4 + 2 + int(name) + 4 + 4  # behind the number of partitions and the first one's
