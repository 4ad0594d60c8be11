"""The analyzer: keeps policy repositories, analyses converted versions, and records what people answer."""

from __future__ import annotations

import asyncio
from contextlib import closing

from docward.analyzer.analyses import ANALYSE, ANALYSE_SUITE, ANALYSIS
from docward.analyzer.jobs import AnalyzerJobs
from docward.analyzer.policies import REPOSITORY
from docward.analyzer.reactions import ANALYSE_CONVERTED_VERSIONS
from docward.analyzer.settings import AnalyzerSettings
from docward.analyzer.workers import Workers
from docward.events.topics import ANALYZER_DEAD_LETTERS, TOPICS
from docward.runtime.deciders import Decider
from docward.runtime.eventstore import jobs_channel
from docward.runtime.infrastructure import DECIDING, infrastructure
from docward.runtime.jobs import JobKind, JobPool
from docward.runtime.progress import progress_reports
from docward.runtime.reactions import ReactionLoop
from docward.runtime.service import serve


async def main(settings: AnalyzerSettings, stopping: asyncio.Event) -> None:
    with closing(Workers(settings.analysis.concurrency, seconds=settings.analysis.seconds)) as workers:
        async with infrastructure(
            "analyzer", settings, schema="analyzer", migrations=[DECIDING], topics=TOPICS
        ) as around:
            policies = Decider("analyzer-policies", [REPOSITORY], around, dead_letters=ANALYZER_DEAD_LETTERS)
            analyses = Decider("analyzer-analyses", [ANALYSIS], around, dead_letters=ANALYZER_DEAD_LETTERS)
            reaction = ReactionLoop(ANALYSE_CONVERTED_VERSIONS, around, dead_letters=ANALYZER_DEAD_LETTERS)
            work = AnalyzerJobs(around.objects, policies.store, around.pool, workers)
            jobs = JobPool(
                [
                    JobKind(ANALYSE, analyses.store, ANALYSIS, work.analyse, work.give_up),
                    JobKind(ANALYSE_SUITE, analyses.store, ANALYSIS, work.analyse_suite, work.give_up),
                ],
                pool=around.pool,
                concurrency=settings.analysis.concurrency,
                report=progress_reports(around),
                wake_relay=analyses.wake_relay,
            )
            around.listener.on(jobs_channel("analyzer"), lambda _: jobs.wake())
            await serve(
                settings.http,
                [policies.loop, analyses.loop, reaction, jobs],
                [policies.relay, analyses.relay, analyses.pruning, around.listener],
                stopping,
            )
