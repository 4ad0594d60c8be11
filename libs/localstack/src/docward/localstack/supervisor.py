"""One process that starts the servers and the services, starts again what dies, and stops all of it in order.

    with Supervisor(data_dir, report=print) as supervisor:     # in the foreground
        supervisor.wait_ready(60)

`python -m docward.localstack.supervisor --data-dir DIR` does the same until SIGTERM or SIGINT; `docward up` runs that
detached. A lock keeps a second supervisor out of the folder. What happens is in `supervisor.json` (see `control`), and
whatever a killed supervisor left running is taken over (servers) or stopped (services) by the next one.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from docward.localstack.control import SERVICES_FILE, STATUS_FILE, StackStatus, read_status, stop_services
from docward.localstack.environment import SERVICES, load_secrets, preferred_port, service_environment
from docward.localstack.errors import LocalStackError, Report, StartTimeoutError, with_log
from docward.localstack.processes import Process
from docward.localstack.services import Service
from docward.localstack.stack import Stack, start_stack
from docward.localstack.state import State, exclusive, stable_ports, write_private

_TICK = 0.2  # seconds between two looks at a process
_LOOK_WHEN_READY = 2.0  # seconds between two health checks of a process that is ready
_HUNG_AFTER = 60.0  # seconds without an answer, after which a service is taken for hung


class Managed(Protocol):
    """What a watcher needs of a server or a service."""

    name: str
    port: int
    log_file: Path

    @property
    def pid(self) -> int | None: ...
    @property
    def running(self) -> bool: ...
    @property
    def started_at(self) -> float | None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def health(self) -> str: ...


class Backoff:
    """Half a second after the first death, doubled with each that follows soon, up to 30 s."""

    first, longest, forgotten_after = 0.5, 30.0, 60.0

    def __init__(self) -> None:
        self._delay = 0.0

    def after_death(self, lived: float) -> float:
        """Seconds to wait before a process that lived this long is started again."""
        if self._delay == 0.0 or lived >= self.forgotten_after:
            self._delay = self.first
        else:
            self._delay = min(self._delay * 2, self.longest)
        return self._delay


class Watcher:
    """Keeps one process running and knows its health. Stops watching, not the process, when told to."""

    def __init__(
        self,
        managed: Managed,
        report: Report,
        stopping: threading.Event,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.managed = managed
        self.health = "starting"
        self.restarts = 0
        self._report = report
        self._stopping = stopping
        self._clock = clock
        self._backoff = Backoff()
        self._started = clock()
        self._answered = self._looked = self._started
        self._thread = threading.Thread(target=self._watch, name=f"watch-{managed.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def join(self, timeout: float) -> None:
        """Wait until the watcher, told to stop, has finished what it is doing."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _watch(self) -> None:
        while not self._stopping.wait(_TICK):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001  # whatever prevents a start now may be gone at the next try
                self._report(f"{self.managed.name} could not be started: {error}")

    def look(self) -> None:
        """One look: start the process again if it has ended or hangs, else ask for its health when that is due."""
        if not self.managed.running:
            self._start_again()
            return
        now = self._clock()
        if self.health == "ready" and now - self._looked < _LOOK_WHEN_READY:
            return
        before, self.health, self._looked = self.health, self.managed.health(), now
        if self.health == "ready" and before != "ready":
            self._report(f"{self.managed.name} is ready (port {self.managed.port})")
        if self.health != "no answer":
            self._answered = now
        elif now - self._answered > _HUNG_AFTER:
            self._report(f"{self.managed.name} has not answered for {_HUNG_AFTER:.0f} s: stopping it")
            self.managed.stop()

    def _start_again(self) -> None:
        self.health = "down"
        delay = self._backoff.after_death(self._clock() - self._started)
        message = f"{self.managed.name} has ended; starting it again in {delay:g} s"
        self._report(with_log(message, self.managed.log_file) if delay > Backoff.first else message)
        if self._stopping.wait(delay):
            return
        self.restarts += 1
        self._started = self._answered = self._clock()
        self.managed.start()


