"""Hostile documents at every parser: each one ends converted soundly, or with a reason, and the others go on.

Drawn documents go through a sandbox of this process; hypothesis finds the smallest one that breaks a promise. Hostile
files go through a converter as it is run, beside ordinary documents at an even pace. Turns with and without them
alternate, so that both see the same machine.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID, uuid5

import psutil  # type: ignore[import-untyped]  # ships no types
from hypothesis import HealthCheck, given, seed, settings

from chaos.crew import ONE, Crew
from chaos.history import Violation
from chaos.load import ACTOR, TEXT
from chaos.outcome import Figure, Outcome
from chaos.runner import Ground
from docward.converter.conversion import Conversion, ConversionError, Report
from docward.converter.sandbox import Sandbox
from docward.events.codec import Envelope, encode
from docward.events.documents import FailureReason, SubmitDocument
from docward.events.ir import Ir
from docward.events.messages import DOCWARD, ObjectRef
from docward.events.topics import DOCUMENT_COMMANDS
from docward.runtime.kafka import Publisher, partition_of
from docward.runtime.objects import ObjectStore
from docward.runtime.sniffing import MARKDOWN
from installation import Installation
from unit.converter.conftest import assert_sound
from unit.converter.drawn import DRAWN
from unit.converter.hostile import HOSTILE, Hostile, draw_damaged

TYPED = frozenset(get_args(FailureReason)) - {"internal-error", "object-missing"}
"""Reasons that say something of a document."""
AT_ONCE = 2
OF_A_TURN = 80
"""Hostile files."""
A_SECOND = 4
"""Ordinary documents, and beside them as many hostile ones."""
ENDS_WITHIN_S = 180.0
"""All that was sent in a turn; a hostile file may have to wait for others."""
MOST_S, MOST_MIB, MOST_TIMES = 30, 512, 1.5


async def parsers(ground: Ground) -> Outcome:
    began = time.monotonic()
    violations = await _drawn(ground.seed, ground.form.drawn)
    counted = {"documents drawn": ground.form.drawn * len(DRAWN)}
    outcome = await _beside(ground)
    return Outcome(
        violations + outcome.violations,
        counted=counted | outcome.counted,
        faults=outcome.faults,
        figures=outcome.figures,
        deaths=outcome.deaths,
        seconds=time.monotonic() - began,
    )


async def _drawn(drawing: str, examples: int) -> list[Violation]:
    """So many of each parser, in a real child each."""
    sandbox, loop = Sandbox(slots=AT_ONCE), asyncio.get_running_loop()
    await sandbox.start()
    zygote = sandbox._zygote

    def ended(document: bytes, media_type: str) -> str:
        converting = sandbox.convert(document, media_type, document_id="d")
        try:
            assert_sound(asyncio.run_coroutine_threadsafe(converting, loop).result())
        except ConversionError as error:
            return error.reason
        return "converted"

    def holds(media_type: str) -> Violation | None:
        @seed(f"{drawing}/{media_type}")
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(DRAWN[media_type])
        def ends(document: bytes) -> None:
            assert ended(document, media_type) in TYPED | {"converted"}
            assert sandbox._zygote is zygote, "the zygote died of it"

        try:
            ends()
        except Exception as error:  # noqa: BLE001 -- a promise is broken, by whatever it is
            notes = "; ".join(getattr(error, "__notes__", ()))
            return Violation("unmet", f"{media_type}: {type(error).__name__}: {error} {notes}")
        return None

    try:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = await asyncio.gather(*(loop.run_in_executor(threads, holds, each) for each in DRAWN))
    finally:
        await sandbox.close()
    return [violation for violation in found if violation is not None]


@dataclass
class Turns:
    """Documents as they are sent to a converter, and what becomes of each."""

    place: Installation
    drawing: str
    sent: dict[UUID, tuple[str, datetime]] = field(default_factory=dict)
    """Name and time, of those of a turn."""
    violations: list[Violation] = field(default_factory=list)
    ends: Counter[str] = field(default_factory=Counter)
    """Of hostile files."""
    usual: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    """Seconds from command to event, of ordinary documents: without and with hostile ones beside them."""
    longest: tuple[float, str] = (0.0, "")
    """Of hostile files."""

    def __post_init__(self) -> None:
        self._publisher = Publisher(self.place.settings("example").kafka, self.place.signer("example"))
        self._objects = ObjectStore(self.place.objects.as_uri())
        self._number = 0

    async def close(self) -> None:
        await self._publisher.stop()

    async def happen(self, hostile: Sequence[Hostile], number: int, times: list[float]) -> None:
        """Ordinary documents at an even pace, beside these; until all of them have ended."""
        self.sent.clear()
        made = [await asyncio.to_thread(file.make) for file in hostile]  # which takes long for some
        began = time.monotonic()
        for at in range(number):
            await asyncio.sleep(began + at / A_SECOND - time.monotonic())
            await self._send("ordinary", MARKDOWN, TEXT.format(n=self._number).encode())
            if at < len(hostile):
                await self._send(hostile[at].name, hostile[at].media_type, made[at])
        for row in await self._all_ended():
            name, at_ = self.sent.pop(row["key"])
            seconds = (row["time"] - at_).total_seconds()
            if name == "ordinary":
                times.append(seconds)
            else:
                self.longest = max(self.longest, (seconds, name))
            await self._judge(name, row["type"], json.loads(row["body"]))
        missing = [name for name, _ in self.sent.values()]
        self.violations += [Violation("lost", f"{name} has not ended in {ENDS_WITHIN_S:.0f} s") for name in missing]

    async def _send(self, name: str, media_type: str, data: bytes) -> None:
        self._number += 1
        key = uuid5(DOCWARD, f"{self.drawing}/{self._number}")
        original = await self._objects.put(f"uploads/{key}", data, media_type)
        command = SubmitDocument(title=name, filename=name, original=original)
        sent = datetime.now(UTC)
        envelope = Envelope(
            id=key,
            type=command.TYPE,
            source="/chaos",
            time=sent,
            subject=f"document:{key}",
            key=key,
            correlation_id=key,
            actor=ACTOR,
        )
        partition = partition_of(str(key).encode(), DOCUMENT_COMMANDS.partitions)
        await self._publisher.write(DOCUMENT_COMMANDS, partition, [encode(envelope, command, self._publisher.signer)])
        self.sent[key] = (name, sent)

    async def _all_ended(self) -> list[Any]:
        query = """
            select key, type, time, body from converter.events
            where key = any($1) and type in ('document-converted', 'conversion-failed')
        """
        deadline = time.monotonic() + ENDS_WITHIN_S
        while True:
            rows = await self.place.fetch(query, list(self.sent))
            if len(rows) >= len(self.sent) or time.monotonic() > deadline:
                return rows
            await asyncio.sleep(0.2)

    async def _judge(self, name: str, event: str, body: dict[str, Any]) -> None:
        if event == "conversion-failed":
            self.ends[body["reason"]] += name != "ordinary"
            if name == "ordinary" or body["reason"] not in TYPED:
                self.violations.append(Violation("unmet", f"{name} ended as {body['reason']}: {body['detail']}"))
            return
        self.ends["converted"] += name != "ordinary"
        products = [await self._objects.get(ObjectRef(**body[name])) for name in ("markdown", "ir", "report")]
        report = Report.model_validate_json(products[2])
        try:
            assert_sound(Conversion(products[0].decode(), Ir.model_validate_json(products[1]), report))
        except AssertionError as error:
            self.violations.append(Violation("unmet", f"{name} was not converted soundly: {error}"))


async def _beside(ground: Ground) -> Outcome:
    number = ground.form.hostile
    chance = random.Random(f"{ground.seed}/parsers")  # noqa: S311 -- to be drawn again
    files = [*HOSTILE, *draw_damaged(ground.seed, max(number - len(HOSTILE), 0))]
    chance.shuffle(files)
    async with ground.place("parsers") as place:
        crew, turns = Crew(place), Turns(place, ground.seed)
        try:
            crew.start("converter")
            await crew.ready()
            pid = crew.processes["converter", ONE].pid
            zygotes = _children(pid)
            await turns.happen([], A_SECOND, [])
            async with _largest(pid) as largest:
                for start in range(0, number, OF_A_TURN):
                    some = files[start : min(start + OF_A_TURN, number)]
                    await turns.happen([], len(some) // 2, turns.usual)
                    await turns.happen(some, len(some), turns.beside)
            crew.keep_up("converter")
            if not crew.deaths and _children(pid) != zygotes:
                turns.violations.append(Violation("unmet", "the process that forks conversions died"))
            died = [Violation("unmet", f"{service} ended by itself {n} times") for service, n in crew.deaths.items()]
        finally:
            await turns.close()
            crew.end()
    return Outcome(
        turns.violations + died,
        counted={"hostile files": number, "ordinary documents": len(turns.usual) + len(turns.beside)},
        faults=dict(turns.ends),
        figures=_figures(turns, largest()),
        deaths=crew.deaths,
    )


def _children(pid: int | None) -> list[int]:
    return sorted(child.pid for child in psutil.Process(pid).children())


@asynccontextmanager
async def _largest(pid: int | None) -> AsyncIterator[Callable[[], float]]:
    """MiB of memory that a conversion was seen to have at most."""
    most = 0

    async def look() -> None:
        nonlocal most
        while True:
            for child in psutil.Process(pid).children(recursive=True):
                try:
                    most = max(most, child.memory_info().rss)
                except psutil.Error:
                    continue
            await asyncio.sleep(0.05)

    looking = asyncio.create_task(look())
    try:
        yield lambda: most / 2**20
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _figures(turns: Turns, largest: float) -> list[Figure]:
    usual, beside = _p99(turns.usual), _p99(turns.beside)
    seconds, name = turns.longest
    return [
        Figure("p99 of a conversion, no hostile file", 1000 * usual, "ms"),
        Figure("p99 of a conversion beside hostile files", 1000 * beside, "ms"),
        Figure("p99 beside hostile files, in times of without", beside / usual, most=MOST_TIMES),
        Figure(f"until the end of the slowest hostile file, {name}", seconds, "s", most=MOST_S),
        Figure("memory of the largest conversion", largest, "MiB", most=MOST_MIB),
    ]


def _p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]
