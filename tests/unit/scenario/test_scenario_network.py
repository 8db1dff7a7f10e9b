"""The word ``network``, and the addresses that it allows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.load import LoadedScenario

Load: TypeAlias = Callable[..., LoadedScenario]
Problems: TypeAlias = Callable[[str], list[Problem]]


def connection(address: str, network: str = "") -> str:
    resource = f"{{name: server, clazz: ollama, base_url: {address!r}}}"
    return f"resources: {{chat_model_connections: [{resource}]}}\n{network}"


@pytest.mark.parametrize(
    ("resources", "seen"),
    [
        ("{chat_model_connections: [{name: s, clazz: ollama, base_url: 'http://10.0.0.1:11434'}]}", "10.0.0.1:11434"),
        ("{chat_model_connections: [{name: s, clazz: openai, api_base_url: 'HTTPS://API.example.com/v1'}]}", "api.e"),
        ("{chat_model_connections: [{name: s, clazz: azure_openai, azure_endpoint: 'https://a.example'}]}", "a.example"),
        ("{chat_model_connections: [{name: s, clazz: shop.agents.Own, where: 'ws://u:p@x.example:9/'}]}", "x.example:9"),
        ("{chat_model_connections: [{name: s, clazz: ollama, base_url: 'http://localhost.evil.example'}]}", "localhost."),
        ("{chat_model_connections: [{name: s, clazz: ollama, base_url: 'http://x.example/${llm.ollama_url}'}]}", "x.e"),
        ("{mcp_servers: [{name: m, clazz: flink_agents.integrations.mcp.mcp.MCPServer, endpoint: 'http://x.example/mcp'}]}", "x"),
        ("{vector_stores: [{name: v, clazz: chroma, host: db.example, port: 8000}]}", "db.example:8000"),
        ("{vector_stores: [{name: v, clazz: chroma, host: db.example}]}", "db.example:PORT"),
        ("{chat_model_connections: [{name: s, clazz: ollama, base_url: 'http://[2001:db8::1]:80'}]}", "[2001:db8::1]:80"),
    ],
)  # fmt: skip
def test_an_address_off_this_machine_is_refused(resources: str, seen: str, sound: str, problems: Problems) -> None:
    (problem,) = problems(sound + f"resources: {resources}\n")
    assert (problem.code, problem.where.split(":")[1]) == ("FA219", "9")
    assert problem.seen.startswith(seen)


@pytest.mark.parametrize(
    "text",
    [
        connection("http://127.0.0.1:11434"),
        connection("http://localhost:11434"),
        connection("http://[::1]:11434"),
        connection("${llm.ollama_url}"),
        connection("http://${env.REGION}.example"),
        connection("https://api.example.com/v1", "network: open\n"),
        connection("https://API.example.com/v1", "network: [api.example.com:443]\n"),
        'resources: {prompts: [{name: p, text: "see https://example.com"}]}\n',
    ],
)
def test_loopback_placeholders_and_allowed_addresses_load(text: str, load: Load, sound: str) -> None:
    assert load(sound + text, allowed_env=("REGION",)).scenario.resources.sections()


def test_a_refused_address_names_the_nearest_allowed_one(sound: str, problems: Problems) -> None:
    (problem,) = problems(sound + connection("https://api.exemple.com/v1", "network: [api.example.com:443]\n"))
    assert problem.render().splitlines()[1:] == [
        "  expected: loopback, or an address in network: api.example.com:443",
        "  seen:     api.exemple.com:443",
        '  next:     did you mean "api.example.com:443"? Otherwise add "api.exemple.com:443" to network',
    ]
    (problem,) = problems(sound + connection("https://api.exemple.com/v1", "network: closed\n"))
    assert problem.next_step == 'replace it by a placeholder, or write network: ["api.exemple.com:443"]'


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        ("shut", "closed, open, or a list of host:port"),
        ("[]", "a list that is not empty"),
        ("['https://api.example.com/v1']", "host:port"),
        ("['api.example.com']", "host:port"),
        ("['api.example.com:0']", "host:port"),
        ("['api.example.com:70000']", "host:port"),
        ("['*:443']", "host:port"),
        ("[443]", "a string"),
    ],
)
def test_a_network_that_says_nothing_clear_is_refused(
    network: str, expected: str, sound: str, problems: Problems
) -> None:
    (problem,) = problems(sound + f"network: {network}\n")
    assert problem.code == "FA203"
    assert expected in problem.expected
    if "https" in network:
        assert problem.next_step == 'write "api.example.com:443"'


LLM = "llm: {mode: scripted, script: [{reply: {text: a}}]}\n"


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("", None),
        ("network: open\n", None),
        ("network: closed\n", ()),
        ("network: ['a.example:1', '[::2]:3']\n", ("a.example:1", "[::2]:3")),
        (LLM, ()),
        ("effects: [{name: pay, route: POST /pay, reply: {status: 200}}]\n", ()),
        (LLM + "network: open\n", None),
    ],
)
def test_a_scenario_that_replaces_services_is_closed_by_default(
    text: str, allowed: tuple[str, ...] | None, load: Load, sound: str
) -> None:
    assert load(sound + text).scenario.allowed_addresses() == allowed


def test_the_connections_of_a_jar_cannot_be_limited(tmp_path: Path, sound: str, load: Load, problems: Problems) -> None:
    (tmp_path / "job.jar").touch()
    jar = sound.replace("agent: shop.agents:RefundAgent", "job: {jar: job.jar}")
    (problem,) = problems(jar + "network: closed\n")
    assert problem.code == "FA204"
    assert "Java's connections" in problem.expected
    assert load(jar + LLM).scenario.allowed_addresses() is None
