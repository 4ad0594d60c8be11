"""Commands become events exactly once, in order per aggregate, whatever happens to the process or the record."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from docward.events.codec import Decoded, Encoded
from docward.events.messages import CommandRejected
from docward.runtime import metrics, service
from docward.runtime.aggregates import Decision, Request, accepted
from docward.runtime.checkpoints import Position
from docward.runtime.deciders import Decider
from docward.runtime.inflating import MOST_BYTES, UNREADABLE
from docward.runtime.rawheaders import ZSTD, header_key, new_batch
from installation import until
from integration.runtime.counter import (
    COMMANDS,
    COUNTER,
    EVENTS,
    LETTERS,
    Add,
    Added,
    Break,
    a_counter,
    adds,
    command,
    decide,
)
from integration.runtime.world import World, a_world, deciding, running


def rejections(events: list[Decoded]) -> list[CommandRejected]:
    return [e.message for e in events if isinstance(e.message, CommandRejected)]


def totals(events: list[Decoded], counter: object) -> list[int]:
    return [e.message.total for e in events if isinstance(e.message, Added) and e.envelope.key == counter]


async def test_a_repeated_command_has_one_effect_and_one_with_another_body_is_refused(world: World) -> None:
    counter, ident = a_counter(), uuid4()
    first = command(world.place, counter, Add(amount=1), ident=ident)
    other = command(world.place, counter, Add(amount=2), ident=ident)
    async with deciding(world):
        await world.send(COMMANDS, [first, first, other, other])
        await world.settled("counter", COMMANDS, {0: 4})
        await world.send(COMMANDS, [first, other])
        await world.settled("counter", COMMANDS, {0: 6})
        await world.relayed()
    events = await world.events()
    assert totals(events, counter) == [1]
    assert [r.code for r in rejections(events)] == ["id-reused"]
    assert await world.parked() == []


async def test_a_wrong_expected_version_is_refused_with_the_current_one_and_moves_nothing(world: World) -> None:
    counter = a_counter()
    async with deciding(world):
        await world.send(COMMANDS, adds(world.place, counter, [1, 2]))
        await world.send(
            COMMANDS,
            [
                command(world.place, counter, Add(amount=5, expected_version=1)),
                command(world.place, counter, Add(amount=-1)),
                command(world.place, counter, Add(amount=5, expected_version=2)),
            ],
        )
        await world.settled("counter", COMMANDS, {0: 5})
        await world.relayed()
    events = await world.events()
    assert totals(events, counter) == [1, 3, 8]
    assert [(r.code, r.current_version) for r in rejections(events)] == [("version-conflict", 2), ("negative", 2)]
    assert [e.envelope.stream_version for e in events if isinstance(e.message, Added)] == [1, 2, 3]


async def test_a_backlog_is_decided_in_order_and_numbered_without_gaps(world: World) -> None:
    counters = [a_counter(n % 2) for n in range(4)]
    for n in range(30):
        await world.send(COMMANDS, adds(world.place, counters[n % 4], [1]))
    async with deciding(world):
        await world.settled("counter", COMMANDS, {0: 15, 1: 15})
        await world.relayed()
    events = await world.events()
    for counter in counters:
        assert totals(events, counter) == list(range(1, len(totals(events, counter)) + 1))
    for partition in (0, 1):
        rows = await world.pool.fetch("select seq from events where partition = $1 order by seq", partition)
        assert [row["seq"] for row in rows] == list(range(1, 16))


async def test_events_too_large_to_be_relayed_together_are_relayed_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docward.runtime.eventstore.RELAY_BYTES", 1)
    counter = a_counter()
    await world.send(COMMANDS, adds(world.place, counter, [1] * 20))
    async with deciding(world):
        await world.settled("counter", COMMANDS, {0: 20})
        await world.relayed()
    assert totals(await world.events(), counter) == list(range(1, 21))


async def test_a_command_in_the_wrong_partition_or_without_key_is_forwarded_once(world: World) -> None:
    counter = a_counter(partition=0)
    first, second, third, fourth = adds(world.place, counter, [1, 1, 1, 1])
    forwarded = third._replace(headers=(*third.headers, ("docward-forwarded", b"1")))
    async with deciding(world):
        await world.send(COMMANDS, [first, Encoded(None, second.value, second.headers), forwarded], partition=1)  # type: ignore[arg-type]
        await world.send(COMMANDS, [fourth._replace(key=fourth.key.upper())], partition=0)
        await until(lambda: _totals_are(world, counter, [1, 2, 3]))
        await world.relayed()
    assert [(row["reason"], row["blocks"]) for row in await world.parked()] == [("wrong-partition", False)]


async def _totals_are(world: World, counter: object, expected: list[int]) -> bool:
    return totals(await world.events(), counter) == expected


def hostile(world: World) -> list[tuple[str, bytes | None, bytes | None, list[tuple[bytes | str, bytes | None]]]]:
    """(reason, key, value, headers)"""
    counter = a_counter()
    good = command(world.place, counter, Add(amount=1))
    stranger = command(world.place, counter, Add(amount=1), key_holder="gateway")
    forged = command(world.place, counter, Add(amount=1000))
    headers = dict(good.headers)

    def but(**changed: bytes | None) -> list[tuple[bytes | str, bytes | None]]:
        return list({**headers, **changed}.items())

    def without(name: str) -> list[tuple[bytes | str, bytes | None]]:
        return [(key, value) for key, value in good.headers if key != name]

    unknown = dict(stranger.headers)
    unknown_token = (unknown["ce_actor"] or b"").split(b".")
    return [
        ("undecodable", good.key, b"{", list(good.headers)),
        ("undecodable", good.key, None, list(good.headers)),
        ("undecodable", b"\xff\x00", good.value, list(good.headers)),
        ("undecodable", b"not a uuid", good.value, list(good.headers)),
        ("undecodable", None, b"\x00\x01garbage", []),
        ("undecodable", good.key, good.value, but(ce_type=None)),
        ("undecodable", good.key, good.value, but(ce_subject=b"\xff\xfe")),
        ("bad-signature", good.key, good.value, but(ce_subject=b"document:" + good.key)),
        ("bad-signature", good.key, good.value, without("ce_actor")),
        ("bad-signature", good.key, forged.value, list(good.headers)),
        ("bad-signature", good.key, good.value, but(ce_actor=unknown_token[0] + b"..AAAA")),
        ("undecodable", good.key, b"{", [(b"\xff\xfe", b"x"), *good.headers]),
        ("bad-signature", good.key, good.value, [(b"\xc3(", None), *without("ce_actor")]),
    ]


@pytest.mark.parametrize("codec", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_hostile_records_are_parked_byte_for_byte_and_stop_nothing(world: World, codec: str | None) -> None:
    cases = hostile(world)
    counter = a_counter()
    good = command(world.place, counter, Add(amount=1))
    producer = AIOKafkaProducer(bootstrap_servers=world.place.kafka, compression_type=codec, linger_ms=50)
    await producer.start()
    try:
        name = world.place.prefix + COMMANDS.name
        sent = [
            await producer.send(
                name,
                value,
                key=key,
                partition=0,
                headers=[(RawKey(k) if isinstance(k, bytes) else k, v) for k, v in headers],
            )
            for _, key, value, headers in cases
            if all(isinstance(k, str) for k, _ in headers)
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    raw = [case for case in cases if any(isinstance(k, bytes) for k, _ in case[3])]
    await world.send(
        COMMANDS,
        [
            Encoded(key, value, tuple((header_key(k) if isinstance(k, bytes) else k, v) for k, v in headers))  # type: ignore[arg-type]
            for _, key, value, headers in raw
        ],
        partition=0,
    )
    await world.send(COMMANDS, [good])
    async with deciding(world) as decider:
        await world.settled("counter", COMMANDS, {0: len(cases) + 1})
        await world.relayed()

        async def mirrored() -> bool:
            return not await world.pool.fetchval("select count(*) from parked where not mirrored")

        await until(mirrored)
        assert decider.loop.stopped == []
    ordered = [c for c in cases if c not in raw] + raw
    parked = await world.parked()
    assert [(r["reason"], r["key"], r["value"], r["blocks"]) for r in parked] == [(*c[:3], False) for c in ordered]
    for row, (_, _, _, headers) in zip(parked, ordered, strict=True):
        expected = [(k if isinstance(k, bytes) else k.encode(), v) for k, v in headers]
        assert list(zip(row["header_keys"], row["header_values"], strict=True)) == expected
    letters = await world.read(LETTERS)
    assert [(r.key, r.value) for r in letters] == [(c[1], c[2]) for c in ordered]
    for letter, (reason, _, _, headers) in zip(letters, ordered, strict=True):
        found = [(k.encode("utf-8", "surrogateescape"), v) for k, v in letter.headers]
        assert found[: len(headers)] == [(k if isinstance(k, bytes) else k.encode(), v) for k, v in headers]
        notes = dict(found[len(headers) :])
        assert notes[b"dlq-reason"] == reason.encode()
        assert notes[b"dlq-topic"] == COMMANDS.name.encode()
    assert totals(await world.events(), counter) == [1]


def RawKey(raw: bytes) -> str:  # noqa: N802 -- reads as the class it makes
    return header_key(raw)


async def test_a_batch_that_inflates_to_more_than_fits_is_parked_as_it_came_and_its_partition_goes_on(
    world: World,
) -> None:
    counter, name = a_counter(), world.place.prefix + COMMANDS.name
    bomb = new_batch(4 * MOST_BYTES, (), ZSTD)
    for _ in range(2):
        assert bomb.append(timestamp=None, key=b"k", value=bytes(MOST_BYTES), headers=[]) is not None
    async with AIOKafkaProducer(bootstrap_servers=world.place.kafka) as producer:
        await (await producer.send_batch(bomb, name, partition=0))
    async with deciding(world):
        await world.settled("counter", COMMANDS, {0: 2})
    async with deciding(world):  # the log is recognised by the record that stands for the batch
        await world.send(COMMANDS, adds(world.place, counter, [1, 2]))
        await world.settled("counter", COMMANDS, {0: 4})
        await world.relayed()

        async def mirrored() -> bool:
            return all(row["mirrored"] for row in await world.parked())

        await until(mirrored)
    assert totals(await world.events(), counter) == [1, 3]
    [row], [letter] = await world.parked(), await world.read(LETTERS)
    assert (row["reason"], row["blocks"], row["header_keys"]) == ("undecodable", False, [UNREADABLE.encode()])
    assert letter.value == row["value"]
    assert len(letter.value or b"") < COMMANDS.max_bytes


async def test_a_record_that_grows_beyond_its_topic_when_it_is_unpacked_is_parked_and_mirrored(world: World) -> None:
    value = b"x" * 5_000_000
    assert len(gzip.compress(value)) < COMMANDS.max_bytes
    producer = AIOKafkaProducer(
        bootstrap_servers=world.place.kafka, compression_type="gzip", max_request_size=10_000_000
    )
    await producer.start()
    try:
        await producer.send_and_wait(world.place.prefix + COMMANDS.name, value, key=b"k", partition=0)
        misrouted = command(world.place, a_counter(1), Add(amount=1, note="y" * 3_000_000))
        await producer.send_and_wait(
            world.place.prefix + COMMANDS.name,
            misrouted.value,
            key=misrouted.key,
            partition=0,
            headers=list(misrouted.headers),
        )
    finally:
        await producer.stop()
    counter = a_counter()
    await world.send(COMMANDS, adds(world.place, counter, [1]))
    async with deciding(world):
        await world.settled("counter", COMMANDS, {0: 3, 1: 1})

        async def mirrored() -> bool:
            return not await world.pool.fetchval("select count(*) from parked where not mirrored")

        await until(mirrored)
    assert [letter.value for letter in await world.read(LETTERS)] == [value]


async def test_an_unexpected_failure_blocks_its_key_only_and_later_ones_queue_in_order(world: World) -> None:
    broken, fine = a_counter(), a_counter()
    batch = [
        command(world.place, broken, Add(amount=1)),
        command(world.place, broken, Break()),
        *adds(world.place, broken, [2, 3]),
        *adds(world.place, fine, [1, 1]),
    ]
    async with deciding(world):
        await world.send(COMMANDS, batch)
        await world.settled("counter", COMMANDS, {0: 6})
        await world.send(COMMANDS, adds(world.place, broken, [4]))
        await world.settled("counter", COMMANDS, {0: 7})
        await world.relayed()
    events = await world.events()
    assert totals(events, broken) == [1]
    assert totals(events, fine) == [1, 2]
    parked = await world.parked()
    assert [(r["record_offset"], r["reason"]) for r in parked] == [
        (1, "unexpected"),
        (2, "behind-parked"),
        (3, "behind-parked"),
        (6, "behind-parked"),
    ]
    assert parked[0]["error_class"] == "ZeroDivisionError"


async def test_failures_on_too_many_keys_stop_the_partition_and_build_a_backlog(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("docward.runtime.limits.BLOCKED_KEYS", 2)
    fine = a_counter()
    breaks = [command(world.place, a_counter(), Break()) for _ in range(4)]
    await world.send(COMMANDS, [*adds(world.place, fine, [1]), *breaks, *adds(world.place, fine, [1])])
    async with deciding(world) as decider:
        await until(lambda: _stopped(decider))
        await world.settled("counter", COMMANDS, {0: 3})
    assert len(await world.parked()) == 2
    assert await world.pool.fetchval("select next_offset from checkpoints where partition = 0") == 3


async def test_a_release_that_fails_on_everything_builds_a_backlog_and_its_mended_one_settles_it(world: World) -> None:
    count = 40
    await world.send(COMMANDS, [command(world.place, a_counter(), Break()) for _ in range(count)])
    for _ in range(2):  # a restart of the same release parks nothing more
        async with deciding(world) as decider:
            await until(lambda: _stopped(decider))
        assert [r["record_offset"] for r in await world.parked()] == list(range(10))

    def mended(total: int, asked: Any, request: Request) -> Decision:
        return accepted(Added(amount=1, total=total + 1)) if isinstance(asked, Break) else decide(total, asked, request)

    decider = Decider("counter", [replace(COUNTER, decide=mended)], world.around, dead_letters=LETTERS)
    async with running(decider.loop, decider.relay, world.around.listener):
        await world.settled("counter", COMMANDS, {0: count})
        await world.pool.execute("update parked set action = 'redrive', asked_by = 'somebody', asked_why = 'mended'")

        async def nothing_parked() -> bool:
            return not await world.parked()

        await until(nothing_parked)
    assert await world.pool.fetchval("select count(distinct key) from events") == count


async def _stopped(decider: object) -> list[str]:
    return decider.loop.stopped  # type: ignore[attr-defined, no-any-return]


async def test_a_stream_that_does_not_read_is_the_trouble_of_its_own_key_only(world: World) -> None:
    broken, fine = a_counter(), a_counter()
    async with deciding(world):
        await world.send(COMMANDS, adds(world.place, broken, [1]))
        await world.settled("counter", COMMANDS, {0: 1})
    await world.pool.execute("update events set type = 'of-the-future' where key = $1", broken)
    async with deciding(world):
        await world.send(COMMANDS, [*adds(world.place, broken, [1]), *adds(world.place, fine, [1])])
        await world.settled("counter", COMMANDS, {0: 3})
    assert [(r["key"], r["reason"]) for r in await world.parked()] == [(str(broken).encode(), "unexpected")]
    assert await world.pool.fetchval("select count(*) from events where key = $1", fine) == 1


async def test_what_a_decider_knows_of_a_stream_never_outweighs_the_store(world: World) -> None:
    counter = a_counter()
    async with deciding(world):
        await world.send(COMMANDS, adds(world.place, counter, [1, 2]))
        await world.settled("counter", COMMANDS, {0: 2})
        await world.pool.execute("delete from events where key = $1 and version = 2", counter)  # restored, say
        await world.send(COMMANDS, adds(world.place, counter, [4]))
        await world.settled("counter", COMMANDS, {0: 3})
    rows = await world.pool.fetch("select version, body from events where key = $1 order by version", counter)
    assert [(row["version"], json.loads(row["body"])["total"]) for row in rows] == [(1, 1), (2, 5)]


async def test_events_recorded_while_the_broker_is_away_are_published_in_order_by_whoever_comes_next(
    world: World,
) -> None:
    counter = a_counter()
    world.wire.cut = True
    async with deciding(world):
        await world.send(COMMANDS, adds(world.place, counter, [1] * 5))
        await world.settled("counter", COMMANDS, {0: 5})

        async def refused() -> bool:
            return world.wire.refused > 1

        await until(refused)  # more than once: the relay survives it
    assert await world.events() == []
    async with a_world(world.place) as restarted, deciding(restarted):
        await restarted.send(COMMANDS, adds(world.place, counter, [1]))
        await restarted.settled("counter", COMMANDS, {0: 6})
        await restarted.relayed()
    assert totals(await world.events(), counter) == [1, 2, 3, 4, 5, 6]


async def test_an_owner_that_was_replaced_while_it_held_a_batch_changes_nothing(world: World) -> None:
    counter = a_counter()
    fences = metrics.FENCES.labels("counter")
    async with deciding(world) as decider:
        await world.send(COMMANDS, adds(world.place, counter, [1]))
        await world.settled("counter", COMMANDS, {0: 1})
        await world.relayed()
        before = fences._value.get()
        # Somebody takes over without this process being told, as after a freeze.
        await world.pool.execute("update checkpoints set epoch = epoch + 1 where partition = 0")
        await world.send(COMMANDS, adds(world.place, counter, [1]))

        async def fenced() -> bool:
            return bool(fences._value.get() > before)

        await until(fenced)
        assert decider.loop.owned(COMMANDS.name).keys() == {1}
        assert await world.pool.fetchval("select count(*) from events where partition = 0") == 1
        assert await world.pool.fetchval("select next_offset from checkpoints where partition = 0") == 1
        # Nobody else comes: after a while it joins the group anew, and goes on.
        await world.settled("counter", COMMANDS, {0: 2}, within=60)
        await world.relayed()
    assert totals(await world.events(), counter) == [1, 2]


async def test_a_commit_whose_acknowledgement_was_lost_is_no_fence(world: World) -> None:
    counter = a_counter()
    async with deciding(world) as decider:
        await world.send(COMMANDS, adds(world.place, counter, [1, 1]))
        await world.settled("counter", COMMANDS, {0: 2})
        await until(lambda: _owns(decider, 0))
        # As if the process had not heard of its last commit.
        owned = decider.loop._ownership._owned
        owned[next(p for p in owned if p.partition == 0)].position = Position(0, 1)
        await world.send(COMMANDS, adds(world.place, counter, [1]))
        await world.settled("counter", COMMANDS, {0: 3}, within=8)
        await world.relayed()
    assert totals(await world.events(), counter) == [1, 2, 3]


async def test_a_relay_that_is_cut_off_comes_round_and_one_that_hangs_is_seen(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "STALE_S", 3.0)
    async with deciding(world) as decider:
        await until(lambda: _owns(decider, 0))
        world.wire.cut = True
        await world.send(COMMANDS, adds(world.place, a_counter(), [1]))

        async def waits() -> bool:
            return world.wire.refused > 5

        await until(waits)
        assert service.unready([decider.loop, decider.relay]) == {}
        world.wire.cut, world.wire.hangs = False, True

        async def seen() -> bool:
            return list(service.unready([decider.loop, decider.relay])) == ["counter-relay"]

        await until(seen)


async def _owns(decider: object, partition: int) -> bool:
    return partition in decider.loop.owned(COMMANDS.name)  # type: ignore[attr-defined]


async def test_an_owner_that_freezes_in_its_transaction_holds_its_row_for_five_seconds_at_most(world: World) -> None:
    async with deciding(world):
        await world.send(COMMANDS, adds(world.place, a_counter(), [1]))
        await world.settled("counter", COMMANDS, {0: 1})
    async with world.pool.acquire() as frozen:
        await frozen.execute("begin")
        await frozen.execute("update checkpoints set next_offset = 99 where partition = 0")
        started = asyncio.get_running_loop().time()
        await world.send(COMMANDS, adds(world.place, a_counter(), [1]))
        async with a_world(world.place) as other, deciding(other):
            await other.settled("counter", COMMANDS, {0: 2})
        assert asyncio.get_running_loop().time() - started < 15
    assert await world.pool.fetchval("select count(*) from events where partition = 0") == 2  # the pool has healed


async def test_a_connection_that_breaks_in_the_middle_of_the_work_is_an_outage_and_parks_nothing(world: World) -> None:
    counter = a_counter()
    async with deciding(world):
        for _ in range(5):
            await world.send(COMMANDS, adds(world.place, counter, [1, 1, 1]))
            await world.place.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and pid <> pg_backend_pid()"
            )
        await world.settled("counter", COMMANDS, {0: 15})
        await world.relayed()
    events = totals(await world.events(), counter)
    assert sorted(set(events)) == list(range(1, 16))
    firsts = list(dict.fromkeys(events))
    assert firsts == sorted(firsts)
    assert await world.parked() == []
    assert Counter(row["seq"] for row in await world.pool.fetch("select seq from events")).most_common(1)[0][1] == 1
    assert EVENTS.partitions == 2
