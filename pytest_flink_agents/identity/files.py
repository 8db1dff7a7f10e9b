"""The files that scenarios are made of, and those that the code under test may load."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flink_agents_runtime.config.catalogue import JAVA_CLASS_PATH
from flink_agents_runtime.config.options import OptionError, flat, typed
from flink_testbed.artifacts.importable import importable_files, is_code
from flink_testbed.artifacts.local_requirements import editable_projects, local_requirements
from pytest_flink_agents.identity.model import Identity, file_digest
from pytest_flink_agents.scenario.boundary.places import resolved_inside
from pytest_flink_agents.scenario.cassette import cassette_place
from pytest_flink_agents.scenario.inputs import data_files
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import ModelMode

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.loaded import LoadedScenario

# The words of an agent or a job that name its file.
_FILES = ("yaml", "plan", "python", "jar")
_OF_ROOT = ("__init__.py", "__init__.pyc", "__init__.so")
# As report.directory names them.
_RUN_FOLDER = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{6}")


def files_of(scenarios: Iterable[LoadedScenario], settings: Settings) -> Identity:
    """Return the digests of all files of the scenarios: their own with their data, their configurations and what they run.

    What code may import is not known before it runs, so all code below the import roots counts, and the data in its
    directories, unless all scenarios run jars. The code of editable requirements is not copied into an environment.
    """
    own: set[Path] = set()
    configurations: set[Path] = set()
    named: set[Path] = set()
    imports = False
    scenarios = tuple(scenarios)
    for loaded in scenarios:
        configurations |= {loaded.root / loaded.configuration.name} if loaded.configuration else set()
        own |= loaded.files | set(_requirement_files(loaded)) | _cassette(loaded, settings)
        own |= set(data_files(loaded, (settings.root, *settings.python_path)))
        named |= set(_named(loaded))
        imports = imports or _imports(loaded)
    own -= configurations
    subjects = named
    if imports:
        subjects |= {path for _, path in _importable(settings, editable_of(scenarios, settings))}
    groups = (subjects - own - configurations, own, configurations)
    root = os.fspath(settings.root.resolve())
    return Identity(*({_name(path, root): file_digest(path) for path in group} for group in groups))


def editable_of(scenarios: Iterable[LoadedScenario], settings: Settings) -> tuple[Path, ...]:
    """Return the directories of all editable requirements, of the session and of its scenarios."""
    own = (line for loaded in scenarios for one in _in_working_tree(loaded) for line in one.requirements())
    return tuple(dict.fromkeys(editable_projects((*settings.requirements, *own))))


def added_code(
    known: Identity, settings: Settings, editable: Iterable[str] = (), report: Path | None = None
) -> list[str]:
    """Return the names of code that the job may load now and that did not exist when the digests were taken.

    ``editable`` are the directories of editable requirements, ``report`` is a run folder elsewhere than in the directory of
    the reports. A copy of tested code below a new directory, as builds make
    it, is the code that was tested.
    """
    if not any(map(is_code, known.subjects)):
        # Only jars ran.
        return []
    root = os.fspath(settings.root.resolve())
    tested: dict[str, set[str]] = {}
    added: dict[str, Path] = {}
    for module, path in _importable(settings, map(Path, sorted(editable)), report):
        name = _name(path, root)
        if digest := known.subjects.get(name):
            tested.setdefault(digest, set()).add(module)
        elif is_code(path.name) and name not in known.subjects and name not in known.scenarios:
            added[name] = path
    tops = {_top(name) for name in known.subjects if is_code(name)}
    return [
        name
        for name, path in added.items()
        if _top(name) in tops or not _is_copy(name, tested.get(file_digest(path), ()))
    ]


def _top(name: str) -> str:
    return name.partition("/")[0]


def _is_copy(name: str, modules: Iterable[str]) -> bool:
    """Return whether a file has the name of one of the ``modules``, which have its content, below another directory.

    An import root that is a package itself gives its ``__init__.py`` no name: every new package would have a copy of it.
    """
    return any(name.endswith(f"/{module}") for module in modules if module not in _OF_ROOT)


def _requirement_files(loaded: LoadedScenario) -> Iterator[Path]:
    """Yield the requirements files of a scenario: an environment is made from them when the scenario runs."""
    for version in _in_working_tree(loaded):
        wanted = version.scenario.requirements
        if isinstance(wanted, str):
            yield version.path(wanted)
        yield from (local.path for local in local_requirements(version.requirements()) if local.is_file_of_lines)


def _imports(loaded: LoadedScenario) -> bool:
    """Return whether a version of the scenario runs Python code."""
    versions = [loaded, *([loaded.before_upgrade()] if loaded.scenario.upgrade else [])]
    return not all(version.scenario.job and hasattr(version.scenario.job, "jar") for version in versions)


def _named(loaded: LoadedScenario) -> Iterator[Path]:
    upgrade, compare = loaded.scenario.upgrade, loaded.scenario.compare
    for version in _in_working_tree(loaded):
        yield from _of_version(version)
    if upgrade and upgrade.from_.savepoint:
        yield from _files_below(loaded.savepoint(upgrade.from_.savepoint))
    if compare and compare.baseline.evidence:
        yield loaded.path(compare.baseline.evidence)


def _in_working_tree(loaded: LoadedScenario) -> Iterator[LoadedScenario]:
    """Yield the versions of a scenario; the files of a commit are part of its digest, and need not exist here."""
    upgrade, compare = loaded.scenario.upgrade, loaded.scenario.compare
    yield loaded
    if upgrade and not upgrade.from_.git:
        yield loaded.before_upgrade()
    if compare and not compare.baseline.git:
        yield loaded.of_baseline()


def _of_version(loaded: LoadedScenario) -> Iterator[Path]:
    for subject in (loaded.scenario.agent, loaded.scenario.job):
        for word in _FILES:
            if value := getattr(subject, word, None):
                yield loaded.path(value)
    for place in _class_path(loaded):
        yield from _files_below(loaded.root / place)


def _class_path(loaded: LoadedScenario) -> Sequence[str]:
    """Return the jars and directories with the Java parts of an agent, as the options name them."""
    options = {key: placed.value for key, placed in loaded.configuration.agent.items()} if loaded.configuration else {}
    try:
        return typed(JAVA_CLASS_PATH, (options | dict(flat(loaded.scenario.config))).get(JAVA_CLASS_PATH)) or ()
    except OptionError:  # The run refuses the value.
        return ()


def _files_below(path: Path) -> Iterator[Path]:
    """Yield a file, or all files of a directory; nothing for a path that does not exist, with which the run fails."""
    yield from (each for each in (path, *path.rglob("*")) if each.is_file())


def _cassette(loaded: LoadedScenario, settings: Settings) -> set[Path]:
    """Return the recorded exchanges that a scenario replays; a recording writes them while the session runs."""
    llm = loaded.scenario.llm
    if llm is None or llm.cassette is None or (settings.llm_mode or llm.mode) != ModelMode.REPLAY:
        return set()
    place = cassette_place(loaded.file, settings.cassette_dir, loaded.root)
    return {resolved_inside(relative=llm.cassette, **place)}


def _importable(
    settings: Settings, editable: Iterable[Path] = (), report: Path | None = None
) -> Iterator[tuple[str, Path]]:
    """Yield the files of all import roots, each with its name relative to its root."""
    reports = tuple(f"{folder}{os.sep}" for folder in (*_run_folders(settings.report_dir.resolve()), report) if folder)
    # The policy has a digest of its own, that of the bytes that were read.
    policy = settings.policy.resolve() if settings.policy else None
    for root in (place.resolve() for place in (settings.root, *settings.python_path, *editable)):
        files = dict(importable_files(root))
        packages = {name.partition("/")[0] for name in files if is_code(name) and "/" in name}
        for name, path in files.items():
            # Data counts if it lies in a directory with code: the root also has logs and the output of CI.
            is_loaded = path == root or is_code(name) or ("/" in name and name.partition("/")[0] in packages)
            if is_loaded and path != policy and not os.fspath(path).startswith(reports):
                yield name, path


def _run_folders(report_dir: Path) -> list[Path]:
    """Return the run folders of a directory, whose names nothing can import, and the link to the latest.

    The directory may hold code of the job, too.
    """
    found = [path for path in (report_dir.iterdir() if report_dir.is_dir() else ()) if _RUN_FOLDER.fullmatch(path.name)]
    latest = report_dir / "latest"
    is_link = latest.is_symlink() and latest.resolve() in [path for path in found if not path.is_symlink()]
    return [*found, latest] if is_link else found


def _name(path: Path, root: str) -> str:
    """Return the name of a file relative to the root; ``os.path.relpath`` takes longer than reading a file."""
    shown = os.fspath(path)
    return shown.removeprefix(root + os.sep) if shown.startswith(root + os.sep) else os.path.relpath(path, root)
