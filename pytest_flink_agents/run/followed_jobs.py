"""The jobs of one launch, from their start to their end."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError
from flink_testbed.faults import FaultTarget
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest_keys import browser_note
from pytest_flink_agents.evidence.event_log import (
    EventLog,
    gather_event_logs,
    logs_elsewhere,
    read_event_logs,
)
from pytest_flink_agents.evidence.metrics import reporting_agents
from pytest_flink_agents.evidence.unfinished import still_waiting, unfinished_in
from pytest_flink_agents.provision.session_clusters import PROCESS_DIED
from pytest_flink_agents.run.arrival import Arrival, LoggedTypes, OutputCount
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.launch import Launch
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.records import Inputs
from pytest_flink_agents.run.subject import AgentSubject, JobSubject, described
from pytest_flink_agents.run.timeline import Step, SwitchVersion, TimelineRun
from pytest_flink_agents.run.watch.announcement import Announcement
from pytest_flink_agents.run.watch.jobs import (
    CANCEL_S,
    JobWatch,
    wait_for_ends,
    wait_for_starts,
)
from pytest_flink_agents.run.watch.logs import LogWatch, StartedProgram
from pytest_flink_agents.vocabulary import Tier

# Scheduling, and in Python the imports of operators, do not count as the run's time.
_START_S = 60.0


class FollowedJobs:
    """The jobs of one launch, from their start until they have ended, are done or are cancelled.

    ``outputs_before`` is the number of outputs of the versions before, which are in the same channel.
    """

    def __init__(
        self,
        subject: AgentSubject | JobSubject,
        channel: Channel,
        place: Place,
        cluster: FlinkCluster,
        launch: Launch,
        timeline: Sequence[Step],
        logs: LogWatch,
        *,
        outputs_before: int = 0,
    ) -> None:
        self._logs = logs
        self._subject = subject
        self._channel = channel
        self._place = place
        self.cluster = cluster
        self.launch = launch
        for job_id in launch.job_ids:
            cluster.adopt(job_id)
        self._watches = [JobWatch(cluster, job_id) for job_id in launch.job_ids]
        # An external cluster may refuse to say. A run that gave its cluster options is *unknown* then.
        self._reported = cluster.configuration()
        first = launch.job_ids[0] if launch.job_ids else ""
        event_types = LoggedTypes(place.events, lambda: logs_elsewhere(cluster.directory, launch.job_ids))
        target = FaultTarget(cluster, first, channel.kafka)
        outputs = OutputCount(channel)
        self._timeline = TimelineRun(timeline, target, lambda: outputs() - outputs_before, event_types)
        self._started = True
        # How the job of a program began. An agent's plan and options decide it, so its launch says it.
        self.program = StartedProgram() if isinstance(subject, JobSubject) else StartedProgram((), launch.python_mode)
        # That of its widest operator, 0 if it is not known.
        self.parallelism = 0
        # The jobs that still hold their slots after they were cancelled.
        self._stuck: list[str] = []
        self.running_s = self.ended_s = clock.now_s()

    def follow(self, deadline_s: float) -> bool:
        """Watch the jobs until they have ended or are done.

        Return False if the deadline passed before.
        """
        in_time = True
        environment, is_external = self._place.environment, self.cluster.processes is None
        announcement = Announcement(
            described(self._subject),
            self._watches,
            environment.progress,
            at_once=environment.settings.verbose or is_external,
            note=browser_note(self.cluster.rest_url) if self._place.tier is Tier.EMBEDDED else "",
        )

        def each_look() -> None:
            announcement.look()
            self._channel.send_released()
            self._timeline.advance()

        try:
            if self._watches:
                announcement.look()
                self.begin(max(_START_S, deadline_s))
                in_time = self._started and wait_for_ends(self._watches, deadline_s, self._done(), each_look=each_look)
        except HostError as error:
            if error.problems[0].code == PROCESS_DIED:
                raise self._died_with(error) from None
            raise
        finally:
            self.ended_s = clock.now_s()
        return in_time

    def begin(self, within_s: float) -> bool:
        """Wait until the jobs run, and return whether they do."""
        self._started = wait_for_starts(self._watches, within_s)
        self.running_s = clock.now_s()
        self.watch.look_for_restore()
        self.parallelism = self.watch.parallelism()
        if isinstance(self._subject, JobSubject):
            self.program = self._logs.started_program(self.launch.job_ids)
        return self._started

    @property
    def watch(self) -> JobWatch:
        """The watch of the first job."""
        return self._watches[0]

    @property
    def restored(self) -> str | None:
        """The path of the first state that the job restored; empty for none, None if Flink does not report it."""
        return self.watch.restored if self._watches else None

    def cancel(self) -> bool:
        """Cancel the jobs that still run, and return whether they have ended."""
        self._stuck = [watch.job_id for watch in self._watches if not watch.ended and not watch.cancel()]
        return not self._stuck

    def _died_with(self, error: HostError) -> HostError:
        """Return the error of a dead process, with its subject."""
        log = self.logged()
        problem = error.problems[0]
        message = f"{problem.message} while {described(self._subject)} ran"
        next_step = "look for os._exit, a signal, a native crash or too little memory; the next run gets a new cluster"
        waiting = self._waiting_on(log)
        detail = f"{waiting}\n{problem.detail}" if waiting else problem.detail
        return HostError(replace(problem, message=message, next_step=next_step, detail=detail))

    def _done(self) -> Callable[[], bool]:
        """Return the condition under which a job that still runs has done its work, or cannot go on with it."""
        subject, timeline = self._subject, self._timeline
        if isinstance(subject, JobSubject) and self._channel.open_ended and subject.expected_outputs:
            arrived = Arrival(self._channel, subject.expected_outputs)
            return lambda: timeline.refused or (not timeline.switches and arrived())
        return lambda: timeline.refused

    @property
    def switch(self) -> tuple[SwitchVersion, str] | None:
        """The act that has stopped the job for another version and its savepoint, None if none has."""
        return self._timeline.switch

    @property
    def seconds(self) -> float:
        """The time for which the job ran."""
        return self.ended_s - self.running_s

    def logged(self) -> EventLog:
        """Return the events of the jobs.

        Those of several agents have no common order: a key's events are then not known.
        """
        gather_event_logs(self.cluster.directory, self.launch.job_ids, self._place.events)
        log = read_event_logs(self._place.events, self._numbered)
        if log.unknown or not self.has_several_agents:
            return log
        return replace(log, unknown="the job has several agents, whose event logs have no common order")

    @property
    def has_several_agents(self) -> bool:
        """True if a program of the user's own has agents of several names, or in several jobs."""
        if not isinstance(self._subject, JobSubject):
            return False
        agents = reporting_agents(self._place.events)
        return len(agents) > 1 or (bool(agents) and len(self.launch.job_ids) > 1)

    @property
    def _numbered(self) -> Inputs:
        """The inputs whose numbers the event logs may hold: those of an agent, none of a job."""
        return self._channel.inputs if isinstance(self._subject, AgentSubject) else ()

    @property
    def _stuck_in_words(self) -> str:
        """One line on jobs that could not be cancelled, empty if there are none."""
        if not self._stuck:
            return ""
        return (
            f"the job could not be cancelled within {CANCEL_S:g} s: an action that never returns blocks its TaskManager"
        )

    def abandon_blocked_cluster(self) -> None:
        """End a cluster that a job does not leave.

        Flink would kill the TaskManager with all jobs on it after three minutes, in the middle of
        other runs; these see the reason at once, and are run again.
        """
        if self._stuck:
            # Another run may have ended the cluster before.
            with contextlib.suppress(HostError):
                self.cluster.abandon(f"{described(self._subject)} ran beside this run, and {self._stuck_in_words}")

    def _waiting_on(self, log: EventLog) -> str:
        if not isinstance(self._subject, AgentSubject) or log.unknown:
            return ""
        agent: Any = self._subject.spec["agent"]
        return still_waiting(agent, unfinished_in(log.events, self.launch.listeners))
