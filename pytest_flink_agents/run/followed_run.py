"""The evidence of the jobs of one launch."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flink_testbed.core import clock
from pytest_flink_agents.evidence.event_log import EventLog
from pytest_flink_agents.evidence.failed_action import located
from pytest_flink_agents.evidence.job_failure import job_failure
from pytest_flink_agents.evidence.memory import read_memory
from pytest_flink_agents.evidence.metrics import read_metrics
from pytest_flink_agents.evidence.model import Evidence, Failure, LogError, StepRecord
from pytest_flink_agents.evidence.network import read_blocked
from pytest_flink_agents.provision.flink_setup import effective_rows, rows_as_data
from pytest_flink_agents.run.followed_jobs import FollowedJobs
from pytest_flink_agents.run.launch import named_failure
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.watch.jobs import JobHistory, joint_state, restarts_in_words
from pytest_flink_agents.run.watch.reach import require_reach
from pytest_flink_agents.run.watch.threads import save_thread_dump

_LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class EndedJob:
    """The job of a version that was stopped for the next one, as far as later jobs do not show it."""

    run: FollowedRun
    history: JobHistory
    steps: tuple[StepRecord, ...]
    log_errors: tuple[LogError, ...] | None


class FollowedRun(FollowedJobs):
    """The jobs of one launch, from their start to their evidence."""

    def ended(self, history: JobHistory | None = None) -> EndedJob:
        """Return what is known of a job that was stopped for another version.

        ``history`` is the last one that was read of it, None if its cluster is still needed and has it.
        """
        history = history or self._watches[0].history()
        directory = self._place.directory / f"logs-{self.launch.job_ids[0]}"
        errors = self._logs.collect(directory, self.launch.job_ids)
        return EndedJob(self, history, self._steps(history), errors)

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
        log = self.logged()
        # A restart logs the same events again: they do not say then which run has failed. Missing ones do not either.
        if failure and not history.get("restarts") and not log.unknown:
            failure = located(failure, launch.actions, log.events, self._numbered)
        # Several agents have metrics of the same names, and a sum of them would be of none.
        final_metrics = None if self.has_several_agents else read_metrics(place.events)
        history["metrics"] = final_metrics or history.get("metrics")
        steps = self._steps(history)
        return replace(
            self._given(),
            outputs=outputs,
            events=log.events,
            events_unknown=log.unknown,
            failure=failure,
            complete=in_time and not refused and not self._timeline.stopped,
            started=self._started,
            timed_out_after_s=None if in_time else deadline_s,
            stopped=stopped,
            metrics_final=final_metrics is not None,
            memory=read_memory(place.events) if state == "FINISHED" and not failure else None,
            job_state=state,
            timings_s=self._timings(started_s, submitted_s),
            steps=steps,
            topics=self._channel.topics() if steps else None,
            log_tail=self._log_tail(history, log, failure, cut_short=refused or not in_time),
            blocked=self.blocked(),
            log_errors=self._logs.collect(place.directory / "logs", launch.job_ids),
            files={**self._files(), **threads},
            **history,
        )

    def _given(self) -> Evidence:
        """Return the evidence of what the jobs were given: subject, inputs and options."""
        place, launch, channel = self._place, self.launch, self._channel
        external = self.cluster.processes is None
        return Evidence(
            tier=place.tier.value,
            flink_version=place.environment.release.version,
            engine=launch.engine,
            input_keys=channel.input_keys,
            held_inputs=channel.conversation.held() if channel.conversation else (),
            transport=channel.name,
            config=launch.config,
            plan=launch.plan,
            plan_digest=launch.plan_digest,
            flink_config=rows_as_data(effective_rows(place.setup, self._reported, external=external)),
        )

    def _timings(self, started_s: float, submitted_s: float) -> dict[str, float]:
        return {
            "submit": submitted_s - started_s,
            "start": self.running_s - submitted_s,
            "run": self.ended_s - self.running_s,
            "total": clock.now_s() - started_s,
        }

    def _files(self) -> dict[str, str]:
        logs = str(self.cluster.directory / "log")
        return {"events": str(self._place.events), "logs": logs, **self.launch.files, **self._channel.files}

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
