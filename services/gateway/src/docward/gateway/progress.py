"""Progress of long work, passed on to whoever watches a document. Telemetry: what is missed is missed.

Each gateway reads the whole topic by itself, from its end on, and commits nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer

from docward.events.codec import Codec, Record
from docward.events.errors import UndecodableError
from docward.events.progress import ProgressReported
from docward.events.topics import PROGRESS
from docward.runtime.errors import OPERATIONAL
from docward.runtime.kafka import record_of
from docward.runtime.rawheaders import read_any_header
from docward.runtime.settings import Kafka

log = structlog.get_logger()

RECONNECT_SECONDS = 2.0
KEPT = 100
"""Reports that wait for one slow watcher; older ones are dropped."""


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
            report = self._codec.decode(record).message
        except UndecodableError:
            return
        if not isinstance(report, ProgressReported):
            return
        for watcher in self._watchers.get(report.document_id, ()):
            watcher.reports.append(report)
            watcher.arrived.set()

    async def run(self, settings: Kafka) -> None:
        """Read the topic until cancelled, through outages."""
        read_any_header()
        while True:
            consumer = AIOKafkaConsumer(
                settings.topic_prefix + PROGRESS.name,
                bootstrap_servers=settings.bootstrap_servers,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=500,
            )
            try:
                await consumer.start()
                await consumer.seek_to_end()
                while True:
                    for batch in (await consumer.getmany(timeout_ms=1000)).values():
                        for raw in batch:
                            self.take(record_of(raw, settings.topic_prefix))
            except OPERATIONAL as error:
                log.warning("progress is not read", error=str(error))
                await asyncio.sleep(RECONNECT_SECONDS)
            finally:
                await consumer.stop()
