"""A process is killed during each step of a promotion: a version serves, or can be started from a named savepoint."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import RestClient
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.run import promotion
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.run.settling import Settling
from pytest_flink_agents.run.topic_channel import TopicChannel
from tests.support.pytest_sessions import REACHED_S, files_of, is_filled, require_nothing_left, start_pytest, wait_for
from tests.support.upgrade_runs import copy_agents
from tests.upgrade_scenarios.test_blue_green import beside, scenario_of
from tests.upgrade_scenarios.test_killed_upgrades import (
    BreakableRun,
    complete_savepoints,
    kill_jobmanager,
    kill_taskmanager,
    run_of,
    run_with_a_kill,
)

pytestmark = pytest.mark.slow

_POINT = re.compile(r"the (baseline|candidate) can be started from ([^\s;]+)")
# The function after which a process is killed, and the number of its call.
STEPS: dict[str, tuple[Any, str, int]] = {
    "savepoint": (RestClient, "trigger_savepoint", 1),
    "start": (promotion, "launch_agent", 1),
    "judging": (Settling, "look", 2),
    "switch": (RestClient, "trigger_savepoint", 2),
    "first checkpoint": (TopicChannel, "send_rest", 1),
}
# Nothing is known of the candidate in the first case: the baseline serves all inputs. In the others each named version has
# a savepoint or checkpoint, or the candidate has taken over.
SERVES, BASELINE, BOTH, PROMOTED = "the baseline serves", ("baseline",), ("candidate", "baseline"), "promoted"
EITHER = "the baseline serves or has a named savepoint"
# The candidate has taken over, and a process that was lost is named.
REMARKED, LOGGED = "the baseline's loss is a remark", "the candidate's loss is an error in its log"
# A job that is idle notices the loss of its Python worker with the next input, and not if it is stopped before.
NOTICED = "the baseline serves, or its loss is a remark"
PROCESS_MODE = "flink_config: {python.execution-mode: process}\n"


def die_taskmanager(cluster: FlinkCluster) -> None:
    """Let a TaskManager die as by the kernel: the cluster is not meant to lose it."""
    processes: Any = cluster.require_processes()
    processes.members[processes.taskmanagers[0]].kill()


def die_jobmanager(cluster: FlinkCluster) -> None:
    processes: Any = cluster.require_processes()
    processes.members["jobmanager"].kill()


def die_python_worker(cluster: FlinkCluster) -> None:
    """Let the Python workers die, as soon as there are any."""
    processes = cluster.require_processes()
    assert wait_for(lambda: processes.kill_python_workers() > 0, REACHED_S)


@pytest.mark.parametrize(
    ("step", "side", "victim", "left"),
    [
        ("savepoint", "baseline", die_taskmanager, BASELINE),
        ("start", "baseline", die_jobmanager, BASELINE),
        ("start", "candidate", die_taskmanager, SERVES),
        ("judging", "baseline", die_taskmanager, BASELINE),
        ("judging", "candidate", die_jobmanager, SERVES),
        ("switch", "baseline", die_jobmanager, BASELINE),
        ("switch", "candidate", die_taskmanager, BOTH),
        ("first checkpoint", "baseline", die_jobmanager, REMARKED),
        ("first checkpoint", "candidate", die_taskmanager, BOTH),
        # On clusters with high availability, which replace what they lose.
        ("savepoint", "baseline", kill_jobmanager, SERVES),
        ("start", "baseline", kill_taskmanager, SERVES),
        ("judging", "candidate", kill_taskmanager, SERVES),
        # The savepoint may be complete before the TaskManager dies: then Flink lets the job fail.
        ("switch", "baseline", kill_taskmanager, EITHER),
        ("switch", "baseline", kill_jobmanager, SERVES),
        ("switch", "candidate", kill_jobmanager, PROMOTED),
        # In process mode, on clusters that go on.
        ("start", "candidate", die_python_worker, SERVES),
        ("judging", "baseline", die_python_worker, NOTICED),
        ("switch", "baseline", die_python_worker, NOTICED),
        ("switch", "candidate", die_python_worker, LOGGED),
    ],
)
def test_a_version_serves_or_has_a_named_savepoint(
    step: str,
    side: str,
    victim: Callable[[FlinkCluster], None],
    left: str | tuple[str, ...],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy_agents(tmp_path, "kiosks.py")
    kind = BreakableRun if victim in (kill_taskmanager, kill_jobmanager) else ScenarioRun
    text = scenario_of("NextKiosk") + (PROCESS_MODE if victim is die_python_worker else "")
    run = run_of(kind, text, tmp_path, request)
    before = run.version.before()
    assert before is not None
    versions = {"baseline": before, "candidate": run.version}
    clusters = {name: version.place(tmp_path).cluster for name, version in versions.items()}
    outcome = run_with_a_kill(run, tmp_path, STEPS[step], lambda: victim(clusters[side]), monkeypatch)
    text = outcome if isinstance(outcome, str) else outcome.text
    if isinstance(outcome, CheckedRun):
        if left == EITHER:
            left = BASELINE if _POINT.search(text) else SERVES
        elif left == NOTICED:
            left = REMARKED if beside(outcome).served else SERVES
        _require_served_as(left, outcome)
    points = dict(_POINT.findall(text))
    assert sorted(points) == sorted(left if isinstance(left, tuple) else ()), text
    assert all(Path(point, "_metadata").is_file() for point in points.values())
    if victim in (die_taskmanager, die_jobmanager):
        del clusters[side]
    assert not [job for cluster in clusters.values() for job in cluster.jobs() if not job.ended], "no job is left"
    assert not sum(cluster.require_processes().kill_python_workers() for cluster in clusters.values())


def _require_served_as(left: str | tuple[str, ...], checked: CheckedRun) -> None:
    """Require that the candidate was promoted or nothing is said of it, and that each input was served once."""
    found = beside(checked)
    if left in (PROMOTED, REMARKED, LOGGED):
        wrong = [result.check for result in checked.results if result.validity is not Validity.VALID]
        assert wrong == (["logs"] if left == LOGGED else []), checked.text
        assert found.served
        assert len(found.losses) == (left == REMARKED)
    else:
        assert checked.validity is Validity.UNKNOWN, checked.text
        assert (found.served, found.known) == (False, False)
    served = sorted(output.input or 0 for output in checked.evidence.outputs)
    # Without a version that runs, all inputs before the offset were served.
    assert served == list(range(60 if isinstance(left, str) else found.offset)), checked.text


def savepoints(project: Path) -> int:
    """Return the number of savepoints that were begun, as Flink names them."""
    return sum(name.startswith("savepoint-") for _, names, _ in os.walk(project) for name in names)


# The moments at which the session itself is killed.
MOMENTS: dict[str, Callable[[Path], bool]] = {
    "the candidate is about to start": lambda project: b"a savepoint of it is" in (project / "pytest.out").read_bytes(),
    "the candidate is judged": lambda project: any(map(is_filled, files_of(project, "effects-in-shadow.jsonl"))),
    "the baseline is stopped": lambda project: savepoints(project) > 1,
    "the candidate serves": lambda project: b"stopped the baseline" in (project / "pytest.out").read_bytes(),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_session_leaves_a_named_savepoint_and_nothing_else(moment: str, tmp_path: Path) -> None:
    copy_agents(tmp_path, "kiosks.py")
    text = scenario_of("NextKiosk")
    (tmp_path / "upgrade.scenario.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "bin").mkdir()
    session = start_pytest(tmp_path)
    try:
        reached = wait_for(lambda: session.poll() is not None or MOMENTS[moment](tmp_path), REACHED_S)
    finally:
        session.kill()
        session.wait()
    said = (tmp_path / "pytest.out").read_text(errors="replace")
    assert reached, said
    assert session.returncode == -signal.SIGKILL, said
    require_nothing_left(tmp_path)
    named = [Path(path.partition(":")[2]) for path in re.findall(r"savepoint(?: of it)? is (\S+)", said)]
    assert len(named) == (2 if moment == "the candidate serves" else 1), said
    assert set(named) <= set(complete_savepoints(tmp_path))
