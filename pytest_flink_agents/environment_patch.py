"""Patch upstream's ``AgentsExecutionEnvironment`` for plain tests.

In them ``get_execution_environment()`` returns the bundled local environment.

The patch is applied when a test first imports the module. Nothing is imported for it, and nothing
happens if no test does.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULE = "flink_agents.api.execution_environment"
_CLASS = "AgentsExecutionEnvironment"


class EnvironmentPatch(MetaPathFinder):
    """A finder that waits for the import of one module.

    ``seed`` interleaves the keys of the local environments.
    """

    def __init__(self, seed: int | None) -> None:
        self._seed = seed

    def apply(self) -> None:
        """Patch the module, at once or after its import."""
        if MODULE in sys.modules:
            self.patch(sys.modules[MODULE])
        else:
            sys.meta_path.insert(0, self)

    def undo(self) -> None:
        """Restore the module and the import system."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if MODULE in sys.modules:
            from flink_agents_runtime.local.patch import restore_environment

            restore_environment(getattr(sys.modules[MODULE], _CLASS))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's own spec, with a loader that also patches it."""
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader, self)
        return spec

    def patch(self, module: ModuleType) -> None:
        """Patch the imported module."""
        from flink_agents_runtime.local.patch import local_environment, patch_environment

        patch_environment(getattr(module, _CLASS), lambda: local_environment(self._seed))


class _PatchingLoader(Loader):
    """The module's own loader, followed by the patch."""

    def __init__(self, loader: Any, patch: EnvironmentPatch) -> None:
        self._loader = loader
        self._patch = patch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._patch.patch(module)
