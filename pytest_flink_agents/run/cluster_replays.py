"""Run the inputs of an agent again from their crash points, on a cluster.

One job runs all inputs undisturbed. In each further job the operator abandons its attempt, once in an
input at most: Flink restarts the job from a checkpoint that was taken right before that input, and the
action state store has the records up to then. So an input is run again from exactly one crash.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from flink_agents_runtime.config.options import flat
from flink_testbed.core import clock
from pytest_flink_agents.evidence.replays import Replay, Replays, UndisturbedRun
from pytest_flink_agents.run.launch import launch_agent
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.records import Inputs
from pytest_flink_agents.run.replay_job import GrowingFiles, ReplayJob, failure_of
from pytest_flink_agents.run.replays import input_run, recorded_steps
from pytest_flink_agents.run.subject import AgentSubject, Subject, described

MAX_POINTS = 30
_REPLAYS_S = 300.0
# A dead process is noticed and replaced in about 3 s; a busy machine takes longer.
_RESTART_S = 60.0
_JOB_IDENTIFIER = "job-identifier"
# Checkpoints are taken on demand, so that none has a part of an input.
_ON_DEMAND = "24 h"


@dataclass(frozen=True, slots=True)
class CrashPoint:
    """A moment of an input at which its process dies: before the record after ``after`` others.

    ``attempt`` is the number that the calls before it carry; those after it carry the next one.
    """

    input: int
    after: int
    attempt: int


class JobRun(NamedTuple):
    """The ends of inputs by their numbers, as the job wrote them down.

    ``problem`` says why some are missing, and ``doubt`` why none of them proves anything; both are empty otherwise.
    """

    ended: Mapping[int, Mapping[str, Any]]
    problem: str
    doubt: str


def replay_on_cluster(subject: Subject, inputs: Inputs, place: Place, *, with_store: bool, run_s: float) -> Replays:
    """Replay an agent's inputs on the cluster of a place; one run may take ``run_s``.

    Raises ``AgentRefusedError`` for an agent that cannot be built.
    """
    if not isinstance(subject, AgentSubject):
        raise ValueError("only the inputs of an agent can be replayed")
    jobs = _Jobs(subject, inputs, place, run_s)
    first = jobs.run("undisturbed")
    undisturbed = tuple(
        UndisturbedRun(number, inputs[number]["key"], recorded_steps(line["steps"]), input_run(line["run"]))
        for number, line in sorted(first.ended.items())
        if not failure_of(line)
    )
    if problem := first.problem or first.doubt:
        return Replays(undisturbed, with_store=with_store, unknown=f"the undisturbed run failed: {problem}")
    clock_ms = [line["now_ms"] for _, line in sorted(first.ended.items())]
    points = crash_points(undisturbed, with_store=with_store)
    chosen = evenly(points, MAX_POINTS)
    replays: list[Replay] = []
    for number, crashes in enumerate(sweeps(chosen), start=1):
        done = jobs.run(f"crashes-{number}", crashes, attempt=2 * len(chosen) + number, clock_ms=clock_ms)
        replays += (_replay(crash, done) for crash in crashes)
        place.environment.progress(f"{subject.name}: {len(replays)} of {len(chosen)} crash points replayed on Flink")
    return Replays(undisturbed, tuple(replays), points=len(points), with_store=with_store)


def crash_points(undisturbed: Sequence[UndisturbedRun], *, with_store: bool) -> list[tuple[int, int]]:
    """Return all crash points as pairs of an input and the number of its records.

    Without a store a crash loses all records, wherever it is: the last point of an input stands for
    all of them.
    """
    return [
        (one.input, after)
        for one in undisturbed
        for after in range(0 if with_store else len(one.steps), len(one.steps) + 1)
    ]


def evenly(points: Sequence[tuple[int, int]], count: int) -> list[CrashPoint]:
    """Return at most ``count`` of the points, evenly spread from the first to the last."""
    chosen = points
    if len(points) > count:
        chosen = [points[number * (len(points) - 1) // (count - 1)] for number in range(count)]
    return [CrashPoint(*point, attempt=2 * number + 1) for number, point in enumerate(chosen)]


def sweeps(points: Iterable[CrashPoint]) -> list[list[CrashPoint]]:
    """Return the points in as few groups as possible, of which none has two of one input."""
    groups: list[list[CrashPoint]] = []
    for point in points:
        free = next((group for group in groups if group[-1].input < point.input), None)
        if free is None:
            groups.append([point])
        else:
            free.append(point)
    return groups


def _replay(crash: CrashPoint, done: JobRun) -> Replay:
    attempt, line = crash.attempt + 1, done.ended.get(crash.input)
    if line is None:
        problem = done.doubt or done.problem
    elif line["attempt"] != attempt:
        problem = f"the point was not reached: the input has {len(line['steps'])} recorded steps in this run"
    else:
        problem = done.doubt or line["problem"]
    run = None if line is None or problem else input_run(line["run"])
    return Replay(attempt, crash.input, crash.after, run, problem, died=crash.attempt)


class _Jobs:
    """The jobs of one replay, one after the other."""

    def __init__(self, subject: AgentSubject, inputs: Inputs, place: Place, run_s: float) -> None:
        self._subject = subject
        self._inputs = inputs
        self._place = place
        self._run_s = run_s
        self._ends_s = clock.now_s() + run_s + _REPLAYS_S

    def run(
        self, name: str, crashes: Sequence[CrashPoint] = (), *, attempt: int = 0, clock_ms: Sequence[int] = ()
    ) -> JobRun:
        """Run one job; it takes the inputs up to the last crash, or all of them if there is none."""
        directory = self._place.directory / name
        directory.mkdir()
        channel, journal = GrowingFiles(self._inputs, directory), directory / "journal.jsonl"
        channel.put()
        script = {
            "journal": str(journal),
            "deaths": [asdict(crash) for crash in crashes],
            "attempt": attempt,
            "clock_ms": list(clock_ms),
        }
        place = _replaying(self._place, directory, len(crashes))
        cluster = place.cluster
        launch = launch_agent(self._own(name), channel, place, cluster, "", replay=script)
        job = ReplayJob(cluster, launch.job_ids[0], channel, journal)
        try:
            problem = self._feed(job, crashes)
            # The first end of an input counts: it followed its crash.
            ended = {line["input"]: line for line in reversed(job.lines("ended"))}
            # An agent that fails restarts its job, too.
            doubt = "" if any(map(failure_of, ended.values())) else job.unplanned()
            if not problem:
                job.stop()
        finally:
            job.end(described(self._subject))
        return JobRun(ended, problem, doubt)

    def _own(self, name: str) -> AgentSubject:
        """Return the agent for one job, which shares no record of the store with another."""
        config = dict(self._subject.config)
        if given := dict(flat(config)).get(_JOB_IDENTIFIER):
            config[_JOB_IDENTIFIER] = f"{given}-{uuid4().hex}"
        return replace(self._subject, name=f"{self._subject.name}, {name}", config=config, parallelism=1)

    def _feed(self, job: ReplayJob, crashes: Sequence[CrashPoint]) -> str:
        """Give the job its inputs; return why they are not all processed, empty if they are."""
        given = 0
        for crash in crashes:
            problem = (
                job.process(range(given, crash.input), self._left_s(0.0))
                or job.checkpoint()
                or job.process(range(crash.input, crash.input + 1), self._left_s(_RESTART_S))
            )
            if problem:
                return problem
            given = crash.input + 1
        return "" if crashes else job.process(range(len(self._inputs)), self._left_s(0.0))

    def _left_s(self, restart_s: float) -> float:
        return min(self._run_s + restart_s, self._ends_s - clock.now_s())


def _replaying(place: Place, directory: Path, crashes: int) -> Place:
    """Return the place of one job, whose process may die that often."""
    job = {
        **place.setup.job,
        # In process mode an input waits a second for others, so that one bundle takes them all.
        "python.fn-execution.bundle.size": "1",
        "execution.checkpointing.interval": _ON_DEMAND,
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": str(crashes),
        "restart-strategy.fixed-delay.delay": "0 s",
    }
    return replace(place, directory=directory, setup=replace(place.setup, job=job))
