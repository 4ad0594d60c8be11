"""The converter's jobs: conversions and accepted changes. Bytes in, objects out, one internal command at the end."""

from __future__ import annotations

import time
from collections.abc import Iterable

from docward.converter.children import Told
from docward.converter.conversion import ConversionError
from docward.converter.documents import (
    MARKDOWN,
    ApplyChangesPayload,
    ConvertPayload,
    RecordChanges,
    RecordConversion,
    RecordConversionFailure,
)
from docward.converter.sandbox import Sandbox
from docward.events.documents import Edit
from docward.events.messages import ObjectRef
from docward.runtime.errors import HashMismatchError, ObjectMissingError
from docward.runtime.jobs import Job, Report
from docward.runtime.objects import ObjectStore

MISSING = "The uploaded file is no longer in the object store, or not as it was uploaded: please upload it again."

JSON = "application/json"
REPORT_EVERY_S = 0.5


class ConverterJobs:
    """Products are named by job and stored before it completes: a repeated attempt finds them and changes nothing."""

    def __init__(self, objects: ObjectStore, sandbox: Sandbox) -> None:
        self._objects = objects
        self._sandbox = sandbox

    async def convert(self, job: Job, report: Report) -> RecordConversion | RecordConversionFailure:
        payload = ConvertPayload.model_validate(job.payload)
        original = payload.original
        report("converting", 0, 1, "documents")
        ident = str(job.aggregate_id)
        try:
            data = await self._objects.get(original)
            made = await self._sandbox.produce(
                data, original.media_type, document_id=ident, filename=payload.filename, told=_pages(report)
            )
        except (ObjectMissingError, HashMismatchError):
            return RecordConversionFailure(payload.version, "object-missing", MISSING)
        except ConversionError as error:
            return RecordConversionFailure(payload.version, error.reason, error.detail)
        markdown = await self._put(job, payload.version, "document.md", made.markdown.encode(), MARKDOWN)
        ir = await self._put(job, payload.version, "ir.json", made.ir, JSON)
        loss = await self._put(job, payload.version, "report.json", made.report.model_dump_json().encode(), JSON)
        report("converting", 1, 1, "documents")
        return RecordConversion(
            version=payload.version,
            markdown=markdown,
            ir=ir,
            report=loss,
            converter=made.report.converter,
            sandbox=self._sandbox.level,
            pages=made.report.pages,
            sections=made.sections,
            characters=len(made.markdown),
            warnings=len(made.report.warnings),
            partial=made.report.partial,
        )

    async def apply_changes(self, job: Job, report: Report) -> RecordChanges | RecordConversionFailure:
        payload = ApplyChangesPayload.model_validate(job.payload)
        try:
            text = (await self._objects.get(payload.markdown)).decode()
        except (ObjectMissingError, HashMismatchError):
            return RecordConversionFailure(payload.version, "object-missing", MISSING)
        changed = applied(text, payload.edits)
        if changed is None:
            detail = "An edit does not stand where it says, or overlaps another one; nothing was changed."
            return RecordConversionFailure(payload.version, "changes-do-not-apply", detail)
        report("applying", len(payload.edits), len(payload.edits), "edits")
        original = await self._put(job, payload.version, "changed.md", changed.encode(), MARKDOWN)
        return RecordChanges(payload.version, payload.base, original)

    @staticmethod
    def give_up(job: Job, error: BaseException) -> RecordConversionFailure:
        detail = f"The conversion failed for no reason that is known ({type(error).__name__}); it is in the logs."
        return RecordConversionFailure(int(job.payload["version"]), "internal-error", detail)

    async def _put(self, job: Job, version: int, name: str, data: bytes, media_type: str) -> ObjectRef:
        return await self._objects.put(f"products/{job.aggregate_id}/{version}/{job.id}/{name}", data, media_type)


def _pages(report: Report) -> Told:
    """Reports the pages that have been read: the first, the last, and now and then one between."""
    last = 0.0

    def told(page: int, pages: int) -> None:
        nonlocal last
        if page in {0, 2} or time.monotonic() > last + REPORT_EVERY_S:
            last = time.monotonic()
            report("converting", page - 1 if page else pages, pages, "pages")

    return told


def applied(text: str, edits: Iterable[Edit]) -> str | None:
    """`text` with all edits done, or None when one of them does not stand exactly at its span or overlaps another.

    What is inserted at one place stands there in the order of the edits.
    """
    pieces, done = [], 0
    for edit in sorted(edits, key=lambda e: (e.span.start, e.span.end)):
        if not done <= edit.span.start <= edit.span.end <= len(text):
            return None
        if text[edit.span.start : edit.span.end] != edit.original:
            return None
        pieces += [text[done : edit.span.start], edit.replacement]
        done = edit.span.end
    return "".join([*pieces, text[done:]])