class Supervisor:
    """Servers and services of one data folder, in this process. Not restartable: one start, one stop."""

    def __init__(
        self,
        data_dir: Path,
        *,
        durable: bool = True,
        brokers: int = 1,
        report: Report = lambda _: None,
        commands: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """`commands` replaces the services: command by name, each started with the service's environment."""
        self.data_dir = data_dir.resolve()
        self._durable, self._brokers, self._outer_report = durable, brokers, report
        self._commands: Mapping[str, Sequence[str] | None] = commands or dict.fromkeys(SERVICES)
        self._state = State(self.data_dir / SERVICES_FILE)
        self._held = contextlib.ExitStack()
        self._stopping = threading.Event()
        self._watchers: list[Watcher] = []
        self._services: list[Service] = []
        self._stack: Stack | None = None
        self._writer = threading.Thread(target=self._keep_status, name="status", daemon=True)
        self._written = threading.Event()
        self._phase, self._message = "starting", ""

    @property
    def stack(self) -> Stack:
        if self._stack is None:
            raise LocalStackError("the supervisor was not started")
        return self._stack

    def start(self) -> Stack:
        """Start servers and services; returns when the servers are ready and the services launched.

        Raises LocalStackError when another supervisor holds the folder, or a server does not start.
        """
        try:
            self._held.enter_context(exclusive(self.data_dir / "supervisor.lock", wait=False))
        except LocalStackError:
            raise LocalStackError(f"another supervisor runs the stack of {self.data_dir}") from None
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            for name in stop_services(self.data_dir):
                self._report(f"stopped {name}, which an earlier supervisor had left behind")
            self._writer.start()
            self._stack = start_stack(self.data_dir, durable=self._durable, brokers=self._brokers, report=self._report)
            self._services = self._prepared_services(self._stack)
            self._report("starting " + ", ".join(service.name for service in self._services))
            for service in self._services:
                service.start()
            managed: list[Managed] = [*self._stack.servers.values(), *self._services]
            self._watchers = [Watcher(each, self._report, self._stopping) for each in managed]
            for watcher in self._watchers:
                watcher.start()
            self._phase = "running"
            undo.pop_all()
        return self._stack

    def wait_ready(self, timeout: float) -> None:
        """Return when everything is ready; raise StartTimeoutError, naming what is not, after the time (seconds)."""
        deadline = time.monotonic() + timeout
        while waiting := [watcher for watcher in self._watchers if watcher.health != "ready"]:
            if time.monotonic() > deadline:
                named = ", ".join(f"{watcher.managed.name} ({watcher.health})" for watcher in waiting)
                message = f"not ready within {timeout:.0f} s: {named}"
                raise StartTimeoutError(with_log(message, waiting[0].managed.log_file))
            if self._stopping.wait(_TICK):
                raise LocalStackError("the supervisor was stopped before everything was ready")

    def status(self) -> StackStatus:
        """What `docward status` shows."""
        return StackStatus.from_content(self._content(), running=not self._stopping.is_set())

    def stop(self) -> None:
        """Stop the gateway, the other services, Kafka and Postgres, in this order."""
        self._phase = "stopping"
        self._stopping.set()
        for watcher in self._watchers:
            watcher.join(self._longest_start())
        gateways = [service for service in self._services if service.name == "gateway"]
        others = [service for service in self._services if service.name != "gateway"]
        for group in (gateways, others):
            if group:
                self._report("stopping " + ", ".join(service.name for service in group))
                with ThreadPoolExecutor(len(group)) as pool:
                    list(pool.map(lambda service: service.stop(), group))
        if self._stack is not None and not self._stack.external:
            self._report("stopping " + ", ".join(self._stack.servers))
            self._stack.stop()
        self._phase = "stopped"
        self._written.set()
        if self._writer.is_alive():
            self._writer.join()
        self._held.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepared_services(self, stack: Stack) -> list[Service]:
        secrets = load_secrets(self.data_dir)
        ports = {
            name: stable_ports(self._state, name, {"http": preferred_port(name)})["http"] for name in self._commands
        }
        logs = self.data_dir / "logs"
        (self.data_dir / "objects").mkdir(exist_ok=True)
        return [
            Service(
                name,
                port=ports[name],
                environment=service_environment(name, stack, ports, secrets),
                log_file=logs / f"{name}.log",
                state=self._state,
                command=command,
            )
            for name, command in self._commands.items()
        ]

    def _longest_start(self) -> float:
        # A watcher may be in the middle of starting its server again.
        return max((server.ready_within for server in self._stack.servers.values()), default=5.0) if self._stack else 5

    def _report(self, message: str) -> None:
        self._message = message
        self._outer_report(message)

    def _keep_status(self) -> None:
        me = Process.current().record()
        written: dict[str, Any] = {}
        done = False
        while not done:
            done = self._written.wait(_TICK)
            content = {"process": me, **self._content()}
            if content != written:
                write_private(self.data_dir / STATUS_FILE, content)
                written = content

    def _content(self) -> dict[str, Any]:
        return {
            "phase": self._phase,
            "message": self._message,
            "kafka": self._stack.kafka_bootstrap if self._stack else None,
            "processes": [
                {
                    "name": watcher.managed.name,
                    "pid": watcher.managed.pid,
                    "port": watcher.managed.port,
                    "health": watcher.health,
                    "started_at": watcher.managed.started_at,
                    "restarts": watcher.restarts,
                    "log": str(watcher.managed.log_file),
                }
                for watcher in self._watchers
            ],
        }


def run_until_signalled(supervisor: Supervisor) -> None:
    """Start everything, wait for SIGTERM, SIGINT or SIGHUP, and stop everything. To be called on the main thread."""
    signalled = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: signalled.set())
    with supervisor:
        signalled.wait()


def main(arguments: Sequence[str] | None = None, commands: Mapping[str, Sequence[str]] | None = None) -> int:
    """Run until signalled, with the log on standard output; returns the exit code."""
    parser = argparse.ArgumentParser(prog="docward.localstack.supervisor", description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--brokers", type=int, default=1, choices=(1, 3))
    options = parser.parse_args(arguments)

    def log(message: str) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
        print(f"{now} [{os.getpid()}] {message}", flush=True)  # noqa: T201  # its standard output is its log

    status = read_status(options.data_dir)
    if status.running:
        log(f"a supervisor runs already (pid {status.pid})")
        return 1
    try:
        run_until_signalled(Supervisor(options.data_dir, brokers=options.brokers, report=log, commands=commands))
    except LocalStackError as error:
        log(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
