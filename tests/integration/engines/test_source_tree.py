"""The bundled engine on a source tree of upstream's repository, named by FLINK_AGENTS_SOURCE_TREE.

The project holds none of its code. Seen with commit 8ad3a32b of 2026-08-21, which is 0.4-SNAPSHOT.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.current import session_of
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.subject import AgentRefusedError
from pytest_flink_agents.vocabulary import Engine, Tier
from tests.support.runs import run

_TREE = os.environ.get("FLINK_AGENTS_SOURCE_TREE", "")
_ROOT = Path(__file__).parents[3]
_AGENTS = "tests.support.agents.agents_of_0_4"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _TREE, reason="FLINK_AGENTS_SOURCE_TREE names no checkout of flink-agents' repository"),
]


@pytest.fixture
def tree(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestEnvironment]:
    """An environment with the flink-agents of that tree, without its jars."""
    monkeypatch.setenv("FLINK_AGENTS_SKIP_JAR_DOWNLOAD", "1")
    settings = dataclasses.replace(session_of(request.config).settings, flink_agents=_TREE, engine=Engine.BUNDLED)
    environment = TestEnvironment(
        settings, resolve_flink("2.2"), (), run_id="a-test", directory=tmp_path, progress=lambda line: None
    )
    yield environment
    environment.close()


def test_the_parity_agents_load_plan_and_run_on_it() -> None:
    command = [sys.executable, "-m", "pytest", "tests/integration/engines/test_parity.py", "-q"]
    options = ["--flink-version=2.2", "--flink-tier=local", f"--flink-agents={_TREE}"]
    env = clean_environment(FLINK_AGENTS_SKIP_JAR_DOWNLOAD="1")
    done = subprocess.run([*command, *options], cwd=_ROOT, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:]
    assert re.search(r"^\d\d passed in", done.stdout, re.MULTILINE), done.stdout[-500:]


def test_an_event_names_what_it_comes_from(tree: TestEnvironment, run_request) -> None:
    evidence = run(run_request(f"{_AGENTS}:Lineage", [("a", "x")]), tree, Tier.LOCAL)
    assert [output.value for output in evidence.outputs] == [{"from": "first", "same": True, "input": None}]


def test_a_plan_file_is_loaded_and_run(tree: TestEnvironment, run_request, tmp_path: Path) -> None:
    """A plan as 0.4 writes it, by hand."""
    actions = {
        name: {
            "name": name,
            "exec": {"func_type": "PythonFunction", "module": _AGENTS, "qualname": f"Lineage.{name}"},
            "trigger_conditions": [trigger],
            "config": None,
        }
        for name, trigger in (("first", "_input_event"), ("second", "second"))
    }
    plan = {"actions": actions, "resource_providers": {}, "agent_name": "Lineage", "config": {"conf_data": {}}}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    agent = {"agent": {"plan": str(tmp_path / "plan.json")}, "resources": {}}
    planned = dataclasses.replace(run_request("", [("a", "x")]), agent_spec=agent)
    evidence = run(planned, tree, Tier.LOCAL)
    assert [output.value["from"] for output in evidence.outputs] == ["first"]


def test_tools_and_models_are_counted(tree: TestEnvironment, run_request) -> None:
    request = run_request("tests.parity.chat_agents:Talker", [("a", {"say": "tool double 13"})])
    evidence = run(request, tree, Tier.LOCAL)
    assert evidence.failure is None
    assert evidence.metrics is not None
    counted = {name: value for name, value in evidence.metrics.items() if "Calls" in name}
    assert {name.partition("action.")[2]: value for name, value in counted.items()} == {
        "chat_model_action.model_resource.parrot.numOfLlmCallsSucceeded": 2,
        "tool_call_action.tool.double.numOfToolCallsFailed": 1,
    }


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ("Conditional", r"listens to a condition \(CEL\)"),
        ("Remembers", "listens to an event that the bundled engine does not send"),
    ],
)
def test_what_only_upstream_executes_is_refused(tree: TestEnvironment, run_request, agent: str, said: str) -> None:
    with pytest.raises(AgentRefusedError, match=said):
        run(run_request(f"{_AGENTS}:{agent}", [("a", 1)]), tree, Tier.LOCAL)


def test_an_option_that_is_not_honoured_is_refused(tree: TestEnvironment, run_request) -> None:
    planned = run_request(f"{_AGENTS}:Lineage", [("a", 1)])
    sound = dataclasses.replace(planned, config={"memory.generate-event": False})
    assert run(sound, tree, Tier.LOCAL).failure is None
    with pytest.raises(AgentRefusedError, match=r"memory\.generate-event\.short-term-write"):
        run(dataclasses.replace(planned, config={"memory.generate-event.short-term-write": True}), tree, Tier.LOCAL)
