"""Fixtures of the tests that run in a job environment; without flink_agents nothing is collected."""

import os
from importlib.util import find_spec

import pytest

collect_ignore_glob = [] if find_spec("flink_agents") else ["test_*.py"]
# Turns off the telemetry of libraries: no test contacts another machine.
os.environ |= {"MEM0_TELEMETRY": "False", "ANONYMIZED_TELEMETRY": "False"}
# flink-agents 0.3.1 serialises blocks of Anthropic's client, which fails for pydantic classes that are not built yet.
os.environ["DEFER_PYDANTIC_BUILD"] = "false"


@pytest.fixture(scope="session")
def model_server():
    """Start the testbed's model server on loopback in this process."""
    from flink_testbed.models.server import ModelServer

    with ModelServer() as server:
        yield server


@pytest.fixture
def models(model_server):
    """Return a function that opens a channel of the model server: ``models(rule, ...)``."""
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
    """Start an MCP server on loopback: tools ``add`` and ``where_is``, prompt ``ask_sum``."""
    from mcp_service import McpService

    with McpService() as service:
        yield service
