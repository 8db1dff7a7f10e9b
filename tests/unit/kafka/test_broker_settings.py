"""The settings of a launched broker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flink_testbed.kafka.settings import Node, meta_properties, new_id, server_properties
from flink_testbed.kafka.topic_names import topic_name
from flink_testbed.network import Passage


def properties(count: int, number: int = 0) -> dict[str, str]:
    nodes = [Node(index, 20000 + index, 21000 + index) for index in range(count)]
    text = server_properties(nodes[number], nodes, data=Path("/run/data"))
    pairs = [line.partition("=") for line in text.splitlines()]
    assert len({name for name, _, _ in pairs}) == len(pairs)
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("count", [1, 3])
def test_every_address_is_loopback(count: int) -> None:
    addresses = re.findall(r"(?:://|@)([^:]*):\d+", " ".join(properties(count).values()))
    assert len(addresses) == 3 + count
    assert set(addresses) == {"127.0.0.1"}


@pytest.mark.parametrize(("count", "replicas", "in_sync"), [(1, "1", "1"), (3, "3", "2"), (5, "3", "2")])
def test_topics_have_three_replicas_or_one_for_each_broker(count: int, replicas: str, in_sync: str) -> None:
    found = properties(count)
    assert {value for name, value in found.items() if name.endswith("replication.factor")} == {replicas}
    assert {found["min.insync.replicas"], found["transaction.state.log.min.isr"]} == {in_sync}


def test_each_node_has_its_own_id_and_the_same_voters() -> None:
    one, other = properties(3, 0), properties(3, 2)
    assert (one["node.id"], other["node.id"]) == ("0", "2")
    assert other["advertised.listeners"] == "CLIENTS://127.0.0.1:20002"
    assert one["controller.quorum.voters"] == "0@127.0.0.1:21000,1@127.0.0.1:21001,2@127.0.0.1:21002"
    assert one["controller.quorum.voters"] == other["controller.quorum.voters"]


def test_clients_behind_a_proxy_are_sent_to_it_and_no_other_is() -> None:
    node = Node(0, 20000, 21000, Passage(target=22000, port=23000))
    text = server_properties(node, [node], data=Path("/run/data"))
    found = dict(line.split("=", 1) for line in text.splitlines())
    listens = "CLIENTS://127.0.0.1:20000,CONTROLLER://127.0.0.1:21000,PROXIED://127.0.0.1:22000"
    assert found["listeners"] == listens
    assert found["advertised.listeners"] == "CLIENTS://127.0.0.1:20000,PROXIED://127.0.0.1:23000"
    assert "PROXIED:PLAINTEXT" in found["listener.security.protocol.map"]
    assert found["inter.broker.listener.name"] == "CLIENTS"


def test_transactions_may_last_as_long_as_flinks_sink_requests() -> None:
    assert int(properties(1)["transaction.max.timeout.ms"]) >= 3_600_000


def test_an_expired_transaction_is_aborted_within_a_second() -> None:
    assert int(properties(1)["transaction.abort.timed.out.transaction.cleanup.interval.ms"]) <= 1000


def test_ids_are_unique_and_in_kafkas_format() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9][\w-]{20}[AQgw]", each) for each in ids)
    text = meta_properties(Node(2, 1, 2), "c", "d")
    assert text.splitlines() == ["node.id=2", "directory.id=d", "version=1", "cluster.id=c"]


def test_topic_names_are_unique_and_begin_with_the_runs_prefix() -> None:
    one, other = (topic_name("r1", "tests/a.py::test_it[x=1 \N{SNOWMAN}]" + "y" * 300) for _ in range(2))
    assert one != other
    assert one.startswith("flink-agents-r1-tests-a-py-test_it-x-1-")
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name) for name in (one, other))
