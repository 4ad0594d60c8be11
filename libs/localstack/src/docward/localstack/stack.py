"""Kafka and Postgres, started together or found running.

    stack = start_stack(Path(".docward"), durable=True)
    stack.kafka_bootstrap, stack.postgres_dsn
    stack.stop()

A second call with the same folder finds the running servers; after a crash it repairs what is left. Where
DOCWARD_KAFKA__BOOTSTRAP_SERVERS and DOCWARD_POSTGRES__DSN are set, those servers are used and nothing is started,
stopped or removed.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from docward.localstack.errors import LocalStackError, Report
from docward.localstack.kafka import kafka_nodes
from docward.localstack.postgres import Postgres
from docward.localstack.servers import Server
from docward.localstack.state import State, exclusive

KAFKA_VARIABLE = "DOCWARD_KAFKA__BOOTSTRAP_SERVERS"
POSTGRES_VARIABLE = "DOCWARD_POSTGRES__DSN"


@dataclass(frozen=True)
class Stack:
    """The addresses of the servers, and a handle on each that belongs to the data folder (none for external ones)."""

    data_dir: Path
    kafka_bootstrap: str
    postgres_dsn: str = field(repr=False)  # holds the password
    servers: dict[str, Server] = field(default_factory=dict)
    started: tuple[str, ...] = ()
    """Names of the servers that this call started; the others ran before."""

    @property
    def external(self) -> bool:
        return not self.servers

    def stop(self) -> None:
        """Stop the servers, Postgres last; their data stay."""
        if self.servers:
            with exclusive(_lock_file(self.data_dir)):
                self._stop_all()

    def remove(self) -> None:
        """Stop the servers and remove their data, wherever these lie, ports and passwords included."""
        if not self.servers:
            return
        with exclusive(_lock_file(self.data_dir)):
            self._stop_all()
            for server in self.servers.values():
                server.remove_data()
            _state_file(self.data_dir).unlink(missing_ok=True)

    def _stop_all(self) -> None:
        brokers = [server for name, server in self.servers.items() if name.startswith("kafka")]
        with ThreadPoolExecutor(max(1, len(brokers))) as pool:
            list(pool.map(lambda broker: broker.stop(), brokers))
        for server in self.servers.values():
            server.stop()


def start_stack(
    data_dir: Path, *, durable: bool = True, brokers: int = 1, report: Report = lambda _: None, fast_start: bool = True
) -> Stack:
    """Start what does not run yet and return when all of it is ready.

    `durable=False` lets Postgres lose data when the machine fails, for tests. `brokers=3` replicates three times, with
    two in sync. `fast_start=False` gives Kafka its optimising compiler, for benchmarks. Raises LocalStackError.
    """
    external = external_stack(data_dir)
    if external is not None:
        report(f"using the servers that {KAFKA_VARIABLE} and {POSTGRES_VARIABLE} name")
        return external
    data_dir = data_dir.resolve()
    with exclusive(_lock_file(data_dir)):
        stack = _plan(
            data_dir, durable=durable, brokers=brokers, report=report, fast_start=fast_start, choose_ports=True
        )
        wanted = [server for server in stack.servers.values() if not server.running]
        if wanted:
            report("starting " + ", ".join(server.name for server in wanted))
        with contextlib.ExitStack() as undo:
            for server in wanted:
                undo.callback(server.stop)
            with ThreadPoolExecutor(len(stack.servers)) as pool:
                list(pool.map(lambda server: server.start(), stack.servers.values()))
            undo.pop_all()
        started = tuple(server.name for server in wanted)
        return Stack(data_dir, stack.kafka_bootstrap, stack.postgres_dsn, stack.servers, started)


def find_stack(data_dir: Path) -> Stack | None:
    """The external servers, or the servers of this folder while all of them run; starts nothing."""
    stack = external_stack(data_dir) or known_stack(data_dir)
    return stack if stack and all(server.running for server in stack.servers.values()) else None


def known_stack(data_dir: Path) -> Stack | None:
    """The servers that this folder was started with, whether they run or not."""
    data_dir = data_dir.resolve()
    state = State(_state_file(data_dir))
    kept = state.get("kafka")
    if "ports" not in state.get("postgres"):  # chosen last: a start was cut off before it started anything
        return None
    return _plan(
        data_dir, durable=True, brokers=kept["brokers"], report=lambda _: None, fast_start=True, choose_ports=False
    )


def external_stack(data_dir: Path = Path(".docward")) -> Stack | None:
    """The servers that the environment names, if it names both; one without the other is an error."""
    kafka, postgres = os.environ.get(KAFKA_VARIABLE), os.environ.get(POSTGRES_VARIABLE)
    if bool(kafka) != bool(postgres):
        raise LocalStackError(f"set both {KAFKA_VARIABLE} and {POSTGRES_VARIABLE}, or neither")
    return Stack(data_dir.resolve(), kafka, postgres) if kafka and postgres else None


def _plan(
    data_dir: Path, *, durable: bool, brokers: int, report: Report, fast_start: bool, choose_ports: bool
) -> Stack:
    """The servers of the folder, found or to be started; writes nothing unless it may choose ports."""
    state = State(_state_file(data_dir))
    cluster, nodes = kafka_nodes(brokers, data_dir, state, report, fast_start=fast_start, choose_ports=choose_ports)
    postgres = Postgres(data_dir, state, report, durable=durable, choose_ports=choose_ports)
    servers: dict[str, Server] = {server.name: server for server in (*nodes, postgres)}
    return Stack(data_dir, cluster.bootstrap, postgres.dsn, servers)


def _state_file(data_dir: Path) -> Path:
    return data_dir / "stack.json"


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "stack.lock"
