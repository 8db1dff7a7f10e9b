"""A run on a Flink cluster, from launch to evidence."""

from __future__ import annotations

from collections.abc import Sequence

from flink_testbed.core import clock
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.run.blue_green import promotion_of, run_beside
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.followed_run import EndedJob, FollowedRun
from pytest_flink_agents.run.job_launch import launch_job
from pytest_flink_agents.run.launch import Launch, launch_agent
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.restore_point import directory_of, naming_restore_point
from pytest_flink_agents.run.subject import AgentSubject, JobSubject, Subject
from pytest_flink_agents.run.timeline import AtStart, StartAnew, StartFromSavepoint, Step, begins_anew, savepoint_of
from pytest_flink_agents.run.versions import plans_of, refused_as, until_switch, versions_of, with_versions
from pytest_flink_agents.run.watch.dead_process import naming_dead_process
from pytest_flink_agents.run.watch.logs import LogWatch
from pytest_flink_agents.vocabulary import UpgradeMode


def run_on_cluster(
    subject: Subject, channel: Channel, place: Place, timeline: Sequence[Step], deadline_s: float
) -> Evidence:
    """Run an agent or the user's own job on the session's cluster.

    Raises ``HostError`` FA457 if the cluster was ended because of another run's job.
    """
    if not isinstance(subject, (AgentSubject, JobSubject)):
        raise ValueError("a script creates its own local environment: it runs on the local tier only")
    if promotion_of(timeline):
        return run_beside(subject, channel, place, timeline, deadline_s)
    with naming_dead_process(place.cluster):
        return _run(subject, channel, place, timeline, deadline_s)


def _run(
    subject: AgentSubject | JobSubject, channel: Channel, place: Place, timeline: Sequence[Step], deadline_s: float
) -> Evidence:
    """Run the subject, and after each switch of the timeline the next version of it.

    All versions share the channel and the deadline, which counts the time in which a job runs.
    """
    started_s = clock.now_s()
    versions = versions_of(subject, place, timeline)
    plans = plans_of(versions)
    ended: list[EndedJob] = []
    savepoints: list[str] = []
    own, later = until_switch(timeline)
    left_s = deadline_s
    before: int | None = 0
    while True:
        cluster = place.cluster
        logs = LogWatch(cluster)
        savepoints.append(savepoint_of(own))
        started = [job_id for one in ended for job_id in one.run.launch.job_ids]
        name = versions.started[len(ended)].name
        with naming_restore_point(directory_of(cluster), started), naming_dead_process(cluster), refused_as(name):
            launch = _launched(subject, channel, place, cluster, own, single=len(versions.started) > 1)
        submitted_s = clock.now_s()
        before = len(channel.outputs()) if before is None else before
        run = FollowedRun(subject, channel, place, cluster, launch, own, logs, outputs_before=before)
        jobs = [*started, *launch.job_ids] if len(versions.started) > 1 else []
        with naming_restore_point(directory_of(cluster), jobs), naming_dead_process(cluster):
            in_time = run.follow(left_s)
            switch = run.switch if in_time else None
            if switch is not None:
                # At once, for a session that is killed before its report.
                left = f"; the next one starts from {switch[1]}" if switch[1] else ""
                place.environment.progress(f"stopped the {versions.started[len(ended)].name}{left}")
                ended.append(run.ended())
        if switch is None:
            break
        act, savepoint = switch
        left_s -= run.seconds
        before = _committed(channel, act.mode)
        name, subject, place = act.version
        start = StartAnew(name) if act.mode is UpgradeMode.STATELESS else StartFromSavepoint(savepoint, name)
        own, later = until_switch([Step(AtStart(), start), *later])
    try:
        with naming_restore_point(directory_of(cluster), jobs), naming_dead_process(cluster):
            evidence = run.evidence(
                in_time=in_time, deadline_s=deadline_s, started_s=started_s, submitted_s=submitted_s
            )
    finally:
        run.abandon_blocked_cluster()
    return with_versions(evidence, ended, run, versions, plans, savepoints)


def _committed(channel: Channel, mode: UpgradeMode) -> int | None:
    """Return the number of outputs of the versions until a stop, None if the next start may commit more of them.

    A stop with a savepoint commits all. They are counted then, since the next version may have outputs before its
    launch returns; without one, those that the last checkpoint covers may be committed by the next start.
    """
    return len(channel.outputs()) if mode is UpgradeMode.SAVEPOINT else None


def _launched(
    subject: AgentSubject | JobSubject,
    channel: Channel,
    place: Place,
    cluster: FlinkCluster,
    steps: Sequence[Step],
    *,
    single: bool,
) -> Launch:
    if isinstance(subject, AgentSubject):
        continues = begins_anew(steps)
        return launch_agent(subject, channel, place, cluster, savepoint_of(steps), continues=continues)
    return launch_job(subject, place, cluster, savepoint_of(steps), single=single)
