"""A burst, in its brief form: what `make bench` measures for half a minute."""

from __future__ import annotations

from pathlib import Path

from bench.burst import burst, goals
from docward.localstack.stack import Stack


async def test_a_burst_is_worked_off_in_time_in_bounded_memory_and_no_partition_changes_hands(
    servers: Stack, tmp_path: Path
) -> None:
    found = await burst(servers, tmp_path, seed=1, seconds=1, backlog=100)
    assert found["burst_per_s"] > 5 * found["usual_per_s"] > 0
    assert [text for text, reached, most in goals(found) if reached > most] == [], found
