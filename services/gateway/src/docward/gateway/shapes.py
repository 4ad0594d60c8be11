"""Shapes of what callers send."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Sent(BaseModel):
    """A body or a query. A misspelt name is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")
