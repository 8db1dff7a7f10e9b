"""The run of two versions that are alive: the candidate's job when the baseline's run is broken off, and the evidence."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.evidence.model import Evidence, LogError
from pytest_flink_agents.evidence.upgrade import BlueGreen, Upgrade
from pytest_flink_agents.run import blue_green
from pytest_flink_agents.run.followed_run import EndedJob, FollowedRun
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.promotion import Promotion, ShadowTask
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import AfterOutputs
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.run.versions import RunVersions
from pytest_flink_agents.run.watch.jobs import JobHistory

SUBJECT = AgentSubject("s", {"agent": "a:V1"})
PLACE = cast(Place, SimpleNamespace(cluster=SimpleNamespace(directory=None), releases="Flink 2.2.1"))


class Run:
    """A job of which only its end is of interest."""

    restored, parallelism = "", 1
    cluster = SimpleNamespace(directory=Path("/cluster"), require_alive=lambda: None)
    program = SimpleNamespace(python_mode="thread", dropped=())

    def __init__(self, *fails: HostError) -> None:
        self.launch = SimpleNamespace(job_ids=("j",), plan_digest="d")
        self.watch = self
        self.did: list[str] = []
        self._fails = list(fails)

    def look(self) -> None:
        self.did.append("look")
        for error in self._fails:
            raise error

    def follow(self, deadline_s: float) -> bool:
        for error in self._fails:
            raise error
        return True

    def cancel(self) -> bool:
        self.did.append("cancel")
        return True

    def abandon_blocked_cluster(self) -> None:
        self.did.append("abandon")


def promotion() -> Promotion:
    version = RunVersion("candidate", SUBJECT, PLACE)
    return Promotion(version, cast(TopicChannel, None), ShadowTask(range(4, 8), 1, (), 60.0), None)


@pytest.mark.parametrize("fails", [(), (HostError(Problem("FA442", "the candidate's REST is silent")),)])
def test_the_job_of_the_candidate_is_cancelled_if_the_run_of_the_baseline_breaks_off(
    fails: tuple[HostError, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = HostError(Problem("FA442", "the broker is silent"))
    baseline, candidate = Run(error), Run(*fails)
    one = promotion()
    one.run = cast(FollowedRun, candidate)
    for name, value in {
        "launch_agent": lambda *a: baseline.launch,
        "plans_of": lambda versions: ({}, {}),
        "LogWatch": lambda cluster: None,
        "FollowedRun": lambda *a: baseline,
        "naming_restore_point": lambda *a: nullcontext(),
    }.items():
        monkeypatch.setattr(blue_green, name, value)
    channel = TopicChannel.__new__(TopicChannel)
    with pytest.raises(HostError, match="the broker is silent"):
        blue_green.run_beside(SUBJECT, channel, PLACE, one.steps(AfterOutputs(2)), 60.0)
    assert candidate.did == (["look", "abandon"] if fails else ["look", "cancel", "abandon"])


DIED = HostError(Problem("FA407", "a JobManager has died", next_step="look"))


def _dead() -> None:
    raise DIED


@pytest.mark.parametrize(("served", "dead"), [(True, "one"), (True, "two"), (False, "one")])
def test_an_error_names_from_where_each_version_that_has_served_can_be_started(
    served: bool, dead: str, tmp_path: Path
) -> None:
    baseline, one = Run(), promotion()
    candidate = Run()
    one.run, one.outcome = cast(FollowedRun, candidate), replace(one.outcome, served=served)
    for name, run in {"one": baseline, "two": candidate}.items():
        run.launch.job_ids = (f"{name}-id-of-the-job",)
        run.cluster = SimpleNamespace(directory=tmp_path / name, require_alive=_dead if name == dead else lambda: None)
        checkpoint = tmp_path / name / "checkpoints" / run.launch.job_ids[0] / "chk-7"
        checkpoint.mkdir(parents=True)
        (checkpoint / "_metadata").touch()
    with pytest.raises(HostError) as caught, blue_green._naming_ways_on(cast(FollowedRun, baseline), one):
        raise HostError(Problem("FA404", "REST does not answer"))
    of_baseline = f"the baseline can be started from {tmp_path}/one/checkpoints/one-id-of-the-job/chk-7"
    of_candidate = f"the candidate can be started from {tmp_path}/two/checkpoints/two-id-of-the-job/chk-7"
    known = [of_candidate, of_baseline] if served else [of_baseline]
    (problem,) = caught.value.problems
    # From the switch on, the cluster of the baseline is no cause of an error.
    code, steps = ("FA404", known) if served and dead == "one" else ("FA407", ["look", *known])
    assert (problem.code, problem.next_step) == (code, "; ".join(steps))


@pytest.mark.parametrize("served", [True, False])
def test_a_baseline_may_lose_its_cluster_once_the_candidate_serves(served: bool) -> None:
    baseline, one = Run(DIED), promotion()
    one.outcome = replace(one.outcome, served=served)
    with nullcontext() if served else pytest.raises(HostError, match="a JobManager has died"):
        assert blue_green._followed(cast(FollowedRun, baseline), one, 60.0)


BEAM = "2026-12-01 03:51:24,110 ERROR org.apache.beam."
MULTIPLEXER = LogError(
    "tm.log", f"{BEAM}sdk.fn.data.BeamFnDataGrpcMultiplexer  [] - Failed to handle for unknown endpoint"
)
CLOSED = LogError("tm.log", f"{BEAM}runners.fnexecution.control.FnApiControlClient [] - FnApiControlClient closed, clearing "
                  "outstanding requests {13=java}")  # fmt: skip
OTHER = LogError("tm.log", "2026-12-01 03:51:24,110 ERROR org.apache.flink.Sink [] - cannot commit")
CRASH = LogError("hs_err_pid7.log", "the JVM has crashed", crash=True)


@pytest.mark.parametrize(
    ("logged", "dies", "kept", "losses"),
    [
        ((OTHER,), False, (OTHER,), []),
        ((MULTIPLEXER, CLOSED, OTHER), False, (OTHER,), ["the baseline lost a Python worker, as tm.log says: "]),
        # A TaskManager that closes the connection to its worker has lost nothing.
        ((CLOSED,), False, (CLOSED,), []),
        (
            (CRASH, OTHER),
            True,
            (OTHER,),
            ["the baseline lost its cluster after the switch: a JobManager has died; its savepoint is file:/s"],
        ),
        # Without such a loss nothing explains a crash.
        ((CRASH,), False, (CRASH,), []),
        (None, False, None, []),
    ],
)
def test_what_the_baseline_lost_is_a_remark_and_no_error_in_its_logs(
    logged: tuple[LogError, ...] | None, dies: bool, kept: tuple[LogError, ...] | None, losses: list[str]
) -> None:
    baseline, one = Run(), promotion()
    one.outcome = replace(one.outcome, served=True, savepoint="file:/s")
    baseline.cluster = SimpleNamespace(require_alive=_dead if dies else lambda: None)
    ended = EndedJob(cast(FollowedRun, baseline), JobHistory(), (), logged)
    assert blue_green._without_losses(ended, one).log_errors == kept
    assert len(one.outcome.losses) == len(losses)
    assert all(found.startswith(loss) for found, loss in zip(one.outcome.losses, losses, strict=True))


def upgrade_of(outcome: BlueGreen, *, started: bool) -> Upgrade:
    one = promotion()
    one.outcome, one.copy = outcome, "file:/copy"
    one.run = cast(FollowedRun, Run()) if started else None
    versions = RunVersions((RunVersion("baseline", SUBJECT, PLACE), one.candidate))
    evidence = Evidence("embedded", "2.2.1", "bundled")
    found = blue_green._of_the_baseline(evidence, cast(Any, Run()), one, versions, ({}, {})).upgrade
    assert found is not None
    return found


def test_only_a_candidate_that_was_given_up_on_purpose_before_its_start_is_missed_by_nobody() -> None:
    outcome = BlueGreen(4, 8, wanted="savepoint", step="savepoint")
    assert upgrade_of(outcome, started=False).planned == 1
    failed = BlueGreen(4, 8, step="savepoint", reason="Flink wrote no savepoint", known=False)
    assert upgrade_of(failed, started=False).planned == 2
    assert upgrade_of(BlueGreen(4, 8), started=False).planned == 2


@pytest.mark.parametrize(("known", "anew"), [(True, True), (False, False)])
def test_a_candidate_of_which_nothing_is_known_did_not_begin_anew(known: bool, anew: bool) -> None:
    outcome = BlueGreen(4, 8, step="start", reason="it fails", known=known)
    baseline, candidate = upgrade_of(outcome, started=True).versions
    assert (baseline.began_anew, candidate.began_anew) == (False, anew)
