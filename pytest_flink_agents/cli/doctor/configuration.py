"""FLINK_CONF_DIR as flink-agents reads it, which differs from what one may expect. Pure: files come as values.

flink-agents takes the mapping below ``agent:`` of a file in that *directory* and nothing else. Its Python side prefers
``flink-conf.yaml``, its Java side knows ``config.yaml`` only. Neither says what it ignores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.cli.doctor.check import OK, WARN, Check

CURRENT, LEGACY = "config.yaml", "flink-conf.yaml"
NAME = "FLINK_CONF_DIR"
_EVENT_LOG_KEYS = ("event-log", "event-listeners", "eventLoggerType", "baseLogDir", "prettyPrint")
_SHOWN_KEYS = 5


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """One file: its name, and what YAML makes of it, or why it cannot be read. Values in it may be secrets."""

    name: str
    content: Any = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class ConfigurationDirectory:
    """What FLINK_CONF_DIR points to: ``directory``, ``file`` or ``missing``; and those of the two files that are there."""

    path: str
    kind: str
    files: tuple[ConfigurationFile, ...] = ()


def judge_configuration(found: ConfigurationDirectory | None) -> list[Check]:
    """How flink-agents would take it; a warning for whatever it would pass over or stumble on."""
    if found is None:
        return [Check(OK, NAME, "not set: flink-agents reads no configuration file")]
    if found.kind == "file":
        seen = f"{found.path} is a file, whatever upstream's example shows: nothing is read"
        return [Check(WARN, NAME, seen, "set it to the directory that holds config.yaml")]
    if found.kind == "missing":
        return [Check(WARN, NAME, f"{found.path} does not exist: nothing is read", "correct it, or unset it")]
    return [_names(found), *(_content(file) for file in found.files)]


def _names(found: ConfigurationDirectory) -> Check:
    names = [file.name for file in found.files]
    if not names:
        seen = f"{found.path} holds neither {CURRENT} nor {LEGACY}: nothing is read"
        return Check(WARN, NAME, seen, f"write a {CURRENT} there, or unset it")
    if LEGACY not in names:
        return Check(OK, NAME, f"{found.path} holds {CURRENT} (for your own jobs; scenario runs never read it)")
    if CURRENT in names:
        seen = f"{found.path} holds both: flink-agents' Python side reads {LEGACY}, its Java side {CURRENT}"
        return Check(WARN, NAME, seen, f"keep {CURRENT} alone")
    seen = f"{found.path} holds {LEGACY} only: flink-agents' Java side and Flink 2 do not read it"
    return Check(WARN, NAME, seen, f"move its content to {CURRENT}")


def _content(file: ConfigurationFile) -> Check:
    name = f"agent section of {file.name}"
    if file.error:
        return Check(WARN, name, f"cannot be read: {file.error}", "correct the file")
    if not isinstance(file.content, dict):
        seen = "the file is empty" if file.content is None else "the file is no mapping"
        return Check(WARN, name, f"{seen}: flink-agents stumbles on it", "write at least one key, or remove the file")
    ignored = [key for key in file.content if isinstance(key, str) and _is_ignored(key)]
    if ignored:
        more = f" and {len(ignored) - _SHOWN_KEYS} more" if len(ignored) > _SHOWN_KEYS else ""
        seen = f"outside of agent:, so flink-agents ignores them: {', '.join(ignored[:_SHOWN_KEYS])}{more}"
        key = ignored[0].removeprefix("agent.")
        return Check(WARN, name, seen, f"move them below agent:, as in agent: {{{key}: ...}}")
    if "agent" not in file.content:
        return Check(OK, name, "none: flink-agents' defaults hold")
    section = file.content["agent"]
    if not isinstance(section, dict):
        seen = "agent: has no mapping below it: flink-agents stumbles on it"
        return Check(WARN, name, seen, "write keys below agent:, or remove it")
    return Check(OK, name, f"{len(section)} keys below agent:")


def _is_ignored(key: str) -> bool:
    """Whether a top-level key is plainly meant for flink-agents, which looks below ``agent:`` only."""
    return key in _EVENT_LOG_KEYS or key.startswith(("agent.", "event-log."))
