"""Agents that use resources, each as small as its claim allows. Connections come from the test, by resources."""

from flink_agents.api.agents.agent import Agent
from flink_agents.api.agents.react_agent import ReActAgent
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.decorators import (
    action,
    chat_model_setup,
    embedding_model_setup,
    mcp_server,
    skills,
    tool,
    vector_store,
)
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.context_retrieval_event import (
    ContextRetrievalRequestEvent,
    ContextRetrievalResponseEvent,
)
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.function import JavaFunction
from flink_agents.api.prompts.prompt import Prompt
from flink_agents.api.resource import ResourceDescriptor, ResourceName, ResourceType
from flink_agents.api.runner_context import RunnerContext
from flink_agents.api.skills import Skills
from flink_agents.api.tools.function_tool import FunctionTool
from flink_agents.api.tools.tool import Tool
from flink_agents.api.vector_stores.vector_store import Document
from pydantic import BaseModel
from pyflink.common.typeinfo import BasicTypeInfo, RowTypeInfo


class Sum(BaseModel):
    """What the sums agents answer."""

    result: int


def add(a: int, b: int) -> int:
    """Add two numbers.

    Parameters
    ----------
    a : int
        One number.
    b : int
        The other number.
    """
    return a + b


def broken(order: str) -> str:
    """Look an order up, and fail.

    Parameters
    ----------
    order : str
        The order's number.
    """
    raise LookupError(f"the warehouse does not know {order}")


def setup_of(clazz: str, **more: object) -> ResourceDescriptor:
    """A setup of a chat model over the connection ``models``."""
    return ResourceDescriptor(clazz=clazz, connection="models", model="m", **more)


SUM_PROMPT = Prompt.from_messages(
    messages=[
        ChatMessage(role=MessageRole.SYSTEM, content="You reckon."),
        ChatMessage(role=MessageRole.USER, content="What is {a} + {b}?"),
    ]
)


def sums(clazz: str, schema: object = Sum, prompt: Prompt | None = SUM_PROMPT) -> ReActAgent:
    """A ReAct agent that may add."""
    agent = ReActAgent(chat_model=setup_of(clazz, tools=["add"]), prompt=prompt, output_schema=schema)
    agent.add_resource("add", ResourceType.TOOL, Tool.from_callable(add))
    return agent


OLLAMA_SUMS = sums(ResourceName.ChatModel.OLLAMA_SETUP)
OPENAI_SUMS = sums(ResourceName.ChatModel.OPENAI_COMPLETIONS_SETUP)
ANTHROPIC_SUMS = sums(ResourceName.ChatModel.ANTHROPIC_SETUP)
ROW_SUMS = sums(ResourceName.ChatModel.OLLAMA_SETUP, schema=RowTypeInfo([BasicTypeInfo.INT_TYPE_INFO()], ["result"]))
PLAIN_SUMS = sums(ResourceName.ChatModel.OLLAMA_SETUP, schema=None, prompt=None)


class Asking(Agent):
    """Puts its input to the model ``desk`` and gives out what it says."""

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        text = InputEvent.from_event(event).input
        message = ChatMessage(role=MessageRole.USER, content=text)
        ctx.send_event(ChatRequestEvent(model="desk", messages=[message]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))

    @tool
    @staticmethod
    def add(a: int, b: int) -> int:
        """Add two numbers.

        Parameters
        ----------
        a : int
            One number.
        b : int
            The other number.
        """
        return add(a, b)

    @tool
    @staticmethod
    def broken(order: str) -> str:
        """Look an order up, and fail.

        Parameters
        ----------
        order : str
            The order's number.
        """
        return broken(order)

    @chat_model_setup
    @staticmethod
    def desk() -> ResourceDescriptor:
        return setup_of(ResourceName.ChatModel.OLLAMA_SETUP, tools=["add", "broken"])


class Remote(Agent):
    """The prompt and the tools are those of an MCP server, at an address where nobody is."""

    @mcp_server
    @staticmethod
    def sums_server() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=ResourceName.MCP_SERVER, endpoint="http://127.0.0.1:1/mcp")

    @chat_model_setup
    @staticmethod
    def desk() -> ResourceDescriptor:
        return setup_of(ResourceName.ChatModel.OLLAMA_SETUP, prompt="ask_sum", tools=["add"])

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        message = ChatMessage(role=MessageRole.USER)
        arguments = InputEvent.from_event(event).input
        ctx.send_event(ChatRequestEvent(model="desk", messages=[message], prompt_args=arguments))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))


