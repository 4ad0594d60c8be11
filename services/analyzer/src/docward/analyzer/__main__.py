"""`python -m docward.analyzer`."""

from __future__ import annotations

from docward.analyzer.app import main
from docward.analyzer.settings import AnalyzerSettings
from docward.runtime.service import run
from docward.runtime.settings import load

if __name__ == "__main__":
    settings = load(AnalyzerSettings)
    run(lambda stopping: main(settings, stopping))
