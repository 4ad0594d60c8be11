"""JSON Schemas of every type, as committed under `libs/events/schemas/<type>.v<N>.json`.

`python -m docward.events.schemas DIRECTORY` writes them; a released schema is frozen, so a difference is a new version.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from docward.events.findings import AnalysisReport
from docward.events.ir import Ir
from docward.events.topics import message_types


def schemas() -> dict[str, dict[str, Any]]:
    """File name to schema: every message, and the objects that messages refer to."""
    found = {f"{cls.TYPE}.v{cls.VERSION}.json": cls.model_json_schema(mode="validation") for cls in message_types()}
    found["ir.v1.json"] = Ir.model_json_schema(mode="validation")
    found["report.v1.json"] = AnalysisReport.model_json_schema(mode="validation")
    return found


def rendered(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def write(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (directory / name).write_text(rendered(schema), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
