import os
import subprocess
import sys
from pathlib import Path

import pytest
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

from flink_agents_runtime.local.environment import LocalEnvironment
from flink_agents_runtime.local.patch import patch_environment, restore_environment
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
# A script that defines its agent itself.
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
    restore_environment(AgentsExecutionEnvironment)


@pytest.fixture
def ran(tmp_path):
    """Run a script in a new directory beside ``shop``; return its result, its prints and the directory."""

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
    """A release without a local environment, whose method requires Flink's."""

    @staticmethod
    def get_execution_environment(env, t_env=None, **kwargs):
        """Upstream's own words."""
        return "upstream's", env, t_env, kwargs


@pytest.mark.parametrize("environment_class", [AgentsExecutionEnvironment, WithoutLocal])
def test_without_flink_each_call_returns_a_new_local_environment(environment_class):
    patch_environment(environment_class)
    one, other = environment_class.get_execution_environment(), environment_class.get_execution_environment(env=None)
    restore_environment(environment_class)
    assert type(one) is type(other) is LocalEnvironment
    assert one is not other


def test_with_flink_the_method_stays_upstreams():
    before = WithoutLocal.get_execution_environment
    patch_environment(WithoutLocal)
    patch_environment(WithoutLocal, lambda: "another")
    assert WithoutLocal.get_execution_environment() == "another"
    assert WithoutLocal.get_execution_environment("env", "t", more=1) == ("upstream's", "env", "t", {"more": 1})
    assert WithoutLocal.get_execution_environment.__doc__ == "Upstream's own words."
    restore_environment(WithoutLocal)
    restore_environment(WithoutLocal)
    assert WithoutLocal.get_execution_environment is before


def test_a_script_runs_unchanged(ran):
    result, printed, folder = ran(SCRIPT, "x", "y")
    assert (result.failure, result.outputs) == (None, (("k", ["Event", "x"]), ("k", ["Event", "y"])))
    assert printed == "[{'k': ['Event', 'x']}]\n[{'k': ['Event', 'y']}]\n"
    assert len(list((folder / "events").rglob("events-*.log"))) == 2
    assert "shop" not in sys.modules


def test_a_script_may_define_its_agent_in_main(ran):
    assert ran(ALONE)[0].outputs == (("k", ["Event", 1]),)


def test_an_exception_of_a_script_is_its_failure(ran):
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


def test_a_script_that_misses_its_deadline_fails_with_a_timeout_error(ran):
    result, _, _ = ran("import time\ntime.sleep(600)", deadline_s=0.1)
    assert result.failure["type"] == "TimeoutError"
    assert not hasattr(AgentsExecutionEnvironment.get_execution_environment, "upstreams")


@pytest.mark.parametrize(
    "conftest", ["", "import sys\nsys.modules['flink_agents.runtime.local_execution_environment'] = None"]
)
def test_plain_tests_get_the_local_environment_if_flink_agents_is_installed(tmp_path, conftest):
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
