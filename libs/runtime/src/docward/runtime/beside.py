"""The tables of a replay: filled with what the records of some keys come to, and then swapped in or compared.

They have positions of their own, moved by compare-and-set in the transaction of the rows, so whatever ends a process,
the next one goes on from there. To swap, the live generation is held where it is, key group by key group; what it has
applied meanwhile is recomputed too, and rows and stream versions move over in that transaction.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from itertools import groupby
from typing import Any
from uuid import UUID

from docward.events.codec import Record, envelope_of
from docward.events.errors import UndecodableError
from docward.runtime import swapping
from docward.runtime.batches import Batch
from docward.runtime.checkpoints import Checkpoints, Place, Position
from docward.runtime.errors import DATA_ERRORS, FencedError, StopPartitionError
from docward.runtime.kafka import record_of
from docward.runtime.limits import BLOCKED_KEYS, Backlog
from docward.runtime.operating import NotPossibleError
from docward.runtime.parking import redacted
from docward.runtime.postgres import Connection, Pool
from docward.runtime.projections import READ_MODEL_CHANNEL, Projection, ProjectionHandler
from docward.runtime.redriving import OPERATING_CHANNEL
from docward.runtime.replays import Chosen
from docward.runtime.surveying import Log, Survey, key_of

AT_ONCE = 2_000
"""Records of one transaction, at most."""
SCAN = 20_000
"""Records of other keys after which the position is stored all the same."""
SWAP_KEYS = 200
"""Keys that one transaction swaps: the live generation waits for it."""
HOLD_S = 2.0
"""How long it may be held while what it applied meanwhile is recomputed."""


class EndedError(Exception):
    """The process stops, or the replay is no longer wanted."""


@dataclass(slots=True)
class Beside:
    """One replay, as one process does it."""

    row: Any
    """Of the table `replays`."""
    live: Projection
    beside: Projection
    handler: ProjectionHandler
    log: Log
    pool: Pool
    checkpoints: Checkpoints
    discarded: InitVar[Iterable[Record]]
    """Of the live generation, what an operator gave up: it has no effect here either."""
    come_round: Callable[[], None]
    """To be called often. Raises EndedError when it is to stop."""
    given_up: set[Hashable] = field(init=False)
    keys: dict[int, set[UUID]] = field(default_factory=dict)
    failed: dict[int, dict[UUID, str]] = field(default_factory=dict)
    """By partition, keys that cannot be recomputed, and why."""
    at: dict[Place, Position] = field(default_factory=dict)
    later: set[UUID] = field(default_factory=set)
    """Other keys that were read."""
    began: float = field(default_factory=time.monotonic)
    scanned: int = 0

    def __post_init__(self, discarded: Iterable[Record]) -> None:
        self.given_up = {self.identity(record) for record in discarded}

    @property
    def ident(self) -> int:
        return int(self.row["id"])

    @property
    def verifies(self) -> bool:
        return bool(self.row["action"] == "verify")

    async def survey(self) -> Survey:
        """Which keys it touches."""
        chosen = Chosen.read(self.row["chosen"])
        if chosen.keys and not chosen.of_log and self.row["action"] != "survey":
            return await self.log.known(chosen.keys)
        return await self.log.survey(chosen, self.row["rate"])

    async def resume(self) -> list[int]:
        """The partitions that are not settled."""
        rows = await self.pool.fetch(
            "select partition, key, error from replay_keys where replay = $1 and state = 'touched'", self.ident
        )
        for row in rows:
            self.keys.setdefault(row["partition"], set()).add(row["key"])
            failed = self.failed.setdefault(row["partition"], {})
            if row["error"] is not None:
                failed[row["key"]] = row["error"]
        if self.verifies and self.finds_strays:  # they may lie where no record does
            for _, partition in self.log.places():
                self.keys.setdefault(partition, set())
        for partition in self.keys:
            await self.begin(partition)
        return sorted(self.keys)

    async def begin(self, partition: int) -> None:
        """Positions are taken over: a predecessor that wakes changes nothing."""
        for place, (first, _) in (await self.log.ends(self.log.places(partition))).items():
            self.at[place] = await self.checkpoints.take_over(place, first)

    # --- recomputing beside

    async def positions(self, connection: Any, partition: int, lock: str = "") -> dict[Place, int]:
        """Where the live generation is."""
        rows = await connection.fetch(
            f"""
            select topic, next_offset from checkpoints where consumer = $1 and partition = $2
            order by topic, partition {lock}
            """,  # noqa: S608 -- a keyword of ours
            self.live.consumer,
            partition,
        )
        found = {(row["topic"], partition): int(row["next_offset"]) for row in rows}
        if found.keys() != set(self.log.places(partition)):
            raise NotPossibleError(f"{self.live.schema} is not fed any more")
        return found

    async def fill(self, target: Mapping[Place, int], *, paced: bool = True) -> None:
        """Read on until the positions are there."""
        for place, (_, end) in (await self.log.ends(list(target))).items():
            if target[place] > end:
                raise NotPossibleError(
                    f"{place[0]}/{place[1]} ends at {end} and is applied to {target[place]}: it was made anew;"
                    f" docward republish {place[0]}, then docward projections rebuild {self.live.name}"
                )
            if self.at[place].next_offset < target[place]:
                await self._read(place, target[place], paced=paced)

    async def _read(self, place: Place, target: int, *, paced: bool) -> None:
        rate = self.row["rate"] if paced else None
        wanted, records, scanned = self.keys[place[1]], [], 0
        at_once = AT_ONCE if rate is None else max(1, min(AT_ONCE, int(rate)))
        async for raws, reached in self.log.records(place, self.at[place].next_offset, target, at_once):
            self.come_round()
            scanned += len(raws)
            for raw in raws:
                key = key_of(raw.key)
                if key in wanted:
                    records.append(record_of(raw, self.log.prefix))
                elif key is not None and self.verifies:
                    self.later.add(key)
            if len(records) >= AT_ONCE or scanned >= SCAN or rate or reached == target:
                await self._apply(place, records, reached, scanned)
                self.scanned += scanned
                records, scanned = [], 0
                if rate:
                    await self._sleep_until(self.began + self.scanned / rate)

    async def _sleep_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            self.come_round()
            await asyncio.sleep(min(left, 1.0))

    async def _apply(self, place: Place, records: Sequence[Record], reached: int, scanned: int) -> None:
        """Store what the records come to, and the position after them; a key that fails is left where it fails."""
        try:
            await self._transact(place, records, reached, scanned)
        except StopPartitionError as error:
            await self._fail(error.record, str(error))
            await self._apply(place, records, reached, scanned)
        except DATA_ERRORS as error:
            if len(records) == 1:
                await self._fail(records[0], f"{type(error).__name__}: {redacted(str(error))}")
                await self._apply(place, records, reached, scanned)
                return
            half = len(records) // 2
            await self._apply(place, records[:half], records[half].offset, 0)
            await self._apply(place, records[half:], reached, scanned)

    async def _transact(self, place: Place, records: Sequence[Record], reached: int, scanned: int) -> None:
        parts = [
            (part := list(of_part), None if given_up else await self.handler.prepare(part))
            for given_up, of_part in groupby(records, key=lambda record: self.identity(record) in self.given_up)
        ]
        async with self.pool.acquire() as connection, connection.transaction():
            await self.move(connection, place, reached)
            wanted = await connection.execute(
                "update replays set records = records + $2 where id = $1 and state = 'running'", self.ident, scanned
            )
            if wanted == "UPDATE 0":
                raise EndedError
            blocked = Counter[bytes | None](str(key).encode() for key in self.failed.get(place[1], ()))
            batch = Batch(connection, {}, {place: Backlog(waiting=blocked, limited=False)})
            for part, prepared in parts:
                if prepared is None:
                    await self.handler.skip(part, batch)
                else:
                    await self.handler.apply(prepared, batch)
            await _note_streams(connection, self.ident, records)
            stuck = {item.record: item.message for item in batch.parked if item.reason != "behind-parked"}
            for record, message in stuck.items():
                await _note_error(connection, self.ident, record, message)
        self.moved(place, reached)
        for record, message in stuck.items():
            self._remember(record, message)

    def identity(self, record: Record) -> Hashable:
        """Another log that was accepted has other records at the same offsets, of other times."""
        return record.topic, record.partition, record.offset, record.timestamp

    async def move(self, connection: Connection, place: Place, reached: int) -> None:
        if not await self.checkpoints.move(connection, {place: self.at[place]}, {place: reached}, {}):
            raise FencedError("a replay's position is elsewhere")

    def moved(self, place: Place, reached: int) -> None:
        self.at[place] = Position(reached, self.at[place].epoch)

    async def _fail(self, record: Record, message: str) -> None:
        async with self.pool.acquire() as connection:
            await _note_error(connection, self.ident, record, message)
        self._remember(record, message)

    def _remember(self, record: Record, message: str) -> None:
        key = key_of(record.key)
        if key is not None:
            failed = self.failed.setdefault(record.partition, {})
            failed[key] = message
            if len(failed) > BLOCKED_KEYS:
                raise NotPossibleError(f"more than {BLOCKED_KEYS} keys of partition {record.partition} fail: {message}")

    # --- swapping in

    async def settle(self, partition: int) -> None:
        """Swap the rows of the partition's keys in, or compare them, group by group."""
        keys = sorted(self.keys[partition])
        for start in range(0, len(keys), SWAP_KEYS):
            self.come_round()
            group = keys[start : start + SWAP_KEYS]
            await self.read(partition, group)
            await self._settle_group(partition, group)
        if self.verifies and self.finds_strays:
            await self._find_strays(partition)

    async def read(self, partition: int, keys: Sequence[UUID]) -> None:  # noqa: ARG002 -- a log is read for all keys at once
        """Recompute what there is of these keys, while the live generation goes on."""
        await self.fill(await self.positions(self.pool, partition))

    async def catch_up(self, connection: Connection, partition: int, keys: Sequence[UUID]) -> None:
        """Recompute the rest, while the live generation is held where it is."""
        held = await self.positions(connection, partition, "for update")
        async with asyncio.timeout(HOLD_S):
            await self.fill(held, paced=False)
            # Who was set back to read again has applied more than its position says.
            if await swapping.behind(connection, self.live, self.beside, partition, keys):
                ends = await self.log.ends(list(held))
                await self.fill({place: end for place, (_, end) in ends.items()}, paced=False)

    async def _settle_group(self, partition: int, keys: Sequence[UUID]) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(
                "select exists (select from replays where id = $1 and state = 'running')", self.ident
            ):
                raise EndedError
            await self.catch_up(connection, partition, keys)
            short = await swapping.behind(connection, self.live, self.beside, partition, keys)
            stuck = self.failed.get(partition, {})
            errors = {key: stuck.get(key) or self.lost(told) for key, told in short.items()}
            whole = [key for key in keys if key not in errors]
            if self.verifies:
                await self._compare(connection, partition, whole)
            else:
                await self._swap(connection, partition, whole)
            await _note_states(connection, self.ident, partition, "failed", errors)
            await connection.execute("update replays set settled = settled + $2 where id = $1", self.ident, len(keys))

    async def _compare(self, connection: Connection, partition: int, keys: Sequence[UUID]) -> None:
        found = await swapping.different(connection, self.live, self.beside, keys)
        told = {key: f"differs in {', '.join(sorted(names))}" for key, names in found.items()}
        await _note_states(connection, self.ident, partition, "differs", told)
        await _note_states(connection, self.ident, partition, "same", {key: None for key in keys if key not in told})

    async def _swap(self, connection: Connection, partition: int, keys: Sequence[UUID]) -> None:
        await swapping.swap(connection, self.live, self.beside, keys)
        await swapping.move_versions(connection, self.live, self.beside, partition, keys)
        await _note_states(connection, self.ident, partition, "swapped", dict.fromkeys(keys))
        # What was set aside of these keys is applied: redriven, it has no effect, and the key goes on.
        whole = [str(key).encode() for key in keys if key not in self.failed.get(partition, {})]
        marked = await connection.execute(
            """
            update parked set action = 'redrive', asked_by = $4, asked_why = $5
            where consumer = $1 and partition = $2 and key = any($3::bytea[]) and blocks and action is null
            """,
            self.live.consumer,
            partition,
            whole,
            self.row["who"],
            self.row["why"],
        )
        if marked != "UPDATE 0":
            await connection.execute("select pg_notify($1, $2)", OPERATING_CHANNEL, self.live.consumer)
        await connection.execute("select pg_notify($1, '')", READ_MODEL_CHANNEL)

    @property
    def finds_strays(self) -> bool:
        """Whether rows of other keys than those of the replay are of nobody."""
        return not Chosen.read(self.row["chosen"]).bounded

    def lost(self, told: str) -> str:
        return f"{told}: the topic lacks events; docward republish, then docward projections rebuild {self.live.name}"

    async def _find_strays(self, partition: int) -> None:
        """Rows of keys that no record speaks of."""
        async with self.pool.acquire() as connection, connection.transaction():
            await self.catch_up(connection, partition, ())
            found = await swapping.strays(connection, self.live, self.ident)
            mine = {
                key: f"no record speaks of its rows in {', '.join(sorted(names))}"
                for key, names in found.items()
                if self.log.partition_of(key) == partition and key not in self.later
            }
            await connection.execute(
                "insert into replay_keys select $1, $2, u from unnest($3::uuid[]) as u",
                self.ident,
                partition,
                list(mine),
            )
            await _note_states(connection, self.ident, partition, "differs", mine)


