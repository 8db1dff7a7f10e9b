"""The embedded cluster and jobs on it: one real Flink for the whole module."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.standalone import StandaloneCluster, require_memory
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.run.subject import AgentRefusedError
from pytest_flink_agents.vocabulary import Tier
from tests.support.runs import run

pytestmark = pytest.mark.slow

TILL = "scenarios.agents.till:TillAgent"
STRICT = "scenarios.agents.strict:StrictAgent"
NAP = "tests.support.agents.napping:NapAgent"


def by_key(outputs: Iterable[Output]) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for output in outputs:
        found[repr(output.key)].append(output.value)
    return dict(found)


def purchases(count: int, keys: int) -> list[tuple[object, object]]:
    return [(f"customer-{number % keys}", {"item": f"i{number}", "amount": number}) for number in range(count)]


def test_the_cluster_listens_on_loopback_only(flink_cluster: StandaloneCluster) -> None:
    """REST, RPC, blob, data, metrics, and two reporters: nine sockets, none of them reachable from outside."""
    addresses = {address.removeprefix("::ffff:") for address, _ in flink_cluster.listening()}
    assert len(flink_cluster.listening()) == 9
    assert addresses == {"127.0.0.1"}


def test_process_mode_listens_on_loopback_only(workplace, run_request, flink_cluster: StandaloneCluster) -> None:
    """Beam's servers, to which the Python processes of a job come, are seen, and are not reachable from outside either."""
    request = run_request(NAP, [("k", 2)], flink_config={"python.execution-mode": "process"})
    seen: set[tuple[str, int]] = set()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, request, workplace)
        while not running.done():
            seen.update(flink_cluster.listening())
            time.sleep(0.1)
    assert running.result().job_state == "FINISHED", running.result().failure
    assert len(seen) > 9
    assert {address.removeprefix("::ffff:") for address, _ in seen} == {"127.0.0.1"}


def test_a_job_gives_the_same_outputs_as_without_flink(workplace, run_request) -> None:
    """300 purchases of 12 customers: every customer's totals are the same, in the same order, on both tiers."""
    inputs = purchases(300, 12)
    local = run(run_request(TILL, inputs), workplace, Tier.LOCAL)
    embedded = run(run_request(TILL, inputs), workplace)
    assert len(embedded.outputs) == 300
    assert by_key(embedded.outputs) == by_key(local.outputs)
    assert len(embedded.events) == len(local.events) == 900


def test_rest_shows_the_finished_job(workplace, run_request, flink_cluster: StandaloneCluster) -> None:
    """The job that the evidence speaks of is one that Flink itself calls finished."""
    evidence = run(run_request(TILL, purchases(3, 1)), workplace)
    states = {job["jid"]: job["state"] for job in flink_cluster.rest.jobs()}
    assert states[evidence.job_id] == evidence.job_state == "FINISHED"


def test_further_jobs_are_fast_and_memory_stays_small(workplace, run_request, flink_cluster: StandaloneCluster) -> None:
    """Ten jobs one after the other on one TaskManager: none pays a start again; the cluster stays under 2 GiB."""
    runs = [run(run_request(TILL, purchases(20, 4)), workplace) for _ in range(10)]
    # About 0.4 s each; the benchmark has the figure, and a busy machine is not what is tested here.
    assert max(run.timings_s["total"] for run in runs) < 20
    assert flink_cluster.resident_bytes() < 2 * 1024**3


def test_waiting_keys_do_not_hold_each_other_up(workplace, run_request) -> None:
    """Forty keys that each wait 0.5 s are done in far less than 20 s, and the end of the input waits for all of them."""
    request = dataclasses.replace(
        run_request(NAP, [(f"k{number}", 0.5) for number in range(40)]), config={"num-async-threads": 40}
    )
    evidence = run(request, workplace)
    assert len(evidence.outputs) == 40
    assert evidence.timings_s["run"] < 12


def test_inputs_of_a_busy_key_wait_their_turn(workplace, run_request) -> None:
    """A key's second input is answered after its first, though the first takes longer."""
    evidence = run(run_request(NAP, [("k", 0.4), ("k", 0.01), ("k", 0.2)]), workplace)
    assert [output.value for output in evidence.outputs] == [0.4, 0.01, 0.2]


def test_parallel_subtasks_keep_the_order_of_each_key(workplace, run_request) -> None:
    """With parallelism 2 nothing is lost, and each customer's purchases stay in order."""
    evidence = run(run_request(TILL, purchases(200, 8), parallelism=2), workplace)
    for values in by_key(evidence.outputs).values():
        assert [value["purchases"] for value in values] == list(range(1, 26))


