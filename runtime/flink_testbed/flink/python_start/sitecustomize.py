"""Start the Python interpreters of a TaskManager without the packages that a job's start does not need.

Python imports this module when an interpreter starts, since its directory is the first of a cluster's PYTHONPATH.

In thread mode the interpreter is a part of the TaskManager and reads its records by PyFlink's converters. PyFlink 1.20
to 2.3 still imports Apache Beam, and pandas with it, to choose how other modes read them, and goes without if it has to:
0.65 s before the first record, and 128 MiB.

In process mode a Python process needs Beam at once. Beam imports pandas for the types of its data frames, of which
PyFlink has none, and goes without if it has to: a quarter of the processor time before the first record, and 40 MiB.

Any later import finds both.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

# The program of a Python process.
_WORKER = "pyflink.fn_execution.beam.beam_boot"


class _LoaderWithout(Loader):
    """Runs a package while an import of another one, ``left_out``, fails."""

    def __init__(self, loader: Loader, left_out: str) -> None:
        self._loader = loader
        self._left_out = left_out

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # Whoever looks for the package's data asks its own loader, such as pkgutil.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        if self._left_out in sys.modules:
            return self._loader.exec_module(module)
        sys.modules[self._left_out] = None  # type: ignore[assignment]
        try:
            return self._loader.exec_module(module)
        finally:
            del sys.modules[self._left_out]


class _FinderWithout(MetaPathFinder):
    """Finds one package, once, which then runs without another one."""

    def __init__(self, package: str, left_out: str) -> None:
        self._package = package
        self._left_out = left_out

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._package:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _LoaderWithout(spec.loader, self._left_out)
        return spec


def _run_hidden() -> None:
    """Run the module of this name that would have been imported without this one."""
    own = __file__.rpartition("/")[0]
    spec = PathFinder.find_spec(__name__, [place for place in sys.path if place != own])
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


# A program has a name, or "-c" or "-m"; an interpreter inside a JVM has neither.
if getattr(sys, "argv", None) == [""]:
    sys.meta_path.insert(0, _FinderWithout("pyflink.fn_execution", "apache_beam"))
elif _WORKER in sys.orig_argv:
    sys.meta_path.insert(0, _FinderWithout("apache_beam", "pandas"))
_run_hidden()
