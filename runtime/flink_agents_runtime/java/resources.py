"""Java resources behind upstream's own Python wrappers.

The wrappers (``flink_agents.runtime.java``) call methods of a Java object and of an adapter, which
is Java, too, in upstream's engine. Here both are Python and ask the JVM.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from threading import RLock
from typing import Any, Protocol

from flink_agents.api.chat_message import ChatMessage
from flink_agents.api.resource import Resource, ResourceType
from flink_agents.api.tools.utils import create_java_tool_schema_str_from_model
from flink_agents.plan.resource_provider import JavaResourceProvider, ResourceProvider

from flink_agents_runtime.java.errors import JavaPartError, JavaTimeoutError
from flink_agents_runtime.java.jvm import Answers, left_s
from flink_agents_runtime.java.wire import ApiObject

_TOOL = ResourceType.TOOL.value
Providers = Mapping[ResourceType, Mapping[str, ResourceProvider]]
GetResource = Callable[[str, ResourceType], Resource]


class CallJava(Protocol):
    """Calls an operation of the JVM, see ``Jvm.call``."""

    def __call__(self, operation: str, arguments: Sequence[Any], what: str, answers: Answers | None = None) -> Any:
        """Return its result."""


class JavaAdapter:
    """Upstream's ``JavaResourceAdapter``, whose names are Java's.

    ``get_resource`` returns resources in Python, of which Java takes the descriptions of tools. ``lock`` is held by a
    thread that creates a resource, in Python or in Java: with one lock in each language, two threads that create resources
    could each hold one and wait for the other.
    """

    def __init__(self, call: CallJava, providers: Providers, get_resource: GetResource, lock: RLock) -> None:
        self._call = call
        self._providers = providers
        self._get_resource = get_resource
        self._lock = lock

    def getResource(self, name: str, type_value: str) -> Any:
        """Return a Java resource, or the description of a tool for a model."""
        return self._tool(name) if type_value == _TOOL else JavaResource(self, type_value, name)

    def fromPythonChatMessage(self, message: ChatMessage) -> ApiObject:
        """Return a message for Java."""
        fields = message.model_dump(include={"content", "tool_calls", "extra_args"})
        calls = [call | {"id": str(call.get("id", ""))} for call in fields["tool_calls"] or ()]
        return ApiObject("message", fields | {"role": message.role.value, "tool_calls": calls})

    def fromPythonDocument(
        self, content: str, metadata: Mapping[str, Any], name: str, embedding: Any, score: float | None
    ) -> ApiObject:
        """Return a document for Java."""
        numbers = None if embedding is None else list(map(float, embedding))
        fields = {"content": content, "metadata": metadata, "id": name, "embedding": numbers, "score": score}
        return ApiObject("document", fields)

    def getJavaToolMetadata(self, class_name: str, method: str, types: Sequence[str]) -> dict[str, str]:
        """Return name, description and input schema of a tool."""
        found: dict[str, str] = self._call(
            "metadata", [class_name, method, list(types)], f"the Java tool {class_name}.{method}"
        )
        return found

    def invokeJavaTool(self, class_name: str, method: str, types: Sequence[str], arguments: Mapping[str, Any]) -> Any:
        """Call a tool with arguments by name."""
        what = f"the Java tool {class_name}.{method}"
        return self._call("tool", [class_name, method, list(types), dict(arguments)], what)

    def call(self, operation: str, type_value: str, name: str, *more: Any) -> Any:
        """Call Java about a resource."""
        what = f"the Java resource {name!r} ({type_value.replace('_', ' ')})"
        turn = _Turn(self._lock)
        try:
            return _readable(self._call(operation, [type_value, name, *more], what, partial(self._answer, turn)))
        finally:
            turn.end()

    def _answer(self, turn: _Turn, question: str, arguments: list[Any], ends_s: float) -> dict[str, Any] | None:
        """Return what Java needs to create a resource, or give it its turn to do so."""
        if question == "create":
            turn.take(ends_s)
            return None
        if question == "created":
            turn.give()
            return None
        assert question == "resource"
        type_value, name = arguments
        if type_value == _TOOL:
            return {"tool": self._tool(name)}
        provider = self._providers.get(ResourceType(type_value), {}).get(name)
        if not isinstance(provider, JavaResourceProvider):
            what = f"{type_value.replace('_', ' ')} {name!r}"
            raise JavaPartError(
                f"a Java resource asks for the {what}, which is {'Python' if provider else 'not declared'}; the bundled "
                "engine gives Java resources other Java resources and the descriptions of tools"
            )
        descriptor = provider.descriptor
        given = dict(descriptor.arguments)
        # Java's own plans name the class directly.
        return {"class": given.pop("java_clazz", None) or descriptor.target_clazz, "arguments": given}

    def _tool(self, name: str) -> ApiObject:
        metadata = self._get_resource(name, ResourceType.TOOL).metadata
        schema = create_java_tool_schema_str_from_model(metadata.args_schema)
        return ApiObject("tool", {"name": metadata.name, "description": metadata.description, "schema": schema})


class _Turn:
    """The lock of the resources for Java, which has it for as long as one call of it takes, at most."""

    def __init__(self, lock: RLock) -> None:
        self._lock = lock
        self._taken = 0

    def take(self, ends_s: float) -> None:
        """Wait for the lock until the end of the call; it may be taken again."""
        wait_s = left_s(ends_s)
        if not self._lock.acquire(timeout=wait_s):
            raise JavaTimeoutError(f"for the last {wait_s:.1f} s it waited for another thread that creates resources")
        self._taken += 1

    def give(self) -> None:
        """Release what was taken last."""
        self._lock.release()
        self._taken -= 1

    def end(self) -> None:
        """Release what a call that failed or was late has not given back."""
        while self._taken:
            self.give()


class JavaResource:
    """A Java object by type and name; its methods are Java's."""

    def __init__(self, adapter: JavaAdapter, type_value: str, name: str) -> None:
        self._adapter = adapter
        self._place = (type_value, name)

    def open(self) -> None:
        """Create the object and open it."""
        self._adapter.call("open", *self._place)

    def close(self) -> None:
        """Do nothing: all resources are closed together."""

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *arguments: self._adapter.call("method", *self._place, method, list(arguments))


class _FromJava:
    """A message or a document, read as upstream reads Java's: ``getContent()``."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def getRole(self) -> _FromJava:
        return _FromJava({"value": self._fields["role"]})

    def getValue(self) -> str:
        return str(self._fields["value"])

    def getContent(self) -> str:
        return str(self._fields["content"])

    def getToolCalls(self) -> list[dict[str, Any]]:
        return list(self._fields["tool_calls"] or ())

    def getExtraArgs(self) -> dict[str, Any]:
        return dict(self._fields["extra_args"] or {})

    def getId(self) -> str | None:
        name: str | None = self._fields["id"]
        return name

    def getMetadata(self) -> dict[str, Any]:
        return dict(self._fields["metadata"] or {})

    def getEmbedding(self) -> list[float] | None:
        numbers: list[float] | None = self._fields["embedding"]
        return numbers


def _readable(value: Any) -> Any:
    if isinstance(value, ApiObject):
        return _FromJava(value.fields)
    return [_readable(item) for item in value] if isinstance(value, list) else value