async def _note_streams(connection: Connection, ident: int, records: Sequence[Record]) -> None:
    found = {}
    for record in records:
        try:
            envelope = envelope_of(record)
        except UndecodableError:
            continue
        if envelope.stream_version is not None:
            found[envelope.subject] = (record.partition, key_of(record.key))
    await connection.execute(
        """
        insert into replay_streams select $1, u.* from unnest($2::int[], $3::uuid[], $4::text[]) as u
        on conflict do nothing
        """,
        ident,
        [partition for partition, _ in found.values()],
        [key for _, key in found.values()],
        list(found),
    )


async def _note_error(connection: Connection, ident: int, record: Record, message: str) -> None:
    await connection.execute(
        "update replay_keys set error = $4 where replay = $1 and partition = $2 and key = $3",
        ident,
        record.partition,
        key_of(record.key),
        f"{record.topic}/{record.partition}@{record.offset}: {message}",
    )


async def _note_states(
    connection: Connection, ident: int, partition: int, state: str, keys: Mapping[UUID, str | None]
) -> None:
    await connection.execute(
        """
        update replay_keys k set state = $3, error = u.error from unnest($4::uuid[], $5::text[]) as u (key, error)
        where k.replay = $1 and k.partition = $2 and k.key = u.key
        """,
        ident,
        partition,
        state,
        list(keys),
        list(keys.values()),
    )
