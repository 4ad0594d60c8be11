"""Write `.env` for docker compose: `.env.example` with a fresh secret in place of each empty value.

Only its owner can read it. A `.env` that is there is kept: its keys have signed what is in the topics.
"""

from __future__ import annotations

import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def filled(example: str) -> str:
    return re.sub(r"(?m)^([A-Z][A-Z0-9_]*)=$", lambda line: f"{line[1]}={secrets.token_hex(32)}", example)


def main(root: Path = ROOT) -> int:
    target = root / ".env"
    text = filled((root / ".env.example").read_text(encoding="utf-8"))
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        sys.stderr.write(f"{target} is there already, and stays as it is.\n")
        return 1
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    sys.stdout.write(f"{target} is written.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
