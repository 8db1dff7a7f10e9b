"""Metrics in memory."""

import pytest
from agent_run import failure_of

from flink_agents_runtime.engine.metrics import MemoryMetricGroup
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import build_plan


def test_the_same_name_is_the_same_metric():
    group = MemoryMetricGroup()
    group.get_counter("n").inc()
    group.get_counter("n").inc(2)
    group.get_counter("n").dec()
    assert group.get_counter("n").get_count() == 2
    assert group.snapshot() == {"n": 2}


def test_groups_show_as_dotted_names():
    group = MemoryMetricGroup()
    group.get_sub_group("long-term-memory").get_sub_group("model", "a=b.c").get_counter("promptTokens").inc(4)
    assert group.snapshot() == {"long-term-memory.model.a=b.c.promptTokens": 4}


def test_a_group_name_with_an_equals_sign_is_refused():
    """Upstream reserves the sign for labels."""
    with pytest.raises(ValueError, match="use get_sub_group"):
        MemoryMetricGroup().get_sub_group("a=b")


def test_one_name_is_one_kind():
    group = MemoryMetricGroup()
    group.get_counter("n")
    with pytest.raises(ValueError, match="is already a MemoryCounter"):
        group.get_gauge("n")


def test_a_histogram_keeps_its_window():
    group = MemoryMetricGroup()
    histogram = group.get_histogram("h", window_size=2)
    for value in (100, 1, 3):
        histogram.update(value)
    statistics = {"h.mean": 2, "h.min": 1, "h.max": 3, "h.p50": 1, "h.p95": 3, "h.p99": 3}
    assert group.snapshot() == {"h.count": 3, **statistics}


@pytest.mark.parametrize(
    ("use", "what"),
    [
        (lambda group: group.get_counter("n").inc(1.5), "a counter takes an int, not float 1.5"),
        (lambda group: group.get_counter("n").dec("1"), "a counter takes an int, not str '1'"),
        (lambda group: group.get_meter("n").mark(0.5), "a meter takes an int, not float 0.5"),
        (lambda group: group.get_histogram("n").update(2.0), "a histogram takes an int, not float 2.0"),
    ],
)
def test_only_a_gauge_takes_more_than_ints(use, what):
    with pytest.raises(TypeError, match=what):
        use(MemoryMetricGroup())


def test_a_metric_takes_no_int_beyond_64_bits():
    with pytest.raises(ValueError, match="more than 64 bits"):
        MemoryMetricGroup().get_counter("n").inc(2**63)


def test_a_float_in_a_histogram_fails_the_action_with_its_line():
    failure = failure_of("operator_agents:Using", ("k", "float in a histogram"))
    assert (failure.action, type(failure.original)) == ("use", TypeError)
    assert "operator_agents.py" in failure.traceback_text


@pytest.mark.parametrize("value", ["busy", None, [1]])
def test_a_gauge_that_is_no_number_is_read_back_and_not_shown(value):
    group = MemoryMetricGroup()
    group.get_gauge("g").update(value)
    assert group.get_gauge("g").get_value() == value
    assert group.get_gauge("g").number() == 0
    assert group.snapshot() == {}


def test_a_gauge_has_no_value_before_its_first():
    assert MemoryMetricGroup().get_gauge("g").get_value() is None


def test_gauge_and_meter():
    group = MemoryMetricGroup()
    group.get_gauge("g").update(1.5)
    group.get_gauge("g").update(2.5)
    assert group.get_meter("m").get_rate() == 0
    group.get_meter("m").mark(3)
    assert group.get_gauge("g").get_value() == 2.5
    assert group.get_meter("m").get_rate() > 0


def measured(agent, *values, **config):
    """Return the metrics of a local run over values of one key."""
    plan = build_plan({"agent": f"runtime_agents:{agent}"}, config=config)
    return LocalHost(plan).run([{"key": "k", "value": value} for value in values], deadline_s=60).metrics


def test_a_run_counts_events_and_actions():
    metrics = measured("Slow", 0.02, 0.02)
    assert metrics["numOfEventProcessed"] == 4
    assert metrics["numOfActionsExecuted"] == metrics["action.sleep.numOfActionsExecuted"] == 2
    for name in ("numOfEventProcessedPerSec", "numOfActionsExecutedPerSec", "action.sleep.numOfActionsExecutedPerSec"):
        assert 0 < metrics[name] <= 4 / 0.04
    for name in ("inputRunLatencyMs", "action.sleep.actionExecutionLatencyMs"):
        assert metrics[f"{name}.count"] == 2
        assert 20 <= metrics[f"{name}.min"] <= metrics[f"{name}.mean"] <= metrics[f"{name}.max"]
    for action in ("chat_model_action", "tool_call_action", "context_retrieval_action"):
        assert metrics[f"action.{action}.numOfActionsExecuted"] == 0
        assert metrics[f"action.{action}.actionExecutionLatencyMs.count"] == 0


def test_an_agents_own_metrics_are_below_its_groups():
    metrics = measured("Metered", 1, 2)
    assert metrics["mine"] == 4
    assert metrics["action.measure.level"] == 0.5
    assert metrics["action.measure.model.m=1.calls"] == 2
    assert metrics["action.measure.size.count"] == 2


def test_a_histogram_has_a_window_of_a_hundred():
    histogram = MemoryMetricGroup().get_histogram("h")
    for value in range(150):
        histogram.update(value)
    assert (histogram.get_min(), histogram.get_max(), histogram.values()[".count"]) == (50, 149, 150)
    assert [histogram.quantile(share) for share in (0.5, 0.95, 0.99, 1)] == [99, 144, 148, 149]


@pytest.mark.parametrize(("level", "expected"), [("STANDARD", 2), ("VERBOSE", 0), ("OFF", 0)])
def test_events_that_the_log_shortens_are_counted(tmp_path, level, expected):
    plan = build_plan({"agent": "runtime_agents:Echo"}, config={"event-log.level": level})
    inputs = [{"key": "k", "value": {"long": "x" * 3000, "list": [1] * 30}}]
    result = LocalHost(plan, event_log=tmp_path / "log").run(inputs)
    assert result.metrics["eventLogTruncatedEvents"] == expected


def test_a_metric_may_have_none_for_its_name():
    group = MemoryMetricGroup()
    group.get_counter(None).inc()
    assert group.snapshot() == {"None": 1}
