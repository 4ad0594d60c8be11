"""Telemetry of long work, on a topic that is kept an hour. Never a fact: nothing is built from it."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from docward.events.messages import Event


class ProgressReported(Event):
    document_id: UUID
    version: int
    stage: str
    """`converting` or `analyzing`."""
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    unit: str
    """`pages`, `checks`, …"""
