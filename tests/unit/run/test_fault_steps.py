"""The cluster and the steps of a scenario with faults."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from pytest_flink_agents.provision.flink_setup import ConfigRow, FlinkSetup
from pytest_flink_agents.provision.variant import ClusterVariant
from pytest_flink_agents.run.fault_steps import fault_steps, with_faults
from pytest_flink_agents.scenario.faults import Faults

ADAPTER: TypeAdapter[Any] = TypeAdapter(Faults)


def faults(process: str) -> Any:
    return ADAPTER.validate_python([{"after": {"seconds": 1}, "kill": process}])


def test_without_faults_the_cluster_is_the_sessions() -> None:
    setup = FlinkSetup()
    assert with_faults(setup, None) is setup
    assert fault_steps(None, None) == ()


def test_faults_get_a_breakable_cluster_that_notices_them_soon() -> None:
    variant = with_faults(FlinkSetup(), faults("taskmanager")).variant
    assert (variant.breakable, variant.high_availability) == (True, False)
    assert dict(variant.options) == {"heartbeat.interval": "500ms", "heartbeat.timeout": "10s"}
    assert with_faults(FlinkSetup(), faults("jobmanager")).variant.high_availability


def test_a_teams_own_heartbeat_stays_even_if_it_is_the_sessions_default() -> None:
    default = {"heartbeat.timeout": ConfigRow("20s", "config.yaml:1")}
    variant = with_faults(FlinkSetup(rows=default), faults("taskmanager")).variant
    assert dict(variant.options) == {"heartbeat.interval": "500ms"}
    other = FlinkSetup(
        variant=ClusterVariant((("heartbeat.timeout", "9s"),)), rows={"heartbeat.timeout": ConfigRow("9s", "f:1")}
    )
    assert dict(with_faults(other, faults("taskmanager")).variant.options)["heartbeat.timeout"] == "9s"


def test_a_step_names_its_moment_and_its_fault() -> None:
    (step,) = fault_steps(faults("broker"), None)
    assert (str(step.trigger), str(step.act)) == ("after 1 s", "kill broker")
