"""Upstream's own front door leads here: ``AgentsExecutionEnvironment.get_execution_environment()``, without Flink.

So a script stays as it is. With a StreamExecutionEnvironment the call is upstream's, as before, unless that is led
elsewhere, too. Imports the standard library only, and the rest when the door is used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_DOOR = "get_execution_environment"


def local_environment(seed: int | None = None) -> Any:
    """A new environment without Flink; keys are interleaved by the seed, where there is one."""
    from flink_agents_runtime.local.environment import LocalEnvironment

    return LocalEnvironment(seed=seed)


def route(
    environment_class: Any,
    make: Callable[[], Any] = local_environment,
    *,
    on_flink: Callable[[Any, Any], Any] | None = None,
) -> None:
    """Let the class's ``get_execution_environment()``, called without a Flink environment, give what ``make`` returns.

    With one, ``on_flink(env, t_env)`` makes it, where given, else upstream. Works where upstream has a local environment
    (0.3), and where its own call wants a Flink one. Routing again replaces both.
    """
    door = getattr(environment_class, _DOOR)
    upstreams = getattr(door, "upstreams", door)

    @functools.wraps(upstreams)
    def get_execution_environment(env: Any = None, t_env: Any = None, **kwargs: Any) -> Any:
        if env is None:
            return make()
        return on_flink(env, t_env) if on_flink else upstreams(env, t_env, **kwargs)

    get_execution_environment.upstreams = upstreams  # type: ignore[attr-defined]  # how unroute finds the way back
    setattr(environment_class, _DOOR, staticmethod(get_execution_environment))


def unroute(environment_class: Any) -> None:
    """Give the door back to upstream; nothing where it was not taken."""
    door = getattr(environment_class, _DOOR)
    setattr(environment_class, _DOOR, staticmethod(getattr(door, "upstreams", door)))
