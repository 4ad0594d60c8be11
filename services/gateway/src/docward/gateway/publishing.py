"""Requests become commands: accepted once they are durable on their topic, answered with where their outcome appears.

A request with an Idempotency-Key has one effect and one answer however often it comes. One with `Prefer: wait=N` is
answered with the outcome when the read model shows it in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind
from pydantic import BaseModel, Field

from docward.events.codec import Envelope, body_of, holds_nul
from docward.events.messages import Actor, Command, Message, stream_id
from docward.events.topics import Topic
from docward.gateway.idempotency import BUSY, IdempotencyKeys, Reservation, unkeyed
from docward.gateway.problems import ProblemError, invalid
from docward.gateway.queries.operations import Operation
from docward.gateway.read_model import ReadModel
from docward.runtime.errors import OPERATIONAL, BrokerUnavailableError
from docward.runtime.kafka import PUBLISH_TIMEOUT_S
from docward.runtime.telemetry import span, trace_id

log = structlog.get_logger()

SOURCE = "/docward/gateway"
AWAY_WITHIN_S = 1.5
"""For a command while the broker is known to be away."""
DOUBT_S = 1.0
"""After so long without an answer it is looked who is there."""
AGAIN_S = 0.1
ENVELOPE_BYTES = 16 * 1024
"""What headers and key may take of a record."""

REJECTIONS = {
    "not-found": 404,
    "forbidden": 403,
    "deleted": 410,
    "version-conflict": 412,
    "unknown-finding": 404,
    "not-a-member": 404,
    "unknown-version": 422,
    "duplicate-policy": 422,
    "invalid-policy": 422,
    "not-available": 422,
}
"""Statuses of the codes of rejected commands; of all others: 409."""


class Accepted(BaseModel):
    """The command is durable. Its outcome appears under `links.operation`."""

    operation_id: UUID
    document_id: UUID | None = None
    repository_id: UUID | None = None
    group_id: UUID | None = None
    links: dict[str, str] = Field(description="Paths: `operation`, and the resource that the command is for.")


class Publisher(Protocol):
    """What publishing needs of `docward.runtime.kafka.Publisher`."""

    async def publish(self, topic: Topic, envelope: Envelope, message: Message) -> None: ...


class PublisherInQuorum(Publisher, Protocol):
    """What publishes, and can tell whether enough brokers are there."""

    async def in_quorum(self, topic: Topic, key: bytes) -> bool: ...


class Prompt:
    """A publisher that waits for a broker to be replaced, and keeps nobody waiting where none can take over.

    A failed attempt is repeated, under the command's id, for as long as it takes another broker to take over. Where too
    few are left for that, whoever asks learns within moments that nothing is accepted. So does whoever asks next when a
    repeated attempt was not enough, until a command has been accepted.
    """

    def __init__(
        self,
        publisher: PublisherInQuorum,
        patience_s: float = PUBLISH_TIMEOUT_S,
        away_s: float = AWAY_WITHIN_S,
        doubt_s: float = DOUBT_S,
    ) -> None:
        self._publisher = publisher
        self._patience = patience_s
        self._away_within = away_s
        self._doubt = doubt_s
        self._away = False

    async def publish(self, topic: Topic, envelope: Envelope, message: Message) -> None:
        sending = asyncio.ensure_future(self._insist(topic, envelope, message))
        sending.add_done_callback(self._learn)  # however it ends, something is learnt from it
        try:
            async with asyncio.timeout(self._away_within if self._away else None):
                while not (await asyncio.wait({sending}, timeout=self._doubt))[0]:
                    if not await self._publisher.in_quorum(topic, str(envelope.key).encode()):
                        self._away = True
                        raise BrokerUnavailableError(f"{topic.name}: too few brokers are there")
        except TimeoutError as error:
            raise BrokerUnavailableError(f"{topic.name}: the broker is still away") from error
        sending.result()

    async def _insist(self, topic: Topic, envelope: Envelope, message: Message) -> None:
        failure: BrokerUnavailableError | None = None
        try:
            async with asyncio.timeout(self._patience):
                while True:
                    try:
                        return await self._publisher.publish(topic, envelope, message)
                    except BrokerUnavailableError as error:
                        failure = error
                        await asyncio.sleep(AGAIN_S)
        except TimeoutError as error:
            raise failure or BrokerUnavailableError(f"{topic.name}: the broker does not answer") from error

    def _learn(self, sending: asyncio.Future[None]) -> None:
        if not sending.cancelled():
            self._away = isinstance(sending.exception(), BrokerUnavailableError)


@dataclass(frozen=True, slots=True)
class Order:
    """A command, and for whom."""

    topic: Topic
    kind: str
    """Of the aggregate: `document`, `document-group`, `policy-repository`, `analysis`."""
    aggregate_id: UUID
    message: Command
    path: str
    """Of the resource, for the answer's links."""
    resource: Literal["document", "document-group", "policy-repository"] = "document"
    """What the resource is."""


