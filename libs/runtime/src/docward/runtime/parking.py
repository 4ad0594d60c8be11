"""Records set aside: kept byte for byte in the table `parked`, and mirrored, in order, to the dead-letter topic.

A record is parked in the transaction that moves the position past it. Where order matters it blocks its key: later
records of the key queue behind it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from docward.events.codec import Encoded, Headers, Record
from docward.events.topics import Topic
from docward.runtime.checkpoints import Place
from docward.runtime.errors import TooLargeError
from docward.runtime.kafka import Publisher
from docward.runtime.limits import AMONG, Backlog
from docward.runtime.postgres import Connection, Pool
from docward.runtime.rawheaders import header_key

log = structlog.get_logger()

Reason = Literal["undecodable", "bad-signature", "wrong-partition", "unexpected", "behind-parked"]
"""A public contract: `dlq-reason` in the dead-letter topics."""

MESSAGE_LIMIT = 1000
MIRROR_AT_ONCE, MIRROR_WITHIN_S = 100, 5.0
_SECRETS = re.compile(r"""(?i)(password|secret|token|key)(["']?\s?[=:]\s?)\S+|//[^/\s@]+@""")


@dataclass(frozen=True, slots=True)
class Parked:
    record: Record
    reason: Reason
    blocks: bool
    """Later records of the key queue behind this one."""
    error: str
    message: str
    attempts: int = 1


def parked(record: Record, reason: Reason, error: BaseException, *, blocks: bool) -> Parked:
    return Parked(record, reason, blocks, type(error).__name__, redacted(str(error)))


def record_of_row(row: Any) -> Record:
    """The record as it lay in the log, of a row of the table."""
    headers = tuple(
        (header_key(key), value) for key, value in zip(row["header_keys"], row["header_values"], strict=True)
    )
    return Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["record_offset"],
        timestamp=row["record_timestamp"],
        key=row["key"],
        value=row["value"],
        headers=headers,
    )


def redacted(message: str) -> str:
    """Without what looks like a secret, and storable: no NUL, no half of a surrogate pair, not longer than a page.

    The detail of a database's error is left out: it repeats the row, and with it what a document says.
    """
    told = message.partition("\nDETAIL:")[0]
    text = _SECRETS.sub(lambda m: f"{m[1]}{m[2]}…" if m[1] else "//…@", told).replace("\x00", "")
    return text.encode("utf-8", "backslashreplace").decode()[:MESSAGE_LIMIT]


async def store(connection: Connection, consumer: str, items: Sequence[Parked]) -> None:
    """In the caller's transaction. A record that is parked already stays as it is; another one at its offset, of a log
    that was made anew and accepted, has another time."""
    if not items:
        return
    await connection.executemany(
        """
        insert into parked (consumer, topic, partition, record_offset, record_timestamp, key, value, header_keys,
            header_values, reason, blocks, error_class, error_message, attempts, first_failed_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        on conflict (consumer, topic, partition, record_offset, record_timestamp) do nothing
        """,
        [
            (
                consumer,
                item.record.topic,
                item.record.partition,
                item.record.offset,
                item.record.timestamp,
                item.record.key,
                item.record.value,
                [key.encode("utf-8", "surrogateescape") for key, _ in item.record.headers],
                [value for _, value in item.record.headers],
                item.reason,
                item.blocks,
                item.error,
                item.message,
                item.attempts,
                datetime.now(UTC),
            )
            for item in items
        ],
    )


async def backlogs(connection: Connection, consumer: str, reached: Mapping[Place, int]) -> dict[Place, Backlog]:
    """What is parked of these partitions, each with the offset that it has reached."""
    rows = await connection.fetch(
        """
        select topic, partition, key, count(*) filter (where blocks) as waiting,
            array_agg(record_offset) filter (where reason = 'unexpected' and record_offset >= recent) as failed,
            array_agg(record_offset) filter (where reason <> 'unexpected' and record_offset >= recent) as untried
        from parked join unnest($2::text[], $3::int[], $4::bigint[]) as u (topic, partition, recent)
            using (topic, partition)
        where consumer = $1 and (blocks or record_offset >= recent) group by topic, partition, key
        """,
        consumer,
        [topic for topic, _ in reached],
        [partition for _, partition in reached],
        [offset - AMONG for offset in reached.values()],
    )
    found = {place: Backlog() for place in reached}
    for row in rows:
        backlog = found[row["topic"], row["partition"]]
        if row["waiting"]:
            backlog.waiting[row["key"]] = row["waiting"]
        backlog.failed.update(row["failed"] or ())
        backlog.untried.update(row["untried"] or ())
    return found


async def mirror(
    pool: Pool,
    publisher: Publisher,
    consumer: str,
    topic: Topic,
    service: str,
    *,
    places: Collection[Place] | None = None,
) -> bool:
    """Publish what is parked and not yet on the dead-letter topic, in order; whether there may be more.

    It ends within bounded time, a record's own publication after `MIRROR_WITHIN_S`: its caller has to come round.

    With `places`, only from these partitions: each owner mirrors its own. A record may be published twice (a crash
    between the acknowledgement and the mark), never left out, but for one that the topic does not take at all, which
    stays in the table.
    """
    deadline = time.monotonic() + MIRROR_WITHIN_S
    rows = await pool.fetch(
        """
        select * from parked where consumer = $1 and not mirrored
            and ($2::text[] is null or (topic, partition) in (select * from unnest($2::text[], $3::int[])))
        order by id limit $4
        """,
        consumer,
        None if places is None else [topic for topic, _ in places],
        None if places is None else [partition for _, partition in places],
        MIRROR_AT_ONCE,
    )
    for row in rows:
        if time.monotonic() > deadline:
            return True
        record = record_of_row(row)
        encoded = Encoded(row["key"], row["value"], (*record.headers, *_dlq_headers(row, consumer, service)))
        try:
            await publisher.write(topic, row["partition"] % topic.partitions, [encoded])
        except TooLargeError:
            log.exception("a parked record is too large for the dead-letter topic", parked=row["id"], topic=topic.name)
        await pool.execute("update parked set mirrored = true where id = $1", row["id"])
    return len(rows) == MIRROR_AT_ONCE


def _dlq_headers(row: object, consumer: str, service: str) -> Headers:
    def text(column: str) -> bytes:
        return str(row[column]).encode()  # type: ignore[index]  # asyncpg's records are untyped

    trace = next((v for k, v in zip(row["header_keys"], row["header_values"], strict=True) if k == b"traceparent"), b"")  # type: ignore[index]  # as above
    return (
        ("dlq-topic", text("topic")),
        ("dlq-partition", text("partition")),
        ("dlq-offset", text("record_offset")),
        ("dlq-timestamp", text("record_timestamp")),
        ("dlq-group", consumer.encode()),
        ("dlq-service-version", service.encode()),
        ("dlq-reason", text("reason")),
        ("dlq-error-class", text("error_class")),
        ("dlq-error-message", text("error_message")),
        ("dlq-attempts", text("attempts")),
        ("dlq-first-failed-at", row["first_failed_at"].isoformat().encode()),  # type: ignore[index]  # as above
        ("dlq-trace", trace or b""),
    )
