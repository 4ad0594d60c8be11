"""A replay that reads the event stores instead of the topics: the events of its keys, whatever became of the topics.

Rows are compared with what those events come to that are applied, by the version of each stream, so a live generation
that lags is not at fault. What only command and dead-letter topics say is in no store: it is neither compared nor
changed. The stores are other services'; they are read when an operator asks for it, as `docward_operator` may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from docward.events.actor import Signer
from docward.events.codec import Record, envelope_of
from docward.events.errors import UndecodableError
from docward.events.topics import Topic
from docward.runtime.beside import AT_ONCE, HOLD_S, Beside
from docward.runtime.checkpoints import Place
from docward.runtime.eventstore import Recorded, encoded
from docward.runtime.operating import NotPossibleError
from docward.runtime.postgres import Connection
from docward.runtime.replays import Chosen
from docward.runtime.surveying import Survey, Touched
from docward.runtime.swapping import forgets

_COLUMNS = ", ".join(f"convert_to(e.{c}::text, 'utf8')" if c == "actor" else f"e.{c}" for c in Recorded._fields)


@dataclass(slots=True, kw_only=True)
class Retold(Beside):
    signer: Signer
    looked: dict[Place, int] = field(default_factory=dict)
    """By place, the last event whose stream is noted."""

    @property
    def stores(self) -> list[tuple[str, Topic]]:
        """The schemas that hold events of the read model, and of which topic."""
        return [(topic.producers[0], topic) for topic in self.live.topics if topic.name.endswith("-events")]

    async def survey(self) -> Survey:
        """A part of the topics is looked for in the topics; keys, or all of them, in the stores.

        Raises NotPossibleError when these cannot be read.
        """
        chosen, rate = Chosen.read(self.row["chosen"]), self.row["rate"]
        of_log = await self.log.survey(chosen, rate) if chosen.of_log else None
        keys = (of_log.keys if of_log else self.log.by_partition(chosen.keys)) if chosen.bounded else None
        touched = [part for schema, topic in self.stores for part in await self._held(schema, topic, keys)]
        if keys is None:
            keys = {part.partition: set[UUID]() for part in touched}
            for part in touched:
                keys[part.partition] |= part.keys
        total = sum(part.records for part in touched)
        return Survey(of_log.touched if of_log else touched, keys, total, total / rate if rate else None)

    async def _held(self, schema: str, topic: Topic, keys: Mapping[int, set[UUID]] | None) -> list[Touched]:
        """What a store holds of these keys; None: of all."""
        await self._require_readable(schema)
        rows = await self.pool.fetch(
            f"""
            select partition, min(seq) as since, max(seq) + 1 as until, count(*) as records,
                array_agg(distinct stream_id) as streams, array_agg(distinct key) as keys
            from {schema}.events e
            where topic = $1 and ($2 or partition = any($3::int[]) and key = any($4::uuid[]))
            group by partition
            """,  # noqa: S608 -- a name of ours
            topic.name,
            keys is None,
            list(keys or ()),
            [key for of_partition in (keys or {}).values() for key in of_partition],
        )
        return [
            Touched(topic.name, r["partition"], r["since"], r["until"], r["records"], set(r["streams"]), set(r["keys"]))
            for r in rows
        ]

    async def _require_readable(self, schema: str) -> None:
        there = await self.pool.fetchval(
            "select exists (select from pg_tables where schemaname = $1 and tablename = 'events')", schema
        )
        if not there:
            raise NotPossibleError(f"there is no event store {schema}: its service has never run on this database")
        try:
            await self.pool.execute(f"select from {schema}.events limit 0")
        except asyncpg.InsufficientPrivilegeError as error:
            raise NotPossibleError(
                f"the projector's login may not read {schema}.events: grant docward_operator to it"
            ) from error

    async def begin(self, partition: int) -> None:
        for schema, topic in self.stores:
            await self._require_readable(schema)
            await self._note_streams(schema, (topic.name, partition))

    async def _note_streams(self, schema: str, place: Place) -> None:
        """The streams of the replay's keys, and other keys, among the events since it was last called."""
        row = await self.pool.fetchrow(
            f"""
            with since as (
                select key, stream_id, seq from {schema}.events where topic = $1 and partition = $2 and seq > $3
            ), noted as (
                insert into replay_streams
                select distinct $4::bigint, $2::int, s.key, s.stream_id from since s
                join replay_keys k on k.replay = $4 and k.partition = $2 and k.key = s.key on conflict do nothing
            )
            select max(seq) as last, array_agg(distinct key) filter (where $5) as keys from since
            """,  # noqa: S608 -- a name of ours
            *place,
            self.looked.get(place, 0),
            self.ident,
            self.verifies,
        )
        if row["last"] is not None:
            self.looked[place] = row["last"]
            self.later.update(set(row["keys"] or ()) - self.keys[place[1]])

    # --- recomputing beside

    def identity(self, record: Record) -> Hashable:
        """A store knows no offsets."""
        try:
            envelope = envelope_of(record)
        except UndecodableError:
            return None  # of no stream
        return envelope.subject, envelope.stream_version

    async def read(self, partition: int, keys: Sequence[UUID]) -> None:
        await self._retell(partition, keys, self.row["rate"])

    async def catch_up(self, connection: Connection, partition: int, keys: Sequence[UUID]) -> None:
        await self.positions(connection, partition, "for update")
        async with asyncio.timeout(HOLD_S):
            for schema, topic in self.stores:
                await self._note_streams(schema, (topic.name, partition))
            await self._retell(partition, keys, None)

    async def _retell(self, partition: int, keys: Sequence[UUID], rate: float | None) -> None:
        at_once = AT_ONCE if rate is None else max(1, min(AT_ONCE, int(rate)))
        for schema, topic in self.stores:
            place, after = (topic.name, partition), 0
            while records := await self._next(schema, place, keys, after, at_once):
                self.come_round()
                await self._apply(place, records, 0, len(records))
                after = records[-1].offset
                self.scanned += len(records)
                if rate:
                    await self._sleep_until(self.began + self.scanned / rate)

    async def _next(self, schema: str, place: Place, keys: Sequence[UUID], after: int, at_once: int) -> list[Record]:
        """What is not recomputed yet of these keys, in order; when they are compared, as far as it is applied."""
        rows = await self.pool.fetch(
            f"""
            select {_COLUMNS} from replay_streams s
            join {schema}.events e on e.stream_id = s.stream_id and e.topic = $5 and e.partition = $4
            left join stream_versions l on l.projection = $1 and l.stream_id = e.stream_id
            left join stream_versions b on b.projection = $2 and b.stream_id = e.stream_id
            where s.replay = $3 and s.partition = $4 and s.key = any($6::uuid[]) and e.seq > $7
                and e.version > coalesce(b.version, 0) and (not $8 or e.version <= coalesce(l.version, 0))
            order by e.seq limit $9
            """,  # noqa: S608 -- a name of ours
            self.live.consumer,
            self.beside.consumer,
            self.ident,
            place[1],
            place[0],
            list(set(keys) - self.failed.get(place[1], {}).keys()),
            after,
            self.verifies,
            at_once,
        )
        return [self._record(schema, Recorded(*row)) for row in rows]

    def _record(self, schema: str, row: Recorded) -> Record:
        """As its service publishes it; its offset is its number in the store."""
        told = encoded(schema, row, self.signer)
        timestamp = int(row.time.timestamp() * 1000)
        return Record(row.topic, row.partition, row.seq, timestamp, told.key, told.value, told.headers)

    async def move(self, connection: Connection, place: Place, reached: int) -> None:
        """Nothing: where it is follows from the versions of the streams."""

    def moved(self, place: Place, reached: int) -> None:
        """As above."""

    # --- what is said

    @property
    def finds_strays(self) -> bool:
        return not (Chosen.read(self.row["chosen"]).bounded or forgets(self.live))

    def lost(self, told: str) -> str:
        return f"{told}: the event store lacks events that were published"
