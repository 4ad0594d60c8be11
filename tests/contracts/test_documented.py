"""What the documents say about figures, names and signatures is what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from aiokafka.partitioner import murmur2

from contracts.golden import TYPES
from docward.cli import codes
from docward.events.actor import Statement, verify
from docward.events.codec import MAX_ATTRIBUTE
from docward.events.messages import Actor
from docward.events.releases import Rule
from docward.events.topics import DAY_MS, FOREVER, KIB, TOPICS, Topic
from docward.runtime import parking
from docward.runtime.parking import MESSAGE_LIMIT, Reason
from docward.runtime.service import EXIT_FROZEN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "contracts" / "README.md").read_text(encoding="utf-8")


def rows(after: str, page: str = PAGE) -> list[list[str]]:
    """The cells of the first table after a heading, without its head."""
    table = re.search(r"(?:^\|.*\n)+", page.partition(after)[2], re.MULTILINE)
    assert table
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in table[0].splitlines()[2:]]


def kept(topic: Topic) -> str:
    if topic.retention_ms == FOREVER:
        return "for ever"
    return "1 hour" if topic.retention_ms < DAY_MS else f"{topic.retention_ms // DAY_MS} days"


def test_the_table_of_topics_is_complete() -> None:
    assert rows("## Topics") == [
        [
            topic.name,
            ", ".join(topic.producers),
            ", ".join(topic.consumers) or "–",
            str(topic.partitions),
            kept(topic),
            f"{topic.max_bytes // KIB} KiB",
        ]
        for topic in TOPICS
    ]


def test_the_table_of_types_is_complete() -> None:
    documented = {name: re.findall(r"[a-z-]+", types) for name, types in rows("build nothing from it.")}
    assert documented == {topic.name: [cls.TYPE for cls in topic.types] for topic in TOPICS if topic.types}
    assert {name for names in documented.values() for name in names} == {cls.TYPE for cls in TYPES}


def test_the_partitions_are_those_of_kafkas_clients() -> None:
    for key, number, partition in rows("## Keys and partitions"):
        assert murmur2(key.encode()) & 0xFFFFFFFF == int(number)
        assert (murmur2(key.encode()) & 0x7FFFFFFF) % 6 == int(partition)


def test_the_signing_walk_through_is_true() -> None:
    body, payload, protected = re.findall(r"```json\n(.*)\n```", PAGE)
    token = re.findall(r"```text\n(.*)\n```", PAGE)[0]
    said = json.loads(payload)
    del said["sha256"]
    statement = Statement(**said, body=body.encode())
    assert statement.payload().decode() == payload
    actor = Actor.model_validate(json.loads(protected)["actor"])
    assert verify(token, statement, {"example": bytes(range(32))}) == actor


def test_every_rejection_code_is_documented_and_no_other() -> None:
    sources = [*(ROOT / "services").rglob("*.py"), *(ROOT / "libs" / "runtime").rglob("*.py")]
    used = {code for path in sources for code in re.findall(r'\bRejected\(\s*"([a-z-]+)"', path.read_text("utf-8"))}
    assert len(used) > 10
    assert {row[0] for row in rows("## Rejections")} == used


def test_the_park_reasons_are_documented() -> None:
    assert [row[0] for row in rows("There is no stack trace")] == list(get_args(Reason))


def test_the_dead_letter_headers_are_documented() -> None:
    source = Path(parking.__file__).read_text(encoding="utf-8")
    assert {row[0] for row in rows("## Dead letters")} == set(re.findall(r'"(dlq-[a-z-]+)"', source))


def test_the_rules_of_compatibility_are_documented() -> None:
    named = {name.strip(" `") for row in rows("who deploys first.") for name in row[0].split(",")}
    assert named == {rule for part in get_args(Rule) for rule in get_args(part)}


@pytest.mark.parametrize("stated", [f"{MAX_ATTRIBUTE // KIB} KiB each", f"at most {MESSAGE_LIMIT} characters"])
def test_the_limits_are_stated(stated: str) -> None:
    assert stated in PAGE


def test_the_metrics_are_documented() -> None:
    page = (ROOT / "docs" / "operations" / "README.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "services").rglob("*.py"), *(ROOT / "libs" / "runtime").rglob("*.py")]
    declared = [re.findall(r'\b(?:Counter|Gauge|Histogram)\(\s*"(\w+)"', path.read_text("utf-8")) for path in sources]
    assert {row[0] for row in rows("## Metrics", page)} == {name for names in declared for name in names}


def test_the_exit_codes_are_documented() -> None:
    page = (ROOT / "docs" / "operations" / "README.md").read_text(encoding="utf-8")
    used = {value for name, value in vars(codes).items() if name.isupper() and isinstance(value, int)}
    assert {int(row[0]) for row in rows("Of the `docward` command:", page)} == used
    assert str(EXIT_FROZEN) in {row[0] for row in rows("Of a service:", page)}


def test_links_of_the_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
        if not (page.parent / link).exists()
    ]
    broken += [
        f"{page.relative_to(ROOT)}: {path}"
        for page in pages
        for path in re.findall(r"`((?:tests|libs|docs|services)/[\w/.-]+)`", page.read_text(encoding="utf-8"))
        if not (ROOT / path).exists()
    ]
    assert broken == []
