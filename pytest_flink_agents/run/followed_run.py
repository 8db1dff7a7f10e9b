"""The jobs of one launch, from their start to their evidence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError
from flink_testbed.faults import FaultTarget
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest_keys import browser_note
from pytest_flink_agents.evidence.event_log import EventLog, gather_event_logs, logs_elsewhere, read_event_logs
from pytest_flink_agents.evidence.failed_action import located
from pytest_flink_agents.evidence.job_failure import job_failure
from pytest_flink_agents.evidence.metrics import read_metrics
from pytest_flink_agents.evidence.model import Evidence, Failure, LogError, StepRecord
from pytest_flink_agents.evidence.network import read_blocked
from pytest_flink_agents.evidence.unfinished import still_waiting, unfinished_in
from pytest_flink_agents.provision.flink_setup import effective_rows, rows_as_data
from pytest_flink_agents.provision.session_clusters import PROCESS_DIED
from pytest_flink_agents.run.arrival import Arrival, LoggedTypes, OutputCount
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.launch import Launch, named_failure
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject, JobSubject, described
from pytest_flink_agents.run.timeline import Step, SwitchVersion, TimelineRun
from pytest_flink_agents.run.watch.announcement import Announcement
from pytest_flink_agents.run.watch.jobs import (
    CANCEL_S,
    JobHistory,
    JobWatch,
    joint_state,
    restarts_in_words,
    wait_for_ends,
    wait_for_starts,
)
from pytest_flink_agents.run.watch.logs import LogWatch, StartedProgram
from pytest_flink_agents.run.watch.reach import require_reach
from pytest_flink_agents.run.watch.threads import save_thread_dump
from pytest_flink_agents.vocabulary import Tier

_LOG_LINES = 15
# Scheduling, and in Python the imports of operators, do not count as the run's time.
_START_S = 60.0


@dataclass(frozen=True, slots=True)
class EndedJob:
    """The job of a version that was stopped for the next one, as far as later jobs do not show it."""

    run: FollowedRun
    history: JobHistory
    steps: tuple[StepRecord, ...]
    log_errors: tuple[LogError, ...] | None


class FollowedRun:
    """The jobs of one launch, from their start to their evidence.

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
        gather_event_logs(self.cluster.directory, self.launch.job_ids, self._place.events)
        log = read_event_logs(self._place.events, self._channel.inputs)
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

    def ended(self) -> EndedJob:
        """Return what is known of a job that was stopped for another version."""
        history, directory = self._watches[0].history(), self._place.directory / f"logs-{self.launch.job_ids[0]}"
        errors = self._logs.collect(directory, self.launch.job_ids)
        return EndedJob(self, history, self._steps(history), errors)

    def logged(self) -> EventLog:
        """Return the events of the jobs."""
        gather_event_logs(self.cluster.directory, self.launch.job_ids, self._place.events)
        return read_event_logs(self._place.events, self._channel.inputs)

    def blocked(self) -> tuple[str, ...] | None:
        """Return the addresses that were not allowed, None if nothing limited the connections."""
        return read_blocked(self._place.events, whole=self.cluster.shares_files)

    def _steps(self, history: JobHistory) -> tuple[StepRecord, ...]:
        checkpoints = history.get("checkpoints")
        return self._timeline.records(restored=checkpoints.restored if checkpoints else 0)

    def evidence(self, *, in_time: bool, deadline_s: float, started_s: float, submitted_s: float) -> Evidence:
        """Cancel the jobs that still run, and gather the evidence.

        The order matters:

        1. The failure and the thread dump are read while the jobs still run: cancelling ends the
           threads, and a cancelled job has no failure.
        2. The outputs are read before the jobs are cancelled: those of an unbounded job are the
           ones that had come when it was done.
        3. The jobs are cancelled and have ended: only then are history and event logs complete.
        """
        place, cluster, launch = self._place, self.cluster, self.launch
        failure = launch.failure or self._failure()
        refused = self._timeline.refused
        # A job that does not stop may be blocked by an action that never returns.
        threads = save_thread_dump(cluster, place.directory) if refused or not in_time else {}
        stopped = in_time and not refused and not all(watch.ended for watch in self._watches)
        state = "CANCELED" if stopped else joint_state(self._watches)
        outputs = self._channel.outputs()
        self.cancel()
        history = self._watches[0].history() if self._watches else JobHistory()
        gather_event_logs(cluster.directory, launch.job_ids, place.events)
        numbered = self._channel.inputs if isinstance(self._subject, AgentSubject) else ()
        log = read_event_logs(place.events, numbered)
        # A restart logs the same events again: they do not say then which run has failed. Missing ones do not either.
        if failure and not history.get("restarts") and not log.unknown:
            failure = located(failure, launch.actions, log.events, numbered)
        final_metrics = read_metrics(place.events)
        history["metrics"] = final_metrics or history.get("metrics")
        steps = self._steps(history)
        return Evidence(
            tier=place.tier.value,
            flink_version=place.environment.release.version,
            engine=launch.engine,
            outputs=outputs,
            input_keys=self._channel.input_keys,
            held_inputs=self._channel.conversation.held() if self._channel.conversation else (),
            transport=self._channel.name,
            events=log.events,
            events_unknown=log.unknown,
            failure=failure,
            complete=in_time and not refused and not self._timeline.stopped,
            started=self._started,
            timed_out_after_s=None if in_time else deadline_s,
            stopped=stopped,
            metrics_final=final_metrics is not None,
            job_state=state,
            config=launch.config,
            plan=launch.plan,
            plan_digest=launch.plan_digest,
            flink_config=rows_as_data(effective_rows(place.setup, self._reported, external=cluster.processes is None)),
            timings_s={
                "submit": submitted_s - started_s,
                "start": self.running_s - submitted_s,
                "run": self.ended_s - self.running_s,
                "total": clock.now_s() - started_s,
            },
            steps=steps,
            topics=self._channel.topics() if steps else None,
            log_tail=self._log_tail(history, log, failure, cut_short=refused or not in_time),
            blocked=self.blocked(),
            log_errors=self._logs.collect(place.directory / "logs", launch.job_ids),
            files={
                "events": str(place.events),
                "logs": str(cluster.directory / "log"),
                **launch.files,
                **self._channel.files,
                **threads,
            },
            **history,
        )

    def _failure(self) -> Failure | None:
        """Return the failure of the first job that failed."""
        failed = next((watch.job_id for watch in self._watches if watch.state == "FAILED"), None)
        if failed is None:
            return None
        # A job that failed because its TaskManager was lost is not the agent's failure.
        self.cluster.require_alive()
        exception = self.cluster.exception(failed)
        require_reach(self.cluster, exception, self._place.directory)
        failure = job_failure(exception)
        return named_failure(failure, self._subject) if isinstance(self._subject, AgentSubject) else failure

    def _log_tail(self, history: JobHistory, log: EventLog, failure: Failure | None, *, cut_short: bool) -> str:
        """Return lines that explain a missed deadline, a stop that was refused, or a failure.

        A failure of an agent's action needs none: it has a traceback.
        """
        if cut_short:
            # The first line is what the finding shows.
            unfinished = "; ".join(filter(None, (self._waiting_on(log), self._stuck_in_words)))
            lines = (unfinished, restarts_in_words(history), self.cluster.logs.tail(_LOG_LINES))
            return "\n".join(line for line in lines if line)
        # The traceback of an agent's action says more than Flink's logs.
        return self.cluster.logs.tail(_LOG_LINES) if self._watches and failure and not failure.action else ""

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
