"""Patch ``AgentsExecutionEnvironment.get_execution_environment()`` to return our environments.

A script then runs unchanged: called without a StreamExecutionEnvironment, the method returns a
local environment; called with one, it stays upstream's unless the patch covers that case too.
Imports the standard library only; the environment itself is imported when it is first asked for,
because the patch is applied in sessions that may never use it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_METHOD = "get_execution_environment"


def local_environment(seed: int | None = None) -> Any:
    """Return a new local environment; ``seed`` draws the interleaving of its keys."""
    from flink_agents_runtime.local.environment import LocalEnvironment

    return LocalEnvironment(seed=seed)


def patch_environment(
    environment_class: Any,
    make: Callable[[], Any] = local_environment,
    *,
    on_flink: Callable[[Any, Any], Any] | None = None,
) -> None:
    """Make ``get_execution_environment()`` return ``make()``.

    With a Flink environment it returns ``on_flink(env, t_env)`` if that is given, else upstream's.
    Works for releases with a local environment (0.3) and without one, whose method has a required
    parameter. A second call replaces the first patch.
    """
    method = getattr(environment_class, _METHOD)
    # A patch over a patch must still lead to upstream's method, or restoring would stop halfway.
    upstreams = getattr(method, "upstreams", method)

    @functools.wraps(upstreams)
    def get_execution_environment(env: Any = None, t_env: Any = None, **kwargs: Any) -> Any:
        if env is None:
            return make()
        return on_flink(env, t_env) if on_flink else upstreams(env, t_env, **kwargs)

    get_execution_environment.upstreams = upstreams  # type: ignore[attr-defined]  # read by restore_environment
    setattr(environment_class, _METHOD, staticmethod(get_execution_environment))


def restore_environment(environment_class: Any) -> None:
    """Put upstream's method back; does nothing to a class without a patch."""
    method = getattr(environment_class, _METHOD)
    setattr(environment_class, _METHOD, staticmethod(getattr(method, "upstreams", method)))
