"""The embedded cluster and jobs on it: one real Flink for the whole module."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
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
from flink_testbed.flink.memory import require_memory
from flink_testbed.flink.standalone import StandaloneCluster
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.subject import AgentRefusedError, AllowedNetwork
from pytest_flink_agents.vocabulary import Tier
from tests.support.runs import run

pytestmark = pytest.mark.slow

TILL = "scenarios.agents.till:TillAgent"
STRICT = "scenarios.agents.strict:StrictAgent"
NAP = "tests.support.agents.napping:NapAgent"
PING_PONG = "tests.support.agents.endless:PingPongAgent"
CALLING = "tests.support.agents.calling:CallingAgent"
ENVIRONMENT = "tests.support.agents.environment:EnvironmentAgent"


def by_key(outputs: Iterable[Output]) -> dict[str, list[Any]]:
    found = defaultdict(list)
    for output in outputs:
        found[repr(output.key)].append(output.value)
    return dict(found)


def purchases(count: int, keys: int) -> list[tuple[object, object]]:
    return [(f"customer-{number % keys}", {"item": f"i{number}", "amount": number}) for number in range(count)]


def test_the_cluster_listens_on_loopback_only(flink_cluster: StandaloneCluster) -> None:
    """REST, RPC, blob, data, metrics and two reporters: nine sockets."""
    addresses = {address.removeprefix("::ffff:") for address, _ in flink_cluster.listening()}
    assert len(flink_cluster.listening()) == 9
    assert addresses == {"127.0.0.1"}


def test_no_file_of_a_running_cluster_is_open_to_other_users(
    session_environment, run_request, flink_cluster: StandaloneCluster
) -> None:
    """Configurations, logs, inputs and outputs are below a directory for their owner only."""
    request = run_request(NAP, [("k", 2)], setup=FlinkSetup(job={"python.execution-mode": "process"}))
    directory = flink_cluster.directory
    run_folder = next(each for each in directory.parents if (each / ".flink-agents-run").exists())
    seen: set[Path] = set()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, request, session_environment)
        while not running.done():
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    files = [Path(file.path) for file in process.open_files() if "w" in file.mode or "a" in file.mode]
                    sockets = [Path(str(each.laddr)) for each in process.net_connections("unix") if each.laddr]
                    seen.update(path for path in (*files, *sockets) if path.is_absolute() and path.suffix != ".lock")
            time.sleep(0.2)
    assert running.result().job_state == "FINISHED"
    inside = [path for path in seen if path.is_relative_to(run_folder)]
    assert len(inside) > 3
    assert run_folder.stat().st_mode & 0o077 == 0
    for path in seen.difference(inside):
        # A file of a process that has ended may be gone.
        with contextlib.suppress(FileNotFoundError):
            assert not path.stat().st_mode & path.parent.stat().st_mode & 0o077, path


def test_the_gateways_of_the_submitter_refuse_strangers(session_environment, run_request) -> None:
    """Java's for Python and Python's for Java: both would run any code."""
    run(run_request(TILL, purchases(1, 1)), session_environment)
    ports = {
        socket_.laddr.port
        for process in session_environment.submitter().process.tree()
        for socket_ in process.net_connections("tcp")
        if socket_.status == psutil.CONN_LISTEN
    }
    assert len(ports) == 2
    for port in ports:
        for command in (b"c\nz:java.lang.System\nlineSeparator\ne\n", b"A\n" + 32 * b"0" + b"\ne\n"):
            with socket.create_connection(("127.0.0.1", port), 30) as stranger:
                stranger.sendall(command)
                with contextlib.suppress(ConnectionResetError):
                    answer = stranger.recv(1000)
                    # The last one is Python's.
                    assert answer.startswith(b"!xsAuthentication error") or answer in (b"", b"!xn\n")


def test_process_mode_listens_on_loopback_only(
    session_environment, run_request, flink_cluster: StandaloneCluster
) -> None:
    """Includes Beam's servers, to which the Python processes of a job connect."""
    request = run_request(NAP, [("k", 2)], setup=FlinkSetup(job={"python.execution-mode": "process"}))
    seen: set[tuple[str, int]] = set()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run, request, session_environment)
        while not running.done():
            seen.update(flink_cluster.listening())
            time.sleep(0.1)
    assert running.result().job_state == "FINISHED", running.result().failure
    assert len(seen) > 9
    assert {address.removeprefix("::ffff:") for address, _ in seen} == {"127.0.0.1"}


def test_a_job_has_the_same_outputs_as_a_local_run(session_environment, run_request) -> None:
    inputs = purchases(300, 12)
    local = run(run_request(TILL, inputs), session_environment, Tier.LOCAL)
    embedded = run(run_request(TILL, inputs), session_environment)
    assert len(embedded.outputs) == 300
    assert by_key(embedded.outputs) == by_key(local.outputs)
    assert len(embedded.events) == len(local.events) == 900


