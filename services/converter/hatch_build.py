"""Builds what is written in C, where there is a compiler; without one the package is whole, and slower.

`CC` names another compiler than Python's own; `CC=` (empty) builds nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "src/docward/converter/conversion/pdf/_objects.c"
FLAGS = ("-std=c11", "-O2", "-fPIC", "-ffp-contract=off", "-Wall", "-Wextra")
"""Without contraction, so that sums are rounded as Python rounds them."""


class ObjectsBuildHook(BuildHookInterface):  # type: ignore[misc]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable install finds what is built beside its source; a wheel takes it from a folder of its own."""
        source = Path(self.root, SOURCE)
        name = f"{source.stem}{sysconfig.get_config_var('EXT_SUFFIX')}"
        self._folder = source.parent if version == "editable" else Path(tempfile.mkdtemp())
        built = self._folder / name
        built.unlink(missing_ok=True)
        if failure := _compile(source, built):
            self.app.display_warning(f"{source.name} is not built, PDF pages will be read more slowly: {failure}")
            return
        build_data["pure_python"], build_data["infer_tag"] = False, True
        if version != "editable":
            build_data["force_include"][str(built)] = str(Path(SOURCE).relative_to("src").with_name(name))

    def finalize(self, version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        if version != "editable":
            shutil.rmtree(self._folder, ignore_errors=True)


def _compile(source: Path, built: Path) -> str:
    """Why it was not built; empty if it was."""
    own, *linking = shlex.split(sysconfig.get_config_var("LDSHARED") or "cc -shared")
    wanted = shlex.split(os.environ.get("CC", own if shutil.which(own) else "cc"))
    if not wanted or shutil.which(wanted[0]) is None:
        return "there is no C compiler"
    headers = f"-I{sysconfig.get_path('include')}"
    command = [*wanted, *linking, *FLAGS, headers, str(source), "-o", str(built), "-lm"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if ran.returncode == 0 else f"{wanted[0]} ended with {ran.returncode}: {ran.stderr.strip()[-500:]}"
