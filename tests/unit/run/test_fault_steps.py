"""The cluster and the steps of a scenario with faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError
from flink_testbed.faults import DisturbNetwork, FailCheckpoints, FillDisk
from flink_testbed.ledger import entry
from flink_testbed.ledger.entry import EffectCall, Seen, entry_line
from flink_testbed.ledger.ledger import LedgerRun
from flink_testbed.network import Cut, Delay, Direction, Disturbance, Loss, Proxy
from pytest_flink_agents.evidence.event_log import logs_elsewhere
from pytest_flink_agents.provision.flink_setup import ConfigRow, FlinkSetup
from pytest_flink_agents.provision.variant import ClusterVariant
from pytest_flink_agents.run.arrival import LoggedTypes
from pytest_flink_agents.run.fault_steps import fault_steps, with_faults
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import InjectFault, Rescale, Step
from pytest_flink_agents.run.timeline.triggers import Progress
from pytest_flink_agents.scenario.faults import Faults

ADAPTER: TypeAdapter[Any] = TypeAdapter(Faults)


def faults(process: str) -> Any:
    return ADAPTER.validate_python([{"after": {"seconds": 1}, "kill": process}])


def rescale(parallelism: int) -> Rescale:
    agent = AgentSubject("s", {}, parallelism=parallelism)
    return Rescale(RunVersion("another job", agent, cast(Place, None)), lambda: None)


def steps_of(words: Any, ledger: LedgerRun | None, proxies: Mapping[str, Proxy]) -> tuple[Step, ...]:
    return fault_steps(words, ledger, proxies, rescale)


def test_without_faults_the_cluster_is_the_sessions() -> None:
    setup = FlinkSetup()
    assert with_faults(setup, None) is setup
    assert steps_of(None, None, {}) == ()


def test_faults_get_a_breakable_cluster_that_notices_them_soon() -> None:
    variant = with_faults(FlinkSetup(), faults("taskmanager")).variant
    assert (variant.breakable, variant.high_availability) == (True, False)
    assert dict(variant.options) == {"heartbeat.interval": "500ms", "heartbeat.timeout": "10s"}
    assert with_faults(FlinkSetup(), faults("jobmanager")).variant.high_availability


def test_only_a_disturbed_taskmanager_reaches_its_jobmanager_through_a_proxy() -> None:
    cut = ADAPTER.validate_python([{"after": {"seconds": 1}, "cut": "taskmanager"}])
    assert with_faults(FlinkSetup(), cut).variant.rpc_proxy
    kafka = ADAPTER.validate_python([{"after": {"seconds": 1}, "cut": "kafka"}])
    assert not with_faults(FlinkSetup(), kafka).variant.rpc_proxy


def test_a_teams_own_heartbeat_stays_even_if_it_is_the_sessions_default() -> None:
    default = {"heartbeat.timeout": ConfigRow("20s", "config.yaml:1")}
    variant = with_faults(FlinkSetup(rows=default), faults("taskmanager")).variant
    assert dict(variant.options) == {"heartbeat.interval": "500ms"}
    other = FlinkSetup(
        variant=ClusterVariant((("heartbeat.timeout", "9s"),)), rows={"heartbeat.timeout": ConfigRow("9s", "f:1")}
    )
    assert dict(with_faults(other, faults("taskmanager")).variant.options)["heartbeat.timeout"] == "9s"


def test_a_python_worker_is_killed_in_process_mode_only() -> None:
    mode = "python.execution-mode"
    setup = with_faults(FlinkSetup(), faults("python_worker"))
    assert (setup.job, setup.rows[mode].value) == ({mode: "process"}, "process")
    assert with_faults(FlinkSetup(), faults("taskmanager")).job == {}
    stated = ConfigRow("process", "x.yaml:9")
    assert with_faults(FlinkSetup(job={mode: "process"}, rows={mode: stated}), faults("python_worker")).rows == {
        mode: stated
    }
    thread = FlinkSetup(job={mode: "thread"}, rows={mode: ConfigRow("thread", "x.yaml:9")})
    with pytest.raises(HostError, match="thread mode has no Python worker") as caught:
        with_faults(thread, faults("python_worker"))
    assert caught.value.problems[0].where == "x.yaml:9"


def test_a_step_names_its_moment_and_its_fault() -> None:
    (step,) = steps_of(faults("broker"), None, {})
    assert (str(step.trigger), str(step.act)) == ("after 1 s", "kill broker")
    words = ADAPTER.validate_python([{"after": {"seconds": 1}, "fill_disk": "jobmanager"}])
    (step,) = steps_of(words, None, {})
    assert step.act == InjectFault(FillDisk(2.0))
    words = ADAPTER.validate_python([{"after": {"checkpoint": 2}, "fail": "checkpoints", "for": "5s"}])
    (step,) = steps_of(words, None, {})
    assert (str(step.trigger), step.act) == ("after 2 checkpoints", InjectFault(FailCheckpoints(5.0)))


def test_a_job_is_rescaled_between_faults_on_a_cluster_with_slots_for_it() -> None:
    words = ADAPTER.validate_python(
        [
            {"after": {"outputs": 3}, "rescale": {"parallelism": 6}},
            {"after": {"seconds": 1}, "kill": "taskmanager"},
            {"after": {"outputs": 2}, "rescale": {"parallelism": 1}},
        ]
    )
    acts = [str(step.act) for step in steps_of(words, None, {})]
    assert acts == ["rescale to parallelism 6", "kill taskmanager", "rescale to parallelism 1"]
    assert with_faults(FlinkSetup(), words).variant.slots == 6
    few = ADAPTER.validate_python([{"after": {"outputs": 3}, "rescale": {"parallelism": 2}}])
    assert with_faults(FlinkSetup(), few).variant.slots == 0, "every cluster has slots for two"


@pytest.mark.parametrize(
    ("words", "name", "disturbance"),
    [
        ({"cut": "kafka"}, "cut kafka", Cut()),
        ({"cut": "kafka", "direction": "both"}, "cut kafka", Cut()),
        ({"delay": "kafka", "direction": "answers"}, "delay kafka", Delay(frozenset({Direction.ANSWERS}), 0.5)),
        ({"delay": "kafka", "by": "20ms"}, "delay kafka", Delay(seconds=0.02)),
        ({"lose": "kafka"}, "lose kafka", Loss(share=0.1)),
        ({"lose": "kafka", "share": 0.3}, "lose kafka", Loss(share=0.3)),
    ],
)
def test_a_fault_of_the_network_disturbs_the_proxy_of_its_service(
    words: dict[str, Any], name: str, disturbance: Disturbance
) -> None:
    proxy, other = cast(Proxy, object()), cast(Proxy, object())
    fault = ADAPTER.validate_python([{"after": {"seconds": 1}, "for": "4s", **words}])
    (step,) = steps_of(fault, None, {"kafka": proxy, "llm": other})
    assert step.act == InjectFault(DisturbNetwork(name, proxy, disturbance, 4.0))
    assert str(step.act) == name


def test_a_fault_after_an_effect_waits_for_its_endpoint_and_reads_each_call_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    decode: Callable[[Any], EffectCall] = entry._entry

    def counted(data: Any) -> EffectCall:
        read.append(data["sequence"])
        return decode(data)

    monkeypatch.setattr(entry, "_entry", counted)
    ledger = LedgerRun(1, "t", "s", ["pay", "mail"], tmp_path / "calls", lambda: True)
    words = ADAPTER.validate_python([{"after": {"effect": "pay"}, "kill": "taskmanager"}])
    (step,) = steps_of(words, ledger, {})
    progress = Progress(1.0, lambda: 0, lambda: 0, frozenset)
    assert not step.trigger.due(progress)
    due = []
    with ledger.file.open("ab", buffering=0) as file:
        for number, endpoint in enumerate(("mail", "mail", "pay"), start=1):
            seen = Seen("effects", endpoint, "POST", "/")
            file.write(entry_line(seen, sequence=number, at_s=1.0, route="", status=200, fault="", replayed=False))
            due.append(step.trigger.due(progress))
    assert (due, read) == ([False, False, True], [1, 2, 3])


def test_a_fault_after_an_event_waits_for_a_complete_record_of_its_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "now_s", lambda: now[0])
    words = ADAPTER.validate_python([{"after": {"event": "_tool_request_event"}, "kill": "taskmanager"}])
    (step,) = steps_of(words, None, {})
    assert str(step.trigger) == "after the first _tool_request_event"
    due, logged = [], LoggedTypes(tmp_path, list)
    with (tmp_path / "events-shop-0.log").open("ab", buffering=0) as file:
        for text in (
            b'{"eventType": "_input_event", "event": {"attributes": {"input": "_tool_request_event"}}}\n',
            b'{"eventType": "_tool_request_event", "event"',
            b': {"attributes": {}}}\n',
        ):
            file.write(text)
            now[0] += 2
            due.append(step.trigger.due(Progress(1.0, lambda: 0, lambda: 0, logged)))
    assert due == [False, False, True]


def test_event_logs_are_read_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(clock, "now_s", lambda: now[0])
    logged = LoggedTypes(tmp_path, list)
    assert logged() == frozenset()
    (tmp_path / "events-shop-0.log").write_text('{"eventType": "paid", "event": {}}\n', encoding="utf-8")
    assert logged() == frozenset()
    now[0] += 1
    assert logged() == {"paid"}


def test_event_logs_of_an_engine_that_ignores_their_directory_are_read_too(tmp_path: Path) -> None:
    """flink-agents 0.1 writes beside the cluster's temporary files, of all jobs of the cluster."""
    logs = tmp_path / "cluster" / "tmp" / "flink-agents"
    logs.mkdir(parents=True)
    for job in ("ours", "theirs"):
        record = {"context": {}, "event": {"eventType": f"shop.{job}", "eventString": "a=1"}}
        (logs / f"events-{job}-operator-0.log").write_text(json.dumps(record) + "\n", encoding="utf-8")
    logged = LoggedTypes(tmp_path / "run", lambda: logs_elsewhere(tmp_path / "cluster", ["ours"]))
    assert logged() == {"shop.ours"}
