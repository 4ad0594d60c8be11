"""Real Kafka and Postgres: started once, found again, killed and back with their data, stopped without a trace."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import asyncpg
import psutil  # type: ignore[import-untyped]  # ships no types
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from docward.localstack import LocalStackError, Stack, find_stack, start_stack


async def create_topic(bootstrap: str, name: str, *, copies: int = 1) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 1, copies)])
    finally:
        await admin.close()


async def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def read_all(bootstrap: str, topic: str) -> list[bytes | None]:
    partition = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes | None] = []
        while len(values) < end:
            batch = await consumer.getmany(timeout_ms=1_000)
            values += [record.value for records in batch.values() for record in records]
        return values


async def sql(stack: Stack, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(stack.postgres_dsn)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


def test_a_second_start_finds_the_running_servers(own_stack: Stack) -> None:
    pids = {name: server.pid for name, server in own_stack.servers.items()}
    again = start_stack(own_stack.data_dir, durable=False)
    assert again.started == ()
    assert {name: server.pid for name, server in again.servers.items()} == pids
    found = find_stack(own_stack.data_dir)
    assert found is not None
    assert (found.kafka_bootstrap, found.postgres_dsn) == (own_stack.kafka_bootstrap, own_stack.postgres_dsn)


async def test_a_consumer_group_can_join_as_soon_as_kafka_is_ready(own_stack: Stack) -> None:
    await create_topic(own_stack.kafka_bootstrap, "joined")
    async with AIOKafkaConsumer(
        "joined", bootstrap_servers=own_stack.kafka_bootstrap, group_id="first", request_timeout_ms=5_000
    ) as consumer:
        await consumer.getmany(timeout_ms=500)
        assert consumer.assignment() == {TopicPartition("joined", 0)}


async def test_kafka_keeps_its_records_when_it_is_killed(own_stack: Stack) -> None:
    kafka = own_stack.servers["kafka-1"]
    await create_topic(own_stack.kafka_bootstrap, "killed")
    values = [b"%d" % number for number in range(100)]
    await produce(own_stack.kafka_bootstrap, "killed", values)
    before = kafka.pid
    kafka.kill()
    assert not kafka.running
    assert find_stack(own_stack.data_dir) is None
    kafka.start()
    assert kafka.pid != before
    assert await read_all(own_stack.kafka_bootstrap, "killed") == values


async def test_postgres_keeps_its_rows_when_it_is_killed(own_stack: Stack) -> None:
    postgres = own_stack.servers["postgres"]
    await sql(own_stack, "create table kept as select 42 as number")
    postgres.kill()  # at once: a commit that was acknowledged is there
    assert not postgres.running
    postgres.start()
    assert [record["number"] for record in await sql(own_stack, "select number from kept")] == [42]


async def test_servers_that_died_unseen_are_started_again_with_their_data(own_stack: Stack) -> None:
    await sql(own_stack, "create table unseen as select 1 as number")
    for server in own_stack.servers.values():
        server.kill()
    again = start_stack(own_stack.data_dir, durable=False)
    assert set(again.started) == set(own_stack.servers)
    assert again.kafka_bootstrap == own_stack.kafka_bootstrap  # ports are kept
    assert len(await sql(again, "select number from unseen")) == 1
    again.stop()
    start_stack(own_stack.data_dir, durable=False)


async def test_a_lost_state_file_costs_no_data(tmp_path: Path) -> None:
    first = start_stack(tmp_path / "data", durable=False)
    await create_topic(first.kafka_bootstrap, "kept")
    await produce(first.kafka_bootstrap, "kept", [b"record"])
    await sql(first, "create table kept as select 7 as number")
    first.stop()
    (tmp_path / "data" / "stack.json").write_text("{ cut off")
    second = start_stack(tmp_path / "data", durable=False)
    try:
        assert second.postgres_dsn != first.postgres_dsn
        assert [record["number"] for record in await sql(second, "select number from kept")] == [7]
        assert await read_all(second.kafka_bootstrap, "kept") == [b"record"]
    finally:
        second.remove()


def test_stop_leaves_no_process_and_remove_no_data(data_dir: Path) -> None:
    stack = start_stack(data_dir, durable=False)
    pids = {server.pid for server in stack.servers.values()}
    database = Path(stack.servers["postgres"].data)  # type: ignore[attr-defined]
    assert stat.S_IMODE((data_dir / "stack.json").stat().st_mode) == 0o600
    assert database.stat().st_uid == (psutil.Process(stack.servers["postgres"].pid).uids().real)
    stack.stop()
    assert not [pid for pid in pids if psutil.pid_exists(pid or -1)]
    assert database.exists()
    stack.remove()
    assert not database.exists()
    assert not (data_dir / "kafka" / "node-1").exists()


def test_a_failed_start_shows_the_log_and_leaves_nothing_running(data_dir: Path) -> None:
    stack = start_stack(data_dir, durable=False)
    stack.stop()
    (data_dir / "kafka" / "node-1" / "log" / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=9\n")
    with pytest.raises(LocalStackError, match=r"(?s)kafka-1 ended before it was ready.*log: .*kafka-1\.log"):
        start_stack(data_dir, durable=False)
    again = find_stack(data_dir)
    assert again is None
    stack.remove()


async def test_three_brokers_go_on_without_one_of_them(data_dir: Path) -> None:
    stack = start_stack(data_dir, durable=False, brokers=3)
    try:
        await create_topic(stack.kafka_bootstrap, "replicated", copies=3)
        await produce(stack.kafka_bootstrap, "replicated", [b"before"])
        stack.servers["kafka-2"].kill()
        await produce(stack.kafka_bootstrap, "replicated", [b"while one is down"])
        stack.servers["kafka-2"].start()
        assert await read_all(stack.kafka_bootstrap, "replicated") == [b"before", b"while one is down"]
    finally:
        stack.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for Postgres")
def test_under_root_postgres_runs_as_another_account(own_stack: Stack) -> None:
    pid = own_stack.servers["postgres"].pid
    assert psutil.Process(pid).uids().effective != 0
