"""An agent's metrics in Flink's metric system: the group in memory, whose changes are passed on to PyFlink's group.

Not each change by itself, but what has come together when the operator says so: one change is a call into the JVM.
Reading back is done in memory, so that an agent sees the same on every tier; Flink shows, reports and sums.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from flink_agents_runtime.engine.metrics import (
    MemoryCounter,
    MemoryGauge,
    MemoryHistogram,
    MemoryMeter,
    MemoryMetricGroup,
    whole,
)

# Where PyFlink's metrics of thread mode are from.
_IN_THE_JVM = "pyflink.fn_execution.metrics.embedded"


class FlinkCounter(MemoryCounter):
    """A counter that Flink sees."""

    __slots__ = ("_flink", "_told")

    def __init__(self, flink: Any) -> None:
        super().__init__()
        self._flink = flink
        self._told = 0

    def tell_flink(self) -> bool:
        """Hand on what has been counted since the last time, if anything was."""
        more, self._told = self.count - self._told, self.count
        if more:
            self._flink.inc(more)
        return bool(more)


class FlinkMeter(MemoryMeter):
    """A meter that Flink sees; Flink's own rate is that of the last minute."""

    __slots__ = ("_flink", "_told")

    def __init__(self, flink: Any) -> None:
        super().__init__()
        self._flink = flink
        self._told = 0

    def tell_flink(self) -> bool:
        """Hand on the marks since the last time, if there were any."""
        marks = self.all_marks
        more, self._told = marks - self._told, marks
        if more:
            self._flink.mark_event(more)
        return bool(more)


class FlinkHistogram(MemoryHistogram):
    """A histogram that Flink sees, as what PyFlink has for it: a distribution, which in thread mode is its last value."""

    __slots__ = ("_flink", "_untold")

    def __init__(self, window_size: int, flink: Any) -> None:
        super().__init__(window_size)
        self._flink = flink
        self._untold = False

    def update(self, value: int) -> None:
        """Add a value."""
        self._window.append(whole(value, "a histogram"))
        self._untold = True

    @property
    def add(self) -> Callable[[int], None]:
        """What adds a value."""
        return self.update

    def tell_flink(self) -> bool:
        """Hand on the last value, if there is a new one."""
        untold, self._untold = self._untold, False
        if untold:
            self._flink.update(self._window[-1])
        return untold


class FlinkGauge(MemoryGauge):
    """A gauge that Flink sees in thread mode, where it holds whole numbers.

    As a distribution, which there is its last value and lies in the JVM: a gauge of PyFlink's is asked for its value by
    Flink's own threads, also when the job's interpreter has just gone. The TaskManager died of that (seen on 2.2.1).
    """

    __slots__ = ("_flink", "_told")

    def __init__(self, flink: Any) -> None:
        super().__init__()
        self._flink = flink
        self._told: int | None = None

    def tell_flink(self) -> bool:
        """Hand on the value, if it is another one."""
        value = int(self.number())
        changed = value != self._told
        if changed:
            self._told = value
            self._flink.update(value)
        return changed


class FlinkMetricGroup(MemoryMetricGroup):
    """A group whose metrics are registered with a PyFlink group, each once, when it is first asked for.

    ``register`` makes that PyFlink group when the first metric needs it: a group that is only the name of a label has
    none. ``label`` makes the PyFlink group of one value of this label.
    """

    def __init__(self, register: Callable[[], Any], label: Callable[[str], Any] | None = None) -> None:
        super().__init__()
        self._register = register
        self._label = label

    def tell_flink(self) -> bool:
        """Hand on what has changed in this group and those below, if anything has."""
        told = [
            below.tell_flink()
            for below in (*self._metrics.values(), *self._groups.values())
            if isinstance(below, (FlinkCounter, FlinkMeter, FlinkHistogram, FlinkGauge, FlinkMetricGroup))
        ]
        return any(told)

    @cached_property
    def _flink(self) -> Any:
        return self._register()

    def get_sub_group(self, name: str, value: str | None = None) -> MemoryMetricGroup:
        """The group ``name``, or with ``value`` the group of that label: ``name.value`` in Flink's scope too."""
        if name not in self._groups:
            self._groups[name] = FlinkMetricGroup(
                lambda: self._flink.add_group(name), lambda chosen: self._flink.add_group(name, chosen)
            )
        return super().get_sub_group(name, value)

    def labelled(self, value: str) -> MemoryMetricGroup:
        """The group of one value of this group's label."""
        label = self._label
        assert label is not None, "only a group made by get_sub_group has values"
        if value not in self._groups:
            self._groups[value] = FlinkMetricGroup(lambda: label(value))
        return super().labelled(value)

    def get_counter(self, name: str) -> MemoryCounter:
        """The counter ``name``."""
        if name not in self._metrics:
            self._metrics[name] = FlinkCounter(self._flink.counter(str(name)))
        return super().get_counter(name)

    def get_meter(self, name: str) -> MemoryMeter:
        """The meter ``name``."""
        if name not in self._metrics:
            self._metrics[name] = FlinkMeter(self._flink.meter(name))
        return super().get_meter(name)

    def get_gauge(self, name: str) -> MemoryGauge:
        """The gauge ``name``. In process mode PyFlink asks it, from the process that it lives in."""
        if name not in self._metrics:
            if type(self._flink).__module__.startswith(_IN_THE_JVM):
                self._metrics[name] = FlinkGauge(self._flink.distribution(name))
            else:
                gauge = self._metrics[name] = MemoryGauge()
                self._flink.gauge(name, gauge.number)
        return super().get_gauge(name)

    def get_histogram(self, name: str, window_size: int = 100) -> MemoryHistogram:
        """The histogram ``name``."""
        if name not in self._metrics:
            self._metrics[name] = FlinkHistogram(window_size, self._flink.distribution(name))
        return super().get_histogram(name, window_size)
