"""Redrive and discard: what an operator marks among the parked records, the owner of their partition settles.

In one transaction, under the lock of the partition's position and with the owner's epoch, records leave `parked` and
their effects are stored. A key is settled from its first record on, in the order in which they were parked, and
whatever queued behind follows by itself; so nothing overtakes. A record is known by its row: another log that was
accepted has other records at the same offsets. One that fails again stays, with one attempt more, and its key with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, takewhile
from typing import Any

import structlog

from docward.runtime import metrics
from docward.runtime.batches import Batch, Handler
from docward.runtime.checkpoints import Checkpoints, Place, Position
from docward.runtime.errors import DATA_ERRORS, StopPartitionError
from docward.runtime.parking import Parked, backlogs, parked, record_of_row
from docward.runtime.postgres import Connection, Pool

log = structlog.get_logger()

OPERATING_CHANNEL = "docward_operating"
"""Notified with a consumer's name when something was marked for it; empty: for anybody."""
REDRIVE_EVERY_S = 5.0
"""How often it is looked for without one: a notification can be lost with its connection."""
AT_ONCE = 100
"""Records of one transaction."""

_OF_ONE_RECORD: tuple[type[BaseException], ...] = (StopPartitionError, *DATA_ERRORS)

Row = Any
"""Of the table `parked`."""


