"""Kafka: the consumer and producer that the roles share, and the topics themselves.

Every consumer reads any record that a producer can write. Every producer is idempotent and waits for all in-sync
replicas. Nothing here decides what is committed: positions belong to the roles.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.consumer import consumer as client
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import (
    IllegalStateError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    TopicAlreadyExistsError,
    for_code,
)
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from docward.events.actor import Signer
from docward.events.codec import Encoded, Envelope, Record, encode
from docward.events.messages import Message
from docward.events.topics import Topic
from docward.runtime.errors import BrokerUnavailableError, TooLargeError
from docward.runtime.rawheaders import PLAIN, ZSTD, AnyHeaderBatch, needs_any_header, new_batch, read_any_header
from docward.runtime.settings import Kafka

log = structlog.get_logger()

PUBLISH_TIMEOUT_S = 10.0
CONNECT_S = 0.9
"""For a broker that is there to take a connection; one that is not refuses it at once, unless its host is gone, too."""
CLOSE_S = 3.0
"""For a client to send what it holds when it is closed: while there is no broker it would wait for ever."""
FETCH_BYTES = 8 * 1024 * 1024
"""Of one answer of a broker, over all partitions: a process that reads with eight clients holds eight of them. A larger
record comes all the same, alone."""
FETCH_WAIT_MS, UNREAD_WAIT_MS = 500, 25
"""For a broker to wait for a record, and while records that it has sent are not all read yet."""
BATCH_BYTES = 900_000
"""Of a batch, and never more than a record of the topic may have: the broker's limit is for the whole batch."""


@lru_cache(maxsize=16_384)
def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's own clients put a key: murmur2, made positive."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


class Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Turns the client's call-backs into two awaited ones of the role's own."""

    def __init__(
        self,
        assigned: Callable[[Iterable[TopicPartition]], Awaitable[None]],
        revoked: Callable[[Iterable[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._assigned = assigned
        self._revoked = revoked

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        await self._assigned(assigned)


class PromptFetcher(Fetcher):  # type: ignore[misc]  # the client has no types
    """Asks a broker for one answer at a time, as the client does, and lets it wait only while there is nothing to read.

    An answer that is waited for holds up all partitions of its broker. One whose records were not all read when it was
    asked for is not part of it: its backlog would stand still until a record of another partition comes.
    """

    _patience_ms: int

    @property
    def _fetch_max_wait_ms(self) -> int:
        return UNREAD_WAIT_MS if self._records else self._patience_ms

    @_fetch_max_wait_ms.setter
    def _fetch_max_wait_ms(self, patience_ms: int) -> None:
        self._patience_ms = patience_ms


def new_consumer(settings: Kafka, group: str, *, instance: str | None = None) -> AIOKafkaConsumer:
    """A consumer that stores nothing by itself and never jumps: without a position it raises."""
    read_any_header()
    client.Fetcher = PromptFetcher
    return AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        group_id=settings.topic_prefix + group,
        group_instance_id=instance,
        enable_auto_commit=False,
        auto_offset_reset="none",
        session_timeout_ms=settings.session_timeout_ms,
        heartbeat_interval_ms=3000,
        max_poll_interval_ms=300_000,
        fetch_min_bytes=1,
        fetch_max_wait_ms=FETCH_WAIT_MS,
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=FETCH_BYTES // 2,
        max_poll_records=500,
        metadata_max_age_ms=60_000,
    )


@contextlib.asynccontextmanager
async def reading(settings: Kafka) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group, for whoever looks into the log beside those that own it."""
    read_any_header()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap_servers,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=20,  # else the end of one partition holds up the next one for half a second
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=FETCH_BYTES // 2,
    )
    try:
        await consumer.start()
        await asyncio.sleep(0)  # a client that is closed before its own task has begun takes its caller's with it
        yield consumer
    finally:
        await closed(consumer)


def record_of(raw: Any, prefix: str) -> Record:
    """A record as the contracts know it: under the topic's own name, without the installation's prefix."""
    return Record(
        raw.topic.removeprefix(prefix), raw.partition, raw.offset, raw.timestamp, raw.key, raw.value, tuple(raw.headers)
    )


def positions(partitions: Iterable[TopicPartition]) -> Sequence[TopicPartition]:
    return sorted(partitions, key=lambda p: (p.topic, p.partition))


