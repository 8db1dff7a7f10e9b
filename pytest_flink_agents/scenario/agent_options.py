"""The options under ``config:`` against those that flink-agents declares. Pure.

flink-agents ignores unknown options silently, so each of them is a mistake unless the scenario sets
``config_extra``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from flink_agents_runtime.config.catalogue import LATER, nearest_key, option_for
from flink_agents_runtime.config.options import OptionError, typed
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, path_text, shorten

# Each run logs its events into its own run folder, from which the evidence is read.
_SET_BY_RUNS = ("baseLogDir", "eventLoggerType")
_MAX_INT = 2**31 - 1
# Larger values make a run that never ends, or that exhausts the machine.
MAXIMA: Mapping[str, int] = MappingProxyType(
    {
        "num-async-threads": 1_024,
        "max-retries": 1_000,
        "retry-wait-interval": 3_600,
        "kafkaActionStateTopicNumPartitions": 1_000,
        "kafkaActionStateTopicReplicationFactor": 10,
        "flussActionStateTableBuckets": 1_000,
        "short-term-memory.state-ttl.ms": 31_536_000_000,
        "tool-call.max-rounds": 10_000,
        "max-events-per-input": 10_000_000,
        "java.call-timeout-ms": 3_600_000,
    }
)


def check_options(
    config: Any, *, extra: bool, place: DocumentPath = ("config",)
) -> tuple[list[Mistake], list[Mistake]]:
    """Return the mistakes in the options at ``place``, and the warnings.

    With ``extra`` unknown options are allowed; one that resembles an option is a warning then.
    """
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    for path, key, value in _options(config, place, ""):
        if key in _SET_BY_RUNS:
            next_step = "remove it: the run folder contains all events"
            message = f'"{key}" is set by each run'
            mistakes.append(Mistake("FA203", path, message, "nothing", describe(value), next_step, at_key=True))
        elif option_for(key) is None:
            mistake = _unknown(path, key)
            if not extra:
                mistakes.append(mistake)
            elif _nearest(key):
                warnings.append(mistake)
        elif not (isinstance(value, str) and "${" in value):
            mistakes.extend(_wrong_value(path, key, value))
    return mistakes, warnings


def _unknown(path: DocumentPath, key: str) -> Mistake:
    near = _nearest(key)
    extra = "set config_extra: true if the agent or a newer flink-agents reads it"
    next_step = f'did you mean "{near}"? Otherwise {extra}' if near else extra
    owner = "an option of flink-agents 0.4" if key in LATER else "not an option of flink-agents"
    return Mistake("FA213", path, f'"{shorten(key)}" is {owner}', next_step=next_step, at_key=True)


def _nearest(key: str) -> str | None:
    """Return the option that an unknown key resembles.

    None if there is none, or if a scenario may not set it.
    """
    near = nearest_key(key)
    option = option_for(near) if near else None
    return near if option is not None and near not in _SET_BY_RUNS and not option.refused else None


def _wrong_value(path: DocumentPath, key: str, value: Any) -> Iterator[Mistake]:
    message = f"wrong value for {path_text(path)}"
    try:
        meant = typed(key, value)
    except OptionError as error:
        next_step = f'did you mean "{error.nearest}"?' if error.nearest else ""
        yield Mistake("FA203", path, message, error.expected, describe(value), next_step)
        return
    maximum = MAXIMA.get(key, _MAX_INT)
    if isinstance(meant, int) and meant > maximum:
        yield Mistake("FA203", path, message, f"at most {maximum:,}", describe(value))


def _options(value: Any, path: DocumentPath, prefix: str) -> Iterator[tuple[DocumentPath, str, Any]]:
    """Yield place, dotted key and value of each option.

    A mapping is not a value.
    """
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(inner, Mapping):
            yield from _options(inner, (*path, name), key)
        else:
            yield (*path, name), key, inner
