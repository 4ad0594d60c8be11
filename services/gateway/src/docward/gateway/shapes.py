"""Shapes of what callers send."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator


class Sent(BaseModel):
    """A body or a query. A misspelt name is an error, never ignored."""

    model_config = ConfigDict(extra="forbid")


class SentPart(Sent):
    """What is given is changed; something has to be."""

    @model_validator(mode="after")
    def of_something(self) -> SentPart:
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise ValueError(f"names nothing to change: give one of {', '.join(type(self).model_fields)}")
        return self