def test_flink_reports_the_job_of_the_evidence_as_finished(
    session_environment, run_request, flink_cluster: StandaloneCluster
) -> None:
    evidence = run(run_request(TILL, purchases(3, 1)), session_environment)
    states = {job["jid"]: job["state"] for job in flink_cluster.rest.jobs()}
    assert states[evidence.job_id] == evidence.job_state == "FINISHED"


def test_further_jobs_are_fast_and_memory_stays_small(
    session_environment, run_request, flink_cluster: StandaloneCluster
) -> None:
    """Ten consecutive jobs on one TaskManager; the cluster stays under 2 GiB."""
    runs = [run(run_request(TILL, purchases(20, 4)), session_environment) for _ in range(10)]
    # About 0.4 s each; the benchmark has the figure, and a busy machine is not what is tested here.
    assert max(run.timings_s["total"] for run in runs) < 20
    assert flink_cluster.resident_bytes() < 2 * 1024**3


def test_waiting_keys_do_not_block_each_other(session_environment, run_request) -> None:
    """Forty keys wait 0.5 s each; the end of the input waits for all of them."""
    request = dataclasses.replace(
        run_request(NAP, [(f"k{number}", 0.5) for number in range(40)]), config={"num-async-threads": 40}
    )
    evidence = run(request, session_environment)
    assert len(evidence.outputs) == 40
    assert evidence.timings_s["run"] < 12


@pytest.mark.parametrize("environment", [{}, {"REGION": "eu"}], ids=["thread mode", "process mode"])
def test_a_closed_network_is_that_of_one_job(session_environment, run_request, environment: dict[str, str]) -> None:
    """The interpreter of thread mode runs both jobs."""
    closed = run_request(CALLING, [("k", 1)], network=AllowedNetwork("calls"), environment=environment)
    evidence = run(closed, session_environment)
    assert [output.value for output in evidence.outputs] == [["NetworkClosedError"] * 3]
    assert evidence.blocked == ("192.0.2.1:443",)
    opened = run(run_request(CALLING, [("k", 1)], environment=environment), session_environment)
    assert opened.blocked is None
    assert "NetworkClosedError" not in opened.outputs[0].value


def test_inputs_of_a_busy_key_are_answered_in_order(session_environment, run_request) -> None:
    evidence = run(run_request(NAP, [("k", 0.4), ("k", 0.01), ("k", 0.2)]), session_environment)
    assert [output.value for output in evidence.outputs] == [0.4, 0.01, 0.2]


def test_parallel_subtasks_keep_the_order_of_each_key(session_environment, run_request) -> None:
    evidence = run(run_request(TILL, purchases(200, 8), parallelism=2), session_environment)
    for values in by_key(evidence.outputs).values():
        assert [value["purchases"] for value in values] == list(range(1, 26))


