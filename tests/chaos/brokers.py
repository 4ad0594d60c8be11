"""Three brokers: one of them dies, again and again, whatever it was to the others; then two at once."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import httpx
from confluent_kafka.admin import AdminClient

from chaos.history import Violation
from chaos.lag import Lag
from chaos.load import Pace
from chaos.outcome import Figure, Outcome
from chaos.runner import Ground, Run
from docward.events.topics import DOCUMENT_COMMANDS
from docward.gateway.auth import development_token
from docward.localstack.servers import Server
from installation import KEYS, until

DOWN_S = 8.0
"""Longer than the brokers take to notice (3 s) and to elect others."""
ASK_EVERY_S = 0.25
ROLES = ("leader", "coordinator", "controller")
UNANSWERED = 599


@dataclass
class Users:
    """Change a document through the gateway, several times a second, and note what they are answered."""

    run: Run
    answers: list[tuple[float, float, int]] = field(default_factory=list)
    """(when asked, seconds until answered, status)"""

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[Users]:
        token = development_token(bytes.fromhex(KEYS["gateway"]))
        async with httpx.AsyncClient(
            base_url=f"{self.run.place.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as client:
            answer = await client.post("/documents", params={"filename": "theirs.md"}, content=b"# Theirs\n")
            document = answer.json()["document_id"]

            async def shown() -> bool:
                return (await client.get(f"/documents/{document}")).status_code == 200

            await until(shown, within=60)
            asking = asyncio.create_task(self._ask_on_and_on(client, document))
            try:
                yield self
            finally:
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)

    async def _ask_on_and_on(self, client: httpx.AsyncClient, document: str) -> None:
        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                group.create_task(self._ask(client, document, number))
                await asyncio.sleep(ASK_EVERY_S)

    async def _ask(self, client: httpx.AsyncClient, document: str, number: int) -> None:
        asked = time.monotonic()
        status = UNANSWERED
        try:
            answer = await client.patch(f"/documents/{document}", json={"title": f"theirs {number}"})
            status = answer.status_code
            if status == 202:
                self.run.load.acknowledge(UUID(answer.json()["operation_id"]))
        except httpx.TransportError:
            pass
        self.answers.append((asked, time.monotonic() - asked, status))

    def since(self, moment: float) -> list[tuple[float, float, int]]:
        return sorted(answer for answer in self.answers if answer[0] >= moment)


async def brokers(ground: Ground) -> Outcome:
    draw = random.Random(f"{ground.seed}/brokers")  # noqa: S311 -- to be drawn again
    async with ground.run("brokers", Pace(uploads_s=10)) as run:
        slowest = 0.0
        async with Lag(run).watched() as lag, Users(run).at_work() as users:
            begun = time.monotonic()
            for turn in range(ground.form.brokers):
                slowest = max(slowest, await _one_dies(run, lag, ROLES[turn % 3], draw))
            one = users.since(begun)
            gone = time.monotonic()
            await _two_die(run, lag)
            two = users.since(gone)
        outcome = await run.concluded()
    outcome.kills += ground.form.brokers + 2
    outcome.faults = {f"death of the {role}": len(range(n, ground.form.brokers, 3)) for n, role in enumerate(ROLES)}
    outcome.figures = [*_with_one_dead(one, slowest), *_with_two_dead(two)]
    outcome.violations += [
        Violation("unmet", f"a 202 while two of three brokers were dead, after {after - gone:.1f} s")
        for after, took, status in two
        if status == 202 and after + took < gone + DOWN_S
    ]
    return outcome


async def _one_dies(run: Run, lag: Lag, role: str, draw: random.Random) -> float:
    """And comes back; seconds until a later command was settled while it was dead."""
    await lag.back(time.monotonic(), within=90)
    node = run.ground.stack.servers[f"kafka-{await asyncio.to_thread(_holder, run, role, draw)}"]
    await asyncio.to_thread(node.kill)
    killed = time.monotonic()
    took = await lag.back(killed, within=90)
    await asyncio.sleep(max(0, killed + DOWN_S - time.monotonic()))  # the fault itself
    await _come_back(run, [node])
    return took


async def _two_die(run: Run, lag: Lag) -> None:
    nodes = [run.ground.stack.servers[name] for name in ("kafka-1", "kafka-2")]
    await asyncio.gather(*(asyncio.to_thread(node.kill) for node in nodes))
    await asyncio.sleep(2 * DOWN_S)  # the fault itself
    await _come_back(run, nodes)
    await lag.back(time.monotonic(), within=90)


async def _come_back(run: Run, nodes: list[Server]) -> None:
    await asyncio.gather(*(asyncio.to_thread(node.start) for node in nodes))
    await until(lambda: asyncio.to_thread(_in_sync, run), within=90, every=0.5)


def _holder(run: Run, role: str, draw: random.Random) -> int:
    """The broker that is this at the moment."""
    admin = AdminClient({"bootstrap.servers": run.place.kafka})
    if role == "leader":
        topic = run.place.prefix + DOCUMENT_COMMANDS.name
        partitions = admin.list_topics(topic, timeout=10).topics[topic].partitions
        return int(partitions[draw.randrange(len(partitions))].leader)
    if role == "coordinator":
        group = run.place.prefix + "converter-documents"
        return int(admin.describe_consumer_groups([group])[group].result(10).coordinator.id)
    quorums = run.ground.stack.data_dir.glob("kafka/node-*/log/__cluster_metadata-0/quorum-state")
    states = [json.loads(quorum.read_text()) for quorum in quorums]
    return int(max(states, key=lambda state: state["leaderEpoch"])["leaderId"])


def _in_sync(run: Run) -> bool:
    topics = AdminClient({"bootstrap.servers": run.place.kafka}).list_topics(timeout=10).topics.values()
    return all(len(partition.isrs) == 3 for topic in topics for partition in topic.partitions.values())


def _with_one_dead(answers: list[tuple[float, float, int]], slowest: float) -> list[Figure]:
    refused = [answer for answer in answers if answer[2] >= 500]
    stretches = [list(run) for failed, run in itertools.groupby(answers, key=lambda answer: answer[2] >= 500) if failed]
    longest = max((run[-1][0] + run[-1][1] - run[0][0] for run in stretches), default=0.0)
    return [
        Figure("one dead: a later command settled after, at most", slowest, "s"),
        Figure("one dead: requests", len(answers)),
        Figure("one dead: 5xx", 100 * len(refused) / max(1, len(answers)), "%", most=1),
        Figure("one dead: longest stretch of 5xx", longest, "s", most=10),
        Figure("one dead: slowest answer", max((took for _, took, _ in answers), default=0), "s"),
    ]


def _with_two_dead(answers: list[tuple[float, float, int]]) -> list[Figure]:
    refused = [(asked, took) for asked, took, status in answers if status == 503]
    return [
        Figure("two dead: requests refused with 503", len(refused)),
        Figure("two dead: other 5xx", sum(status >= 500 and status != 503 for _, _, status in answers), most=0),
        Figure("two dead: first 503 after", refused[0][1] if refused else 0, "s", most=2),
        Figure("two dead: slowest 503", max((took for _, took in refused), default=0), "s", most=2),
    ]
