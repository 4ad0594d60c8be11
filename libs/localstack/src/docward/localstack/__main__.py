"""`python -m docward.localstack` fetches what a start needs from the network and prepares for quick starts."""

from __future__ import annotations

import sys

from docward.localstack.errors import LocalStackError
from docward.localstack.jars import ensure_jars
from docward.localstack.warmup import record_archive


def _report(message: str) -> None:
    print(message, flush=True)  # noqa: T201  # a command says what it does


def main() -> int:
    try:
        ensure_jars(_report)
        record_archive(_report)
    except LocalStackError as error:
        print(error, file=sys.stderr)  # noqa: T201  # as above
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
