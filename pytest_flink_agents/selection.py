"""Find the scenario files that a session leaves out or overlooks.

A verdict on a part of the scenarios is not one on the job.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

from pytest_flink_agents.gate import Selection
from pytest_flink_agents.scenario_item import SCENARIO_SUFFIXES, ScenarioItem
from pytest_flink_agents.vocabulary import Tier

# Names such as x_scenario.yaml, X.Scenario.yaml and scenario.yaml are not collected, which is
# easily overlooked.
_LOOKS_LIKE = re.compile(r"scenarios?\.ya?ml$", re.IGNORECASE)
_SCENARIO_WORDS = re.compile(rb"^(agent|job|inputs|expect)\s*:", re.MULTILINE)
_HEAD_BYTES = 4096
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "flink-agents-report"})
# What builds a project is beside its results. Elsewhere these names are those of any directory, which pytest passes over.
_RESULTS = frozenset({"build", "dist"})
_BUILDS = ("pyproject.toml", "setup.py", "setup.cfg", "package.json", "pom.xml", "build.gradle", "build.gradle.kts")
# A huge tree must not delay the session: the search ends after this many files, and the verdict says so.
_MAX_FILES = 50_000


def selection_of(config: pytest.Config, collected: Collection[Path], *, deselected: int) -> Selection:
    """Return the selection of a session.

    ``collected`` are the scenario files that it collected (absolute), ``deselected`` counts their
    runs that it left out.
    """
    root = config.rootpath.resolve()
    named = (Path(config.invocation_params.dir, argument.split("::")[0]).resolve() for argument in config.args)
    # The name of a package (--pyargs) is no path: any file may lie in it.
    asked = [place if place.exists() else root for place in named]
    uncollected, elsewhere = [], []
    candidates = _Candidates(root)
    for path in candidates:
        shown = os.path.relpath(path, root)
        if any(path == place or path.is_relative_to(place) for place in asked):
            # pytest collects what a link leads to under the link's name, too.
            if path.resolve() not in collected:
                uncollected.append(shown)
        elif path.name.endswith(SCENARIO_SUFFIXES):
            elsewhere.append(shown)
    # A directory names a suite; a file is a part of one if there are others.
    files = [place for place in asked if place.name.endswith(SCENARIO_SUFFIXES) and place.is_file()]
    limits = [f"{os.path.relpath(place, root)} on the command line" for place in files] if elsewhere else []
    limits += (
        [f"more than {_MAX_FILES} files below the root, not all of them searched"] if not candidates.complete else []
    )
    return Selection(deselected, tuple(limits), tuple(uncollected), tuple(elsewhere))


def tiers_left_out(items: Iterable[ScenarioItem], tiers: Iterable[Tier]) -> dict[str, tuple[str, ...]]:
    """Return by tier the scenarios that apply to it with a Flink version of the session; no tier without one."""
    found = {
        tier.value: dict.fromkeys(
            f"{item.loaded.document.file}::{item.loaded.name}" for item in items if not item.not_applicable_on(tier)
        )
        for tier in tiers
    }
    return {tier: tuple(names) for tier, names in found.items() if names}


class _Candidates:
    """The scenario files below the root, and the files that look like one.

    Environments and build results are skipped. ``complete`` is False if the search was cut short.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.complete = True
        self._linked: set[Path] = set()

    def __iter__(self) -> Iterator[Path]:
        seen = 0
        for directory, folders, files in os.walk(self._root, followlinks=True):
            folders[:] = sorted(name for name in folders if self._is_entered(Path(directory, name)))
            for name in sorted(files):
                path = Path(directory, name)
                if name.endswith(SCENARIO_SUFFIXES) or (_LOOKS_LIKE.search(name) and _reads_like_a_scenario(path)):
                    yield path
            seen += len(files)
            if seen > _MAX_FILES:
                self.complete = False
                return

    def _is_entered(self, folder: Path) -> bool:
        """Return whether a directory is searched; a link only if it leads to a part of the project that nothing else enters."""
        if _is_skipped(folder):
            return False
        if not folder.is_symlink():
            return True
        target = folder.resolve()
        if target in self._linked or not target.is_relative_to(self._root):
            # A scenario file outside of the project is refused.
            return False
        self._linked.add(target)
        below = target.relative_to(self._root).parts
        return any(_is_skipped(self._root.joinpath(*below[: depth + 1])) for depth in range(len(below)))


def _is_skipped(folder: Path) -> bool:
    if folder.name in _SKIPPED or folder.name.startswith("."):
        return True
    if folder.name in _RESULTS:
        return any((folder.parent / name).exists() for name in _BUILDS)
    # An environment has its interpreter, too: the file alone hides a directory from pytest.
    return (folder / "pyvenv.cfg").exists() and (folder / "bin" / "python").exists()


def _reads_like_a_scenario(path: Path) -> bool:
    """Return whether a file begins like a scenario.

    Only regular files are opened: opening a pipe would block until something writes to it.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return len(set(_SCENARIO_WORDS.findall(file.read(_HEAD_BYTES)))) > 1
    except OSError:
        return False
