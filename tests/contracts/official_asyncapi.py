"""Judges the catalogue by AsyncAPI's own schema: `python tests/contracts/official_asyncapi.py`.

That schema is published as an npm package and by no Python package, so this needs npm and is run by hand, when
`asyncapi.py` changes; `test_asyncapi.py` holds the rules that matter here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from jsonschema import Draft7Validator

PACKAGE = "@asyncapi/specs@6.11.1"
INTEGRITY = "A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ=="
"""SHA-512 of the package, as npm states it."""
SCHEMA = "package/schemas/3.0.0.json"
DOCUMENT = Path(__file__).parents[2] / "docs" / "contracts" / "asyncapi.json"


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)  # noqa: S607 -- the npm of whoever runs it
        (package,) = Path(folder).glob("*.tgz")
        if base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode() != INTEGRITY:
            print(f"{PACKAGE} is not the package that was looked at", file=sys.stderr)
            return 2
        with tarfile.open(package) as archive:
            content = archive.extractfile(SCHEMA)
            assert content is not None
            schema = json.load(content)
    errors = list(Draft7Validator(schema).iter_errors(json.loads(DOCUMENT.read_bytes())))
    for error in errors:
        print(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    print(f"{DOCUMENT.name}: {len(errors)} errors by the schema of AsyncAPI 3.0.0")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
