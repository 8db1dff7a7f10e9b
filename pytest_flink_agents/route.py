"""Upstream's environments in plain tests: the first import of flink_agents leads its front door to ours.

Nothing is imported for it, and where nobody imports flink_agents nothing happens.
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


class Route(MetaPathFinder):
    """Sees the import of one module. ``seed`` interleaves the keys of the environments that it then gives."""

    def __init__(self, seed: int | None) -> None:
        self._seed = seed

    def open(self) -> None:
        """From now on; at once where the module is there already."""
        if MODULE in sys.modules:
            self.taken(sys.modules[MODULE])
        else:
            sys.meta_path.insert(0, self)

    def close(self) -> None:
        """As it was before."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        if MODULE in sys.modules:
            from flink_agents_runtime.local.patch import restore_environment

            restore_environment(getattr(sys.modules[MODULE], _CLASS))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Nothing, for all modules but one; for that one what the others find, with a step at its end."""
        if fullname != MODULE:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Taken(spec.loader, self)
        return spec

    def taken(self, module: ModuleType) -> None:
        """The module is there: route its door."""
        from flink_agents_runtime.local.patch import local_environment, patch_environment

        patch_environment(getattr(module, _CLASS), lambda: local_environment(self._seed))


class _Taken(Loader):
    """The module's own loader, and then the route."""

    def __init__(self, loader: Any, route: Route) -> None:
        self._loader = loader
        self._route = route

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._route.taken(module)
