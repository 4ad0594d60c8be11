"""Kafka's jars, exactly those of the committed lock.

`ensure_jars` gives the jars of `kafka.lock`: from the cache, and otherwise fetched into it. A jar whose SHA-256 differs
from the lock is refused, whether it was fetched or lay in the cache; once all are there no network is needed. The cache
lies outside the project: `$XDG_CACHE_HOME/docward/kafka/<version>`. Repositories that the user has configured
for jgo are honoured.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from docward.localstack.errors import ChecksumError, LocalStackError, Report

LOCK_NAME = "kafka.lock"
_KAFKA = "org.apache.kafka:kafka_2.13"
_THREADS = 8

Fetch = Callable[["Jar", Path], Path]
"""Brings one jar into the given empty folder and returns its file."""


@dataclass(frozen=True)
class Jar:
    """A Maven coordinate and the checksum that its file must have."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"

    @property
    def file_name(self) -> str:
        # With the group, since two groups may use one artifact name.
        return f"{self.group}_{self.artifact}-{self.version}.jar"


def parse_lock(text: str) -> list[Jar]:
    """The jars of a lock: `group:artifact:version sha256` a line; blank lines and lines with # are skipped."""
    jars = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        coordinate, _, sha256 = line.strip().partition(" ")
        if coordinate.count(":") != 2 or len(sha256) != 64:
            raise LocalStackError(f"{LOCK_NAME}, line {number}: expected 'group:artifact:version sha256', not {line!r}")
        group, artifact, version = coordinate.split(":")
        jars.append(Jar(group, artifact, version, sha256))
    return jars


def locked_jars() -> list[Jar]:
    """The jars of the lock that this package brings."""
    return parse_lock(resources.files(__package__).joinpath(LOCK_NAME).read_text())


def kafka_version(jars: Iterable[Jar]) -> str:
    return next(jar.version for jar in jars if jar.coordinate.startswith(_KAFKA + ":"))


def cache_folder(version: str) -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "docward" / "kafka" / version


def ensure_jars(
    report: Report,
    jars: list[Jar] | None = None,
    folder: Path | None = None,
    fetch: Fetch | None = None,
) -> list[Path]:
    """The files of all jars, each with the checksum of the lock; what is missing is fetched, several at a time.

    Raises ChecksumError for a file that is not the locked one, LocalStackError when a jar cannot be had.
    """
    jars = locked_jars() if jars is None else jars
    folder = folder or cache_folder(kafka_version(jars))
    folder.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in jars if not (folder / jar.file_name).exists()]
    with ThreadPoolExecutor(_THREADS) as pool:
        if missing:
            report(f"fetching {len(missing)} of Kafka's {len(jars)} jars into {folder}")
            fetched = pool.map(lambda jar: _fetch_one(jar, folder, fetch or fetch_from_maven), missing)
            for done, jar in enumerate(fetched, start=1):
                report(f"fetched {done}/{len(missing)}: {jar.coordinate}")
        return list(pool.map(lambda jar: _checked(jar, folder / jar.file_name), jars))


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_from_maven(jar: Jar, folder: Path) -> Path:
    """One jar from the Maven repositories, through jgo."""
    # Imported when needed: a start from the cache does without it.
    from jgo.config import GlobalSettings  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    context = MavenContext(repo_cache=folder, remote_repos=GlobalSettings.load().repositories or None, timeout=60)
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    return Path(artifact.resolve())


def _fetch_one(jar: Jar, folder: Path, fetch: Fetch) -> Jar:
    # Into a folder of its own first: a fetch that is cut off leaves nothing that looks like a jar.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as partial:
        try:
            file = fetch(jar, Path(partial))
        except (OSError, RuntimeError) as error:  # requests' errors are OSErrors, jgo's "not found" a RuntimeError
            raise LocalStackError(
                f"cannot fetch {jar.coordinate} from the Maven repositories: {error}. The first start needs network;"
                f" later ones run from {folder}"
            ) from error
        _checked(jar, file)
        shutil.move(file, Path(partial) / jar.file_name)
        (Path(partial) / jar.file_name).replace(folder / jar.file_name)
    return jar


def _checked(jar: Jar, file: Path) -> Path:
    found = sha256_of(file)
    if found != jar.sha256:
        raise ChecksumError(
            f"refused {jar.coordinate}: its SHA-256 is {found}, {LOCK_NAME} wants {jar.sha256} (file: {file})."
            " Delete the file to fetch it again; if it differs again, the repository does not serve the locked jar"
        )
    return file
