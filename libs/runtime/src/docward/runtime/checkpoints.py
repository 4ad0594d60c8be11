"""Positions in Postgres: moved by compare-and-set on offset and epoch, in the transaction of the effects they cover.

Every taking over raises the epoch, so an owner that was replaced moves nothing, however late it wakes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from docward.runtime.errors import FencedError
from docward.runtime.postgres import Connection, Pool

Place = tuple[str, int]
"""(topic, partition)"""


@dataclass(frozen=True, slots=True)
class Position:
    next_offset: int
    epoch: int
    landmark: bytes | None = field(default=None, compare=False)
    """Of the record before it; None: unknown."""
    copied: bool = field(default=False, compare=False)
    """Whether Kafka was ever given a copy of it."""


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
            returning next_offset, epoch, landmark, copied
            """,
            self.consumer,
            *place,
            first,
        )
        return Position(**row)

    async def read(self, place: Place) -> Position | None:
        row = await self.pool.fetchrow(
            """
            select next_offset, epoch, landmark, copied from checkpoints
            where consumer = $1 and topic = $2 and partition = $3
            """,
            self.consumer,
            *place,
        )
        return row and Position(**row)

    async def move(
        self,
        connection: Connection,
        held: Mapping[Place, Position],
        after: Mapping[Place, int],
        landmarks: Mapping[Place, bytes],
    ) -> dict[Place, int]:
        """Move to `after` what still stands where it is held; the number of the last event of each that moved.

        Rows are locked in one order for everybody. What is missing from the answer stands elsewhere.
        """
        places = sorted(after)
        rows = await connection.fetch(
            """
            with claim as (
                select * from unnest($2::text[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[])
                    as u (topic, partition, next_offset, epoch, after, landmark)
            ), held as (
                select c.topic, c.partition from checkpoints c join claim u using (topic, partition)
                where c.consumer = $1 order by c.topic, c.partition for update of c
            )
            update checkpoints c set next_offset = u.after, landmark = u.landmark
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
            [landmarks.get(place) for place in places],
        )
        return {(row["topic"], row["partition"]): row["last_seq"] for row in rows}

    async def copied(self, places: Iterable[Place]) -> None:
        """Kafka has a copy of these: from now on somebody has taken it away when it is gone."""
        await self.pool.executemany(
            "update checkpoints set copied = true where consumer = $1 and topic = $2 and partition = $3",
            [(self.consumer, *place) for place in places],
        )

    async def lock(self, connection: Connection, place: Place, held: Position) -> dict[Place, int]:
        """Hold the position where it is, until the transaction ends. Raises FencedError when it stands elsewhere."""
        row = await connection.fetchrow(
            """
            select next_offset, epoch, last_seq from checkpoints
            where consumer = $1 and topic = $2 and partition = $3 for update
            """,
            self.consumer,
            *place,
        )
        if row is None or Position(row["next_offset"], row["epoch"]) != held:
            raise FencedError("a position is elsewhere")
        return {place: row["last_seq"]}

    async def set_back(self, place: Place, held: Position, next_offset: int, *, who: str, why: str) -> Position:
        """Set it where this process holds it. Raises FencedError when it stands elsewhere."""
        async with self.pool.acquire() as connection, connection.transaction():
            await self.lock(connection, place, held)
            return await set_position(connection, self.consumer, place, next_offset, who=who, why=why)


async def set_position(
    connection: Connection, consumer: str, place: Place, next_offset: int, *, who: str, why: str
) -> Position:
    """Set it, under another epoch and without a landmark, and note who did that. In the caller's transaction, which
    holds its row."""
    before, epoch = await connection.fetchrow(
        """
        update checkpoints c set next_offset = $4, epoch = c.epoch + 1, landmark = null
        from (select * from checkpoints where consumer = $1 and topic = $2 and partition = $3) b
        where c.consumer = $1 and c.topic = $2 and c.partition = $3 returning b.next_offset, c.epoch
        """,
        consumer,
        *place,
        next_offset,
    )
    await connection.execute(
        """
        insert into operator_actions (who, verb, why, consumer, topic, partition, details)
        values ($1, 'position-set', $2, $3, $4, $5, $6)
        """,
        who,
        why,
        consumer,
        *place,
        {"from": before, "to": next_offset, "epoch": epoch},
    )
    return Position(next_offset, epoch)