def seek_if_owned(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
    """Seek, unless a rebalance has taken the partition away meanwhile: its next owner reads its own position."""
    try:
        consumer.seek(partition, offset)
    except IllegalStateError:
        log.info("partition left before a seek", topic=partition.topic, partition=partition.partition)


class Publisher:
    """Writes records, in order per partition, and returns when they are durable."""

    def __init__(self, settings: Kafka, signer: Signer) -> None:
        self._settings = settings
        self._signer = signer
        self._producer: AIOKafkaProducer | None = None
        self._quorum = Quorum()
        self._starting = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._started()

    async def stop(self) -> None:
        self._retire(self._producer)
        await asyncio.gather(*self._retiring)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                fresh = AIOKafkaProducer(
                    bootstrap_servers=self._settings.bootstrap_servers,
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=BATCH_BYTES,
                    max_request_size=4 * 1024 * 1024,
                    linger_ms=0,
                    request_timeout_ms=5_000,
                    metadata_max_age_ms=60_000,
                )
                fresh.client.cluster.add_listener(self._quorum.learn)
                async with contextlib.AsyncExitStack() as unstarted:
                    unstarted.push_async_callback(closed, fresh)
                    await fresh.start()
                    unstarted.pop_all()
                self._producer = fresh
            return self._producer

    def _retire(self, producer: AIOKafkaProducer | None) -> None:
        """The next write starts a fresh client.

        After a refused batch the client counts on, the broker does not, and refuses whatever follows on that partition.
        """
        if producer is not None and producer is self._producer:
            self._producer = None
            task = asyncio.create_task(closed(producer))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def publish(self, topic: Topic, envelope: Envelope, message: Message) -> None:
        """Returns when all in-sync replicas have it. Raises BrokerUnavailableError within ten seconds.

        After an error the record may have been written all the same: a retry carries the same id.
        """
        encoded = encode(envelope, message, self._signer)
        await self.write(topic, partition_of(encoded.key, topic.partitions), [encoded])

    async def write(self, topic: Topic, partition: int, records: Sequence[Encoded]) -> None:
        """Write records to one partition, in order; a later one is never there without the ones before it.

        Raises BrokerUnavailableError within ten seconds, TooLargeError for a record that the topic does not take. What
        was not acknowledged in time is still sent when the broker is back, before anything that is written later.
        """
        name = self._settings.topic_prefix + topic.name
        producer = None
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                producer = await self._started()
                remaining = list(records)
                while remaining:
                    batch, taken = _batch(topic, remaining)
                    await (await producer.send_batch(batch, name, partition=partition))
                    del remaining[:taken]
        except (KafkaError, TimeoutError, ConnectionError) as error:
            if isinstance(error, KafkaError) and not error.retriable and not isinstance(error, KafkaTimeoutError):
                self._retire(producer)
            if isinstance(error, (MessageSizeTooLargeError, RecordListTooLargeError)):
                raise TooLargeError(f"{name}/{partition}: the broker refuses a record of this size") from error
            raise BrokerUnavailableError(f"{name}/{partition}: {error or type(error).__name__}") from error

    async def in_quorum(self, topic: Topic, key: bytes) -> bool:
        """Whether most of the brokers that hold the key's partition take connections; fewer accept nothing.

        True while nothing is known of them. Answers within a second.
        """
        if self._producer is None:
            return True
        cluster = self._producer.client.cluster
        place = partition_of(key, topic.partitions)
        partition = cluster._partitions.get(self._settings.topic_prefix + topic.name, {}).get(place)  # noqa: SLF001 -- has no public name
        return partition is None or await self._quorum.there(partition.replicas)

    @property
    def signer(self) -> Signer:
        return self._signer


class Quorum:
    """Which brokers take connections, also those that the metadata of the moment leave out: a broker that was away when
    they were read, and is back, counts for its partitions all the same."""

    def __init__(self) -> None:
        self._addresses: dict[int, tuple[str, int]] = {}

    def learn(self, cluster: Any) -> None:
        """Called at each update of a client's metadata."""
        self._addresses |= {broker.nodeId: (broker.host, broker.port) for broker in cluster.brokers()}

    async def there(self, replicas: Sequence[int]) -> bool:
        """Whether most of them are, as far as is known; one that was never heard of is no reason to refuse."""
        known = [self._addresses[replica] for replica in replicas if replica in self._addresses]
        found = await asyncio.gather(*(_connects(host, port) for host, port in known))
        return 2 * (sum(found) + len(replicas) - len(known)) > len(replicas)


async def _connects(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


async def closed(client: Any) -> None:
    """Close a producer or consumer, in bounded time and whatever state it is in."""
    with contextlib.suppress(KafkaError, TimeoutError, ConnectionError):
        async with asyncio.timeout(CLOSE_S):
            await client.stop()


def _batch(topic: Topic, records: Sequence[Encoded]) -> tuple[BatchBuilder, int]:
    """A batch of the first records, and how many they are.

    A copy of a record that came compressed may be larger than its topic takes; it is compressed again.
    """
    first = records[0]
    limit = max(min(BATCH_BYTES, topic.max_bytes), first.size + 1024)
    batch = new_batch(limit, first.headers, ZSTD if first.size > topic.max_bytes else PLAIN)
    taken = 0
    while taken < len(records) and _append(batch, records[taken]):
        taken += 1
    return batch, taken


def _append(batch: BatchBuilder, record: Encoded) -> bool:
    if isinstance(batch, AnyHeaderBatch) != needs_any_header(record.headers):
        return False
    headers = list(record.headers)
    return batch.append(timestamp=None, key=record.key, value=record.value, headers=headers) is not None


def settings_of(topic: Topic) -> dict[str, str]:
    """Of the broker, as they are declared."""
    segment = {} if topic.segment_ms is None else {"segment.ms": str(topic.segment_ms)}
    return segment | {
        "retention.ms": str(topic.retention_ms),
        "cleanup.policy": topic.cleanup_policy,
        "max.message.bytes": str(topic.max_bytes + 4096),  # a batch's own overhead
    }


async def ensure_topics(settings: Kafka, topics: Iterable[Topic]) -> None:
    """Create the topics that are not there, as declared. Idempotent; several services may do it at once."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers, request_timeout_ms=10_000)
    await admin.start()
    try:
        there = set(await admin.list_topics())
        brokers = (await admin.describe_cluster())["brokers"]
        replicas = settings.replication_factor or min(3, len(brokers))
        missing = [
            NewTopic(
                settings.topic_prefix + topic.name,
                num_partitions=topic.partitions,
                replication_factor=replicas,
                topic_configs=settings_of(topic),
            )
            for topic in topics
            if settings.topic_prefix + topic.name not in there
        ]
        if missing:
            answer = await admin.create_topics(missing)
            for name, code, *_ in answer.topic_errors:
                error = for_code(code)
                if code and error is not TopicAlreadyExistsError:
                    raise error(name)
    finally:
        await admin.close()
