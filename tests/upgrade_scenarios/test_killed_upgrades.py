"""A process is killed during each step of an upgrade: the job runs on, or can be started from a named savepoint."""

from __future__ import annotations

import dataclasses
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import RestClient
from pytest_flink_agents.current import session_of
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run import cluster_run
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.run.scenario_version import ScenarioVersion
from pytest_flink_agents.run.watch.jobs import JobWatch
from pytest_flink_agents.vocabulary import Tier
from tests.support.pytest_sessions import REACHED_S, files_of, require_nothing_left, start_pytest, wait_for
from tests.support.upgrade_runs import copy_agents, loaded_upgrade

pytestmark = pytest.mark.slow

TILL = """\
version: "1"
name: totals survive a kill during the upgrade
agent: tests.support.agents.versions:NextTill
tiers: [embedded]
inputs:
  - generate: {count: 400, keys: 8, value: {customer: "${input.key}"}}
upgrade:
  from: {agent: tests.support.agents.versions:Till}
  after: {outputs: 100}
  in_flight: 100
expect:
  delivery: {outputs: exactly_once}
  outputs: {count: 400, distinct: "[customer, count]"}
within: 180s
"""
_POINT = re.compile(r"the job can be started from (\S+)")
# A cluster that notices a loss soon, and whose jobs survive the JobManager.
_OPTIONS = (("heartbeat.interval", "500ms"), ("heartbeat.timeout", "10s"))


class BreakableVersion(ScenarioVersion):
    """A version on a cluster whose processes may be killed."""

    @property
    def setup(self) -> FlinkSetup:
        setup = super().setup
        variant = dataclasses.replace(setup.variant, options=_OPTIONS, breakable=True, high_availability=True)
        return dataclasses.replace(setup, variant=variant)


class BreakableRun(ScenarioRun):
    """A scenario whose versions run on such a cluster."""

    @property
    def version(self) -> ScenarioVersion:
        return BreakableVersion(self.services, self.loaded, self.tier, self.release)


def kill_taskmanager(cluster: FlinkCluster) -> None:
    cluster.kill_taskmanager()
    cluster.require_processes().add_taskmanager()


def kill_jobmanager(cluster: FlinkCluster) -> None:
    cluster.require_processes().kill_jobmanager()
    cluster.wait_ready(90)


def after(owner: Any, name: str, call: int, kill: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill right after the numbered call of a function."""
    original, calls = getattr(owner, name), [0]

    def replaced(*arguments: Any, **options: Any) -> Any:
        result = original(*arguments, **options)
        calls[0] += 1
        if calls[0] == call:
            kill()
        return result

    monkeypatch.setattr(owner, name, replaced)


def run_of(kind: type[ScenarioRun], text: str, folder: Path, request: pytest.FixtureRequest) -> ScenarioRun:
    """Return a run of the scenario ``text`` in a project, with all that it needs running."""
    session = session_of(request.config)
    run = kind(session.services, loaded_upgrade(text, folder), Tier.EMBEDDED, session.releases[0])
    run.provision()
    return run


def run_with_a_kill(
    run: ScenarioRun,
    folder: Path,
    step: tuple[Any, str, int],
    kill: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> CheckedRun | str:
    """Run, and kill right after the numbered call of a function; return the run, or the error with which it ended."""
    killed: list[str] = []

    def kill_once() -> None:
        killed.append(step[1])
        kill()

    after(*step, kill_once, monkeypatch)
    outcome: CheckedRun | str
    try:
        outcome = run.run_and_check(folder / "run", lambda seed: "again")
    except HostError as error:
        outcome = str(error)
    assert killed, f"the step was not reached\n{outcome if isinstance(outcome, str) else outcome.text}"
    return outcome


# The function after which the process is killed, and the number of its call.
STEPS: dict[str, tuple[Any, str, int]] = {
    "savepoint": (RestClient, "trigger_savepoint", 1),
    "stop": (FlinkCluster, "savepoint", 1),
    "start": (cluster_run, "launch_agent", 2),
    "first checkpoint": (JobWatch, "look_for_restore", 2),
}


@pytest.mark.parametrize("victim", [kill_taskmanager, kill_jobmanager])
@pytest.mark.parametrize("step", STEPS)
def test_the_job_runs_on_or_has_a_named_savepoint(
    step: str,
    victim: Callable[[FlinkCluster], None],
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy_agents(tmp_path)
    run = run_of(BreakableRun, TILL, tmp_path, request)
    cluster = run.version.place(tmp_path).cluster
    outcome = run_with_a_kill(run, tmp_path, STEPS[step], lambda: victim(cluster), monkeypatch)
    text = outcome if isinstance(outcome, str) else outcome.text
    if isinstance(outcome, CheckedRun) and outcome.valid:
        upgrade = outcome.evidence.upgrade
        assert upgrade is not None
        assert len(upgrade.versions) == 2
    if text:
        point = _POINT.search(text)
        assert point or "the job was not stopped, and runs on" in text, text
        assert not point or Path(point[1], "_metadata").is_file()
    assert not [job for job in cluster.jobs() if not job.ended], "no job is left"


def complete_savepoints(project: Path) -> list[Path]:
    return [path.parent for path in files_of(project, "_metadata") if path.parent.name.startswith("savepoint-")]


# The moments at which the session itself is killed.
MOMENTS: dict[str, Callable[[Path], bool]] = {
    "the baseline runs": lambda project: bool(files_of(project, "events-*.log")),
    "its savepoint is complete": lambda project: bool(complete_savepoints(project)),
    "the candidate is started": lambda project: b"stopped the baseline" in (project / "pytest.out").read_bytes(),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_session_leaves_its_savepoint_and_nothing_else(moment: str, tmp_path: Path) -> None:
    copy_agents(tmp_path)
    (tmp_path / "upgrade.scenario.yaml").write_text(TILL, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "bin").mkdir()
    session = start_pytest(tmp_path)
    try:
        reached = wait_for(lambda: session.poll() is not None or MOMENTS[moment](tmp_path), REACHED_S, every_s=0.2)
    finally:
        session.kill()
        session.wait()
    said = (tmp_path / "pytest.out").read_text(errors="replace")
    assert reached, said
    assert session.returncode == -signal.SIGKILL, said
    require_nothing_left(tmp_path)
    if moment == "the candidate is started":
        named = re.search(r"stopped the baseline; the next one starts from (\S+)", said)
        assert named, said
        assert Path(named[1].partition(":")[2]) in complete_savepoints(tmp_path)