def test_a_running_jobs_metrics_have_upstreams_names_in_flink(
    session_environment, run_request, flink_cluster: StandaloneCluster, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    inputs = [("k", 0.2), ("k", 0.2), ("k", [4.5, str(gate)])]
    request = run_request("tests.support.agents.napping:MeteredAgent", inputs, within_s=180)
    found: dict[str, str] = {}

    def look() -> None:
        # The submitter may take its time to come up on a busy machine.
        deadline = time.monotonic() + 120
        # Flink's list of metrics comes later than what they count, and not all at the same time.
        expected = {"numOfEventProcessed": "5", "action.count.naps": "3", "action.count.lastNap": "4.5"}
        expected["bed.left.seconds_max"] = "4"
        while not expected.items() <= found.items() and time.monotonic() < deadline:
            for job in flink_cluster.rest.jobs():
                if job["state"] == "RUNNING":
                    for vertex in flink_cluster.rest.job(job["jid"])["vertices"]:
                        metrics = flink_cluster.rest.vertex_metrics(job["jid"], vertex["id"])
                        found.update({name.partition("action-execute-operator.")[2]: metrics[name] for name in metrics})
            time.sleep(0.1)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        looking.add_done_callback(lambda _: gate.touch())
        run(request, session_environment)
        looking.result()
    # Three inputs and two outputs; the third action has not finished.
    assert found["numOfEventProcessed"] == "5"
    assert found["numOfActionsExecuted"] == found["action.count.numOfActionsExecuted"] == "2"
    assert found["action.chat_model_action.numOfActionsExecuted"] == "0"
    assert (found["action.count.naps"], found["action.count.lastNap"]) == ("3", "4.5")
    assert "numOfEventProcessedPerSec" in found
    naps = {name: found[f"bed.left.seconds_{name}"] for name in ("min", "median", "max")}
    assert naps == {"min": "0", "median": "0.0", "max": "4"}
    assert found["eventLogTruncatedEvents"] == "0"
    assert {"inputRunLatencyMs_p99", "action.count.actionExecutionLatencyMs_p99"} <= found.keys()


@pytest.mark.parametrize("mode", ["thread", "process"])
@pytest.mark.parametrize("count", [1, 30])
def test_a_short_jobs_metrics_are_those_of_a_local_run(session_environment, run_request, mode: str, count: int) -> None:
    """With one input, one of the two subtasks is idle."""
    inputs = purchases(count, 4)
    local = run(run_request(TILL, inputs), session_environment, Tier.LOCAL).metrics
    flink_config = {"python.execution-mode": mode}
    request = run_request(TILL, inputs, parallelism=2, setup=FlinkSetup(job=flink_config))
    embedded = run(request, session_environment).metrics
    assert local is not None
    assert embedded is not None
    assert embedded.keys() == local.keys()
    counts = [name for name in local if name.endswith(("numOfEventProcessed", "numOfActionsExecuted", ".count"))]
    assert {name: embedded[name] for name in counts} == {name: local[name] for name in counts}
    assert embedded["numOfEventProcessed"] == 3 * count


def test_a_failing_action_is_reported_as_on_the_local_tier(session_environment, run_request) -> None:
    inputs = [("n", 1), ("n", "two")]
    local = run(run_request(STRICT, inputs), session_environment, Tier.LOCAL).failure
    embedded = run(run_request(STRICT, inputs), session_environment).failure
    assert embedded is not None
    assert embedded == local
    assert (embedded.action, embedded.key, embedded.input) == ("double", "n", "two")
    assert "strict.py" in embedded.traceback


def test_a_run_past_its_deadline_is_cancelled_and_the_next_one_runs(
    session_environment, run_request, flink_cluster: StandaloneCluster
) -> None:
    evidence = run(run_request(NAP, [("k", 20)], within_s=1), session_environment)
    assert (evidence.complete, evidence.timed_out_after_s) == (False, 1)
    assert flink_cluster.rest.job_state(evidence.job_id) == "CANCELED"
    assert run(run_request(TILL, purchases(1, 1)), session_environment).job_state == "FINISHED"


@pytest.mark.parametrize("tier", [Tier.LOCAL, Tier.EMBEDDED])
def test_actions_that_send_each_other_events_fail_the_run(session_environment, run_request, tier: Tier) -> None:
    evidence = run(run_request(PING_PONG, [("k", 3), ("k", -1)]), session_environment, tier)
    failure = evidence.failure
    assert failure is not None
    assert (failure.agent, failure.key, failure.input) == (PING_PONG, "k", -1)
    assert failure.action in ("ping", "pong")
    assert "more than 10000 events" in failure.message
    assert evidence.timings_s["run"] < 30


def test_an_endless_run_without_a_limit_is_cancelled(session_environment, run_request, flink_cluster) -> None:
    request = run_request(PING_PONG, [("k", -1)], within_s=3)
    request = dataclasses.replace(request, config={"max-events-per-input": 0, "event-log.level": "OFF"})
    started_s = time.monotonic()
    evidence = run(request, session_environment)
    assert (evidence.complete, evidence.timed_out_after_s) == (False, 3)
    assert flink_cluster.rest.job_state(evidence.job_id) == "CANCELED"
    assert evidence.metrics is not None
    assert evidence.metrics["numOfEventProcessed"] > 1000
    assert time.monotonic() - started_s < 60
    assert run(run_request(TILL, purchases(1, 1)), session_environment).job_state == "FINISHED"


def test_an_agent_has_the_environment_variables_of_its_own_run_only(session_environment, run_request) -> None:
    def regions(**environment: str) -> list[Any]:
        evidence = run(run_request(ENVIRONMENT, [("k", 1)], environment=environment), session_environment)
        assert evidence.failure is None
        return [output.value for output in evidence.outputs]

    assert regions() == [["none"] * 3]
    assert regions(REGION="eu") == [["eu"] * 3]
    assert regions(REGION="us") == [["us"] * 3]
    assert regions() == [["none"] * 3]


def test_thread_mode_is_refused_for_an_agent_with_an_environment(session_environment, run_request) -> None:
    request = run_request(
        ENVIRONMENT,
        [("k", 1)],
        environment={"REGION": "eu"},
        setup=FlinkSetup(job={"python.execution-mode": "thread"}),
    )
    with pytest.raises(AgentRefusedError, match="environment variables of its own"):
        run(request, session_environment)


def test_a_missing_agent_class_is_refused_before_submission_with_the_nearest_name(
    session_environment, run_request
) -> None:
    with pytest.raises(AgentRefusedError, match="TillAgent"):
        run(run_request("scenarios.agents.till:TilAgent", purchases(1, 1)), session_environment)


def test_a_cluster_that_dies_at_its_start_reports_the_log_and_leaves_no_process(flink_cluster, tmp_path: Path) -> None:
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


def test_class_archives_contain_classes_of_the_start_and_none_of_jobs(flink_cluster) -> None:
    """With the planner in the archive, every later table program failed."""
    commands = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
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


def test_too_little_memory_is_an_error_before_anything_starts() -> None:
    with pytest.raises(HostError, match="FA408") as caught:
        require_memory(10**9)
    assert "--flink-tier=local" in str(caught.value)
