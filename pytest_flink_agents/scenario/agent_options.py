"""The options under ``config:`` against those that flink-agents declares. Pure.

A value that its option cannot have is a mistake. A key that is nearly an option is a warning only, since agents may read
keys of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flink_agents_runtime.config.catalogue import nearest_key, option_for
from flink_agents_runtime.config.options import OptionError, typed
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, path_text, shorten

# A run logs its events into its own folder, where the evidence is read.
_OF_THE_RUN = ("baseLogDir", "eventLoggerType")


def check_options(config: Any) -> tuple[list[Mistake], list[Mistake]]:
    """What is wrong with the options, and what is only odd; nothing for what is no mapping at all."""
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    for path, key, value in _options(config, ("config",), ""):
        if key in _OF_THE_RUN:
            next_step = "take it out: the run folder has all events"
            message = f'"{key}" is set for each run'
            mistakes.append(Mistake("FA203", path, message, "nothing", describe(value), next_step, at_key=True))
        elif option_for(key) is None:
            near = nearest_key(key)
            if near:
                message = f'"{shorten(key)}" is no option of flink-agents'
                warnings.append(Mistake("FA213", path, message, next_step=f'did you mean "{near}"?', at_key=True))
        elif not (isinstance(value, str) and "${" in value):
            mistakes.extend(_wrong_value(path, key, value))
    return mistakes, warnings


def _wrong_value(path: DocumentPath, key: str, value: Any) -> Iterator[Mistake]:
    try:
        typed(key, value)
    except OptionError as error:
        next_step = f'did you mean "{error.nearest}"?' if error.nearest else ""
        message = f"wrong value for {path_text(path)}"
        yield Mistake("FA203", path, message, error.expected, describe(value), next_step)


def _options(value: Any, path: DocumentPath, prefix: str) -> Iterator[tuple[DocumentPath, str, Any]]:
    """Place, dotted key and value of each option; a mapping is no value."""
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(inner, Mapping):
            yield from _options(inner, (*path, name), key)
        else:
            yield (*path, name), key, inner
