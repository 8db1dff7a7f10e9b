"""The versions of an agent that a run starts one after the other, and their evidence as that of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

from pytest_flink_agents.compare.plans import compare_plans
from pytest_flink_agents.evidence.model import Checkpoints, Evidence, LogError
from pytest_flink_agents.evidence.upgrade import BASELINE, CANDIDATE, Upgrade, Version
from pytest_flink_agents.run.executed_plan import digest_together
from pytest_flink_agents.run.followed_run import EndedJob, FollowedRun
from pytest_flink_agents.run.launch import plan_of
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentRefusedError, AgentSubject, JobSubject, described
from pytest_flink_agents.run.timeline import Step, SwitchVersion

Plan = Mapping[str, Any]


class RunVersion(NamedTuple):
    """One version that a run starts; ``name`` is empty in a run of one version."""

    name: str
    subject: AgentSubject | JobSubject
    place: Place


def versions_of(subject: AgentSubject | JobSubject, place: Place, timeline: Sequence[Step]) -> list[RunVersion]:
    """Return the versions in their order."""
    acts = [step.act for step in timeline if isinstance(step.act, SwitchVersion)]
    later = [RunVersion(act.name, act.subject, act.place) for act in acts]
    return [RunVersion(BASELINE if later else "", subject, place), *later]


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
            replace(problem, message=f"the {name}: {problem.message}") if name else problem
        ) from error


def plans_of(versions: Sequence[RunVersion]) -> tuple[Plan, Plan]:
    """Return the plans of baseline and candidate before either runs, and report their differences."""
    if len(versions) == 1:
        return {}, {}
    baseline, candidate = (_plan_of(version) for version in versions[:2])
    for change in compare_plans(baseline, candidate):
        versions[0].place.environment.progress(f"the {CANDIDATE}'s plan: {change.text}")
    return baseline, candidate


def _plan_of(version: RunVersion) -> Plan:
    assert isinstance(version.subject, AgentSubject), "only agents have versions"
    with refused_as(version.name):
        return plan_of(version.subject, version.place)


def with_versions(
    evidence: Evidence,
    earlier: Sequence[EndedJob],
    last: FollowedRun,
    versions: Sequence[RunVersion],
    plans: tuple[Plan, Plan],
) -> Evidence:
    """Return the evidence of the last job with that of the jobs before it; unchanged for a run of one version."""
    if len(versions) == 1:
        return evidence
    jobs = [*((one.launch.job_ids[0], one.restored) for one in earlier), (evidence.job_id, last.restored)]
    savepoints = ["", *(one.steps[-1].detail for one in earlier)]
    started = [
        Version(version.name, described(version.subject), job_id, savepoint, restored)
        for version, (job_id, restored), savepoint in zip(versions, jobs, savepoints, strict=False)
    ]
    histories = [one.history for one in earlier]
    first_s = earlier[0].running_s if earlier else last.running_s
    return replace(
        evidence,
        steps=(*chain.from_iterable(one.steps for one in earlier), *evidence.steps),
        restarts=evidence.restarts + sum(one["restarts"] for one in histories),
        exceptions=(*chain.from_iterable(one["exceptions"] for one in histories), *evidence.exceptions),
        checkpoints=_together([*(one["checkpoints"] for one in histories), evidence.checkpoints or Checkpoints()]),
        log_errors=_all_or_none([*(one.log_errors for one in earlier), evidence.log_errors]),
        # Samples of the last job say nothing of those before.
        metrics=evidence.metrics if evidence.metrics_final else None,
        timings_s={**evidence.timings_s, "run": last.ended_s - first_s},
        upgrade=Upgrade(tuple(started), len(versions), *plans),
        plan_digest=digest_together([*(one.launch.plan_digest for one in earlier), evidence.plan_digest]),
    )


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
