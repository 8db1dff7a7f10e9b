"""The environment variables of an agent's process."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pyflink

_RUNTIME = __name__.partition(".")[0]
# In thread mode the prefix of the interpreter is not that of the environment whose packages it imports.
_PREFIXES = (sys.prefix, sys.base_prefix, Path(os.__file__).parent, Path(pyflink.__file__).parents[1])
_INSTALLED = tuple({Path(prefix).resolve() for prefix in _PREFIXES})


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


def forget_users_modules() -> None:
    """Let the user's modules be imported anew, without what the old ones hold.

    A job that runs meanwhile keeps the old ones, except for what it imports from now on.
    """
    _forget(_users_modules())


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
