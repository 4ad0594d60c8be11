"""A record of any released version reads as the newest one. Shown on a type of the tests, at its third version."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from contracts.golden import SIGNER, Golden
from docward.events.codec import Codec, body_of, verified_actor
from docward.events.errors import UndecodableError
from docward.events.messages import Event
from docward.events.upcasts import Body, Upcasts, upcast


class LimitChanged(Event):
    VERSION: ClassVar[int] = 3

    limit: Decimal
    currency: str
    changed_by: str


def _limit_changed_v1_to_v2(body: Body) -> Body:
    """Version 1 knew euros only."""
    return {**body, "currency": "EUR"}


def _limit_changed_v2_to_v3(body: Body) -> Body:
    """Version 2 called the person `user`."""
    return {"limit": body["limit"], "currency": body["currency"], "changed_by": body["user"]}


UPCASTS: Upcasts = {("limit-changed", 1): _limit_changed_v1_to_v2, ("limit-changed", 2): _limit_changed_v2_to_v3}
GOLDEN: dict[int, dict[str, Any]] = {
    1: {"limit": "250000.00", "user": "mara.lindqvist"},
    2: {"limit": "250000.00", "currency": "EUR", "user": "mara.lindqvist"},
    3: {"limit": "250000.00", "currency": "EUR", "changed_by": "mara.lindqvist"},
}
KEY = "3f0a7c1e-5b7d-5c42-9a53-2f6f0f9b8d11"


def golden(version: int, body: dict[str, Any]) -> Golden:
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "018f6b2e-0000-7000-8000-000000000001",
        "ce_type": "limit-changed",
        "ce_source": "/docward/tests",
        "ce_time": "2026-10-12T08:31:00.123456Z",
        "ce_subject": f"limit:{KEY}",
        "ce_dataversion": str(version),
        "content-type": "application/json",
    }
    return Golden(headers, KEY, body)


@pytest.mark.parametrize("version", GOLDEN)
def test_every_version_reads_as_the_newest(version: int) -> None:
    decoded = Codec([LimitChanged], UPCASTS).decode(golden(version, GOLDEN[version]).record())
    assert json.loads(body_of(decoded.message)) == GOLDEN[3]
    assert decoded.envelope.version == version
    assert verified_actor(decoded, {SIGNER.key_id: SIGNER.key})  # signed is what was sent, not what it became


def test_an_upcast_leaves_what_it_was_given_unchanged() -> None:
    before = json.dumps(GOLDEN)
    assert upcast("limit-changed", 1, 3, GOLDEN[1], UPCASTS) == GOLDEN[3]
    assert json.dumps(GOLDEN) == before


def test_an_older_body_may_hold_fields_that_nobody_knows() -> None:
    decoded = Codec([LimitChanged], UPCASTS).decode(golden(1, {**GOLDEN[1], "unknown": [1]}).record())
    assert json.loads(body_of(decoded.message)) == GOLDEN[3]


@pytest.mark.parametrize("version", [0, -1, 4, 99])
def test_a_version_that_nobody_released_is_undecodable(version: int) -> None:
    with pytest.raises(UndecodableError, match="version"):
        Codec([LimitChanged], UPCASTS).decode(golden(version, GOLDEN[3]).record())


@pytest.mark.parametrize("body", [b"[]", b"null", b"7", b"{}", b'{"limit": "1"}', b'{"limit":', b"\xef\xbb\xbf{}", b""])
@pytest.mark.parametrize("version", [1, 2])
def test_an_older_body_that_does_not_fit_is_undecodable(version: int, body: bytes) -> None:
    with pytest.raises(UndecodableError):
        Codec([LimitChanged], UPCASTS).decode(golden(version, {}).record(body=body))


@pytest.mark.parametrize("version", GOLDEN)
def test_every_version_is_read_from_the_same_bytes(version: int) -> None:
    """UTF-8 without byte order mark: an older version is no back door for what the newest one refuses."""
    text = json.dumps(GOLDEN[version])
    for encoded in (text.encode("utf-8-sig"), text.encode("utf-16"), text.encode("utf-32")):
        with pytest.raises(UndecodableError):
            Codec([LimitChanged], UPCASTS).decode(golden(version, {}).record(body=encoded))


def test_a_missing_step_is_undecodable() -> None:
    with pytest.raises(UndecodableError):
        Codec([LimitChanged], {("limit-changed", 2): _limit_changed_v2_to_v3}).decode(golden(1, GOLDEN[1]).record())
