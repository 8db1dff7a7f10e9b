"""A run of two versions that are alive at the same time, until one of them is left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, ProblemError
from pytest_flink_agents.checks.logs import lost_worker
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.served_events import events_from
from pytest_flink_agents.evidence.upgrade import BASELINE, CANDIDATE, Upgrade
from pytest_flink_agents.provision.session_clusters import PROCESS_DIED
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.executed_plan import digest_together
from pytest_flink_agents.run.followed_run import EndedJob, FollowedRun
from pytest_flink_agents.run.launch import launch_agent
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.promotion import Move, Promotion
from pytest_flink_agents.run.restore_point import naming_restore_point
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject, JobSubject
from pytest_flink_agents.run.timeline import Step
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.run.versions import Plan, RunVersions, plans_of, refused_as, version_of, with_versions
from pytest_flink_agents.run.watch.dead_process import naming_dead_process
from pytest_flink_agents.run.watch.logs import LogWatch


def promotion_of(timeline: Sequence[Step]) -> Promotion | None:
    """Return the candidate that a timeline starts beside the job, None without one."""
    return next((step.act.promotion for step in timeline if isinstance(step.act, Move)), None)


def run_beside(
    subject: AgentSubject | JobSubject, channel: Channel, place: Place, timeline: Sequence[Step], deadline_s: float
) -> Evidence:
    """Run the baseline, and beside it the candidate, until the one that serves in the end has read all inputs."""
    started_s = clock.now_s()
    promotion = promotion_of(timeline)
    assert promotion is not None
    assert isinstance(subject, AgentSubject), "only agents have versions"
    assert isinstance(channel, TopicChannel)
    versions = RunVersions((RunVersion(BASELINE, subject, place), promotion.candidate))
    plans = plans_of(versions)
    cluster, logs = place.cluster, LogWatch(place.cluster)
    with naming_dead_process(cluster), refused_as(BASELINE):
        launch = launch_agent(subject, channel, place, cluster, "")
        submitted_s = clock.now_s()
        baseline = FollowedRun(subject, channel, place, cluster, launch, timeline, logs)
    times = {"deadline_s": deadline_s, "started_s": started_s, "submitted_s": submitted_s}
    try:
        with _naming_ways_on(baseline, promotion):
            in_time = _followed(baseline, promotion, deadline_s)
            candidate = promotion.run
            if not in_time or not promotion.outcome.served or candidate is None:
                promotion.end()
                evidence = baseline.evidence(in_time=in_time, **times)
                return _of_the_baseline(evidence, baseline, promotion, versions, plans)
            place.environment.progress(f"stopped the {BASELINE}; its savepoint is {promotion.outcome.savepoint}")
            # Behind the step of the switch, whose end is before the first output of the candidate.
            channel.send_rest()
            ended = baseline.ended(promotion.history)
            in_time = candidate.follow(deadline_s - baseline.seconds)
            promotion.look_at_late_work()
            ended = _without_losses(ended, promotion)
            evidence = candidate.evidence(in_time=in_time, **times)
            savepoints = ["", promotion.copy]
            evidence = with_versions(evidence, [ended], candidate, versions, plans, savepoints)
            return _of_both(evidence, ended, channel, promotion)
    except ProblemError:
        # The cluster of the candidate goes on with other scenarios.
        with contextlib.suppress(ProblemError):
            promotion.end()
        raise
    finally:
        for run in (baseline, promotion.run):
            if run is not None:
                run.abandon_blocked_cluster()


def _followed(baseline: FollowedRun, promotion: Promotion, deadline_s: float) -> bool:
    """Follow the baseline until it serves no longer; return False if the deadline passed before.

    A cluster that is lost after the switch has nothing more to do: all outputs of the baseline are committed.
    """
    try:
        return baseline.follow(deadline_s)
    except HostError as error:
        if not promotion.outcome.served or error.problems[0].code != PROCESS_DIED:
            raise
        return True


def _without_losses(ended: EndedJob, promotion: Promotion) -> EndedJob:
    """Return the baseline without the errors in its logs that the loss of its processes explains, and name the losses.

    They are no fault of the candidate, and what the baseline has served is whole.
    """
    losses: list[str] = []
    explained = lost_worker(ended.log_errors or ())
    if explained:
        losses.append(f"the {BASELINE} lost a Python worker, as {explained[0].file} says: {explained[0].line}")
    try:
        ended.run.cluster.require_alive()
    except HostError as error:
        left = f"its savepoint is {promotion.outcome.savepoint}"
        losses.append(f"the {BASELINE} lost its cluster after the switch: {error.problems[0].message}; {left}")
        explained += tuple(one for one in ended.log_errors or () if one.crash)
    promotion.outcome = replace(promotion.outcome, losses=tuple(losses))
    errors = None if ended.log_errors is None else tuple(one for one in ended.log_errors if one not in explained)
    return replace(ended, log_errors=errors)


@contextlib.contextmanager
def _naming_ways_on(baseline: FollowedRun, promotion: Promotion) -> Iterator[None]:
    """Add to an error of the block from where each version that has served can be started again."""
    try:
        yield
    except ProblemError:
        runs = [(BASELINE, baseline)]
        if promotion.outcome.served and promotion.run is not None:
            runs.append((CANDIDATE, promotion.run))
        with contextlib.ExitStack() as named:
            for name, run in runs:
                named.enter_context(naming_restore_point(run.cluster.directory, run.launch.job_ids, name))
            # From the switch on, the baseline's cluster is not needed.
            named.enter_context(naming_dead_process(runs[-1][1].cluster))
            raise


def _of_the_baseline(
    evidence: Evidence,
    baseline: FollowedRun,
    promotion: Promotion,
    versions: RunVersions,
    plans: tuple[Plan, Plan],
) -> Evidence:
    """Return the evidence of a baseline that served to the end, with the candidate that did not take over."""
    runs = [run for run in (baseline, promotion.run) if run is not None]
    outcome = promotion.outcome
    # Of a candidate of which nothing is known it is not known either what it restored.
    savepoints = ("", promotion.copy if outcome.known else "")
    found = [
        version_of(version, run, savepoint, run.launch.job_ids[0])
        for version, run, savepoint in zip(versions.started, runs, savepoints, strict=False)
    ]
    # A candidate that was given up on purpose before its start is missed by nobody.
    planned = len(found) if outcome.step and not outcome.reason else len(versions.started)
    upgrade = Upgrade(tuple(found), planned, *plans, blue_green=promotion.outcome)
    digest = digest_together([run.launch.plan_digest for run in runs])
    return replace(evidence, upgrade=upgrade, plan_digest=digest, files={**evidence.files, **promotion.files})


def _of_both(evidence: Evidence, ended: EndedJob, channel: Channel, promotion: Promotion) -> Evidence:
    """Return the evidence of a candidate that took over, with what its log has from then on."""
    assert evidence.upgrade is not None
    before = ended.run.logged()
    events, unknown = events_from(evidence.events, promotion.outcome.offset, channel.input_keys)
    blocked = [one for one in (ended.run.blocked(), evidence.blocked) if one is not None]
    return replace(
        evidence,
        events=(*before.events, *events),
        events_unknown=before.unknown or evidence.events_unknown or unknown,
        blocked=tuple(dict.fromkeys(chain.from_iterable(blocked))) if len(blocked) > 1 else None,
        # They count what the candidate did in its shadow.
        metrics=None,
        upgrade=replace(evidence.upgrade, blue_green=promotion.outcome),
        files={**evidence.files, **promotion.files},
    )
