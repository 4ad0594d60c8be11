"""The projector: one loop per read model and generation, each at its own position, all in one process.

Tables and views are there before the first record is read. Nothing is published but what had to be set aside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.resources import files

from docward.events.topics import PROJECTOR_DEAD_LETTERS, TOPICS
from docward.projector.filling import Filling
from docward.projector.projections import PROJECTIONS
from docward.projector.settings import ProjectorSettings
from docward.projector.switches import Switches
from docward.runtime.delivery import DeliveryLoop
from docward.runtime.generations import prepare_schemas
from docward.runtime.infrastructure import PROJECTING, Infrastructure, infrastructure, patiently
from docward.runtime.projections import Projection, projection_loop
from docward.runtime.recomputing import Recomputing
from docward.runtime.service import serve

SCHEMA = "projector"
"""Of positions and parked records; every read model has a schema of its own, and `read` holds the views."""


async def main(settings: ProjectorSettings, stopping: asyncio.Event) -> None:
    async with infrastructure("projector", settings, schema=SCHEMA, migrations=[PROJECTING], topics=TOPICS) as around:
        await patiently("postgres", lambda: prepare_schemas(around.pool, PROJECTIONS, views()))
        filling = Filling(PROJECTIONS, around, dead_letters=PROJECTOR_DEAD_LETTERS)
        filling.loops += [Recomputing(PROJECTIONS, around), Switches(PROJECTIONS, views(), around)]
        await serve(settings.http, filling.loops, [around.listener], stopping)


def views() -> str:
    return (files("docward.projector") / "views.sql").read_text(encoding="utf-8")


def loops(projections: Sequence[Projection], around: Infrastructure) -> list[DeliveryLoop]:
    """One per projection: each has its own pace, and is stopped and rebuilt alone."""
    return [projection_loop(projection, around, dead_letters=PROJECTOR_DEAD_LETTERS) for projection in projections]
