"""Between the services and their servers is a network in which things get late, lost, repeated and answered wrongly.

Each seed draws the weather of a few seconds, for Kafka and, every other time, for Postgres. Then it is calm until users
are served as before; what was lost, done twice or out of order stays in the logs and tables, and is found at the end.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

from chaos.history import Violation
from chaos.lag import Lag
from chaos.load import Pace
from chaos.outcome import Figure, Outcome
from chaos.proxy import CALM, Proxy, Weather
from chaos.runner import Ground, Run
from docward.localstack.kafka import KafkaNode
from installation import _free_ports

STORM_S = 4.0
CALM_WITHIN_S = 90.0
TOGETHER = 20
"""Seeds of one installation, and of one judgement."""
PACE = Pace(batch=8, uploads_s=1, conversions=0.01)
KINDS = {
    "late_s": 0.3,
    "reset": 0.02,
    "half_closed": 0.01,
    "silent": 0.01,
    "repeated_request": 0.5,
    "repeated_response": 0.02,
    "error": 0.3,
}
"""What there is of it when it is worst."""
OF_KAFKA = {"repeated_request", "repeated_response", "error"}


@asynccontextmanager
async def proxied(ground: Ground) -> AsyncIterator[tuple[Ground, Proxy, Proxy]]:
    """The same ground, where whoever asks for its servers finds proxies of Kafka and Postgres instead."""
    broker = ground.stack.servers["kafka-1"]
    if not isinstance(broker, KafkaNode):
        raise TypeError("needs a broker of the local stack")
    inside, kafka_port, postgres_port = _free_ports(3)
    dsn = urlsplit(ground.stack.postgres_dsn)
    kafka = Proxy(kafka_port, inside, random.Random(f"{ground.seed}/kafka"), kafka=True)  # noqa: S311 -- drawn again
    postgres = Proxy(postgres_port, dsn.port or 5432, random.Random(f"{ground.seed}/postgres"), kafka=False)  # noqa: S311 -- drawn again
    broker.aside = (inside, kafka_port)
    await asyncio.gather(asyncio.to_thread(broker.restart), kafka.start(), postgres.start())
    try:
        there = dsn._replace(netloc=f"{dsn.username}:{dsn.password}@127.0.0.1:{postgres_port}")
        stack = replace(ground.stack, kafka_bootstrap=f"127.0.0.1:{kafka_port}", postgres_dsn=urlunsplit(there))
        yield replace(ground, stack=stack), kafka, postgres
    finally:
        await asyncio.gather(kafka.stop(), postgres.stop())
        broker.aside = None
        await asyncio.to_thread(broker.restart)


async def network(ground: Ground) -> Outcome:
    outcomes = []
    done: Counter[str] = Counter()
    async with proxied(ground) as (behind, kafka, postgres):
        for first in range(0, ground.form.seeds, TOGETHER):
            seeds = range(first, min(first + TOGETHER, ground.form.seeds))
            outcomes.append(await _judged(behind, kafka, postgres, seeds))
        for proxy, name in ((kafka, "Kafka"), (postgres, "Postgres")):
            done.update({f"{name}, {what}": number for what, number in proxy.done.items() if number})
    whole = Outcome([violation for outcome in outcomes for violation in outcome.violations])
    counted: Counter[str] = Counter()
    for outcome in outcomes:
        counted.update(outcome.counted)
        whole.seconds += outcome.seconds
    whole.counted = {"seeds": ground.form.seeds, **counted}
    whole.deaths = dict(sum((Counter(outcome.deaths) for outcome in outcomes), Counter()))
    whole.faults = dict(done)
    slowest = max(figure.value for outcome in outcomes for figure in outcome.figures)
    whole.figures = [Figure("calm again: lag small after, at most", slowest, "s", most=30)]
    return whole


async def _judged(ground: Ground, kafka: Proxy, postgres: Proxy, seeds: range) -> Outcome:
    slowest = 0.0
    unrest = []
    async with ground.run(f"network {seeds.start}", PACE) as run, Lag(run).watched() as lag:
        await lag.back(time.monotonic(), within=60)
        for seed in seeds:
            draw = random.Random(f"{ground.seed}/network/{seed}")  # noqa: S311 -- to be drawn again
            kafka.weather = drawn(draw, list(KINDS))
            postgres.weather = drawn(draw, sorted(KINDS.keys() - OF_KAFKA)) if seed % 2 else CALM
            await asyncio.sleep(STORM_S)
            kafka.weather = postgres.weather = CALM
            try:
                slowest = max(slowest, await lag.back(time.monotonic(), within=CALM_WITHIN_S))
            except TimeoutError:
                unrest.append(Violation("unmet", f"seed {seed}: users were not served {CALM_WITHIN_S:g} s afterwards"))
                break
        outcome = await run.concluded()
    outcome.violations += unrest
    outcome.violations = [replace(each, what=f"{each.what} (seeds from {seeds.start})") for each in outcome.violations]
    outcome.figures = [Figure("", slowest)]
    return outcome


def drawn(draw: random.Random, kinds: list[str]) -> Weather:
    """One to three things at once, each between a tenth of its worst and that."""
    return Weather(**{kind: KINDS[kind] * draw.uniform(0.1, 1) for kind in draw.sample(kinds, draw.randint(1, 3))})


async def provoke(run: Run, kafka: Proxy) -> None:
    """Every write arrives twice, until there has been enough to do."""
    kafka.weather = Weather(repeated_request=1.0)
    await asyncio.sleep(2 * STORM_S)
    kafka.weather = CALM
    run.load.stop()