class Attempt:
    """One request on its way to a command. `command_id` is known before anything is done."""

    def __init__(
        self,
        publisher: Publisher,
        keys: IdempotencyKeys,
        actor: Actor,
        reservation: Reservation,
        traceparent: str | None,
    ) -> None:
        self._publisher = publisher
        self._keys = keys
        self._actor = actor
        self._reservation = reservation
        self._traceparent = traceparent
        self.fingerprint: str | None = None
        self.done = False

    @property
    def command_id(self) -> UUID:
        return self._reservation.command_id

    def repeated(self, *request: object) -> Accepted | None:
        """The answer that the same request had before. Raises ProblemError 422 when it was another request."""
        self.fingerprint = hashlib.sha256(_canonical(request)).hexdigest()
        self._reservation.check(self.fingerprint)
        if self._reservation.answer is None:
            return None
        self.done = True
        return Accepted.model_validate(self._reservation.answer)

    async def publish(self, order: Order) -> Accepted:
        """Returns when the command is durable.

        Raises BrokerUnavailableError, or ProblemError for what cannot be sent.
        """
        body = body_of(order.message)
        if len(body) > order.topic.max_bytes - ENVELOPE_BYTES:
            raise ProblemError(413, "too-large", "The command is larger than its topic takes.")
        if holds_nul(body):
            raise invalid("body", "holds a NUL character")
        with span(f"send {order.topic.name}", self._traceparent, SpanKind.PRODUCER) as traceparent:
            envelope = Envelope(
                id=self.command_id,
                type=order.message.TYPE,
                source=SOURCE,
                time=datetime.now(UTC),
                subject=stream_id(order.kind, order.aggregate_id),
                key=order.aggregate_id,
                correlation_id=self.command_id,
                actor=self._actor,
                traceparent=traceparent,
                version=order.message.VERSION,
            )
            await self._publisher.publish(order.topic, envelope, order.message)
        self.done = True
        log.info(
            "command accepted",
            type=envelope.type,
            subject=envelope.subject,
            correlation_id=str(envelope.correlation_id),
            trace_id=trace_id(traceparent),
        )
        accepted = _accepted(self.command_id, order)
        if self._reservation.key is not None and self.fingerprint is not None:
            # Durable is durable: a key that cannot be closed leads a repeated request to the same command.
            with _best_effort("an idempotency key was not closed"):
                await self._keys.complete(self._reservation, self.fingerprint, accepted.model_dump(mode="json"))
        return accepted


class Publishing:
    def __init__(
        self, publisher: Publisher, keys: IdempotencyKeys, *, hold_every_s: float = BUSY.total_seconds() / 4
    ) -> None:
        self._publisher = publisher
        self._keys = keys
        self._hold_every = hold_every_s

    @contextlib.asynccontextmanager
    async def attempt(self, actor: Actor, key: str | None, traceparent: str | None = None) -> AsyncIterator[Attempt]:
        """A request under its key. Raises ProblemError 409 while the same key is being worked on."""
        reservation = unkeyed() if key is None else await self._keys.reserve(actor.subject, key)
        attempt = Attempt(self._publisher, self._keys, actor, reservation, traceparent)
        try:
            async with self._held(reservation):
                yield attempt
        finally:
            if not attempt.done and reservation.holder is not None:
                with _best_effort("an idempotency key was not released"):
                    await self._keys.release(reservation, attempt.fingerprint)

    @contextlib.asynccontextmanager
    async def _held(self, reservation: Reservation) -> AsyncIterator[None]:
        if reservation.holder is None:
            yield
            return
        holding = asyncio.create_task(self._hold(reservation))
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)  # else it might hold what is being released

    async def _hold(self, reservation: Reservation) -> None:
        while True:
            await asyncio.sleep(self._hold_every)
            with _best_effort("an idempotency key was not held on to"):
                await self._keys.hold(reservation)


async def outcome(
    read_model: ReadModel,
    look: Callable[[UUID], Awaitable[Operation | None]],
    accepted: Accepted,
    seconds: float,
) -> Operation | None:
    """The operation when it is settled and all of it can be read; None when that takes longer.

    Raises ProblemError when the command was rejected.
    """

    async def settled() -> Operation | None:
        operation = await look(accepted.operation_id)
        return operation if operation is not None and operation.settled else None

    watched = [f"command:{accepted.operation_id}"]
    if accepted.document_id is not None:
        watched += [f"document:{accepted.document_id}", f"analysis:{accepted.document_id}"]
    if accepted.group_id is not None:
        watched += [f"document-group:{accepted.group_id}", f"analysis:{accepted.group_id}"]
    if accepted.repository_id is not None:
        watched.append(f"policy-repository:{accepted.repository_id}")
    operation = await read_model.until(settled, asyncio.get_running_loop().time() + seconds, *watched)
    if operation is not None and operation.status == "rejected":
        raise rejected(operation)
    return operation


def rejected(operation: Operation) -> ProblemError:
    code = operation.code or "rejected"
    return ProblemError(
        REJECTIONS.get(code, 409),
        code,
        operation.detail or "The command was rejected.",
        operation_id=str(operation.operation_id),
        current_version=operation.current_version,
    )


def operation_path(operation_id: UUID) -> str:
    return f"/api/v1/operations/{operation_id}"


def _accepted(command_id: UUID, order: Order) -> Accepted:
    fields = {"document": "document_id", "document-group": "group_id", "policy-repository": "repository_id"}
    about: dict[str, Any] = {fields[order.resource]: order.aggregate_id}
    return Accepted(
        operation_id=command_id,
        **about,
        links={"operation": operation_path(command_id), order.resource: order.path},
    )


def _canonical(request: object) -> bytes:
    """What was sent, not what was made of it: the same bytes after a release that adds fields."""

    def plain(value: object) -> object:
        return value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else str(value)

    return json.dumps(request, default=plain, sort_keys=True).encode()


@contextlib.contextmanager
def _best_effort(what: str) -> Iterator[None]:
    try:
        yield
    except OPERATIONAL as error:
        log.warning(what, error=str(error))