class Skilled(Agent):
    """Its model may load upstream's own skill, and run echo."""

    @skills
    @staticmethod
    def calculator() -> Skills:
        return Skills.from_package(("flink_agents.examples.quickstart", "resources/skills"))

    @chat_model_setup
    @staticmethod
    def desk() -> ResourceDescriptor:
        return setup_of(ResourceName.ChatModel.OLLAMA_SETUP, skills=["math-calculator"], allowed_commands=["echo"])

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def ask(event: Event, ctx: RunnerContext) -> None:
        message = ChatMessage(role=MessageRole.USER, content=InputEvent.from_event(event).input)
        ctx.send_event(ChatRequestEvent(model="desk", messages=[message]))

    @action(ChatResponseEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output=ChatResponseEvent.from_event(event).response.content))


class Librarian(Agent):
    """Stores ``{"add": [texts]}``, and finds what is nearest to ``{"find": text}``."""

    @embedding_model_setup
    @staticmethod
    def embedder() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=ResourceName.EmbeddingModel.OLLAMA_SETUP, connection="vectors", model="e")

    @vector_store
    @staticmethod
    def library() -> ResourceDescriptor:
        return ResourceDescriptor(
            clazz=ResourceName.VectorStore.CHROMA_VECTOR_STORE, embedding_model="embedder", collection="library"
        )

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def take(event: Event, ctx: RunnerContext) -> None:
        request = InputEvent.from_event(event).input
        if "add" in request:
            store = ctx.get_resource("library", ResourceType.VECTOR_STORE)
            store.create_collection_if_not_exists("library")
            # Chroma wants at least one word of metadata.
            store.add([Document(content=text, metadata={"from": "test"}) for text in request["add"]])
            ctx.send_event(OutputEvent(output=len(request["add"])))
            return
        name = request.get("store", "library")
        ctx.send_event(ContextRetrievalRequestEvent(query=request["find"], vector_store=name, max_results=1))

    @action(ContextRetrievalResponseEvent.EVENT_TYPE)
    @staticmethod
    def give(event: Event, ctx: RunnerContext) -> None:
        found = ContextRetrievalResponseEvent.from_event(event).documents
        ctx.send_event(OutputEvent(output=[document.content for document in found]))


class Remembering(Agent):
    """Keeps ``{"fact": text}`` in long-term memory, and searches for ``{"about": text}``."""

    @chat_model_setup
    @staticmethod
    def thinker() -> ResourceDescriptor:
        return setup_of(ResourceName.ChatModel.OLLAMA_SETUP)

    @embedding_model_setup
    @staticmethod
    def embedder() -> ResourceDescriptor:
        return ResourceDescriptor(clazz=ResourceName.EmbeddingModel.OLLAMA_SETUP, connection="vectors", model="e")

    @vector_store
    @staticmethod
    def store() -> ResourceDescriptor:
        return ResourceDescriptor(
            clazz=ResourceName.VectorStore.CHROMA_VECTOR_STORE, embedding_model="embedder", collection="memories"
        )

    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def remember(event: Event, ctx: RunnerContext) -> None:
        request = InputEvent.from_event(event).input
        memories = ctx.long_term_memory.get_memory_set("facts")
        if "fact" in request:
            added = await ctx.durable_execute_async(memories.add, items=request["fact"])
            # The awaited call gave other keys their turn; these are still the memories of this one.
            kept = await ctx.durable_execute_async(memories.get)
            ctx.send_event(OutputEvent(output={"added": len(added), "kept": [item.value for item in kept]}))
        else:
            found = memories.search(query=request["about"], limit=1)
            ctx.send_event(OutputEvent(output=[item.value for item in found]))


JAVA_TOOL = Asking()
JAVA_TOOL.add_resource(
    "stock",
    ResourceType.TOOL,
    FunctionTool(func=JavaFunction(qualname="shop.Tools", method_name="stock", parameter_types=["int"])),
)
