"""The converter: decides what happens to documents and their groups, and converts documents."""

from __future__ import annotations

import asyncio

from docward.converter.documents import APPLY_CHANGES, CONVERT, DOCUMENT
from docward.converter.groups import GROUP
from docward.converter.jobs import ConverterJobs
from docward.converter.recognition import Tesseract
from docward.converter.sandbox import Sandbox
from docward.converter.settings import ConverterSettings
from docward.events.topics import CONVERTER_DEAD_LETTERS, TOPICS
from docward.runtime import metrics
from docward.runtime.deciders import Decider
from docward.runtime.eventstore import jobs_channel
from docward.runtime.infrastructure import DECIDING, infrastructure
from docward.runtime.jobs import JobKind, JobPool
from docward.runtime.progress import progress_reports
from docward.runtime.service import Watched, serve


async def main(settings: ConverterSettings, stopping: asyncio.Event) -> None:
    async with infrastructure(
        "converter", settings, schema="converter", migrations=[DECIDING], topics=TOPICS
    ) as around:
        documents = Decider("converter-documents", [DOCUMENT, GROUP], around, dead_letters=CONVERTER_DEAD_LETTERS)
        wanted = settings.conversion
        ocr = Tesseract.installed(wanted.ocr_languages) if wanted.ocr == "auto" else None
        sandbox = Sandbox(slots=wanted.concurrency, ocr=ocr)
        await sandbox.start()
        try:
            work = ConverterJobs(around.objects, sandbox)
            jobs = JobPool(
                [
                    JobKind(CONVERT, documents.store, DOCUMENT, work.convert, work.give_up),
                    JobKind(APPLY_CHANGES, documents.store, DOCUMENT, work.apply_changes, work.give_up),
                ],
                pool=around.pool,
                concurrency=2 * wanted.concurrency,  # those that take long go on beside the others
                report=progress_reports(around),
                wake_relay=documents.wake_relay,
            )
            around.listener.on(jobs_channel("converter"), lambda _: jobs.wake())
            background: list[Watched] = [documents.relay, documents.pruning, around.listener]
            metrics.SANDBOX.labels(sandbox.level).set(1)
            facts = {"sandbox": sandbox.level, "ocr": f"tesseract {ocr.languages}" if ocr else "off"}
            await serve(settings.http, [documents.loop, jobs], background, stopping, facts=facts)
        finally:
            await sandbox.close()