def test_metrics_are_in_flinks_metric_system(workplace, run_request, flink_cluster: StandaloneCluster) -> None:
    """While the job runs, REST shows the built-in and the agent's own metrics under upstream's names."""
    request = run_request("tests.support.agents.napping:MeteredAgent", [("k", 0.2), ("k", 0.2), ("k", 4)])
    found: dict[str, str] = {}

    def look() -> None:
        # The submitter may take its time to come up on a busy machine.
        deadline = time.monotonic() + 90
        # Flink's list of metrics comes later than what they count, and not all at the same time.
        expected = {"numOfEventProcessed": "5", "action.count.naps": "3", "action.count.lastNap": "4"}
        while not expected.items() <= found.items() and time.monotonic() < deadline:
            for job in flink_cluster.rest.jobs():
                if job["state"] == "RUNNING":
                    for vertex in flink_cluster.rest.job(job["jid"])["vertices"]:
                        metrics = flink_cluster.rest.vertex_metrics(job["jid"], vertex["id"])
                        found.update({name.partition("action-execute-operator.")[2]: metrics[name] for name in metrics})
            time.sleep(0.1)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        run(request, workplace)
        looking.result()
    # Three inputs and two outputs; the third action has not finished.
    assert found["numOfEventProcessed"] == "5"
    assert found["numOfActionsExecuted"] == found["action.count.numOfActionsExecuted"] == "2"
    assert found["action.chat_model_action.numOfActionsExecuted"] == "0"
    assert (found["action.count.naps"], found["action.count.lastNap"]) == ("3", "4")
    assert "numOfEventProcessedPerSec" in found
    assert any(name.startswith("bed.left.seconds") for name in found)
    assert found["eventLogTruncatedEvents"] == "0"
    latencies = [
        name for name in found if name.startswith(("inputRunLatencyMs", "action.count.actionExecutionLatencyMs"))
    ]
    assert len({name.partition("_")[0] for name in latencies}) == 2


def test_a_failing_action_is_told_as_on_the_local_tier(workplace, run_request) -> None:
    """Action, key, input, type, message and the agent's own traceback, not Flink's wrapping."""
    inputs = [("n", 1), ("n", "two")]
    local = run(run_request(STRICT, inputs), workplace, Tier.LOCAL).failure
    embedded = run(run_request(STRICT, inputs), workplace).failure
    assert embedded is not None
    assert embedded == local
    assert (embedded.action, embedded.key, embedded.input) == ("double", "n", "two")
    assert "strict.py" in embedded.traceback


def test_a_run_past_its_time_is_cancelled(workplace, run_request, flink_cluster: StandaloneCluster) -> None:
    """The evidence says incomplete, the job is taken off the cluster, and the next one runs."""
    evidence = run(run_request(NAP, [("k", 20)], within_s=1), workplace)
    assert (evidence.complete, evidence.timed_out_after_s) == (False, 1)
    assert flink_cluster.rest.job_state(evidence.job_id) == "CANCELED"
    assert run(run_request(TILL, purchases(1, 1)), workplace).job_state == "FINISHED"


def test_an_agent_that_cannot_be_built_is_refused_before_any_job(workplace, run_request) -> None:
    """A missing class is the scenario's fault, and named with the nearest one."""
    with pytest.raises(AgentRefusedError, match="TillAgent"):
        run(run_request("scenarios.agents.till:TilAgent", purchases(1, 1)), workplace)


def test_a_cluster_that_dies_at_its_start_says_why_and_leaves_nothing(flink_cluster, tmp_path: Path) -> None:
    """A TaskManager that cannot read its options: one error with the log's end, and no process stays."""
    cluster = StandaloneCluster(
        flink_cluster.home,
        ClusterConfig(flink_options={"taskmanager.numberOfTaskSlots": "many"}),
        directory=tmp_path / "cluster",
        ports=tmp_path / "ports",
        archives=None,
        startup_timeout_s=30,
        environment={},
        progress=lambda line: None,
    )
    with pytest.raises(HostError) as caught:
        cluster.start()
    assert caught.value.problems[0].code == "FA407"
    assert "many" in str(caught.value)
    assert cluster.resident_bytes() == 0


def test_the_class_archives_hold_what_a_start_loads_and_nothing_of_a_job(flink_cluster) -> None:
    """The planner in an archive was seen to fail every later table program, and what runs first must not matter."""
    commands = [process.cmdline() for process in psutil.Process().children(recursive=True)]
    flag = "-XX:SharedArchiveFile="
    archives = {
        Path(word.removeprefix(flag)).name: Path(word.removeprefix(flag)).read_bytes()
        for command in commands
        for word in command
        if word.startswith(flag) and any(str(flink_cluster.directory) in other for other in command)
    }
    assert sorted(archives) == ["jobmanager.jsa", "taskmanager.jsa"]
    for archive in archives.values():
        assert b"org/apache/flink/runtime/rpc/pekko/PekkoRpcService" in archive
        assert b"org/apache/flink/table/planner/" not in archive
        assert b"org/codehaus/janino/" not in archive
    assert not (flink_cluster.directory / "recorder").exists()


def test_no_memory_is_told_before_anything_starts() -> None:
    """FA408 names what is wanted, what there is, and the tier that needs none."""
    with pytest.raises(HostError, match="FA408") as caught:
        require_memory(10**9)
    assert "--flink-tier=local" in str(caught.value)
