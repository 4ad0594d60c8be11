"""`python -m docward.projector`."""

from __future__ import annotations

from docward.projector.app import main
from docward.projector.settings import ProjectorSettings
from docward.runtime.service import run
from docward.runtime.settings import load

if __name__ == "__main__":
    settings = load(ProjectorSettings)
    run(lambda stopping: main(settings, stopping))
