"""The ``agent:`` section of a YAML file as dotted keys with lines.

The file is read as Flink reads it, as YAML 1.2: ``OFF`` and ``no`` are strs; only ``true`` and
``false`` are bools. Upstream's Python side reads the same file with plain PyYAML, which turns ``OFF``
into False.
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
    """A configuration file, or the directory in FLINK_CONF_DIR, cannot be used."""


class Placed(NamedTuple):
    """A value and its place as ``file:line``."""

    value: Any
    where: str


class _Loader(yaml.SafeLoader):
    """A loader that resolves only the booleans of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _BOOL]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF"))


def file_in(directory: str) -> Path:
    """Return the configuration file in FLINK_CONF_DIR.

    It is ``config.yaml``, else the legacy ``flink-conf.yaml``. Raises :class:`ConfigurationError` if
    there is none; upstream continues silently then.
    """
    root = Path(directory)
    if root.is_file():
        raise ConfigurationError(f"FLINK_CONF_DIR is the file {root}; set it to the directory that holds {CURRENT}")
    for name in (CURRENT, LEGACY):
        if (root / name).is_file():
            return root / name
    raise ConfigurationError(
        f"FLINK_CONF_DIR is {root}, which contains no {CURRENT}; write one, or unset FLINK_CONF_DIR"
    )


def read_agent_section(path: Path) -> dict[str, Placed]:
    """Return the options of a file: below ``agent:`` or flat as ``agent.KEY``.

    Raises :class:`ConfigurationError` for an unreadable file, an option outside of ``agent:``, and a
    duplicate key.
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
                raise ConfigurationError(f"{where}: {_SECTION}: has the value {value!r}; write options below it")
            continue
        if key in found:
            raise ConfigurationError(f"{where}: {key} is already set at {found[key].where}; remove one of the two")
        found[key] = Placed(value, where)
    return found


def _refuse_misplaced(key: str, where: str) -> None:
    if option_for(key) is not None or (key.startswith("event-log") and nearest_key(key)):
        raise ConfigurationError(
            f"{where}: {key} is outside of {_SECTION}:, so flink-agents ignores it; write {_SECTION}: {{{key}: ...}}"
        )


def _leaves(loader: _Loader, node: yaml.Node, path: Path, prefix: str) -> Iterator[tuple[str, yaml.Node]]:
    """Yield dotted keys and the nodes of their values, which are no mappings."""
    if not isinstance(node, yaml.MappingNode):
        if not prefix:
            raise ConfigurationError(f"{path} is not a mapping; write options below {_SECTION}:")
        yield prefix, node
        return
    loader.flatten_mapping(node)
    for key_node, value_node in node.value:
        key = str(key_node.value)
        yield from _leaves(loader, value_node, path, f"{prefix}.{key}" if prefix else key)
