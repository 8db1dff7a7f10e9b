"""The checks of what a scenario states beside its outputs."""

from __future__ import annotations

from collections.abc import Callable

from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.checks.trajectory import NAME as TRAJECTORY
from pytest_flink_agents.checks.trajectory import Match, Trajectory, check_trajectories
from pytest_flink_agents.checks.trajectory_steps import StepKind, TrajectoryStep
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.scenario.error import DocumentPath
from pytest_flink_agents.scenario.expectation.trajectory import (
    EventStep,
    ExpectedTrajectory,
    Step,
    ToolStep,
)
from pytest_flink_agents.scenario.loaded import LoadedScenario

Check = Callable[[], CheckResult]


def stated_checks(loaded: LoadedScenario, evidence: Evidence) -> dict[str, Check]:
    """Return the checks by name."""
    expect = loaded.scenario.expect
    checks: dict[str, Check] = {}
    if expect.trajectory is not None:
        trajectories = expected_trajectories(loaded)
        checks[TRAJECTORY] = lambda: check_trajectories(trajectories, evidence)
    return checks


def expected_trajectories(loaded: LoadedScenario) -> list[Trajectory]:
    """Return the trajectories that a scenario states."""
    written = loaded.scenario.expect.trajectory
    path: DocumentPath = ("expect", "trajectory")
    if isinstance(written, ExpectedTrajectory):
        return [_trajectory(loaded, written, path)]
    return [_trajectory(loaded, one, (*path, index)) for index, one in enumerate(written or ())]


def _trajectory(loaded: LoadedScenario, written: ExpectedTrajectory, path: DocumentPath) -> Trajectory:
    def steps(word: str, listed: tuple[Step, ...] | None) -> tuple[TrajectoryStep, ...]:
        return tuple(_step(loaded, one, (*path, word, index)) for index, one in enumerate(listed or ()))

    return Trajectory(
        path,
        Match(written.match),
        steps("events", written.events),
        steps("never", written.never),
        written.key,
        written.of_one_key,
    )


def _step(loaded: LoadedScenario, written: Step, path: DocumentPath) -> TrajectoryStep:
    if isinstance(written, str):
        return TrajectoryStep(path, StepKind.EVENT, written)
    if isinstance(written, ToolStep):
        matcher = loaded.matchers.get((*path, "args"))
        return TrajectoryStep(path, StepKind.TOOL, written.tool, written.args, matcher)
    if isinstance(written, EventStep):
        matcher = loaded.matchers.get((*path, "attributes"))
        return TrajectoryStep(path, StepKind.EVENT, written.event, written.attributes, matcher)
    calls = tuple(_step(loaded, one, (*path, "parallel", index)) for index, one in enumerate(written.parallel))
    return TrajectoryStep(path, StepKind.PARALLEL, calls=calls)
