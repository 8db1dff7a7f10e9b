"""Python blocks of the documentation compile, import public names only, and use fixtures and members that exist."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
from typing import TYPE_CHECKING, Any

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.launched import LaunchedCluster
from flink_testbed.kafka.service import KafkaService
from flink_testbed.ledger.entry import EffectCall
from flink_testbed.models.channel import Channel
from flink_testbed.models.server import ModelServer
from pytest_flink_agents import fixtures
from pytest_flink_agents.evidence.model import Event, Evidence, Failure, Output
from pytest_flink_agents.evidence.model_calls import ModelCall
from tests.support.documentation import ROOT, Block, blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("pytest_flink_agents", "flink_testbed", "flink_agents_runtime")
PYTHONS = blocks("python")
PYTEST_FIXTURES = {"tmp_path", "monkeypatch", "request"}


def member_types() -> dict[str, type]:
    """Return the class behind each name that the examples use members of."""
    from pytest_flink_agents.run.agent_runner import AgentRunner
    from pytest_flink_agents.run.endpoints import Endpoints, ServedEndpoints

    return {
        "agent_runner": AgentRunner,
        "llm_server": ModelServer,
        "effects": Endpoints,
        "served": ServedEndpoints,
        "flink_cluster": FlinkCluster,
        "cluster": LaunchedCluster,
        "kafka_service": KafkaService,
        "evidence": Evidence,
        "channel": Channel,
    }


def fixture_names() -> set[str]:
    found = {name for name, value in vars(fixtures).items() if type(value).__name__ == "FixtureFunctionDefinition"}
    assert "agent_runner" in found
    return found | PYTEST_FIXTURES


def problems_of(text: str) -> Iterator[str]:
    """Yield everything that is wrong with an example."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from _wrong_import(node)
        elif isinstance(node, ast.Import):
            yield from (f"import {name.name}" for name in node.names if name.name.partition(".")[0] in PACKAGES)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            names = {argument.arg for argument in node.args.args}
            yield from (f"no fixture {name}" for name in sorted(names - fixture_names()))
        elif isinstance(node, ast.Attribute):
            yield from _wrong_member(node)
        elif isinstance(node, ast.Call):
            yield from _wrong_call(node)


def _wrong_import(node: ast.ImportFrom) -> Iterator[str]:
    module = node.module or ""
    if module.partition(".")[0] not in PACKAGES:
        return
    if "." in module:
        yield f"{module} is private: import from the root of the package"
        return
    public = importlib.import_module(module).__all__
    yield from (f"{module} has no public name {name.name}" for name in node.names if name.name not in public)


def _owner(node: ast.expr) -> type | None:
    """Return the class of an expression such as ``cluster.processes``, None if it is unknown."""
    if isinstance(node, ast.Name):
        return member_types().get(node.id)
    if isinstance(node, ast.Attribute) and node.attr == "failure":
        return Failure
    if isinstance(node, ast.Attribute) and (owner := _owner(node.value)) is not None:
        member = inspect.getattr_static(owner, node.attr, None)
        if isinstance(member, property) and member.fget is not None:
            hint = member.fget.__annotations__.get("return", "")
            return _class_named(str(hint).partition(" | ")[0], member.fget)
    return None


def _class_named(name: str, near: Any) -> type | None:
    found = getattr(inspect.getmodule(near), name, None)
    return found if isinstance(found, type) else None


def _wrong_member(node: ast.Attribute) -> Iterator[str]:
    owner = _owner(node.value)
    fields = getattr(owner, "__dataclass_fields__", {})
    if owner is not None and not hasattr(owner, node.attr) and node.attr not in fields:
        source = inspect.getsource(owner)
        if f"self.{node.attr} " not in source and f"self.{node.attr}:" not in source:
            yield f"{owner.__name__} has no {node.attr}"


def _wrong_call(node: ast.Call) -> Iterator[str]:
    if not isinstance(node.func, ast.Attribute) or (owner := _owner(node.func.value)) is None:
        return
    method = getattr(owner, node.func.attr, None)
    if not inspect.isfunction(method):
        return
    try:
        inspect.signature(method).bind(None, *node.args, **{word.arg: word.value for word in node.keywords if word.arg})
    except TypeError as error:
        yield f"{owner.__name__}.{node.func.attr}: {error}"


@pytest.mark.parametrize("block", PYTHONS, ids=[block.place for block in PYTHONS])
def test_python_blocks_fit_the_code(block: Block) -> None:
    assert list(problems_of(block.text)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("from flink_testbed.kafka.records import KafkaRecord", "private"),
        ("from flink_agents_runtime import LocalEnvironments", "no public name"),
        ("def test_x(agent_runer): ...", "no fixture"),
        ("evidence.output", "has no output"),
        ("evidence.failure.word", "has no word"),
        ("cluster.processes.kill()\ncluster.processes.kil()", "has no kil"),
        ("agent_runner.run('a', [], within=3)", "within"),
        ("def broken(:", "invalid syntax"),
    ],
)
def test_a_wrong_example_is_detected(text: str, problem: str) -> None:
    try:
        found = list(problems_of(text))
    except SyntaxError as error:
        found = [str(error)]
    assert len(found) == 1
    assert problem in found[0]


def python_page() -> str:
    return (ROOT / "docs" / "python.md").read_text(encoding="utf-8")


def test_every_fixture_is_documented() -> None:
    # It belongs to flink_cluster, and no test asks for it by name.
    names = fixture_names() - PYTEST_FIXTURES - {"flink_cluster_logs"}
    assert [name for name in sorted(names) if f"[`{name}`](#" not in python_page()] == []


@pytest.mark.parametrize(
    ("heading", "function"), [("agent_runner", "AgentRunner.run"), ("agent_script", "AgentScript.__call__")]
)
def test_every_parameter_of_a_run_is_documented(heading: str, function: str) -> None:
    section = python_page().partition(f"### {heading}\n")[2].partition("\n#")[0]
    owner, _, name = function.partition(".")
    method = getattr(getattr(importlib.import_module("pytest_flink_agents"), owner), name)
    parameters = [parameter for parameter in inspect.signature(method).parameters if parameter != "self"]
    assert [parameter for parameter in parameters if not re.search(rf"`[^`\n]*\b{parameter}\b", section)] == []


def documented_fields(heading: str) -> list[str]:
    """Return the names in the table below a heading of the page."""
    section = python_page().partition(f"# {heading}\n")[2].partition("\n#")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.M)


@pytest.mark.parametrize("documented", [Evidence, Output, Event, Failure, ModelCall, EffectCall])
def test_every_field_of_the_evidence_is_documented_in_order(documented: Any) -> None:
    assert documented_fields(documented.__name__) == [field.name for field in dataclasses.fields(documented)]


def test_every_public_name_is_documented() -> None:
    missing = [name for name in public_names() if not re.search(rf"`{name}\b|^#+ {name}$", python_page(), re.M)]
    assert missing == []


def public_names() -> list[str]:
    return [name for name in importlib.import_module("pytest_flink_agents").__all__ if not name.startswith("_")]
