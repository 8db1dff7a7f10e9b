"""The proxies of a run: from the services or the cluster, and none without a fault of the network."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.kafka.remote import RemoteKafka
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.settings import Settings


class Session(Services):
    """A session whose Kafka is external."""

    kafka = cast(Any, RemoteKafka("kafka.example:9092", run_id="r", startup_timeout_s=1))


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Session(Settings(tmp_path, ()), directory=tmp_path, progress=print, redactor=Redactor({}))


def no_cluster() -> FlinkCluster:
    raise AssertionError("no cluster is asked for")


def test_without_faults_of_the_network_there_is_no_proxy(services: Services) -> None:
    with services.proxies((), no_cluster) as proxies:
        assert proxies == {}


def test_the_proxy_of_a_taskmanager_is_its_clusters(services: Services) -> None:
    between = object()
    with services.proxies({"taskmanager"}, lambda: cast(Any, SimpleNamespace(rpc_proxy=between))) as proxies:
        assert proxies == {"taskmanager": between}


def test_an_external_kafka_is_not_cut_off(services: Services) -> None:
    with pytest.raises(HostError, match="cannot be disturbed") as caught, services.proxies({"kafka"}, no_cluster):
        pass
    (problem,) = caught.value.problems
    assert (problem.where, problem.seen) == ("kafka.example:9092", "remote Kafka at kafka.example:9092, 0 broker(s)")
