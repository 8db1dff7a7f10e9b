"""Metrics in memory, and the built-in metrics of an agent under upstream's names.

The interface is upstream's ``MetricGroup``. The host on Flink uses a subclass of
:class:`MemoryMetricGroup` that also reports to Flink.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from math import ceil, isfinite
from time import perf_counter_ns
from typing import Any, NoReturn

from flink_agents.api.metric_group import Counter, Gauge, Histogram, Meter, MetricGroup

_NS_PER_MS = 1_000_000
_MIN_LONG, _MAX_LONG = -(2**63), 2**63 - 1


def whole(value: int, what: str) -> int:
    """Return the int. Raises TypeError or ValueError for a value that no Java long can take.

    Flink's metrics are Java objects; counting with a float fails there.
    """
    if not isinstance(value, int):
        raise TypeError(f"{what} takes an int, not {type(value).__name__} {value!r}; round it, or use a gauge")
    if not _MIN_LONG <= value <= _MAX_LONG:
        raise ValueError(f"{what} cannot take {value}, which has more than 64 bits")
    return value


class MemoryCounter(Counter):
    """A counter.

    The engine adds to ``count`` directly, which costs a third of a call.
    """

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0

    def inc(self, n: int = 1) -> None:
        """Add ``n``, an int."""
        self.count += whole(n, "a counter")

    def dec(self, n: int = 1) -> None:
        """Subtract ``n``, an int."""
        self.count -= whole(n, "a counter")

    def get_count(self) -> int:
        """Return the count."""
        return self.count

    def values(self) -> dict[str, float]:
        """Return the values to report, by suffix of the name."""
        return {"": self.count}


class MemoryMeter(Meter):
    """Marks per second since its creation, including those of a followed counter."""

    __slots__ = ("_marks", "_since", "follows")

    def __init__(self) -> None:
        self.follows: MemoryCounter | None = None
        self._marks = 0
        self._since = time.monotonic()

    def mark(self, n: int = 1) -> None:
        """Count ``n`` more marks, an int."""
        self._marks += whole(n, "a meter")

    def get_rate(self) -> float:
        """Return the marks per second."""
        return self.all_marks / max(time.monotonic() - self._since, 1e-9)

    @property
    def all_marks(self) -> int:
        """Return the number of all marks."""
        return self._marks + (self.follows.count if self.follows is not None else 0)

    def values(self) -> dict[str, float]:
        """Return the values to report, by suffix of the name."""
        return {"": self.get_rate()}


class MemoryGauge(Gauge):
    """The last value of an agent, of any type as on Flink."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: Any = None

    def update(self, value: Any) -> None:
        """Set the value."""
        self._value = value

    def get_value(self) -> Any:
        """Return the last value, None before the first."""
        return self._value

    def number(self) -> float:
        """Return the value for PyFlink: 0 if it is no finite number."""
        shown = isinstance(self._value, (int, float)) and isfinite(self._value)
        return self._value if shown else 0

    def values(self) -> dict[str, float]:
        """Return the value for reports if it is a number."""
        return {"": self._value} if isinstance(self._value, (int, float)) else {}


class MemoryHistogram(Histogram):
    """A histogram over the last ``window_size`` values.

    As in Flink, ``count`` counts all values, and the statistics are those of the window.
    """

    __slots__ = ("_window", "count")

    def __init__(self, window_size: int) -> None:
        self.count = 0
        self._window: deque[int] = deque(maxlen=window_size)

    def update(self, value: int) -> None:
        """Add a value, an int."""
        self.add(whole(value, "a histogram"))

    def add(self, value: int) -> None:
        """Add a value without checks."""
        self.count += 1
        self._window.append(value)

    def get_mean(self) -> float:
        """Return the mean of the window, 0 if it is empty."""
        return sum(self._window) / len(self._window) if self._window else 0.0

    def get_max(self) -> int:
        """Return the largest value of the window, 0 if it is empty."""
        return max(self._window, default=0)

    def get_min(self) -> int:
        """Return the smallest value of the window, 0 if it is empty."""
        return min(self._window, default=0)

    def quantile(self, share: float) -> int:
        """Return the value that this share of the window does not exceed, 0 if it is empty."""
        ordered = sorted(self._window)
        return ordered[ceil(share * len(ordered)) - 1] if ordered else 0

    def values(self) -> dict[str, float]:
        """Return the values to report, by suffix of the name."""
        return {
            ".count": self.count,
            ".mean": self.get_mean(),
            ".min": self.get_min(),
            ".max": self.get_max(),
            ".p50": self.quantile(0.5),
            ".p95": self.quantile(0.95),
            ".p99": self.quantile(0.99),
        }


