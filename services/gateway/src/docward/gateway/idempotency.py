"""Idempotency keys: one effect and one answer for a request that is sent again, whatever happened to the first.

A key belongs to its caller. The command's id derives from both, so a request that is repeated after a crash publishes
the same command, which has one effect. A key is kept as long as commands are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import asyncpg

from docward.events.messages import derived_id
from docward.gateway.problems import ProblemError
from docward.runtime.pruning import AT_ONCE

Clock = Callable[[], datetime]

BUSY = timedelta(seconds=10)
"""A key is held for so long, and held on to while its request is being worked on. Whoever repeats the request of a
process that died waits no longer than this, and takes over; a holder that was only slow does the same thing again."""
KEEP = timedelta(days=15)
"""Longer than command topics are kept."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """The right to do what a key stands for, or the answer that it has had."""

    command_id: UUID
    subject: str = ""
    key: str | None = None
    holder: UUID | None = None
    fingerprint: str | None = None
    """Of the request that used the key first, as far as its body was read."""
    answer: dict[str, Any] | None = None

    def check(self, fingerprint: str) -> None:
        """Refuse another request under the same key."""
        if self.fingerprint is not None and self.fingerprint != fingerprint:
            raise ProblemError(
                422, "idempotency-key-reused", "This Idempotency-Key was used for another request; take another key."
            )


class IdempotencyKeys(Protocol):
    async def reserve(self, subject: str, key: str) -> Reservation:
        """Begin what the key stands for. Raises ProblemError 409 while the same key is being worked on."""

    async def hold(self, reservation: Reservation) -> None:
        """The request is still being worked on."""

    async def complete(self, reservation: Reservation, fingerprint: str, answer: dict[str, Any]) -> None:
        """Keep the answer for whoever repeats the request."""

    async def release(self, reservation: Reservation, fingerprint: str | None) -> None:
        """The request failed: let it be repeated at once."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def command_id(subject: str, key: str) -> UUID:
    return derived_id("command", subject, key)


def unkeyed() -> Reservation:
    """For a request without a key: sent twice, it is done twice."""
    return Reservation(uuid4())


def in_flight() -> ProblemError:
    return ProblemError(
        409,
        "request-in-progress",
        "A request with this Idempotency-Key is being worked on.",
        headers={"Retry-After": "2"},
    )


class PostgresIdempotencyKeys:
    """IdempotencyKeys in the gateway's own schema."""

    def __init__(self, pool: asyncpg.Pool, clock: Clock = utc_now) -> None:
        self._pool = pool
        self._clock = clock

    async def reserve(self, subject: str, key: str) -> Reservation:
        holder, now = uuid4(), self._clock()
        row = await self._pool.fetchrow(
            """
            insert into idempotency_keys as k (subject, key, command_id, holder, busy_until, created_at)
            values ($1, $2, $3, $4, $5, $6)
            on conflict (subject, key) do update set holder = $4, busy_until = $5
                where k.answer is null and k.busy_until <= $6
            returning fingerprint
            """,
            subject,
            key,
            command_id(subject, key),
            holder,
            now + BUSY,
            now,
        )
        if row is not None:
            return Reservation(command_id(subject, key), subject, key, holder, row["fingerprint"])
        row = await self._pool.fetchrow(
            "select fingerprint, answer from idempotency_keys where subject = $1 and key = $2", subject, key
        )
        if row is None or row["answer"] is None:
            raise in_flight()
        return Reservation(command_id(subject, key), subject, key, None, row["fingerprint"], row["answer"])

    async def hold(self, reservation: Reservation) -> None:
        await self._pool.execute(
            """
            update idempotency_keys set busy_until = $4
            where subject = $1 and key = $2 and holder = $3 and answer is null
            """,
            reservation.subject,
            reservation.key,
            reservation.holder,
            self._clock() + BUSY,
        )

    async def complete(self, reservation: Reservation, fingerprint: str, answer: dict[str, Any]) -> None:
        # Whoever has taken over publishes the same command and gives the same answer: no need to fence.
        await self._pool.execute(
            "update idempotency_keys set fingerprint = $3, answer = $4 where subject = $1 and key = $2",
            reservation.subject,
            reservation.key,
            fingerprint,
            answer,
        )

    async def release(self, reservation: Reservation, fingerprint: str | None) -> None:
        await self._pool.execute(
            """
            update idempotency_keys set fingerprint = coalesce(fingerprint, $4), busy_until = created_at
            where subject = $1 and key = $2 and holder = $3 and answer is null
            """,
            reservation.subject,
            reservation.key,
            reservation.holder,
            fingerprint,
        )

    async def forget_old(self) -> int:
        """Delete the oldest of what is kept no longer; how many that were, 0 when none is left."""
        forgotten: int = await self._pool.fetchval(
            """
            with old as (
                select subject, key from idempotency_keys where created_at < $1
                order by created_at limit $2 for update skip locked
            ), gone as (
                delete from idempotency_keys k using old where k.subject = old.subject and k.key = old.key returning 1
            )
            select count(*) from gone
            """,
            self._clock() - KEEP,
            AT_ONCE,
        )
        return forgotten
