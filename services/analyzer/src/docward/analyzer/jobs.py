"""The analyzer's jobs: a version's Markdown and IR, or those of a suite, against releases, in a process of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from docward.analyzer.analyses import ANALYSE_SUITE, AnalysePayload, RecordAnalysis, RecordAnalysisFailure, SuitePayload
from docward.analyzer.analysis import Member, Release, analyse, analyse_suite
from docward.analyzer.policies import REPOSITORY, Repository
from docward.analyzer.workers import TooSlowError, Workers
from docward.events.analyses import AnalysisFailure, ReleaseUsed, SuiteMember
from docward.events.findings import AnalysisReport
from docward.events.ir import Ir
from docward.events.messages import ObjectRef, RepositoryRef, stream_id
from docward.runtime.aggregates import fold
from docward.runtime.errors import HashMismatchError, ObjectMissingError
from docward.runtime.eventstore import EventStore
from docward.runtime.jobs import Job, Report
from docward.runtime.objects import ObjectStore
from docward.runtime.postgres import Pool


class _UnusableError(Exception):
    """A reason on its way to the event that tells it."""

    def __init__(self, reason: AnalysisFailure, detail: str) -> None:
        super().__init__(detail)
        self.reason: AnalysisFailure = reason
        self.detail = detail


class AnalyzerJobs:
    """The report is stored before the job completes: a repeated attempt finds it and changes nothing."""

    def __init__(self, objects: ObjectStore, policies: EventStore, pool: Pool, workers: Workers) -> None:
        self._objects = objects
        self._policies = policies
        self._pool = pool
        self._workers = workers

    async def analyse(self, job: Job, report: Report) -> RecordAnalysis | RecordAnalysisFailure:
        payload = AnalysePayload.model_validate(job.payload)

        async def found(releases: Sequence[Release]) -> AnalysisReport:
            markdown, ir = await self._document(payload.markdown, payload.ir)
            return await self._workers.run(_analyse, ir, markdown, releases, payload.focus)

        return await self._recorded(job, report, payload, found)

    async def analyse_suite(self, job: Job, report: Report) -> RecordAnalysis | RecordAnalysisFailure:
        payload = SuitePayload.model_validate(job.payload)

        async def found(releases: Sequence[Release]) -> AnalysisReport:
            texts = [await self._document(member.markdown, member.ir) for member in payload.members]
            return await self._workers.run(_analyse_suite, payload.members, texts, releases, payload.focus)

        return await self._recorded(job, report, payload, found)

    async def _recorded(
        self,
        job: Job,
        report: Report,
        payload: AnalysePayload | SuitePayload,
        find: Callable[[Sequence[Release]], Awaitable[AnalysisReport]],
    ) -> RecordAnalysis | RecordAnalysisFailure:
        report("analyzing", 0, 1, "documents")
        try:
            releases, used = await self._releases(payload.repositories)
            found = await find(releases)
        except _UnusableError as failure:
            return RecordAnalysisFailure(payload.analysis_id, payload.version, failure.reason, failure.detail)
        except TooSlowError as error:  # it would be as slow again
            detail = f"The analysis was ended: {error}; please split the document, or assign fewer repositories."
            return RecordAnalysisFailure(payload.analysis_id, payload.version, "internal-error", detail)
        uri = f"products/{job.aggregate_id}/{payload.version}/{job.id}/analysis.json"
        stored = await self._objects.put(uri, found.model_dump_json().encode(), "application/json")
        report("analyzing", 1, 1, "documents")
        return RecordAnalysis(payload.analysis_id, payload.version, found, stored, tuple(used))

    async def _document(self, text: ObjectRef, structure: ObjectRef) -> tuple[bytes, bytes]:
        try:
            markdown = await self._objects.get(text)
            ir = await self._objects.get(structure)
        except ObjectMissingError as error:
            raise _UnusableError("object-missing", f"{error} is not in the object store") from error
        except HashMismatchError as error:
            raise _UnusableError("hash-mismatch", f"{error} is not what the command refers to") from error
        return markdown, ir

    async def _releases(self, refs: Sequence[RepositoryRef]) -> tuple[list[Release], list[ReleaseUsed]]:
        """The releases of the references, from the analyzer's own streams."""
        streams = {ref.repository_id: stream_id(REPOSITORY.kind, ref.repository_id) for ref in refs}
        async with self._pool.acquire() as connection:
            events = await self._policies.streams(connection, streams.values())
        releases, used = [], []
        for ref in refs:
            state = fold(REPOSITORY, REPOSITORY.initial, events[streams[ref.repository_id]])
            release, use = _release(ref.repository_id, state, ref.release)
            releases.append(release)
            used.append(use)
        return releases, used

    @staticmethod
    def give_up(job: Job, error: BaseException) -> RecordAnalysisFailure:
        kind = SuitePayload if job.kind == ANALYSE_SUITE else AnalysePayload
        payload = kind.model_validate(job.payload)
        detail = f"The analysis failed for no reason that is known ({type(error).__name__}); it is in the logs."
        return RecordAnalysisFailure(payload.analysis_id, payload.version, "internal-error", detail)


def _release(ident: UUID, repository: Repository, number: int | None) -> tuple[Release, ReleaseUsed]:
    if not repository.exists:
        raise _UnusableError("unknown-repository", f"there is no policy repository {ident}")
    published = repository.release(number)
    if published is None:
        what = "any release" if number is None else f"release {number}"
        raise _UnusableError("unknown-release", f"the policy repository {repository.name!r} does not have {what}")
    release = Release(
        repository_id=ident,
        repository=repository.name,
        release=published.number,
        policies=published.policies,
    )
    used = ReleaseUsed(
        repository_id=ident, repository=repository.name, release=published.number, sha256=published.sha256
    )
    return release, used


def _analyse(ir: bytes, markdown: bytes, releases: Sequence[Release], focus: tuple[str, ...]) -> AnalysisReport:
    """In a worker process: a large IR takes long to read, too."""
    report = analyse(Ir.model_validate_json(ir), markdown.decode(), releases)
    return _focused(report, focus)


def _analyse_suite(
    members: Sequence[SuiteMember],
    texts: Sequence[tuple[bytes, bytes]],
    releases: Sequence[Release],
    focus: tuple[str, ...],
) -> AnalysisReport:
    read = [
        Member(m.document_id, m.title, m.filename, Ir.model_validate_json(ir), markdown.decode())
        for m, (markdown, ir) in zip(members, texts, strict=True)
    ]
    return _focused(analyse_suite(read, releases), focus)


def _focused(report: AnalysisReport, focus: tuple[str, ...]) -> AnalysisReport:
    if not focus:
        return report
    return report.model_copy(update={"findings": tuple(f for f in report.findings if f.family in focus)})
