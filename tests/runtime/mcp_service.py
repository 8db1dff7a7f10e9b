"""A real MCP server over streamable HTTP on loopback, in a thread of this process."""

import socket
import threading

import uvicorn
from mcp.server.fastmcp import FastMCP

_STOP_S = 10


class McpService:
    """Serves until closed. A context manager; ``prompts=False`` is a server that has tools only."""

    def __init__(self, prompts=True):
        mcp = FastMCP("sums", host="127.0.0.1")
        mcp.add_tool(_add, name="add")
        mcp.add_tool(_where_is, name="where_is")
        if prompts:
            mcp.prompt(name="ask_sum")(_ask_sum)
        else:
            # FastMCP always says that it has prompts; a server without any does not.
            del mcp._mcp_server.request_handlers[_prompt_request()]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}/mcp"
        config = uvicorn.Config(mcp.streamable_http_app(), log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)

    def __enter__(self):
        # The socket listens already: who connects before the loop runs waits.
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join(_STOP_S)
        self._socket.close()


def _prompt_request():
    from mcp.types import ListPromptsRequest

    return ListPromptsRequest


def _add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _where_is(order: str) -> str:
    """Say where an order is."""
    return f"order {order} is on its way"


def _ask_sum(a: str, b: str) -> str:
    """Ask for a sum."""
    return f"What is the sum of {a} and {b}?"
