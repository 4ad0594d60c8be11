"""From accepted to visible in the read model, for one-page Markdown documents with analysis off.

Three services run; documents are submitted one after the other at a steady rate, and the time from the 202 to the row
is taken: when the document is there, and when it is converted. Beside it, in the same run, the floor: one record
through the broker and one committed row, which every hop needs at least.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from docward.localstack import Stack
from installation import Installation, new_installation

HOPS = 2
"""Records that must pass the broker before a converted document is visible: the command and the event."""

PAGE = "\n\n".join(
    ["# Order sizing {n}", "## 1 Purpose", "This page says how large an order may be."]
    + [
        f"## {s} Step {s}\n\nThe desk sends at most {s} orders a second. Each order is at most {s} % of volume. " * 2
        for s in range(2, 8)
    ]
)


async def measured(place: Installation, documents: int, rate: float) -> dict[str, list[float]]:
    """Milliseconds from the 202 to the row, per document."""
    accepted: dict[str, float] = {}
    visible: dict[str, list[float]] = {"submitted": [], "converted": []}
    waiting: dict[str, set[str]] = {}
    changed = asyncio.Event()
    connection = await asyncpg.connect(place.dsn)
    await connection.add_listener("read_model", lambda *_: changed.set())

    async def look() -> None:
        while len(visible["converted"]) < documents:
            await changed.wait()
            changed.clear()
            rows = await connection.fetch(
                "select document_id::text as id, status from read.documents where document_id = any($1::uuid[])",
                list(waiting),
            )
            now = time.perf_counter()
            for row in rows:
                reached = {"submitted"} | ({"converted"} if row["status"] == "converted" else set())
                for stage in reached - waiting[row["id"]]:
                    visible[stage].append((now - accepted[row["id"]]) * 1000)
                    waiting[row["id"]].add(stage)
                if "converted" in reached:
                    del waiting[row["id"]]

    looking = asyncio.create_task(look())
    with place.api() as api:
        token = api.headers["Authorization"]
    async with httpx.AsyncClient(base_url=f"{place.url}/api/v1", headers={"Authorization": token}) as client:
        begin = time.perf_counter()
        for n in range(documents):
            await asyncio.sleep(max(0.0, begin + n / rate - time.perf_counter()))
            headers = {"Content-Type": "application/octet-stream"}
            body = PAGE.replace("{n}", str(n)).encode()
            answer = await client.post("/documents", params={"filename": "a.md"}, content=body, headers=headers)
            answer.raise_for_status()
            ident = answer.json()["document_id"]
            accepted[ident], waiting[ident] = time.perf_counter(), set()
            changed.set()
        async with asyncio.timeout(60):
            await looking
    await connection.close()
    return visible


async def floor(place: Installation, rounds: int) -> list[float]:
    """Milliseconds for one record through the broker and one committed row."""
    topic = f"{place.prefix}floor"
    admin = AIOKafkaAdminClient(bootstrap_servers=place.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=place.kafka, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(bootstrap_servers=place.kafka, auto_offset_reset="earliest")
    connection = await asyncpg.connect(place.dsn)
    await connection.execute("create table floor (n int primary key)")
    await producer.start()
    await consumer.start()
    consumer.assign([TopicPartition(topic, 0)])
    times = []
    for n in range(rounds):
        began = time.perf_counter()
        await producer.send_and_wait(topic, PAGE.encode())
        await consumer.getone()
        await connection.execute("insert into floor values ($1)", n)
        times.append((time.perf_counter() - began) * 1000)
    await consumer.stop()
    await producer.stop()
    await connection.close()
    return times


def summary(times: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=100)
    return {"p50_ms": round(statistics.median(times), 1), "p95_ms": round(cuts[94], 1), "p99_ms": round(cuts[98], 1)}


async def visible(stack: Stack, folder: Path, documents: int, rate: float) -> dict[str, Any]:
    async with new_installation(stack, folder, session_timeout_ms=45_000) as place:
        place.start("converter", "projector", "gateway")
        await place.ready()
        await measured(place, 40, rate)  # warm: the broker's compiler, connections, caches
        stages = await measured(place, documents, rate)
        at_least = await floor(place, documents)
    result: dict[str, Any] = {stage: summary(times) for stage, times in stages.items()}
    result["floor"] = summary(at_least[len(at_least) // 4 :])
    result["converted_to_floor"] = round(result["converted"]["p50_ms"] / (HOPS * result["floor"]["p50_ms"]), 1)
    return {"documents": documents, "rate_per_s": rate, **result}
