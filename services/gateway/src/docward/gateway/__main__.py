"""`python -m docward.gateway`."""

from __future__ import annotations

from docward.gateway.app import main
from docward.gateway.settings import GatewaySettings
from docward.runtime.service import run
from docward.runtime.settings import load

if __name__ == "__main__":
    settings = load(GatewaySettings)
    run(lambda stopping: main(settings, stopping))
