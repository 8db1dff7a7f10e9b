"""Metrics in memory."""

import pytest

from flink_agents_runtime.observe.metrics import MemoryMetricGroup


def test_the_same_name_is_the_same_metric():
    """A metric asked for twice goes on counting."""
    group = MemoryMetricGroup()
    group.get_counter("n").inc()
    group.get_counter("n").inc(2)
    group.get_counter("n").dec()
    assert group.get_counter("n").get_count() == 2
    assert group.snapshot() == {"n": 2}


def test_groups_show_as_dotted_names():
    """Plain and labelled groups nest; a label's value may hold anything."""
    group = MemoryMetricGroup()
    group.get_sub_group("long-term-memory").get_sub_group("model", "a=b.c").get_counter("promptTokens").inc(4)
    assert group.snapshot() == {"long-term-memory.model.a=b.c.promptTokens": 4}


def test_a_group_name_with_an_equals_sign_is_refused():
    """As upstream's, which keeps the sign for labels."""
    with pytest.raises(ValueError, match="use get_sub_group"):
        MemoryMetricGroup().get_sub_group("a=b")


def test_one_name_is_one_kind():
    """A counter cannot become a gauge, in silence or otherwise."""
    group = MemoryMetricGroup()
    group.get_counter("n")
    with pytest.raises(ValueError, match="MemoryCounter already"):
        group.get_gauge("n")


def test_a_histogram_keeps_its_window():
    """Only the last values count, and four values are shown."""
    group = MemoryMetricGroup()
    histogram = group.get_histogram("h", window_size=2)
    for value in (100, 1, 3):
        histogram.update(value)
    assert group.snapshot() == {"h.count": 2, "h.mean": 2, "h.min": 1, "h.max": 3}


def test_gauge_and_meter():
    """A gauge tells its last value; a meter has a rate above zero once it was marked."""
    group = MemoryMetricGroup()
    group.get_gauge("g").update(1.5)
    group.get_gauge("g").update(2.5)
    assert group.get_meter("m").get_rate() == 0
    group.get_meter("m").mark(3)
    assert group.get_gauge("g").get_value() == 2.5
    assert group.get_meter("m").get_rate() > 0
