"""The environment variables of an agent's process."""

from __future__ import annotations

import json
import os
import site
import sys
import sysconfig
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType
from typing import Any

import pyflink

_RUNTIME = __name__.partition(".")[0]
# The fields of a plan that name a module.
_NAMES = frozenset({"module", "target_module"})
# Of the standard library and of packages, and not the prefixes: below /usr there may be the user's project, too.
_SCHEME = sysconfig.get_paths()
# In thread mode the prefix of the interpreter is not that of the environment whose packages it imports.
_DIRECTORIES: tuple[str | Path, ...] = (
    *(_SCHEME[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    *site.getsitepackages(),
    Path(os.__file__).parent,
    Path(pyflink.__file__).parents[1],
)
_INSTALLED = tuple({Path(directory).resolve() for directory in _DIRECTORIES})


@contextmanager
def environment_of(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the duration of a block, in a process that serves many jobs.

    The user's modules may read variables at their import. The block therefore imports them anew,
    and afterwards those from before it are in use again. Modules of installed packages stay: a
    compiled one may refuse a second import.
    """
    if not variables:
        yield
        return
    before, users = dict(os.environ), _users_modules()
    os.environ.update(variables)
    try:
        _forget(users)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget(_users_modules())
        sys.modules.update(users)


def forget_modules_of(plan_json: str) -> None:
    """Let the modules of a plan's code be imported anew, without what the old ones hold.

    These are the user's modules, and the installed packages that the plan names, in which an agent may
    be as well. A package with compiled modules stays. A job that runs meanwhile keeps the old modules,
    except for what it imports from now on.
    """
    named = _packages_of(plan_json)
    _forget(_users_modules() | {name: module for package in named for name, module in _modules_of(package).items()})


def _packages_of(plan_json: str) -> Collection[str]:
    """Return the packages of the actions and resources of a plan, without those that every job shares."""
    found: set[str] = set()

    def look(fields: dict[str, Any]) -> None:
        found.update(str(fields[name]).partition(".")[0] for name in _NAMES & fields.keys())

    json.loads(plan_json, object_hook=look)
    return found - {_RUNTIME, "flink_agents", "pyflink", *sys.stdlib_module_names}


def _modules_of(package: str) -> dict[str, ModuleType]:
    """Return the modules of a package, none if some are compiled."""
    found = {name: module for name, module in tuple(sys.modules.items()) if name.partition(".")[0] == package}
    files = (getattr(module, "__file__", None) or "" for module in found.values())
    return {} if any(file.endswith(tuple(EXTENSION_SUFFIXES)) for file in files) else found


def _users_modules() -> dict[str, ModuleType]:
    return {name: module for name, module in tuple(sys.modules.items()) if _is_users(name, module)}


def _is_users(name: str, module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    if not file or name == "__main__" or name.partition(".")[0] == _RUNTIME:
        return False
    return not any(Path(file).resolve().is_relative_to(root) for root in _INSTALLED)


def _forget(modules: Mapping[str, ModuleType]) -> None:
    for name in modules:
        del sys.modules[name]
