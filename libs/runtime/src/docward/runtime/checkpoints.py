"""Positions in Postgres: moved by compare-and-set on offset and epoch, in the transaction of the effects they cover.

Every taking over raises the epoch, so an owner that was replaced moves nothing, however late it wakes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from docward.runtime.postgres import Connection, Pool

Place = tuple[str, int]
"""(topic, partition)"""


@dataclass(frozen=True, slots=True)
class Position:
    next_offset: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """Of one consumer."""

    pool: Pool
    consumer: str

    async def take_over(self, place: Place, first: int) -> Position:
        """Raise the epoch: whoever held the partition before is fenced. A partition never read begins at `first`."""
        row = await self.pool.fetchrow(
            """
            insert into checkpoints (consumer, topic, partition, next_offset, epoch) values ($1, $2, $3, $4, 1)
            on conflict (consumer, topic, partition) do update set epoch = checkpoints.epoch + 1
            returning next_offset, epoch
            """,
            self.consumer,
            *place,
            first,
        )
        return Position(row["next_offset"], row["epoch"])

    async def read(self, place: Place) -> Position | None:
        row = await self.pool.fetchrow(
            "select next_offset, epoch from checkpoints where consumer = $1 and topic = $2 and partition = $3",
            self.consumer,
            *place,
        )
        return row and Position(row["next_offset"], row["epoch"])

    async def move(
        self, connection: Connection, held: Mapping[Place, Position], after: Mapping[Place, int]
    ) -> dict[Place, int]:
        """Move to `after` what still stands where it is held; the number of the last event of each that moved.

        Rows are locked in one order for everybody. What is missing from the answer stands elsewhere.
        """
        places = sorted(after)
        rows = await connection.fetch(
            """
            with claim as (
                select * from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
                    as u (topic, partition, next_offset, epoch, after)
            ), held as (
                select c.topic, c.partition from checkpoints c join claim u using (topic, partition)
                where c.consumer = $1 order by c.topic, c.partition for update of c
            )
            update checkpoints c set next_offset = u.after
            from claim u join held using (topic, partition)
            where c.consumer = $1 and c.topic = u.topic and c.partition = u.partition
                and c.next_offset = u.next_offset and c.epoch = u.epoch
            returning c.topic, c.partition, c.last_seq
            """,
            self.consumer,
            [topic for topic, _ in places],
            [partition for _, partition in places],
            [held[place].next_offset for place in places],
            [held[place].epoch for place in places],
            [after[place] for place in places],
        )
        return {(row["topic"], row["partition"]): row["last_seq"] for row in rows}
