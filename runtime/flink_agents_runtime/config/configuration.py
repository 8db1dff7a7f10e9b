"""Upstream's configuration with typed options and the source of each value.

Values set by hand override those of files in any order; of two files the later one wins.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from flink_agents.api import core_options
from flink_agents.api.configuration import ConfigOption
from flink_agents.plan.configuration import AgentConfiguration
from pydantic import PrivateAttr

from flink_agents_runtime.config.catalogue import CATALOGUE, is_secret, nearest_key, option_for
from flink_agents_runtime.config.config_file import file_in, read_agent_section
from flink_agents_runtime.config.options import OptionError, flat, truth, typed

_logger = logging.getLogger(__name__)

BY_HAND = "set on the environment"
DEFAULT = "default"


class Setting(NamedTuple):
    """The effective value of one option and its source.

    ``source`` is ``set on the environment``, ``file:line`` or ``default``. The value of an option that
    may be a secret is ``***``. ``note`` names a likely mistake.
    """

    key: str
    value: Any
    source: str
    note: str = ""

    def __str__(self) -> str:
        return f"{self.key} = {self.value!r} ({self.source})" + (f": {self.note}" if self.note else "")


class Configuration(AgentConfiguration):
    """An AgentConfiguration that converts values when they are set.

    ``conf_data`` therefore holds typed values. Raises
    :class:`~flink_agents_runtime.config.options.OptionError` for an invalid value.
    """

    _sources: dict[str, str] = PrivateAttr(default_factory=dict)

    def __init__(self, values: Mapping[str, Any] | None = None, *, source: str = BY_HAND) -> None:
        super().__init__({})
        self.add(values or {}, source)

    def add(self, values: Mapping[str, Any], source: str) -> None:
        """Set flat or nested values, which replace earlier ones."""
        for key, value in flat(values):
            self._put(key, value, source)

    def load_from_file(self, config_path: str | None = None) -> None:
        """Add the ``agent:`` section of a YAML file; values set by hand stay.

        Raises ConfigurationError for an unreadable file and for an option that would be ignored.
        """
        if config_path is None:
            return
        for key, (value, where) in read_agent_section(Path(config_path)).items():
            if self._sources.get(key) != BY_HAND:
                self._put(key, value, where)

    def load_from_flink(self) -> None:
        """Add the file in the directory FLINK_CONF_DIR, if that is set."""
        directory = os.environ.get("FLINK_CONF_DIR")
        if directory:
            self.load_from_file(str(file_in(directory)))

    def set(self, option: ConfigOption, value: Any) -> None:
        """Set an option by hand."""
        self._put(option.get_key(), value, BY_HAND)

    def set_str(self, key: str, value: str) -> None:
        """Set a str by hand."""
        self._put(key, value, BY_HAND)

    def set_int(self, key: str, value: int) -> None:
        """Set an int by hand."""
        self._put(key, value, BY_HAND)

    def set_float(self, key: str, value: float) -> None:
        """Set a float by hand."""
        self._put(key, value, BY_HAND)

    def set_bool(self, key: str, value: bool) -> None:
        """Set a bool by hand."""
        self._put(key, value, BY_HAND)

    def get_value_with_type(self, key: str, config_type: type[Any], default: Any) -> Any:
        """Return a value for upstream's getters.

        The str ``false`` is False as a bool.
        """
        value = self.conf_data.get(key)
        if config_type is bool and value is not None:
            return truth(key, value)
        return super().get_value_with_type(key, config_type, default)

    def explain(self) -> tuple[Setting, ...]:
        """Return every effective option by key: those that were set, and defaults."""
        keys = sorted({*self.conf_data, *CATALOGUE})
        return tuple(self._setting(key) for key in keys)

    def _setting(self, key: str) -> Setting:
        option = option_for(key)
        if self.conf_data.get(key) is None:
            return Setting(key, option.default if option else None, DEFAULT)
        note = ""
        if option is None:
            near = nearest_key(key)
            note = f"unknown to flink-agents; did you mean {near}?" if near else "unknown to flink-agents"
        value = "***" if is_secret(key) else self.conf_data[key]
        return Setting(key, value, self._sources.get(key, BY_HAND), note)

    def _put(self, key: str, value: Any, source: str) -> None:
        try:
            self.conf_data[key] = typed(key, value)
        except OptionError as error:
            where = "" if source == BY_HAND else source
            raise OptionError(error.key, error.seen, error.expected, error.nearest, where) from None
        self._sources[key] = source
        if option_for(key) is None and (near := nearest_key(key)):
            _logger.warning("%s is not an option of flink-agents; did you mean %s?", key, near)


@lru_cache(maxsize=1)
def declared_options() -> frozenset[str]:
    """Return the keys of all options that the installed flink-agents declares."""
    classes = [each for each in vars(core_options).values() if isinstance(each, type)]
    options = [value for each in classes for value in vars(each).values() if isinstance(value, ConfigOption)]
    return frozenset(option.get_key() for option in options)


def explained(config: AgentConfiguration) -> list[dict[str, Any]]:
    """Return :meth:`Configuration.explain` as JSON: ``key, value, source, note`` of each option."""
    return [setting._asdict() for setting in config.explain()] if isinstance(config, Configuration) else []


def option(config: AgentConfiguration, key: str) -> Any:
    """Return the typed value of a declared option, or its default."""
    value = config.conf_data.get(key)
    return CATALOGUE[key].default if value is None else typed(key, value)
