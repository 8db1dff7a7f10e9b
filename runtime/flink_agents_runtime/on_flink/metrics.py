"""An agent's metrics in Flink's metric system.

The metrics live in memory, where agents read them back with the same results on every tier. The
operator flushes accumulated changes to PyFlink's group now and then, because each call into the
JVM is expensive. Flink shows, reports and sums them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import islice
from typing import Any

from flink_agents_runtime.engine.metrics import (
    MemoryCounter,
    MemoryGauge,
    MemoryHistogram,
    MemoryMeter,
    MemoryMetricGroup,
)
from flink_agents_runtime.on_flink.java_metrics import is_in_process, java_gauge, java_histogram


class FlinkCounter(MemoryCounter):
    """A counter that is flushed to Flink."""

    __slots__ = ("_flink", "_flushed")

    def __init__(self, flink: Any) -> None:
        super().__init__()
        self._flink = flink
        self._flushed = 0

    def flush(self) -> bool:
        """Add the count since the last flush; return True if any."""
        more, self._flushed = self.count - self._flushed, self.count
        if more:
            self._flink.inc(more)
        return bool(more)


class FlinkMeter(MemoryMeter):
    """A meter that is flushed to Flink."""

    __slots__ = ("_flink", "_flushed")

    def __init__(self, flink: Any) -> None:
        super().__init__()
        self._flink = flink
        self._flushed = 0

    def flush(self) -> bool:
        """Mark the events since the last flush; return True if any."""
        marks = self.all_marks
        more, self._flushed = marks - self._flushed, marks
        if more:
            self._flink.mark_event(more)
        return bool(more)


class FlinkHistogram(MemoryHistogram):
    """A histogram that is flushed to one of Flink, or in process mode to a PyFlink distribution.

    If there are more new values than its window holds, only those of the window are flushed:
    Flink's own count is then too small, and its statistics are right.
    """

    __slots__ = ("_flink", "_flushed")

    def __init__(self, window_size: int, flink: Any) -> None:
        super().__init__(window_size)
        self._flink = flink
        self._flushed = 0

    def flush(self) -> bool:
        """Add the values since the last flush; return True if there are any."""
        more, self._flushed = self.count - self._flushed, self.count
        for value in islice(self._window, max(len(self._window) - more, 0), None):
            self._flink.update(value)
        return bool(more)


class FlinkGauge(MemoryGauge):
    """A gauge that is flushed to one of Flink, for thread mode."""

    __slots__ = ("_flink", "_flushed")

    def __init__(self, flink: Any) -> None:
        super().__init__()
        self._flink = flink
        self._flushed: float | None = None

    def flush(self) -> bool:
        """Set the value if it changed; return True if it did."""
        value = self.number()
        changed = value != self._flushed
        if changed:
            self._flushed = value
            self._flink.set(value)
        return changed


class FlinkMetricGroup(MemoryMetricGroup):
    """A group that registers its metrics with PyFlink on first use.

    ``register`` creates the PyFlink group when its first metric needs it; a group that only names a
    label has no group in Flink. ``label`` creates the PyFlink group of one value of the label.
    """

    def __init__(self, register: Callable[[], Any], label: Callable[[str], Any] | None = None) -> None:
        super().__init__()
        self._register = register
        self._label = label

    def flush(self) -> bool:
        """Flush this group and its subgroups; return True if anything changed."""
        flushed = [
            below.flush()
            for below in (*self._metrics.values(), *self._groups.values())
            if isinstance(below, (FlinkCounter, FlinkMeter, FlinkHistogram, FlinkGauge, FlinkMetricGroup))
        ]
        return any(flushed)

    @cached_property
    def _flink(self) -> Any:
        return self._register()

    def get_sub_group(self, name: str, value: str | None = None) -> MemoryMetricGroup:
        """Return the group ``name``, or ``name.value`` for a label."""
        if name not in self._groups:
            self._groups[name] = FlinkMetricGroup(
                lambda: self._flink.add_group(name), lambda chosen: self._flink.add_group(name, chosen)
            )
        return super().get_sub_group(name, value)

    def labelled(self, value: str) -> MemoryMetricGroup:
        """Return the group of one value of this label."""
        label = self._label
        assert label is not None, "only a group from get_sub_group has label values"
        if value not in self._groups:
            self._groups[value] = FlinkMetricGroup(lambda: label(value))
        return super().labelled(value)

    def get_counter(self, name: str) -> MemoryCounter:
        """Return the counter ``name``."""
        if name not in self._metrics:
            self._metrics[name] = FlinkCounter(self._flink.counter(str(name)))
        return super().get_counter(name)

    def get_meter(self, name: str) -> MemoryMeter:
        """Return the meter ``name``."""
        if name not in self._metrics:
            self._metrics[name] = FlinkMeter(self._flink.meter(name))
        return super().get_meter(name)

    def get_gauge(self, name: str) -> MemoryGauge:
        """Return the gauge ``name``, which PyFlink reads itself in process mode."""
        if name not in self._metrics:
            if is_in_process(self._flink):
                self._metrics[name] = FlinkGauge(java_gauge(self._flink, str(name)))
            else:
                gauge = self._metrics[name] = MemoryGauge()
                self._flink.gauge(name, gauge.number)
        return super().get_gauge(name)

    def get_histogram(self, name: str, window_size: int = 100) -> MemoryHistogram:
        """Return the histogram ``name``."""
        if name not in self._metrics:
            if is_in_process(self._flink):
                flinks = java_histogram(self._flink, str(name), window_size)
            else:
                flinks = self._flink.distribution(name)
            self._metrics[name] = FlinkHistogram(window_size, flinks)
        return super().get_histogram(name, window_size)
