"""The checks of what a scenario states beside its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pytest_flink_agents.checks.bounds import Bounds
from pytest_flink_agents.checks.cost import NAME as COST
from pytest_flink_agents.checks.cost import check_cost
from pytest_flink_agents.checks.effects import NAME as EFFECTS
from pytest_flink_agents.checks.effects import ExpectedCalls, Part, check_effects
from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.checks.job_counts import (
    CHECKPOINTS,
    RESTARTS,
    THROUGHPUT,
    check_checkpoints,
    check_restarts,
    check_throughput,
)
from pytest_flink_agents.checks.latency import NAME as LATENCY
from pytest_flink_agents.checks.latency import Percentile, check_latency
from pytest_flink_agents.checks.memory import NAME as MEMORY
from pytest_flink_agents.checks.memory import ExpectedValue, check_memory
from pytest_flink_agents.checks.metric_values import NAME as METRICS
from pytest_flink_agents.checks.metric_values import ExpectedMetric, check_metrics
from pytest_flink_agents.checks.output_summary import OutputSummary
from pytest_flink_agents.checks.recovery import NAME as RECOVERY
from pytest_flink_agents.checks.recovery import ExpectedRecovery, check_recovery
from pytest_flink_agents.checks.trajectory import NAME as TRAJECTORY
from pytest_flink_agents.checks.trajectory import check_trajectories
from pytest_flink_agents.checks.trajectory_steps import Match, StepKind, Trajectory, TrajectoryStep
from pytest_flink_agents.checks.upgrade import DOWNTIME, check_downtime
from pytest_flink_agents.checks.usage import CALLS, TOKENS, TokenBounds, check_call_count, check_tokens
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.scenario.error import DocumentPath
from pytest_flink_agents.scenario.expectation.amounts import Count, ExpectedLatency, MetricValue, Range
from pytest_flink_agents.scenario.expectation.effects import PARTS, Calls
from pytest_flink_agents.scenario.expectation.outputs import ExpectedOutputs
from pytest_flink_agents.scenario.expectation.trajectory import (
    EventStep,
    ExpectedTrajectory,
    Step,
    ToolStep,
)
from pytest_flink_agents.scenario.expectations import Expect
from pytest_flink_agents.scenario.expressions import compile_expression
from pytest_flink_agents.scenario.faults import timetable
from pytest_flink_agents.scenario.loaded import LoadedScenario
from pytest_flink_agents.scenario.model import Scenario
from pytest_flink_agents.vocabulary import ModelPrice

Check = Callable[[], CheckResult]
NO_PRICES: Mapping[str, ModelPrice] = MappingProxyType({})


def stated_checks(
    loaded: LoadedScenario, evidence: Evidence, prices: Mapping[str, ModelPrice] = NO_PRICES
) -> dict[str, Check]:
    """Return the checks by name. ``prices`` are those of models."""
    expect = loaded.scenario.expect
    checks: dict[str, Check] = {}
    if expect.trajectory is not None:
        trajectories = expected_trajectories(loaded)
        checks[TRAJECTORY] = lambda: check_trajectories(trajectories, evidence)
    if expect.effects:
        calls = [_calls(loaded, name, written) for name, written in expect.effects.items()]
        checks[EFFECTS] = lambda: check_effects(calls, evidence)
    if expect.memory:
        memory = [
            ExpectedValue(("expect", "memory", key, at), key, at, loaded.matchers["expect", "memory", key, at])
            for key, values in expect.memory.items()
            for at in values
        ]
        checks[MEMORY] = lambda: check_memory(memory, evidence)
    checks |= _checks_of_counts(loaded.scenario, evidence)
    return checks | _checks_of_models(loaded, evidence, prices) | _checks_of_amounts(expect, evidence)


def _calls(loaded: LoadedScenario, name: str, written: Calls) -> ExpectedCalls:
    path: DocumentPath = ("expect", "effects", name)
    if isinstance(written, str):
        return ExpectedCalls(path, name, none=True)
    each = tuple(
        Part(word, (*path, "each", word), matcher)
        for word in PARTS
        if (matcher := loaded.matchers.get((*path, "each", word))) is not None
    )
    return ExpectedCalls(
        path,
        name,
        count=_count(written.count, (*path, "count")),
        per_input=_count(written.per_input, (*path, "per_input")),
        each=each,
        ordered=written.order is not None,
    )


def _count(written: Count | None, path: DocumentPath) -> Bounds | None:
    if isinstance(written, int):
        return Bounds(path, written, written)
    return Bounds(path, written.min, written.max) if written else None


def _checks_of_models(loaded: LoadedScenario, evidence: Evidence, prices: Mapping[str, ModelPrice]) -> dict[str, Check]:
    expect, scripted = loaded.scenario.expect, loaded.scenario.llm is not None
    checks: dict[str, Check] = {}
    if expect.llm and expect.llm.calls:
        calls = _bounds(expect.llm.calls, "llm", "calls")
        checks[CALLS] = lambda: check_call_count(calls, evidence)
    if expect.tokens:
        tokens = TokenBounds(
            _maybe(expect.tokens.total, "tokens", "total"), _maybe(expect.tokens.per_input, "tokens", "per_input")
        )
        checks[TOKENS] = lambda: check_tokens(tokens, scripted=scripted, evidence=evidence)
    if expect.cost:
        cost = _bounds(expect.cost.total, "cost", "total")
        checks[COST] = lambda: check_cost(cost, prices, scripted=scripted, evidence=evidence)
    return checks


def _checks_of_amounts(expect: Expect, evidence: Evidence) -> dict[str, Check]:
    checks: dict[str, Check] = {}
    if expect.latency:
        latency = _percentiles(expect.latency)
        checks[LATENCY] = lambda: check_latency(latency, evidence)
    if expect.metrics:
        metrics = [_metric(name, value) for name, value in expect.metrics.items()]
        checks[METRICS] = lambda: check_metrics(metrics, evidence)
    if expect.throughput:
        rate = _bounds(expect.throughput.records_per_s, "throughput", "records_per_s")
        checks[THROUGHPUT] = lambda: check_throughput(rate, evidence)
    return checks


def _checks_of_counts(scenario: Scenario, evidence: Evidence) -> dict[str, Check]:
    """Return the checks of what Flink counts about a job."""
    expect, checks = scenario.expect, dict[str, Check]()
    forgotten = any(fault.kill == "jobmanager" for fault in timetable(scenario.faults))
    if expect.checkpoints:
        completed = _maybe(expect.checkpoints.completed, "checkpoints", "completed")
        failed = _maybe(expect.checkpoints.failed, "checkpoints", "failed")
        checks[CHECKPOINTS] = lambda: check_checkpoints(completed, failed, evidence, forgotten=forgotten)
    if expect.restarts:
        restarts = _bounds(expect.restarts, "restarts")
        checks[RESTARTS] = lambda: check_restarts(restarts, evidence, forgotten=forgotten)
    if expect.downtime is not None:
        downtime_s = expect.downtime
        checks[DOWNTIME] = lambda: check_downtime(downtime_s, evidence)
    if expect.recovery:
        written = expect.recovery
        recovery = ExpectedRecovery(written.running_within, written.first_output_within, written.max_restarts)
        checks[RECOVERY] = lambda: check_recovery(recovery, evidence, forgotten=forgotten)
    return checks


def _bounds(written: Range, *path: str) -> Bounds:
    return Bounds(("expect", *path), written.min, written.max)


def _maybe(written: Range | None, *path: str) -> Bounds | None:
    return _bounds(written, *path) if written else None


def _percentiles(written: ExpectedLatency) -> list[Percentile]:
    stated = {"p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
    return [
        Percentile(percent, _bounds(value, "latency", word))
        for word, percent in stated.items()
        if (value := getattr(written, word)) is not None
    ]


def _metric(name: str, written: MetricValue) -> ExpectedMetric:
    exactly = written.equals
    low, high = (written.min, written.max) if exactly is None else (exactly, exactly)
    return ExpectedMetric(name, Bounds(("expect", "metrics", name), low, high))


def expected_summary(loaded: LoadedScenario, written: ExpectedOutputs) -> OutputSummary:
    """Return the statements on outputs that are not listed."""
    path: DocumentPath = ("expect", "outputs")
    distinct = compile_expression(written.distinct).search if written.distinct else None
    return OutputSummary(
        _count(written.count, (*path, "count")),
        loaded.matchers.get((*path, "each")),
        distinct,
        "value" if written.distinct == "@" else written.distinct or "",
    )


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
