"""What every command and event has in common: immutable values, a wire name, a version, tolerant reading."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any, ClassVar, Literal, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

DOCWARD = uuid5(NAMESPACE_URL, "https://docward.dev/ids")
"""Root of every derived id (RFC 9562 version 5), so that a repeated decision yields the same ids."""


class Value(BaseModel):
    """An immutable value. Unknown fields are ignored: a reader survives writers that are newer than itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Message(Value):
    """A command or an event. `TYPE` is its name on the wire, `VERSION` the version of its schema.

    Only the newest version of a type is a class; older versions are upcast when they are read (`upcasts`).
    """

    TYPE: ClassVar[str]
    VERSION: ClassVar[int] = 1

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.TYPE = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", cls.__name__).lower()


class Command(Message):
    """An intention. A mismatch of `expected_version` with the stream's version is rejected, naming the current one."""

    expected_version: int | None = Field(default=None, ge=0, le=2**31 - 1)


class Event(Message):
    """A fact. Recorded once, never changed."""


class CommandRejected(Event):
    """Version 1 of the stream `command:<command id>`: this command had no effect, and why."""

    command_id: UUID
    command_type: str
    code: str
    """Stable, kebab-case; part of the contract."""
    detail: str
    stream: str
    """The stream that the command was for."""
    current_version: int
    """Version of that stream when the command was decided; 0 = it does not exist."""


Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""Of a version or release: counted from 1, fits an integer column."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class ObjectRef(Value):
    """A claim check: where the bytes lie, and what they must hash to when they are read."""

    uri: str = Field(max_length=255, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$")
    """Relative to the object store's root, never an absolute address: a message cannot point outside the store."""
    sha256: Sha256
    size: int = Field(ge=0, le=2**63 - 1)
    media_type: str = Field(min_length=1, max_length=255)


class Actor(Value):
    """Who asked for it. Carried, signed, in `ce_actor`."""

    subject: str = Field(min_length=1, max_length=255)
    name: str = ""
    kind: Literal["user", "service", "job"] = "user"
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def has(self, role: str) -> bool:
        """An admin has every role."""
        return role in self.roles or "admin" in self.roles

    def manages(self, owner: str) -> bool:
        """May change, share, hand over and delete what is `owner`'s: the owner may, and an admin."""
        return self.subject == owner or self.has("admin")


class RepositoryRef(Value):
    """A policy repository, and which release of it; no release = the newest one when it is used."""

    repository_id: UUID
    release: Number | None = None


_UUID = TypeAdapter(UUID)
_to_uuid, _from_uuid = _UUID.validator.validate_python, _UUID.serializer.to_python


def as_uuid(text: str) -> UUID:
    """`UUID(text)`, several times faster where the text is written as usual."""
    try:
        return cast("UUID", _to_uuid(text))
    except ValidationError:
        return UUID(text)


def uuid_text(ident: UUID) -> str:
    """`str(ident)`, several times faster."""
    return cast("str", _from_uuid(ident, mode="json"))


def derived_id(*parts: object) -> UUID:
    """The id that follows from its parts: same parts, same id, on every attempt and in every process.

    It is `uuid5(DOCWARD, …)`, several times faster.
    """
    name = "\x1f".join([uuid_text(part) if type(part) is UUID else str(part) for part in parts])
    digest = hashlib.sha1(_ROOT + name.encode(), usedforsecurity=False).hexdigest()
    return as_uuid(f"{digest[:12]}5{digest[13:16]}{_VARIANT[digest[16]]}{digest[17:32]}")


_ROOT = DOCWARD.bytes
_VARIANT = {digit: f"{int(digit, 16) & 0x3 | 0x8:x}" for digit in "0123456789abcdef"}
"""The digit of a digest to the one that an id has in its place (RFC 9562, 4.1)."""


def stream_id(kind: str, aggregate_id: UUID) -> str:
    """`document:<uuid>`, `document-group:<uuid>`, `policy-repository:<uuid>`, `analysis:<document's or group's uuid>`
    or `command:<command's uuid>`."""
    return f"{kind}:{uuid_text(aggregate_id)}"
