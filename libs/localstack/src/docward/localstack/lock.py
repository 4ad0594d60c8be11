"""Writes `kafka.lock` anew: `python -m docward.localstack.lock [VERSION]`.

Resolves the closure of Kafka's server and tools through jgo (about half a minute), fetches every jar and records its
coordinate and SHA-256. To be run when the version of Kafka is raised, and its result committed.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.config import GlobalSettings
from jgo.maven import MavenContext

from docward.localstack.jars import LOCK_NAME, Jar, fetch_from_maven, sha256_of

KAFKA_VERSION = "4.3.1"
SLF4J_VERSION = "1.7.36"  # the logger that fits the slf4j-api of Kafka 4.3

_HEADER = "# The closure of Kafka's server and tools. Written by: python -m docward.localstack.lock\n"


def closure(kafka_version: str, cache: Path) -> list[Jar]:
    """Every jar that the broker and the tools need, without checksums, in order."""
    context = MavenContext(repo_cache=cache, remote_repos=GlobalSettings.load().repositories or None, timeout=60)
    roots = [
        f"org.apache.kafka:kafka_2.13:{kafka_version}",
        f"org.apache.kafka:kafka-tools:{kafka_version}",
        f"org.slf4j:slf4j-simple:{SLF4J_VERSION}",
    ]
    inputs, transitive = context.resolver.resolve([context.create_dependency(root) for root in roots])
    found = {(d.groupId, d.artifactId, d.version) for d in [*inputs, *transitive]}
    return [Jar(*coordinate, sha256="") for coordinate in sorted(found)]


def lock_text(jars: list[Jar], cache: Path) -> str:
    """The text of the lock for these jars, which are fetched into the cache."""
    with ThreadPoolExecutor(8) as pool:
        sums = pool.map(lambda jar: sha256_of(fetch_from_maven(jar, cache)), jars)
    return _HEADER + "".join(f"{jar.coordinate} {sha256}\n" for jar, sha256 in zip(jars, sums, strict=True))


def main(arguments: list[str]) -> int:
    version = arguments[0] if arguments else KAFKA_VERSION
    target = Path(__file__).with_name(LOCK_NAME)
    with tempfile.TemporaryDirectory() as folder:
        jars = closure(version, Path(folder))
        target.write_text(lock_text(jars, Path(folder)))
    sys.stdout.write(f"{target}: {len(jars)} jars\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
