"""The options that the bundled engine refuses, by those that the installed flink-agents declares.

Imports the standard library only, like its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

from flink_agents_runtime.config.catalogue import LATER, dropped_by_0_4, option_for, rejected_by_0_4
from flink_agents_runtime.config.options import OptionError, flat, truth

# The harness asks for event logs by these, whatever the release calls them.
_DIRECTORY, _LEVEL = _OF_THE_HARNESS = ("baseLogDir", "event-log.level")
_TRACE_DIRECTORY, _TARGETS = "trace-log.base-dir", "trace-log.targets"


def _is_false(key: str, value: Any) -> bool:
    return not truth(key, value)


def _is_positive(key: str, value: Any) -> bool:
    return _number(key, value) > 0


def _is_not_positive(key: str, value: Any) -> bool:
    return _number(key, value) <= 0


def _is_anything(key: str, value: Any) -> bool:
    """Return True: the option concerns plans in Java only, or conditions, which are refused by themselves."""
    return True


_Honoured = tuple[Callable[[str, Any], bool], str]
# Options of 0.4, and the values that the engine honours.
_HONOURED: Mapping[str, _Honoured] = MappingProxyType(
    {
        "async.batch.parallelism": (_is_positive, "a number above 0"),
        "async.batch.timeout.ms": (_is_not_positive, "0 or less: the bundled engine does not end a call"),
        "parallel-execution.enabled": (_is_anything, ""),
        "max-in-flight-input-records": (_is_anything, ""),
        "action.trigger-condition.evaluate-failure-strategy": (_is_anything, ""),
        "agent-run.begin-event": (_is_false, "false: the bundled engine sends no such event"),
        "event-log.trace.enabled": (_is_false, "false: the bundled engine logs no executions"),
    }
)
_TRACE_LOG, _MEMORY_EVENTS = "trace-log.", "memory.generate-event"
_ANYTHING: _Honoured = (_is_anything, "")
_NO_MEMORY_EVENT: _Honoured = (_is_false, "false: the bundled engine sends no such event")


def refuse_unsupported(options: Mapping[str, Any], declared: Collection[str] = frozenset()) -> None:
    """Raise :class:`OptionError` for an option that the bundled engine cannot honour.

    ``declared`` are the options of the installed flink-agents, nothing for 0.3. A release that declares the options of
    the trace log rejects those of the event log when a job starts, and so does the engine then.
    """
    for key, value in flat(options):
        option = option_for(key)
        if value is None:
            continue
        if option is not None and option.refused:
            raise OptionError(key, value, f"nothing: {option.refused}")
        if key in LATER:
            _refuse_later(key, value, declared)
        elif option is not None and key not in declared and key not in _OF_THE_HARNESS:
            _refuse_older(key, value, declared)


def with_trace_log(options: Mapping[str, Any], declared: Collection[str]) -> dict[str, Any]:
    """Return the options with those of the trace log for the harness's own, if the installed flink-agents has it."""
    renamed = dict(options)
    if _TRACE_DIRECTORY not in declared:
        return renamed
    if _DIRECTORY in renamed:
        renamed[_TRACE_DIRECTORY] = renamed.pop(_DIRECTORY)
    if _LEVEL in renamed:
        renamed.setdefault(_TARGETS, [{"scope": "EVENT_ONLY", "detail": renamed.pop(_LEVEL)}])
        renamed.pop(_LEVEL, None)
    return renamed


def _refuse_later(key: str, value: Any, declared: Collection[str]) -> None:
    if key not in declared:
        raise OptionError(key, value, "nothing: the option is one of flink-agents 0.4, and this is 0.3")
    families = {_TRACE_LOG: _ANYTHING, _MEMORY_EVENTS: _NO_MEMORY_EVENT}
    default = next((each for family, each in families.items() if key.startswith(family)), None)
    honoured, expected = _HONOURED.get(key, default) or (None, "")
    if honoured is None:
        raise OptionError(key, value, "nothing: the bundled engine does not honour it")
    if not honoured(key, value):
        raise OptionError(key, value, expected)


def _refuse_older(key: str, value: Any, declared: Collection[str]) -> None:
    rejected, dropped = rejected_by_0_4(key), dropped_by_0_4(key)
    if rejected and rejected in declared:
        raise OptionError(key, value, f"nothing: the installed flink-agents rejects it; write {rejected}")
    if dropped and dropped in declared:
        raise OptionError(key, value, f"nothing: the installed flink-agents ignores it; write {dropped}")


def _number(key: str, value: Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise OptionError(key, value, "an integer") from None
