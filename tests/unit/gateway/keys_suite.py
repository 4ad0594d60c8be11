"""What every implementation of IdempotencyKeys promises. Each check takes fresh keys and the clock that they read."""

from __future__ import annotations

from uuid import uuid4

import pytest

from docward.gateway.idempotency import BUSY, IdempotencyKeys
from docward.gateway.problems import ProblemError
from unit.gateway.fakes import Clock

ANSWER = {"operation_id": "1"}


def _key() -> str:
    return f"key-{uuid4()}"


async def a_key_stands_for_one_command(keys: IdempotencyKeys, _: Clock) -> None:
    key = _key()
    mine = await keys.reserve("mira", key)
    theirs = await keys.reserve("sam", key)
    other = await keys.reserve("mira", _key())
    assert len({mine.command_id, theirs.command_id, other.command_id}) == 3
    assert mine.answer is None
    assert mine.fingerprint is None


async def the_same_key_at_the_same_time_is_refused(keys: IdempotencyKeys, _: Clock) -> None:
    key = _key()
    await keys.reserve("mira", key)
    with pytest.raises(ProblemError) as refused:
        await keys.reserve("mira", key)
    assert (refused.value.status, refused.value.code) == (409, "request-in-progress")
    assert "Retry-After" in refused.value.headers


async def a_repeated_request_gets_the_answer(keys: IdempotencyKeys, _: Clock) -> None:
    key = _key()
    first = await keys.reserve("mira", key)
    await keys.complete(first, "this request", ANSWER)
    again = await keys.reserve("mira", key)
    assert again.answer == ANSWER
    assert again.command_id == first.command_id
    again.check("this request")
    with pytest.raises(ProblemError) as refused:
        again.check("another request")
    assert (refused.value.status, refused.value.code) == (422, "idempotency-key-reused")


async def a_released_key_may_be_used_again_for_the_same_request(keys: IdempotencyKeys, _: Clock) -> None:
    key = _key()
    first = await keys.reserve("mira", key)
    await keys.release(first, "this request")
    again = await keys.reserve("mira", key)
    assert again.command_id == first.command_id
    assert again.answer is None
    with pytest.raises(ProblemError):
        again.check("another request")


async def a_key_of_a_dead_process_is_taken_over(keys: IdempotencyKeys, clock: Clock) -> None:
    key = _key()
    first = await keys.reserve("mira", key)
    clock.passes(BUSY.total_seconds() + 1)
    second = await keys.reserve("mira", key)
    assert second.command_id == first.command_id
    await keys.release(first, "this request")
    with pytest.raises(ProblemError):
        await keys.reserve("mira", key)
    await keys.complete(second, "this request", ANSWER)
    assert (await keys.reserve("mira", key)).answer == ANSWER


async def a_key_is_held_for_as_long_as_its_request_is_worked_on(keys: IdempotencyKeys, clock: Clock) -> None:
    key = _key()
    first = await keys.reserve("mira", key)
    for _ in range(3):
        clock.passes(BUSY.total_seconds() - 1)
        await keys.hold(first)
    with pytest.raises(ProblemError):
        await keys.reserve("mira", key)
    clock.passes(BUSY.total_seconds() + 1)
    second = await keys.reserve("mira", key)
    await keys.hold(first)  # it has been replaced, and holds nothing
    clock.passes(BUSY.total_seconds() + 1)
    await keys.reserve("mira", key)
    assert second.command_id == first.command_id


SUITE = (
    a_key_stands_for_one_command,
    the_same_key_at_the_same_time_is_refused,
    a_repeated_request_gets_the_answer,
    a_released_key_may_be_used_again_for_the_same_request,
    a_key_of_a_dead_process_is_taken_over,
    a_key_is_held_for_as_long_as_its_request_is_worked_on,
)
