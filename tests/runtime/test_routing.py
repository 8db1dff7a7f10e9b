"""Upstream's front door leads to the local environment, in scripts and in plain tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

from flink_agents_runtime.local.environment import LocalEnvironment
from flink_agents_runtime.local.routing import route, unroute
from flink_agents_runtime.local.script import run_script

ROOT = Path(__file__).parents[2]
SHOP = """
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Echo(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def echo(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        if value == "poison":
            raise ValueError("poisoned")
        ctx.send_event(OutputEvent(output=[type(event).__name__, value]))
"""
SCRIPT = """
import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from shop import Echo


def main() -> None:
    for value in sys.argv[1:]:
        env = AgentsExecutionEnvironment.get_execution_environment()
        outputs = env.from_list([{"key": "k", "value": value}]).apply(Echo()).to_list()
        env.execute()
        print(outputs)


if __name__ == "__main__":
    main()
"""
# With an agent of its own, as the shortest scripts have.
ALONE = (
    SHOP
    + """
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

env = AgentsExecutionEnvironment.get_execution_environment()
outputs = env.from_list([{"key": "k", "value": 1}]).apply(Echo()).to_list()
env.execute()
"""
)
PLAIN_TEST = """
import runpy
import sys


def test_a_script(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["script.py", "x"])
    runpy.run_path("script.py", run_name="__main__")
    assert capsys.readouterr().out == "[{'k': ['Event', 'x']}]\\n"


def test_an_environment():
    from flink_agents.api.execution_environment import AgentsExecutionEnvironment

    env = AgentsExecutionEnvironment.get_execution_environment()
    assert type(env).__module__ == "flink_agents_runtime.local.environment"
"""


@pytest.fixture(autouse=True)
def _clean():
    yield
    unroute(AgentsExecutionEnvironment)


@pytest.fixture
def ran(tmp_path):
    """Run a script in a directory of its own, where ``shop`` is; returns its result and what it printed."""

    def run(text, *arguments, deadline_s=30):
        folder = tmp_path / f"at-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        (folder / "shop.py").write_text(SHOP)
        (folder / "script.py").write_text(text)
        with (folder / "stdout").open("w") as stdout:
            result = run_script(
                folder / "script.py",
                arguments,
                seed=None,
                deadline_s=deadline_s,
                events=folder / "events",
                stdout=stdout,
            )
        return result, (folder / "stdout").read_text(), folder

    return run


class WithoutLocal:
    """The door of a version that has no local environment: it wants Flink's."""

    @staticmethod
    def get_execution_environment(env, t_env=None, **kwargs):
        """Upstream's own words."""
        return "upstream's", env, t_env, kwargs


@pytest.mark.parametrize("door", [AgentsExecutionEnvironment, WithoutLocal])
def test_the_door_without_flink_leads_here(door):
    """Whether upstream has a local environment or not; each call makes a new one."""
    route(door)
    one, other = door.get_execution_environment(), door.get_execution_environment(env=None)
    unroute(door)
    assert type(one) is type(other) is LocalEnvironment
    assert one is not other


def test_the_door_with_flink_stays_upstreams():
    """Its arguments go through, its description stays, and afterwards it is what it was."""
    before = WithoutLocal.get_execution_environment
    route(WithoutLocal)
    route(WithoutLocal, lambda: "another")
    assert WithoutLocal.get_execution_environment() == "another"
    assert WithoutLocal.get_execution_environment("env", "t", more=1) == ("upstream's", "env", "t", {"more": 1})
    assert WithoutLocal.get_execution_environment.__doc__ == "Upstream's own words."
    unroute(WithoutLocal)
    unroute(WithoutLocal)
    assert WithoutLocal.get_execution_environment is before


def test_a_script_runs_as_it_is(ran):
    """Its arguments, its directory's modules, several environments: outputs, prints, and an event log of each."""
    result, printed, folder = ran(SCRIPT, "x", "y")
    assert (result.failure, result.outputs) == (None, (("k", ["Event", "x"]), ("k", ["Event", "y"])))
    assert printed == "[{'k': ['Event', 'x']}]\n[{'k': ['Event', 'y']}]\n"
    assert len(list((folder / "events").rglob("events-*.log"))) == 2
    assert "shop" not in sys.modules


def test_a_script_with_an_agent_of_its_own(ran):
    """The agent's class is in the script itself, the module __main__."""
    assert ran(ALONE)[0].outputs == (("k", ["Event", 1]),)


def test_what_a_script_raises_is_its_failure(ran):
    """An action's failure with action, key and input; outputs before it stay. Any other with its traceback."""
    result, _, _ = ran(SCRIPT, "x", "poison")
    assert result.outputs == (("k", ["Event", "x"]),)
    assert [result.failure[name] for name in ("action", "key", "input", "type")] == [
        "echo",
        "k",
        "poison",
        "ValueError",
    ]
    assert ran("raise KeyError('no')")[0].failure["type"] == "KeyError"
    assert ran("raise SystemExit(3)")[0].failure["message"] == "3"
    assert ran("raise SystemExit(0)")[0].failure is None


def test_a_script_that_does_not_end_is_left_behind(ran):
    """It fails with a TimeoutError; the door is upstream's again."""
    result, _, _ = ran("import time\ntime.sleep(600)", deadline_s=0.1)
    assert result.failure["type"] == "TimeoutError"
    assert not hasattr(AgentsExecutionEnvironment.get_execution_environment, "upstreams")


@pytest.mark.parametrize(
    "conftest", ["", "import sys\nsys.modules['flink_agents.runtime.local_execution_environment'] = None"]
)
def test_a_plain_test_module_beside_flink_agents(tmp_path, conftest):
    """Where pytest's own environment holds flink_agents, with upstream's local environment or without, nothing else is needed."""
    for name, text in {
        "shop.py": SHOP,
        "script.py": SCRIPT,
        "test_plain.py": PLAIN_TEST,
        "conftest.py": conftest,
    }.items():
        (tmp_path / name).write_text(text)
    command = [sys.executable, "-m", "pytest", "-p", "pytest_flink_agents.plugin", "-p", "no:cacheprovider", "-q"]
    path = os.pathsep.join([str(ROOT), str(ROOT / "runtime")])
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