class MemoryMetricGroup(MetricGroup):
    """A group of metrics in memory.

    The same name always gives the same metric. Raises ValueError if it is of another kind.
    """

    def __init__(self) -> None:
        self._groups: dict[str, MemoryMetricGroup] = {}
        self._metrics: dict[str, MemoryCounter | MemoryMeter | MemoryGauge | MemoryHistogram] = {}

    def get_sub_group(self, name: str, value: str | None = None) -> MemoryMetricGroup:
        """Return the group ``name``, or with ``value`` the group of that label, ``name.value``."""
        if "=" in name:
            raise ValueError(f"the sub group name {name!r} contains '='; use get_sub_group(name, value) for a label")
        group = self._groups.setdefault(name, MemoryMetricGroup())
        return group if value is None else group.labelled(value)

    def labelled(self, value: str) -> MemoryMetricGroup:
        """Return the group of one value of this group's label.

        Any str is allowed.
        """
        return self._groups.setdefault(value, MemoryMetricGroup())

    def get_counter(self, name: str) -> MemoryCounter:
        """Return the counter ``name``."""
        metric = self._metrics.setdefault(name, MemoryCounter())
        return metric if isinstance(metric, MemoryCounter) else self._other_kind(name)

    def get_meter(self, name: str) -> MemoryMeter:
        """Return the meter ``name``."""
        metric = self._metrics.setdefault(name, MemoryMeter())
        return metric if isinstance(metric, MemoryMeter) else self._other_kind(name)

    def get_gauge(self, name: str) -> MemoryGauge:
        """Return the gauge ``name``."""
        metric = self._metrics.setdefault(name, MemoryGauge())
        return metric if isinstance(metric, MemoryGauge) else self._other_kind(name)

    def get_histogram(self, name: str, window_size: int = 100) -> MemoryHistogram:
        """Return the histogram ``name``.

        The first call sets the size of its window.
        """
        metric = self._metrics.setdefault(name, MemoryHistogram(window_size))
        return metric if isinstance(metric, MemoryHistogram) else self._other_kind(name)

    def rated_counter(self, name: str) -> MemoryCounter:
        """Return the counter ``name``, followed by a meter ``namePerSec``."""
        counter = self.get_counter(name)
        self.get_meter(f"{name}PerSec").follows = counter
        return counter

    def _other_kind(self, name: str) -> NoReturn:
        raise ValueError(
            f"the metric {name!r} is already a {type(self._metrics[name]).__name__}; give this one another name"
        )

    def snapshot(self) -> dict[str, float]:
        """Return all metrics of this group and its subgroups by dotted name.

        A histogram has seven values.
        """
        # Copies, because an action that runs beyond its deadline may still add metrics.
        shown = {
            f"{name}{suffix}": value
            for name, metric in list(self._metrics.items())
            for suffix, value in metric.values().items()
        }
        for group_name, group in list(self._groups.items()):
            shown.update({f"{group_name}.{name}": value for name, value in group.snapshot().items()})
        return shown


class AgentMetrics:
    """The built-in metrics of an agent, registered for every action of its plan.

    Counters and rates are those of flink-agents 0.3. The two latencies, histograms in ms, have the
    names of 0.4.
    """

    def __init__(self, group: MemoryMetricGroup, actions: Iterable[str]) -> None:
        self.agent = group
        # Counts processed events of any type.
        self.events = group.rated_counter("numOfEventProcessed")
        self._executed = group.rated_counter("numOfActionsExecuted")
        self._run_latency = group.get_histogram("inputRunLatencyMs").add
        truncated = group.get_counter("eventLogTruncatedEvents")
        # The event log calls it for each truncated event.
        self.event_truncated: Callable[[], None] = truncated.inc
        self._groups = {name: group.get_sub_group("action", name) for name in actions}
        self._executed_by = {
            name: (sub.rated_counter("numOfActionsExecuted"), sub.get_histogram("actionExecutionLatencyMs").add)
            for name, sub in self._groups.items()
        }

    def action(self, name: str) -> MetricGroup:
        """Return the group of one action."""
        return self._groups[name]

    def run_ended(self, began_ns: int) -> None:
        """Record the latency of a run that began, or resumed, at this ``time.perf_counter_ns``."""
        self._run_latency((perf_counter_ns() - began_ns) // _NS_PER_MS)

    def action_executed(self, name: str, began_ns: int | None = None) -> None:
        """Count a finished action; ``began_ns`` is None for a replayed one."""
        self._executed.count += 1
        by_action, latency = self._executed_by[name]
        by_action.count += 1
        if began_ns is not None:
            latency((perf_counter_ns() - began_ns) // _NS_PER_MS)
