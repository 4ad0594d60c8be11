"""Settings of a service: one frozen object, read once from `DOCWARD_…` variables (nested by `__`) and passed down."""

from __future__ import annotations

import socket
import sys
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from docward.events.actor import Keyring, Signer

PLACEHOLDERS = {"", "changeme", "change-me", "secret", "password", "xxx"}


def _hex_key(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text.lower() in PLACEHOLDERS:
        raise ValueError("is a placeholder: set a key of 32 bytes in hex (openssl rand -hex 32)")
    try:
        long_enough = len(bytes.fromhex(text)) >= 32
    except ValueError:
        long_enough = False
    if not long_enough:
        raise ValueError("must be at least 32 bytes in hex (openssl rand -hex 32)")
    return value


HexKey = Annotated[SecretStr, AfterValidator(_hex_key)]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kafka(Part):
    bootstrap_servers: str
    topic_prefix: str = ""
    """Stands before every topic and group name, so that several installations can share a cluster."""
    replication_factor: int | None = Field(default=None, ge=1)
    """Of topics that are created; None: three, or as many as there are brokers."""
    session_timeout_ms: int = 45_000


class Postgres(Part):
    dsn: SecretStr
    pool_size: int = 8


class Objects(Part):
    url: str
    """`file:///…`, `s3://…`, `gs://…` or `az://…`."""


class Http(Part):
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)


class Signing(Part):
    key_id: str
    key: HexKey


class Telemetry(Part):
    otlp_endpoint: str | None = None
    log_level: str = "INFO"


class Settings(BaseSettings):
    """What every service needs. `keyring` holds the keys of all senders that it believes, itself included."""

    model_config = SettingsConfigDict(
        env_prefix="DOCWARD_", env_nested_delimiter="__", frozen=True, extra="ignore", secrets_dir=None
    )

    kafka: Kafka
    postgres: Postgres
    objects: Objects
    http: Http
    signing: Signing
    keyring: dict[str, HexKey]
    telemetry: Telemetry = Telemetry()
    instance: str = Field(default_factory=socket.gethostname)
    """Names this replica, and names it again after a restart: it then gets its partitions back at once."""

    @model_validator(mode="after")
    def _believes_itself(self) -> Self:
        if self.keyring.get(self.signing.key_id) != self.signing.key:
            raise ValueError("DOCWARD_KEYRING holds no such key as DOCWARD_SIGNING__KEY under DOCWARD_SIGNING__KEY_ID")
        return self

    def signer(self) -> Signer:
        return Signer(self.signing.key_id, bytes.fromhex(self.signing.key.get_secret_value()))

    def keys(self) -> Keyring:
        return {key_id: bytes.fromhex(key.get_secret_value()) for key_id, key in self.keyring.items()}


S = TypeVar("S", bound=Settings)


def load(cls: type[S]) -> S:
    """The settings from the environment; or one message that names every problem, and exit status 2."""
    try:
        return cls()
    except ValidationError as error:
        problems = [
            f"{name}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False, include_input=False)
            for name in _variables(cls, item["loc"])
        ]
    except SettingsError as error:  # a value of several parts is no JSON
        problems = [str(error)]
    sys.stderr.write("Settings are missing or wrong:\n" + "".join(f"  {problem}\n" for problem in problems))
    raise SystemExit(2)


def _variables(cls: type[Settings], place: tuple[int | str, ...]) -> list[str]:
    """The variables behind a place; of a part that is missing whole, those that it cannot do without."""
    name = "__".join(["DOCWARD", *(str(part).upper() for part in place)]).replace("__", "_", 1)
    part = cls.model_fields[str(place[0])].annotation if len(place) == 1 else None
    if isinstance(part, type) and issubclass(part, Part):
        return [f"{name}__{field.upper()}" for field, info in part.model_fields.items() if info.is_required()]
    return [name]
