"""The files that a command looks at, and the kind of each."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.scenario.configuration import CURRENT, LEGACY
from pytest_flink_agents.settings import POLICY_FILE
from pytest_flink_agents.vocabulary import Word

SCENARIO_SUFFIXES = (".scenario.yaml", ".scenario.yml")
# Directories of other programs: their configurations are not the project's.
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "flink-agents-report"})


class Kind(Word):
    """The kinds of files with rules of their own."""

    SCENARIO = "scenario"
    POLICY = "policy"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class Target:
    """One file to look at."""

    path: Path
    kind: Kind


def targets(paths: Iterable[Path]) -> list[Target]:
    """Return the files at and below the paths, each once.

    A file that is named is a scenario, a policy or else a configuration, by its name. Below a directory only scenario
    files, policies and files with the two names of Flink's configuration count. Raises ``HostError`` FA460 for a path
    that does not exist.
    """
    found: dict[Path, Target] = {}
    for path in paths:
        if not os.path.lexists(path):
            next_step = "name a scenario file, a Flink configuration or a directory"
            raise HostError(Problem("FA460", "the path does not exist", str(path), next_step=next_step))
        for target in _below(path) if path.is_dir() else (Target(path, _kind(path)),):
            found.setdefault(target.path, target)
    return list(found.values())


def _below(directory: Path) -> Iterator[Target]:
    # Links to directories are not followed: they may lead back up.
    for where, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if _is_of_the_project(Path(where, name)))
        for name in sorted(names):
            path = Path(where, name)
            if name.endswith(SCENARIO_SUFFIXES) or name in (POLICY_FILE, CURRENT, LEGACY):
                yield Target(path, _kind(path))


def _is_of_the_project(directory: Path) -> bool:
    hidden = directory.name.startswith(".")
    return not hidden and directory.name not in _SKIPPED and not (directory / "pyvenv.cfg").exists()


def _kind(path: Path) -> Kind:
    if path.name.endswith(SCENARIO_SUFFIXES):
        return Kind.SCENARIO
    return Kind.POLICY if path.name == POLICY_FILE else Kind.CONFIGURATION
