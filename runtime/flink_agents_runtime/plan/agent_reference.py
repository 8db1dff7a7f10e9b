"""Agent references, ``module:Class``, and the error for unusable agents.

Works with every release of flink-agents.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import traceback
from collections.abc import Iterable

from flink_agents_runtime.channel import RequestError

try:
    from flink_agents.api.agents.agent import Agent
except ModuleNotFoundError:  # flink-agents 0.1
    from flink_agents.api.agent import Agent


class PlanError(RequestError):
    """An agent that cannot become a plan.

    ``nearest`` is the known name most like the given one.
    """

    def __init__(
        self, message: str, *, expected: str = "", seen: str = "", next_step: str = "", nearest: str = ""
    ) -> None:
        super().__init__("plan", message, expected=expected, seen=seen, next_step=next_step)
        self.nearest = nearest

    def __str__(self) -> str:
        parts = {"expected": self.expected, "seen": self.seen, "next": self.next_step}
        return "; ".join([self.message, *(f"{label}: {text}" for label, text in parts.items() if text)])


def agent_named(reference: str) -> Agent:
    """Return an instance of ``module:Class``, or the object of that name.

    Raises :class:`PlanError`.
    """
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise PlanError("an agent reference has the form module:Class", expected="one colon", seen=reference)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "") in _with_parents(module_name)
        raise PlanError(
            f"there is no module {module_name!r}" if missing else f"the module {module_name!r} cannot be imported",
            seen=f"{type(error).__name__}: {error}" + ("" if missing else _last_line(error)),
            next_step="add its root to pytest's pythonpath, or its package to the scenario's requirements"
            if isinstance(error, ModuleNotFoundError)
            else "fix that line; it runs in the job environment, not in pytest's",
        ) from error
    found = vars(module).get(name)
    if found is None:
        agents = [known for known, value in vars(module).items() if _is_agent_class(value) and value is not Agent]
        raise unknown_name(f"the module {module_name!r} has no {name!r}", name, agents)
    if isinstance(found, Agent):
        return found
    if not _is_agent_class(found):
        raise PlanError(
            f"{reference} is not an agent",
            expected="a subclass of flink_agents' Agent, or an instance of one",
            seen=repr(found),
            next_step="name the agent's class, as module:Class",
        )
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise PlanError(
            f"the constructor of {reference} requires arguments",
            expected="a constructor without required arguments",
            seen=f"{name}{inspect.signature(found)}: {error}",
            next_step=f"create an instance in the module, my_agent = {name}(...), and name it: {module_name}:my_agent",
        ) from None
    try:
        return found()
    except Exception as error:
        raise PlanError(f"the constructor of {reference} fails", seen=f"{type(error).__name__}: {error}") from error


def _last_line(error: BaseException) -> str:
    """Return the error's innermost line in a file, as `` (file, line n)``."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def unknown_name(message: str, name: str, known: Iterable[str]) -> PlanError:
    """Return the error for an unknown name, with the nearest known one."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return PlanError(
        message,
        expected="one of " + ", ".join(names) if names else "a module or file with at least one agent",
        seen=name,
        next_step=f"did you mean {near[0]!r}?" if near else "",
        nearest=near[0] if near else "",
    )


def reason_of(error: BaseException) -> str:
    """Return type and text of an error.

    For a group, as MCP's client raises it, of its members.
    """
    inner = getattr(error, "exceptions", ())
    return "; ".join(map(reason_of, inner)) if inner else f"{type(error).__name__}: {error}"


def _is_agent_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Agent)


def _with_parents(module_name: str) -> list[str]:
    parts = module_name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
