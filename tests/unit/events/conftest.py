"""A signed record to start from, and the parts of it that tests replace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from docward.events.actor import Signer
from docward.events.codec import Envelope, Record, encode
from docward.events.documents import SubmitDocument
from docward.events.messages import Actor, Message, ObjectRef, stream_id

KEY = UUID("3f0a7c1e-5b7d-5c42-9a53-2f6f0f9b8d11")
SIGNER = Signer("gateway", b"a key of the tests, 32 bytes long")


@pytest.fixture
def signer() -> Signer:
    return SIGNER


@pytest.fixture
def keyring() -> dict[str, bytes]:
    return {SIGNER.key_id: SIGNER.key}


@pytest.fixture
def envelope() -> Envelope:
    return Envelope(
        id=UUID("018f6b2e-0000-7000-8000-000000000001"),
        type=SubmitDocument.TYPE,
        source="/docward/gateway",
        time=datetime(2026, 10, 12, 8, 31, 0, 123456, tzinfo=UTC),
        subject=stream_id("document", KEY),
        key=KEY,
        correlation_id=UUID("018f6b2e-0000-7000-8000-000000000001"),
        actor=Actor(subject="mara.lindqvist", name="Mara Lindqvist", roles=("contributor",), groups=("équité",)),
    )


@pytest.fixture
def message() -> SubmitDocument:
    original = ObjectRef(uri="uploads/1", sha256="0" * 64, size=12, media_type="text/markdown")
    return SubmitDocument(title="Momentum", filename="momentum.md", original=original)


@pytest.fixture
def record_of(signer: Signer) -> Callable[[Envelope, Message], Record]:
    """A message as it arrives."""

    def made(envelope: Envelope, message: Message) -> Record:
        encoded = encode(envelope, message, signer)
        return Record("document-commands", 3, 41, 1_790_000_000_000, encoded.key, encoded.value, encoded.headers)

    return made


@pytest.fixture
def record(
    record_of: Callable[[Envelope, Message], Record], envelope: Envelope, message: SubmitDocument
) -> Callable[..., Record]:
    """The record of `message`, with parts replaced: `key=`, `value=`, and headers by `_`-names, None drops one."""
    whole = record_of(envelope, message)

    def made(headers: dict[str, bytes | None] | None = None, **parts: Any) -> Record:
        changed = dict(whole.headers) | (headers or {})
        kept = tuple((name, value) for name, value in changed.items() if value is not None)
        return whole._replace(headers=kept, **parts)

    return made
