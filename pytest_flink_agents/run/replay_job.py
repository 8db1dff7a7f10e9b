"""One job that is given its inputs in parts, and writes down what happens in its processes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, WaitTimeoutError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import TERMINAL_STATES
from pytest_flink_agents.evidence.job_failure import job_failure
from pytest_flink_agents.run.channel import FileChannel
from pytest_flink_agents.run.paced import Paced
from pytest_flink_agents.run.records import AgentRecords, Inputs
from pytest_flink_agents.run.watch.jobs import CANCEL_S, JobWatch

_START_S = 60.0
_CHECKPOINT_S = 30.0


class GrowingFiles(FileChannel):
    """Inputs that are given in the course of a run, in a file for each part of them."""

    def __init__(self, inputs: Inputs, directory: Path) -> None:
        super().__init__(inputs, directory, AgentRecords())
        self.directory = self._inputs.parent
        files = {"inputs": str(self.directory), "outputs": str(self._outputs), "growing": True}
        self.source_and_sink = {"files": files}

    def put(self) -> None:
        """Make the directories."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._outputs.mkdir(parents=True, exist_ok=True)

    def give(self, numbers: range) -> None:
        """Add the inputs of these numbers in one file, which appears as a whole."""
        part = self.directory / f".{numbers.start:06}.jsonl"
        lines = (self._records.line(number, self.inputs[number]) + "\n" for number in numbers)
        part.write_text("".join(lines), encoding="utf-8")
        part.rename(part.with_name(part.name.removeprefix(".")))


class ReplayJob:
    """One job that is given its inputs, and its journal."""

    def __init__(self, cluster: FlinkCluster, job_id: str, channel: GrowingFiles, journal: Path) -> None:
        self._cluster = cluster
        self._job_id = job_id
        self._channel = channel
        self._journal = journal
        self._paced = Paced()
        cluster.adopt(job_id)

    def lines(self, what: str) -> list[dict[str, Any]]:
        """Return the lines of one kind in the journal so far, of which a last line may be incomplete."""
        if not self._journal.exists():
            return []
        lines = map(json.loads, self._journal.read_text(encoding="utf-8").split("\n")[:-1])
        return [line for line in lines if line["what"] == what]

    def process(self, numbers: range, timeout_s: float) -> str:
        """Give inputs and wait until they have ended; return why they have not, empty if they have."""
        if not numbers:
            return ""
        if timeout_s <= 0:
            return "the time for all replays was over"
        self._channel.give(numbers)

        def probe() -> tuple[str | None, str]:
            ended = self.lines("ended")
            failure = next(filter(None, map(failure_of, ended)), "")
            if failure or any(line["input"] == numbers[-1] for line in ended):
                return failure, "ended"
            if self._paced.due():
                self._cluster.require_alive()
                state = self._cluster.rest.job_state(self._job_id)
                if state in TERMINAL_STATES:
                    return f"the job is {state}: {self._cause()}", ""
            return None, f"{len(ended)} inputs of this job have ended"

        try:
            return self._cluster.wait(probe, what=f"the end of input {numbers[-1]}", timeout_s=timeout_s)
        except WaitTimeoutError as error:
            problem = error.problems[0]
            return f"{problem.message}; last seen: {problem.seen}"

    def checkpoint(self) -> str:
        """Take a checkpoint, from which the next restart begins; return why there is none, empty if there is."""
        try:
            self._cluster.wait_for_tasks(self._job_id, timeout_s=_START_S)
            self._cluster.checkpoint(self._job_id, timeout_s=_CHECKPOINT_S)
        except HostError as error:
            self._cluster.require_alive()
            problem = error.problems[0]
            return f"no checkpoint before an input: {problem.message}; last seen: {problem.seen}"
        return ""

    def unplanned(self) -> str:
        """Return what happened to the job that was not planned, empty if nothing did."""
        deaths, starts = len(self.lines("died")), len(self.lines("opened"))
        restored = self._cluster.rest.checkpoint_counts(self._job_id)["restored"]
        if (starts, restored) != (1 + deaths, deaths):
            return f"after {deaths} deaths the job has {starts} starts, {restored} of them from a checkpoint: {self._cause()}"
        ended = [line["input"] for line in self.lines("ended")]
        again = {number for number in ended if ended.count(number) > 1}
        return f"inputs {sorted(again)} were processed again after a checkpoint that has them" if again else ""

    def _cause(self) -> str:
        return job_failure(self._cluster.exception(self._job_id)).message

    def stop(self) -> None:
        """End the job in good order.

        Cancelled in process mode while a bundle ends, it takes its TaskManager along (seen on 2.2.1:
        "Reference count must not be negative").
        """
        # Everything is known already, and a job that does not stop is cancelled.
        with contextlib.suppress(HostError):
            self._cluster.savepoint(self._job_id, stop=True, timeout_s=_CHECKPOINT_S)

    def end(self, who: str) -> None:
        """Cancel the job; end a cluster that it does not leave."""
        if self._cluster.rest.job_state(self._job_id) in TERMINAL_STATES:
            return
        if not JobWatch(self._cluster, self._job_id).cancel():
            with contextlib.suppress(HostError):
                self._cluster.abandon(f"{who} ran in a replay, and could not be cancelled within {CANCEL_S:g} s")


def failure_of(line: Mapping[str, Any]) -> str:
    """Return why an input failed, empty if it did not."""
    return str(line["problem"] or line["run"]["failure"] or "")
