"""Progress of long work: passed on to whoever watches a document, and shown in the operation that asked for it.

Telemetry: what is missed is missed, and nothing that is stored is built from it.

Each gateway reads the whole topic by itself, from its end on, and commits nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict, deque
from collections.abc import Iterator
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer

from docward.events.codec import Codec, Record
from docward.events.errors import UndecodableError
from docward.events.progress import ProgressReported
from docward.events.topics import PROGRESS
from docward.runtime.errors import OPERATIONAL
from docward.runtime.kafka import closed, record_of
from docward.runtime.rawheaders import read_any_header
from docward.runtime.settings import Kafka

log = structlog.get_logger()

RECONNECT_SECONDS = 2.0
CONNECT_SECONDS = 10.0
KEPT = 100
"""Reports that wait for one slow watcher; older ones are dropped."""
REMEMBERED = 10_000
"""Commands whose last report is known; those that have not reported for longest are forgotten."""


class Watcher:
    """Reports of one document since it began to watch. `arrived` is shared with whatever else it waits for."""

    def __init__(self, arrived: asyncio.Event) -> None:
        self.reports: deque[ProgressReported] = deque(maxlen=KEPT)
        self.arrived = arrived

    def take(self) -> list[ProgressReported]:
        reports = list(self.reports)
        self.reports.clear()
        return reports


class ProgressHub:
    def __init__(self) -> None:
        self._codec = Codec(PROGRESS.types)
        self._watchers: dict[UUID, set[Watcher]] = {}
        self._last: OrderedDict[UUID, ProgressReported] = OrderedDict()

    def last(self, command_id: UUID) -> ProgressReported | None:
        """How far the work is that this command asked for, as far as it was told here."""
        return self._last.get(command_id)

    @contextlib.contextmanager
    def watching(self, document_id: UUID, arrived: asyncio.Event) -> Iterator[Watcher]:
        watcher = Watcher(arrived)
        self._watchers.setdefault(document_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            self._watchers[document_id].discard(watcher)
            if not self._watchers[document_id]:
                del self._watchers[document_id]

    def take(self, record: Record) -> None:
        """Hand one record on. One that does not read is telemetry lost, nothing more."""
        try:
            decoded = self._codec.decode(record)
        except UndecodableError:
            return
        report, command_id = decoded.message, decoded.envelope.causation_id
        if not isinstance(report, ProgressReported):
            return
        if command_id is not None:
            self._remember(command_id, report)
        for watcher in self._watchers.get(report.document_id, ()):
            watcher.reports.append(report)
            watcher.arrived.set()

    def _remember(self, command_id: UUID, report: ProgressReported) -> None:
        self._last[command_id] = report
        self._last.move_to_end(command_id)
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)


class ProgressReader:
    """Reads the topic, through outages."""

    name = "progress"

    def __init__(self, hub: ProgressHub, settings: Kafka) -> None:
        self._hub = hub
        self._settings = settings
        self.beat = time.monotonic()

    async def run(self) -> None:
        read_any_header()
        while True:
            self.beat = time.monotonic()
            consumer = AIOKafkaConsumer(
                self._settings.topic_prefix + PROGRESS.name,
                bootstrap_servers=self._settings.bootstrap_servers,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=500,
            )
            try:
                async with asyncio.timeout(CONNECT_SECONDS):  # without a broker the client would try for ever
                    await consumer.start()
                    await consumer.seek_to_end()
                while True:
                    self.beat = time.monotonic()
                    for batch in (await consumer.getmany(timeout_ms=1000)).values():
                        for raw in batch:
                            self._hub.take(record_of(raw, self._settings.topic_prefix))
            except OPERATIONAL as error:
                log.warning("progress is not read", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                await closed(consumer)
