"""Start the Python interpreter of a TaskManager without Apache Beam.

Python imports this module when an interpreter starts, since its directory is the first of a cluster's PYTHONPATH.

In thread mode the interpreter is a part of the TaskManager and reads its records by PyFlink's converters. PyFlink 1.20
to 2.3 still imports Apache Beam, and pandas with it, to choose how other modes read them, and goes without if it has to:
0.65 s before the first record, and 128 MiB. Any later import finds both. Python processes of a TaskManager need them at
once, and keep PyFlink's way.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_CHOOSING, _LEFT_OUT = "pyflink.fn_execution", "apache_beam"


class _WithoutBeam(Loader):
    """Runs PyFlink's package while an import of Apache Beam fails."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Whoever looks for the package's data asks its own loader, such as pkgutil.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        if _LEFT_OUT in sys.modules:
            return self._loader.exec_module(module)
        sys.modules[_LEFT_OUT] = None  # type: ignore[assignment]
        try:
            return self._loader.exec_module(module)
        finally:
            del sys.modules[_LEFT_OUT]


class _Finder(MetaPathFinder):
    """Finds the one package, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _CHOOSING:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _WithoutBeam(spec.loader)
        return spec


def _run_hidden() -> None:
    """Run the module of this name that would have been imported without this one."""
    own = __file__.rpartition("/")[0]
    spec = PathFinder.find_spec(__name__, [place for place in sys.path if place != own])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


# A program has a name, or "-c" or "-m"; an interpreter inside a JVM has neither.
if getattr(sys, "argv", None) == [""]:
    sys.meta_path.insert(0, _Finder())
_run_hidden()
