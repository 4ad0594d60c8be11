"""The processes of a run: started, killed, frozen, thawed and counted."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

import httpx
import psutil  # type: ignore[import-untyped]  # ships no types

from chaos.entry import forks, serve
from chaos.mutants import Mutant
from chaos.points import EXIT_AT_POINT, Point
from installation import SERVICES, Installation, _free_ports, until

ONE, TWO = "one", "two"


@dataclass
class Crew:
    """Of one installation. `one` of every service is always there; others come and go."""

    place: Installation
    mutant: Mutant | None = None
    processes: dict[tuple[str, str], BaseProcess] = field(default_factory=dict)
    ports: dict[tuple[str, str], int] = field(default_factory=dict)
    former: list[BaseProcess] = field(default_factory=list)
    """Those that were replaced and still run."""
    kills: int = 0
    """Processes that ended without warning: by a signal, or at a point."""
    deaths: dict[str, int] = field(default_factory=dict)
    """Processes that ended by themselves, by service; their log says why."""

    def __post_init__(self) -> None:
        self._forks = forks()

    def start(self, service: str, instance: str = ONE, point: Point | None = None) -> None:
        port = self.place.ports[service] if instance == ONE else _free_ports(1)[0]
        self.ports[service, instance] = port
        environment = {
            **self.place.environment(service),
            "DOCWARD_INSTANCE": instance,
            "DOCWARD_HTTP__PORT": str(port),
        }
        log = self.place.folder / f"{service}.log"
        arguments = (service, environment, log, point, self.mutant)
        process = self._forks.Process(target=serve, args=arguments, name=f"{service}-{instance}")
        process.start()
        self.processes[service, instance] = process

    def start_all(self) -> None:
        for service in SERVICES:
            self.start(service)

    async def ready(self, within: float = 120) -> None:
        """Until every process says that it is."""
        async with httpx.AsyncClient() as client:

            async def answer() -> bool:
                self.keep_up(*SERVICES)
                try:
                    ports = [self.ports[each] for each in self.processes]
                    answers = [await client.get(f"http://127.0.0.1:{port}/health/ready") for port in ports]
                except httpx.TransportError:
                    return False
                return all(each.status_code == 200 for each in answers)

            await until(answer, within=within, every=0.1)

    def runs(self, service: str, instance: str = ONE) -> bool:
        process = self.processes.get((service, instance))
        return process is not None and process.is_alive()

    def kill(self, service: str, instance: str = ONE) -> None:
        """kill -9, whatever it does."""
        process = self.processes.pop((service, instance))
        if process.is_alive():
            self.kills += 1
        else:
            self._ended(service, process)
        process.kill()
        process.join(10)

    def succeed(self, service: str) -> BaseProcess:
        """Start another process under the name of one that runs; it is no longer the crew's."""
        first = self.processes.pop((service, ONE))
        self.former.append(first)
        self.start(service)
        return first

    def end_former(self, first: BaseProcess) -> None:
        """kill -9."""
        self.former.remove(first)
        self.kills += first.is_alive()
        first.kill()
        first.join(10)

    def stop(self, service: str, instance: str) -> None:
        """SIGTERM, as an operator does it."""
        process = self.processes.pop((service, instance))
        process.terminate()
        process.join(15)
        if process.is_alive():
            process.kill()
            process.join(10)

    async def interrupted(self, point: Point, instance: str = ONE, within: float = 10) -> bool:
        """Whether the process came to its point in time, and is dead or frozen there."""
        process = self.processes[point.service, instance]
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not process.is_alive():
                del self.processes[point.service, instance]
                process.join()
                return self._ended(point.service, process)
            if point.action == "freeze" and _status(process) == psutil.STATUS_STOPPED:
                return True
            await asyncio.sleep(0.02)
        return False

    def freeze(self, service: str, instance: str = ONE) -> None:
        _signal(self.processes[service, instance], signal.SIGSTOP)

    def thaw(self, service: str, instance: str = ONE) -> None:
        _signal(self.processes[service, instance], signal.SIGCONT)

    async def metric(self, service: str, name: str, instance: str = ONE) -> float:
        """The sum over all labels of a metric of the process."""
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports[service, instance]}/metrics")
        lines = [line for line in answer.text.splitlines() if re.match(rf"{name}(\{{| )", line)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    async def loops(self, service: str, instance: str = ONE) -> set[str]:
        """The names of the loops whose beats the process reports."""
        async with httpx.AsyncClient(timeout=5) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports[service, instance]}/metrics")
        return set(re.findall(r'^docward_loop_beat_age_seconds\{loop="([^"]+)"\}', answer.text, re.MULTILINE))

    async def fences(self, service: str) -> int:
        """How often the process was refused a stale write."""
        fenced = 'docward_jobs_total{kind="[a-z-]+",outcome="fenced"}'
        return int(await self.metric(service, "docward_fences_total") + await self.metric(service, fenced))

    async def refused(self, service: str, within: float = 4) -> int:
        """As `fences`, as soon as there is one; where there was nothing stale to write, none comes."""
        for _ in range(int(within / 0.1)):
            if fences := await self.fences(service):
                return fences
            await asyncio.sleep(0.1)
        return 0

    def keep_up(self, *services: str) -> None:
        """Start what has ended by itself, as a supervisor does."""
        for (service, instance), process in list(self.processes.items()):
            if service in services and not process.is_alive():
                process.join()
                self._ended(service, process)
                self.start(service, instance)

    def end(self) -> None:
        for process in (*self.processes.values(), *self.former):
            process.kill()
            process.join(10)
        self.processes.clear()

    def _ended(self, service: str, process: BaseProcess) -> bool:
        if process.exitcode == EXIT_AT_POINT:
            self.kills += 1
            return True
        self.deaths[service] = self.deaths.get(service, 0) + 1
        return False


def _status(process: BaseProcess) -> str:
    try:
        return str(psutil.Process(process.pid).status())
    except psutil.Error:
        return "gone"


def _signal(process: BaseProcess, number: int) -> None:
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, number)
