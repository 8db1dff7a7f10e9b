"""The resources of one plan, created on first use.

Upstream's cache creates them. This module replaces its bare KeyErrors and the exceptions of resource
classes by errors that name the resource and the nearest known name.
"""

from __future__ import annotations

import difflib
import threading
from typing import Any

from flink_agents.api.resource import Resource, ResourceType
from flink_agents.plan.agent_plan import AgentPlan
from flink_agents.plan.resource_provider import JavaResourceProvider, JavaSerializableResourceProvider
from flink_agents.runtime.resource_cache import ResourceCache

from flink_agents_runtime.engine.notes import add_note
from flink_agents_runtime.java.parts import JavaParts
from flink_agents_runtime.plan.agent_reference import reason_of

_MAX_NAMED = 20


class MissingResourceError(KeyError):
    """No resource has that type and name.

    A KeyError as upstream raises it: some agents look for an optional resource and catch it.
    """

    def __str__(self) -> str:
        return str(self.args[0])


class ResourceError(RuntimeError):
    """A declared resource is one that this engine cannot create."""


class Resources(ResourceCache):
    """A cache of resources, thread-safe for tools that run on the executor."""

    def __init__(self, plan: AgentPlan, java: JavaParts) -> None:
        self._providers = plan.resource_providers or {}
        super().__init__(self._providers, plan.config)
        self._lock = threading.RLock()
        self.set_java_resource_adapter(java.adapter(self.get_resource, self._lock))
        self._wanted_by: list[str] = []

    def get_resource(self, name: str, type: ResourceType) -> Resource:  # noqa: A002 - upstream's name
        """Return the resource, which is created and opened on first use.

        Raises :class:`MissingResourceError` with the nearest name, :class:`ResourceError` for a resource
        that upstream creates in Java only, and the errors of the resource's class with a note.
        """
        if not isinstance(type, ResourceType):
            raise MissingResourceError(_wrong_type(name, type))
        kept: Resource | None = self._cache.get(type, {}).get(name)
        if kept is not None:
            return kept
        with self._lock:
            label = f"{_words(type)} {name!r}"
            self._check(name, type, label)
            self._wanted_by.append(label)
            try:
                return super().get_resource(name, type)
            except (MissingResourceError, ResourceError):
                raise
            except Exception as error:
                # The error itself, as on Flink: an agent may catch what the class of its resource raises.
                reason = f": {reason_of(error)}" if getattr(error, "exceptions", ()) else ""
                add_note(error, f"{label} cannot be created{reason}")
                raise
            finally:
                self._wanted_by.pop()

    def _check(self, name: str, type: ResourceType, label: str) -> None:  # noqa: A002 - upstream's name
        known = self._providers.get(type, {})
        if name not in known:
            wanted_by = f", which {self._wanted_by[-1]} needs" if self._wanted_by else ""
            raise MissingResourceError(f"the agent has no {label}{wanted_by}; {_known(name, type, known)}")
        if isinstance(known[name], JavaSerializableResourceProvider):
            raise ResourceError(
                f"{label} is an object that Java wrote into the plan, which Python cannot create; declare it in Python, or "
                "run this agent with upstream's engine"
            )

    def close(self) -> None:
        """Close the resources.

        Those of Java are closed in the JVM: the close() of upstream's wrapper of a connection fails.
        """
        for kind, named in self._cache.items():
            java = self._providers.get(kind, {})
            for name in [name for name in named if isinstance(java.get(name), JavaResourceProvider)]:
                del named[name]
        super().close()


def _wrong_type(name: str, kind: object) -> str:
    near = difflib.get_close_matches(str(kind).lower(), [each.value for each in ResourceType], n=1)
    expected = f"ResourceType.{ResourceType(near[0]).name}" if near else "a member of ResourceType"
    return f"the type of resource {name!r} is {kind!r}, which is no ResourceType; pass {expected}"


def _words(type: ResourceType) -> str:  # noqa: A002 - upstream's name
    return str(type.value).replace("_", " ")


def _known(name: str, type: ResourceType, known: dict[str, Any]) -> str:  # noqa: A002 - upstream's name
    if not known:
        return f"it has no {_words(type)} at all"
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(names[:_MAX_NAMED]) + (", ..." if len(names) > _MAX_NAMED else "")
    return (f"did you mean {near[0]!r}? " if near else "") + f"known: {listed}"
