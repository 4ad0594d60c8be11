"""Halves the time that Kafka takes to start: the classes of one start are kept for the next ones.

The JRE records them when told to (an AOT cache, about 65 MB beside the jars). A JRE or a jar that changes makes it pass
the archive over, so it can be missing or stale without harm.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from docward.localstack.errors import Report
from docward.localstack.kafka import archive_file, kafka_nodes
from docward.localstack.state import State


def record_archive(report: Report) -> None:
    """Start and stop a Kafka of no consequence and keep what it loaded; nothing to do when that was done before."""
    target = archive_file()
    if target.exists():
        return
    report("recording one start of Kafka, so that the next ones take half the time")
    with tempfile.TemporaryDirectory() as folder:
        state = State(Path(folder) / "stack.json")
        _, (node,) = kafka_nodes(1, Path(folder), state, report, fast_start=True, choose_ports=True)
        node.recording = target.with_suffix(f".{os.getpid()}")
        node.grace = 120.0  # the archive is written at the end, in 3 to 10 s
        try:
            node.start()
        finally:
            node.stop()
        if node.recording.exists():
            node.recording.replace(target)
