"""Settings of the projector."""

from __future__ import annotations

from docward.runtime.settings import Settings


class ProjectorSettings(Settings):
    """Nothing but what every service needs."""