class Redriver:
    """Of one consumer's partitions, for the process that owns them."""

    def __init__(self, pool: Pool, consumer: str, handler: Handler, checkpoints: Checkpoints) -> None:
        self._pool = pool
        self._consumer = consumer
        self._handler = handler
        self._checkpoints = checkpoints

    async def settle(self, held: Mapping[Place, Position]) -> bool:
        """Settle the first of what is marked in each partition; whether there was anything.

        Only what already lies in the dead-letter topic is settled. Raises FencedError when a partition is not where it
        is held; then nothing of it was changed.
        """
        found = False
        for place, of_place in groupby(await self._marked(held), key=lambda row: (row["topic"], row["partition"])):
            run = _run(of_place)
            if run:
                await self._settle(place, held[place], run)
                found = True
        return found

    async def _marked(self, held: Mapping[Place, Position]) -> Sequence[Row]:
        """Records that were marked and block nothing, and all of the keys whose first record is marked, or was queued
        behind one that is gone."""
        rows: Sequence[Row] = await self._pool.fetch(
            """
            with places as (select * from unnest($2::text[], $3::int[]) as u (topic, partition)), heads as (
                select distinct on (topic, partition, key) topic, partition, key, action, reason
                from parked join places using (topic, partition)
                where consumer = $1 and blocks order by topic, partition, key, id
            )
            select * from parked p join places using (topic, partition)
            where consumer = $1 and (
                not blocks and action is not null
                or blocks and exists (
                    select 1 from heads h where h.topic = p.topic and h.partition = p.partition
                        and h.key is not distinct from p.key and (h.action is not null or h.reason = 'behind-parked')
                )
            )
            order by topic, partition, id limit $4
            """,
            self._consumer,
            [topic for topic, _ in held],
            [partition for _, partition in held],
            AT_ONCE,
        )
        return rows

    async def _settle(self, place: Place, position: Position, rows: Sequence[Row]) -> None:
        """Settle the rows, which share one action; a failure that counts for all of them is found by halving."""
        try:
            await self._transact(place, position, rows)
        except _OF_ONE_RECORD as error:
            if len(rows) == 1:
                await self._failed(place, position, rows[0], error)
                return
            await self._settle(place, position, rows[: len(rows) // 2])  # the other half is looked for again

    async def _transact(self, place: Place, position: Position, rows: Sequence[Row]) -> None:
        records = [record_of_row(row) for row in rows]
        discards = _discards(rows[0])
        prepared = None if discards else await self._handler.prepare(records)
        async with self._pool.acquire() as connection, connection.transaction():
            last_seq = await self._checkpoints.lock(connection, place, position)
            if not await _unchanged(connection, rows):
                return
            parked_there = await backlogs(connection, self._consumer, {place: position.next_offset})
            parked_there[place].limited = False  # it is parked already
            for row in rows:
                if row["blocks"]:
                    parked_there[place].waiting.pop(row["key"], None)
            batch = Batch(connection, last_seq, parked_there)
            if discards:
                await self._handler.skip(records, batch)
            else:
                await self._handler.apply(prepared, batch)
            failed = {item.record: item for item in batch.parked}
            again = {row["id"]: failed[record] for row, record in zip(rows, records, strict=True) if record in failed}
            await park_again(connection, [(row, again[row["id"]]) for row in rows if row["id"] in again])
            await close(connection, [row for row in rows if row["id"] not in again])
        self._say(rows, again)
        await self._handler.committed()

    async def _failed(self, place: Place, position: Position, row: Row, error: BaseException) -> None:
        item = parked(record_of_row(row), "unexpected", error, blocks=True)
        async with self._pool.acquire() as connection, connection.transaction():
            await self._checkpoints.lock(connection, place, position)
            if await _unchanged(connection, [row]):
                await park_again(connection, [(row, item)])
        self._say([row], {row["id"]: item})

    def _say(self, rows: Sequence[Row], again: Mapping[int, Parked]) -> None:
        for row in rows:
            item = again.get(row["id"])
            outcome = "parked-again" if item else "discarded" if _discards(row) else "redriven"
            metrics.RECORDS.labels(self._consumer, row["topic"], outcome).inc()
            log.warning(
                "parked record settled",
                outcome=outcome,
                consumer=self._consumer,
                topic=row["topic"],
                partition=row["partition"],
                offset=row["record_offset"],
                by=row["asked_by"],
                error=item and item.message,
            )


def _run(rows: Iterable[Row]) -> list[Row]:
    """The first rows that one transaction settles: alike in what is to be done, and mirrored."""
    mirrored = list(takewhile(lambda row: row["mirrored"], rows))
    return list(takewhile(lambda row: _discards(row) == _discards(mirrored[0]), mirrored))


def _discards(row: Row) -> bool:
    return bool(row["action"] == "discard")


async def _unchanged(connection: Connection, rows: Sequence[Row]) -> bool:
    """Whether the operator still wants what was read before the transaction; nobody can change it until its end."""
    there = await connection.fetch(
        "select id, action from parked where id = any($1::bigint[]) order by id for update", [row["id"] for row in rows]
    )
    return {row["id"]: row["action"] for row in there} == {row["id"]: row["action"] for row in rows}


async def park_again(connection: Connection, items: Sequence[tuple[Row, Parked]]) -> None:
    """What failed again is mirrored again; what queues behind it stays as it is. Their marks are gone."""
    for row, item in items:
        if item.reason == "behind-parked":
            await connection.execute(
                """
                update parked set blocks = true, action = null,
                    reason = case when blocks then reason else 'behind-parked' end where id = $1
                """,
                row["id"],
            )
            continue
        await connection.execute(
            """
            update parked set reason = $2, blocks = $3, error_class = $4, error_message = $5, action = null,
                attempts = attempts + 1, mirrored = false where id = $1
            """,
            row["id"],
            item.reason,
            item.blocks,
            item.error,
            item.message,
        )


async def close(connection: Connection, rows: Sequence[Row]) -> None:
    """Remove them, and note it; of a discarded record the bytes are kept."""
    await connection.execute(
        """
        with gone as (delete from parked where id = any($1::bigint[]) returning *)
        insert into operator_actions (who, verb, why, consumer, topic, partition, record_offset, record_timestamp,
            key, value, header_keys, header_values)
        select coalesce(asked_by, 'docward'), case when action = 'discard' then 'discarded' else 'redriven' end,
            coalesce(asked_why, 'follows the record before it'), consumer, topic, partition, record_offset,
            record_timestamp, key, case when action = 'discard' then value end,
            case when action = 'discard' then header_keys end, case when action = 'discard' then header_values end
        from gone order by id
        """,
        [row["id"] for row in rows],
    )
