"""`ce_actor`: a detached JWS (RFC 7515, HS256) that binds who asked to what was asked.

Protected header: `{"alg": "HS256", "kid": <key id>, "actor": {<claims>}}`. Payload, detached, so never sent twice: the
canonical JSON (sorted keys, no blanks) of the message's `id`, `source`, `subject`, `time`, `type` as they stand in its
headers, and the `sha256` of its body.
Any JOSE library makes and checks it; HS256 needs nothing but the standard library.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from binascii import b2a_base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pydantic_core import to_json

from docward.events.errors import BadSignatureError
from docward.events.messages import Actor

Keyring = Mapping[str, bytes]
"""Key id to secret: the senders that this service believes."""


class Statement(NamedTuple):
    """What is signed: the attributes as they are written in the headers, and the body."""

    id: str
    source: str
    subject: str
    time: str
    type: str
    body: bytes

    def payload(self) -> bytes:
        return to_json(
            {  # sorted
                "id": self.id,
                "sha256": hashlib.sha256(self.body).hexdigest(),
                "source": self.source,
                "subject": self.subject,
                "time": self.time,
                "type": self.type,
            }
        )


@dataclass(frozen=True, slots=True)
class Signer:
    key_id: str
    key: bytes

    def sign(self, actor: Actor, statement: Statement) -> str:
        protected = _protected(self.key_id, actor)
        return f"{protected}..{_mac(self.key, protected, statement.payload())}"


def claimed_actor(token: str) -> Actor:
    """Who the message says it is from, unverified. Raises BadSignatureError when it says nothing readable."""
    return _parsed(_parts(token)[0])[1]


def verify(token: str, statement: Statement, keyring: Keyring) -> Actor:
    """Who the message is from, proven. Raises BadSignatureError."""
    protected, signature = _parts(token)
    key_id, actor = _parsed(protected)
    key = keyring.get(key_id)
    if key is None:
        raise BadSignatureError(f"key {key_id!r} is not in the keyring")
    if not hmac.compare_digest(_mac(key, protected, statement.payload()).encode(), signature.encode(errors="replace")):
        raise BadSignatureError("the signature does not fit the message")
    return actor


@lru_cache(maxsize=4096)
def _protected(key_id: str, actor: Actor) -> str:
    header = {"actor": actor.model_dump(mode="json"), "alg": "HS256", "kid": key_id}
    return _b64(json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


@lru_cache(maxsize=4096)
def _parsed(protected: str) -> tuple[str, Actor]:
    try:
        header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
        if header["alg"] != "HS256":  # an allow-list of one: `none` and key confusion end here
            raise BadSignatureError("only HS256 is accepted")
        if "crit" in header:  # RFC 7515 §4.1.11: who does not know an extension that must be understood refuses
            raise BadSignatureError("extensions that must be understood are not supported")
        actor = Actor.model_validate(header["actor"])
        if any("\x00" in text for text in (actor.subject, actor.name, *actor.roles, *actor.groups)):
            raise BadSignatureError("a claim of ce_actor holds a NUL character")
        return str(header["kid"]), actor
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadSignatureError("the protected header of ce_actor cannot be read") from error


def _parts(token: str) -> tuple[str, str]:
    """The protected header, and the signature."""
    parts = token.split(".")
    if len(parts) != 3 or parts[1]:
        raise BadSignatureError("ce_actor is no detached JWS")
    return parts[0], parts[2]


def _mac(key: bytes, protected: str, payload: bytes) -> str:
    mac = _begun(key, protected).copy()
    mac.update(b2a_base64(payload, newline=False).translate(_URL_SAFE, b"="))
    return _b64(mac.digest())


@lru_cache(maxsize=4096)
def _begun(key: bytes, protected: str) -> hmac.HMAC:
    """The code of what all messages of a sender have in common, to be copied."""
    return hmac.new(key, f"{protected}.".encode(), "sha256")


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _b64(data: bytes) -> str:
    return b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode()
