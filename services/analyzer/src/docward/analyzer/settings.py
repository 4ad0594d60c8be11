"""Settings of the analyzer."""

from __future__ import annotations

from pydantic import Field

from docward.runtime.settings import Part, Settings


class Analysis(Part):
    concurrency: int = Field(default=2, ge=1, le=64)
    """Analyses at once, each in a process of its own."""
    seconds: float = Field(default=300.0, gt=0)
    """Of one analysis; then its process is ended, and the analysis has failed."""


class AnalyzerSettings(Settings):
    analysis: Analysis = Analysis()
