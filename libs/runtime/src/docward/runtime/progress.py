"""Reports of long work on the topic `progress`: telemetry, best effort, never waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import structlog

from docward.events.codec import Envelope
from docward.events.messages import stream_id
from docward.events.progress import ProgressReported
from docward.events.topics import PROGRESS
from docward.runtime.errors import OPERATIONAL
from docward.runtime.infrastructure import Infrastructure
from docward.runtime.jobs import Job, Report

log = structlog.get_logger()


def progress_reports(around: Infrastructure) -> Callable[[Job], Report]:
    """For the job pool: what a job reports goes out while the job goes on."""
    sending: set[asyncio.Task[None]] = set()

    async def send(job: Job, report: ProgressReported) -> None:
        envelope = Envelope(
            id=uuid4(),
            type=report.TYPE,
            source=f"/docward/{around.service}",
            time=datetime.now(UTC),
            subject=stream_id("document", job.aggregate_id),
            key=job.aggregate_id,
            correlation_id=job.origin.correlation_id,
            causation_id=job.origin.command_id,
            actor=job.actor,
            traceparent=job.origin.traceparent,
        )
        try:
            await around.publisher.publish(PROGRESS, envelope, report)
        except OPERATIONAL as error:
            log.debug("progress not reported", error=str(error))

    def for_job(job: Job) -> Report:
        def report(stage: str, done: int, total: int, unit: str) -> None:
            message = ProgressReported(
                document_id=job.aggregate_id,
                version=int(job.payload["version"]),
                stage=stage,
                done=done,
                total=total,
                unit=unit,
            )
            task = asyncio.create_task(send(job, message))
            sending.add(task)
            task.add_done_callback(sending.discard)

        return report

    return for_job
