"""The jobs that a run starts one after the other, each from the savepoint before, and their evidence as one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

from pytest_flink_agents.compare.plans import compare_plans
from pytest_flink_agents.evidence.model import Checkpoints, Evidence, LogError, StepRecord
from pytest_flink_agents.evidence.upgrade import BASELINE, CANDIDATE, RESCALE, Upgrade, Version
from pytest_flink_agents.run.executed_plan import digest_together
from pytest_flink_agents.run.followed_run import EndedJob, FollowedRun
from pytest_flink_agents.run.launch import plan_of
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentRefusedError, AgentSubject, JobSubject, described
from pytest_flink_agents.run.timeline import Rescale, Step, SwitchVersion, start_of
from pytest_flink_agents.vocabulary import UpgradeMode

Plan = Mapping[str, Any]


class RunVersions(NamedTuple):
    """The versions that a run starts, in their order, and the one that it starts after.

    With ``stateless`` each begins anew.
    """

    started: tuple[RunVersion, ...]
    before: RunVersion | None = None
    stateless: bool = False

    @property
    def upgrade(self) -> tuple[RunVersion, RunVersion] | None:
        """Baseline and candidate, None for jobs of one agent."""
        if self.before is not None:
            return self.before, self.started[0]
        return (self.started[0], self.started[1]) if self.started[0].name == BASELINE else None


def versions_of(subject: AgentSubject | JobSubject, place: Place, timeline: Sequence[Step]) -> RunVersions:
    """Return the versions of a run."""
    switches = [step.act for step in timeline if isinstance(step.act, SwitchVersion)]
    start, name = start_of(timeline), ""
    if switches:
        rescaled = any(isinstance(switch, Rescale) for switch in switches)
        name = job_of(subject.parallelism) if rescaled else BASELINE
    first = RunVersion(start.version if start else name, subject, place)
    stateless = any(switch.mode is UpgradeMode.STATELESS for switch in switches)
    return RunVersions((first, *(switch.version for switch in switches)), start.before if start else None, stateless)


def job_of(parallelism: int) -> str:
    """Return the name of a job that is rescaled."""
    return f"job with parallelism {parallelism}"


def until_switch(timeline: Sequence[Step]) -> tuple[Sequence[Step], Sequence[Step]]:
    """Return the steps of the next version's job, the last of which stops it for another one, and those after it."""
    first = next((number for number, step in enumerate(timeline) if isinstance(step.act, SwitchVersion)), len(timeline))
    return timeline[: first + 1], timeline[first + 1 :]


@contextmanager
def refused_as(name: str) -> Iterator[None]:
    """Name the version of an agent that is refused."""
    try:
        yield
    except AgentRefusedError as error:
        problem = error.problem
        raise AgentRefusedError(
            replace(problem, message=f"the {name}: {problem.message}") if name else problem, name
        ) from error


def plans_of(versions: RunVersions) -> tuple[Plan, Plan]:
    """Return the plans of baseline and candidate before either runs, and report their differences.

    A job of the user's own has none that could be read before.
    """
    if versions.upgrade is None or isinstance(versions.started[0].subject, JobSubject):
        return {}, {}
    baseline, candidate = (_plan_of(version) for version in versions.upgrade)
    for change in compare_plans(baseline, candidate):
        versions.started[0].place.environment.progress(f"the {CANDIDATE}'s plan: {change.text}")
    return baseline, candidate


def _plan_of(version: RunVersion) -> Plan:
    assert isinstance(version.subject, AgentSubject), "only agents have plans"
    with refused_as(version.name):
        return plan_of(version.subject, version.place)


def with_versions(
    evidence: Evidence,
    earlier: Sequence[EndedJob],
    last: FollowedRun,
    versions: RunVersions,
    plans: tuple[Plan, Plan],
    savepoints: Sequence[str],
) -> Evidence:
    """Return the evidence of the last job with that of the jobs before it; unchanged for a run of one version.

    ``savepoints`` are those that the jobs were started from, empty for one that was not.
    """
    if not versions.started[0].name:
        return evidence
    runs = [*(one.run for one in earlier), last]
    job_ids = [*(run.launch.job_ids[0] for run in runs[:-1]), evidence.job_id]
    started = [
        version_of(version, run, savepoint, job_id)
        for version, job_id, run, savepoint in zip(versions.started, job_ids, runs, savepoints, strict=False)
    ]
    histories = [one.history for one in earlier]
    return replace(
        evidence,
        steps=(*chain.from_iterable(map(_steps, earlier, runs[1:])), *evidence.steps),
        restarts=evidence.restarts + sum(one["restarts"] for one in histories),
        exceptions=(*chain.from_iterable(one["exceptions"] for one in histories), *evidence.exceptions),
        checkpoints=_together([*(one["checkpoints"] for one in histories), evidence.checkpoints or Checkpoints()]),
        log_errors=_all_or_none([*(one.log_errors for one in earlier), evidence.log_errors]),
        # Samples of the last job say nothing of those before.
        metrics=evidence.metrics if evidence.metrics_final else None,
        timings_s={**evidence.timings_s, "run": last.ended_s - runs[0].running_s},
        upgrade=Upgrade(tuple(started), len(versions.started), *plans, stateless=versions.stateless),
        plan_digest=digest_together([run.launch.plan_digest for run in runs]),
    )


def version_of(version: RunVersion, run: FollowedRun, savepoint: str, job_id: str) -> Version:
    """Return a version with the job that ran it; ``savepoint`` is the one that it was started from, empty for none."""
    return Version(
        version.name,
        described(version.subject),
        job_id,
        savepoint,
        run.restored,
        run.parallelism,
        version.place.releases,
        run.program.python_mode,
        run.program.dropped,
    )


def _steps(job: EndedJob, following: FollowedRun) -> tuple[StepRecord, ...]:
    """Return the steps of a job that was stopped; the last one is felt if the job that follows is as it says."""
    *others, stop = job.steps
    if not stop.act.startswith(RESCALE):
        return job.steps
    stop = replace(stop, recovered_after_s=_duration_s(stop) + following.running_s - job.run.ended_s)
    before, now = job.run.parallelism, following.parallelism
    if str(now) != stop.act.removeprefix(RESCALE) or now == before:
        stop = replace(stop, felt=False, detail=f"the parallelism was {before or 'unknown'}, and is {now or 'unknown'}")
    return (*others, stop)


def _duration_s(step: StepRecord) -> float:
    return 0.0 if step.began_s is None or step.ended_s is None else step.ended_s - step.began_s


def _together(each: Sequence[Checkpoints]) -> Checkpoints:
    """Return the checkpoints of all jobs; the last restore is that of the last job."""
    return replace(
        each[-1],
        completed=sum(one.completed for one in each),
        failed=sum(one.failed for one in each),
        restored=sum(one.restored for one in each),
        seen=tuple(chain.from_iterable(one.seen for one in each)),
    )


def _all_or_none(each: Sequence[tuple[LogError, ...] | None]) -> tuple[LogError, ...] | None:
    """Return all errors, None if the logs of a cluster are not in reach."""
    known = [errors for errors in each if errors is not None]
    return tuple(chain.from_iterable(known)) if len(known) == len(each) else None
