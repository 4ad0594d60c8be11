"""The configuration of one broker and of three."""

from __future__ import annotations

from pathlib import Path

import pytest

from docward.localstack.errors import LocalStackError
from docward.localstack.kafka import Cluster, KafkaNode, kafka_nodes, server_properties
from docward.localstack.state import State


def properties(brokers: int, node: int = 1) -> dict[str, str]:
    cluster = Cluster("id", {n: {"broker": 9000 + n, "controller": 9100 + n} for n in range(1, brokers + 1)})
    lines = server_properties(node, cluster, Path("/data")).splitlines()
    return dict(line.split("=", 1) for line in lines)


def nodes(folder: Path, brokers: int, *, choose_ports: bool = True) -> tuple[Cluster, list[KafkaNode]]:
    state = State(folder / "stack.json")
    return kafka_nodes(brokers, folder, state, lambda _: None, fast_start=True, choose_ports=choose_ports)


def test_one_broker_keeps_one_copy_and_listens_on_loopback_only() -> None:
    found = properties(1)
    assert found["offsets.topic.replication.factor"] == found["min.insync.replicas"] == "1"
    assert found["listeners"] == "BROKER://127.0.0.1:9001,CONTROLLER://127.0.0.1:9101"
    assert found["advertised.listeners"] == "BROKER://127.0.0.1:9001"
    assert found["auto.create.topics.enable"] == "false"


def test_three_brokers_keep_three_copies_with_two_in_sync() -> None:
    found = properties(3, node=2)
    assert found["offsets.topic.replication.factor"] == found["transaction.state.log.replication.factor"] == "3"
    assert found["min.insync.replicas"] == found["transaction.state.log.min.isr"] == "2"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103"
    assert found["node.id"] == "2"


def test_a_port_aside_is_told_as_that_of_its_proxy() -> None:
    cluster = Cluster("id", {1: {"broker": 9001, "controller": 9101}})
    lines = server_properties(1, cluster, Path("/data"), aside=(9201, 9301)).splitlines()
    found = dict(line.split("=", 1) for line in lines)
    assert found["listeners"].endswith(",ASIDE://127.0.0.1:9201")
    assert found["advertised.listeners"] == "BROKER://127.0.0.1:9001,ASIDE://127.0.0.1:9301"


def test_a_cluster_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    first, _ = nodes(tmp_path, 3)
    second, _ = nodes(tmp_path, 3)
    found, _ = nodes(tmp_path, 3, choose_ports=False)
    assert first == second == found


def test_the_clusters_data_say_which_cluster_it_is_when_the_state_was_lost(tmp_path: Path) -> None:
    log = tmp_path / "kafka" / "node-1" / "log"
    log.mkdir(parents=True)
    (log / "meta.properties").write_text("version=1\ncluster.id=kept-id\nnode.id=1\n")
    cluster, _ = nodes(tmp_path, 1)
    assert cluster.cluster_id == "kept-id"


def test_a_folder_of_one_broker_is_not_started_with_three(tmp_path: Path) -> None:
    nodes(tmp_path, 1)
    with pytest.raises(LocalStackError, match=r"1 broker\(s\) and 3 are wanted"):
        nodes(tmp_path, 3)
