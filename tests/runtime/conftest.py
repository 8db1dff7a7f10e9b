"""These tests run inside a job environment: where flink_agents is not installed there is nothing here to collect."""

import os
from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("flink_agents") else ["test_*.py"]
# Libraries of agents that tell their makers about each use: nothing here calls out.
os.environ |= {"MEM0_TELEMETRY": "False", "ANONYMIZED_TELEMETRY": "False"}
# flink-agents 0.3.1 keeps blocks of Anthropic's client in memory, which turn into JSON only if their classes are complete.
os.environ["DEFER_PYDANTIC_BUILD"] = "false"


@pytest.fixture(scope="session")
def model_server():
    """The testbed's model server, on loopback in this process."""
    from flink_testbed.models.server import ModelServer

    with ModelServer() as server:
        yield server


@pytest.fixture
def models(model_server):
    """Opens channels of the model server: ``models(rule, rule, ...)``."""
    from flink_testbed.models.script import parse_script

    opened = []

    def channel(*rules):
        opened.append(model_server.channel(parse_script(list(rules))))
        return opened[-1]

    yield channel
    for each in opened:
        each.close()


@pytest.fixture(scope="session")
def mcp_service():
    """A real MCP server on loopback: tools ``add`` and ``where_is``, prompt ``ask_sum``."""
    from mcp_service import McpService

    with McpService() as service:
        yield service
