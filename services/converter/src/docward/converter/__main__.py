"""`python -m docward.converter`."""

from __future__ import annotations

from docward.converter.app import main
from docward.converter.settings import ConverterSettings
from docward.runtime.service import run
from docward.runtime.settings import load

if __name__ == "__main__":
    settings = load(ConverterSettings)
    run(lambda stopping: main(settings, stopping))
