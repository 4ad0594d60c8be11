"""The supervisor with stub services in the place of Docward's own."""

from __future__ import annotations

import sys
from pathlib import Path

from docward.localstack.environment import SERVICES
from docward.localstack.supervisor import main

STUB = [sys.executable, str(Path(__file__).with_name("stub_service.py"))]

if __name__ == "__main__":
    sys.exit(main(commands=dict.fromkeys(SERVICES, STUB)))
