"""The ``agent:`` section of a YAML file as dotted keys, each with its line.

Reads it as Flink does, as YAML 1.2: ``OFF`` and ``no`` are texts, only ``true`` and ``false`` are not. (PyYAML alone,
with which upstream's Python side reads the same file, takes ``OFF`` for false.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from flink_agents_runtime.config.catalogue import nearest_key, option_for

CURRENT, LEGACY = "config.yaml", "flink-conf.yaml"
_SECTION = "agent"
_BOOL = "tag:yaml.org,2002:bool"


class ConfigurationError(ValueError):
    """A configuration file, or FLINK_CONF_DIR, that cannot be read as it is meant; the text says where and what to do."""


class Placed(NamedTuple):
    """A value and where it stands, as ``file:line``."""

    value: Any
    where: str


class _Loader(yaml.SafeLoader):
    """Resolves the booleans of YAML 1.2 only."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))


def file_in(directory: str) -> Path:
    """The configuration file in FLINK_CONF_DIR: ``config.yaml``, else the legacy ``flink-conf.yaml``.

    Raises :class:`ConfigurationError` where there is none: upstream goes on without a word then.
    """
    root = Path(directory)
    if root.is_file():
        raise ConfigurationError(f"FLINK_CONF_DIR is the file {root}; set it to the directory that holds {CURRENT}")
    for name in (CURRENT, LEGACY):
        if (root / name).is_file():
            return root / name
    raise ConfigurationError(f"FLINK_CONF_DIR is {root}, and there is no {CURRENT} in it; write one, or unset it")


def read_agent_section(path: Path) -> dict[str, Placed]:
    """The options of a file: those below ``agent:``, nested or dotted, and those written flat as ``agent.KEY``.

    Raises :class:`ConfigurationError` for a file that is not readable, an option that stands outside of ``agent:``, and
    a key that is there twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read the configuration {path}: {error}") from error
    loader = _Loader(text)
    try:
        return _section(loader, loader.get_single_node(), path)
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error
    finally:
        loader.dispose()


def _section(loader: _Loader, root: yaml.Node | None, path: Path) -> dict[str, Placed]:
    if root is None:
        return {}
    found: dict[str, Placed] = {}
    for path_in_file, node in _leaves(loader, root, path, ""):
        where = f"{path}:{node.start_mark.line + 1}"
        value = loader.construct_object(node, deep=True)
        section, _, key = path_in_file.partition(".")
        if section != _SECTION:
            _refuse_misplaced(path_in_file, where)
            continue
        if not key:
            if value is not None:
                raise ConfigurationError(f"{where}: {_SECTION}: holds {value!r}; write options below it")
            continue
        if key in found:
            raise ConfigurationError(f"{where}: {key} is set already, at {found[key].where}")
        found[key] = Placed(value, where)
    return found


def _refuse_misplaced(key: str, where: str) -> None:
    if option_for(key) is not None or (key.startswith("event-log") and nearest_key(key)):
        raise ConfigurationError(
            f"{where}: {key} stands outside of {_SECTION}:, where flink-agents does not look; write {_SECTION}: {{{key}: ...}}"
        )


def _leaves(loader: _Loader, node: yaml.Node, path: Path, prefix: str) -> Iterator[tuple[str, yaml.Node]]:
    """Dotted keys and the nodes of their values; a mapping is no value."""
    if not isinstance(node, yaml.MappingNode):
        if not prefix:
            raise ConfigurationError(f"{path} is no mapping; write options below {_SECTION}:")
        yield prefix, node
        return
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        key = str(key_node.value)
        yield from _leaves(loader, value_node, path, f"{prefix}.{key}" if prefix else key)
