"""Settings of the gateway."""

from __future__ import annotations

from pydantic import Field

from docward.runtime.settings import Part, Settings


class Uploads(Part):
    max_bytes: int = Field(default=50 * 1024 * 1024, ge=1)
    """Of one file, to the byte."""


class GatewaySettings(Settings):
    uploads: Uploads = Uploads()
