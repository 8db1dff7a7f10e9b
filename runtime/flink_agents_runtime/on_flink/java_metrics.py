"""Metrics of Flink's own classes, for thread mode, where Python runs in Flink's process.

PyFlink offers less there: a distribution shows its last value, and a gauge an int, which Flink's
threads ask Python for, even after the job's interpreter has been closed. That killed the TaskManager
(seen on 2.2.1). The metrics here live in the JVM and need no Python to be read.
"""

from __future__ import annotations

from typing import Any

# The package of PyFlink's metrics in thread mode.
_THREAD_MODE = "pyflink.fn_execution.metrics.embedded"


def is_in_process(group: Any) -> bool:
    """Return whether a PyFlink metric group is one of thread mode."""
    return type(group).__module__.startswith(_THREAD_MODE)


def java_histogram(group: Any, name: str, window_size: int) -> Any:
    """Return a new histogram with ``update(int)``, registered in the group."""
    from pemja import findClass

    histogram = findClass("org.apache.flink.runtime.metrics.DescriptiveStatisticsHistogram")
    return _flinks(group).histogram(name, histogram(window_size))


def java_gauge(group: Any, name: str) -> Any:
    """Return a new gauge with ``set(value)``, registered in the group.

    Flink has no gauge that can be set, so this one is a proxy that reads a reference.
    """
    from pemja import findClass

    reference = findClass("java.util.concurrent.atomic.AtomicReference")()
    object_getter = findClass("java.lang.invoke.MethodType").genericMethodType(0)
    lookup = findClass("java.lang.invoke.MethodHandles").publicLookup()
    get = lookup.findVirtual(reference.getClass(), "get", object_getter).bindTo(reference)
    # pemja passes instances of java.lang.Class on, and not its own classes: this one is a gauge of PyFlink's.
    some_gauge = findClass("org.apache.flink.python.metric.embedded.MetricDistribution")()
    (gauge_interface,) = some_gauge.getClass().getInterfaces()
    proxy = findClass("java.lang.invoke.MethodHandleProxies").asInterfaceInstance(gauge_interface, get)
    _flinks(group).gauge(name, proxy)
    return reference


def _flinks(group: Any) -> Any:
    """Return the group of Flink's metric system below a PyFlink group."""
    return group._metrics  # noqa: SLF001  PyFlink has no public accessor; the same from 1.20 to 2.3
