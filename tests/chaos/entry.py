"""How the runner's processes begin: a real service, with a point laid in its way or broken on purpose if so asked.

They are forked from a server that has imported everything, so that hundreds of them can be started in a short run.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Mapping
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

from chaos import mutants, points
from docward.analyzer import app as analyzer
from docward.analyzer.settings import AnalyzerSettings
from docward.converter import app as converter
from docward.converter.settings import ConverterSettings
from docward.gateway import app as gateway
from docward.gateway.settings import GatewaySettings
from docward.projector import app as projector
from docward.projector.settings import ProjectorSettings
from docward.runtime.jobs import JobPool
from docward.runtime.service import run
from docward.runtime.settings import load

LEASE_S = 4.0
"""Of a job: an abandoned one is taken up again within a run of seconds."""

TESTS = Path(__file__).parents[1]

_SERVICES: dict[str, tuple[Any, Any]] = {
    "converter": (converter.main, ConverterSettings),
    "analyzer": (analyzer.main, AnalyzerSettings),
    "projector": (projector.main, ProjectorSettings),
    "gateway": (gateway.main, GatewaySettings),
}


def forks() -> ForkServerContext:
    """Where processes come from: a server that has imported this module."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chaos.entry"])
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(TESTS)  # the server imports by its environment, not by our sys.path
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
    return context


def serve(
    service: str, environment: Mapping[str, str], log: Path, point: points.Point | None, mutant: mutants.Mutant | None
) -> None:
    """Be this service until told to stop."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: ends with the runner, however that ends
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    (JobPool.__init__.__kwdefaults__ or {})["lease_s"] = LEASE_S
    if mutant is not None:
        mutants.apply(mutant)
    if point is not None:
        points.lay(point)
    main, settings = _SERVICES[service]
    loaded = load(settings)
    run(lambda stopping: main(loaded, stopping))
