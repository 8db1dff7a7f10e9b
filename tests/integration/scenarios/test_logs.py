"""Error logs of a cluster while a scenario runs, and its thread dump at a deadline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.pytest_sessions import SESSION_S, make_project, start_pytest

pytestmark = pytest.mark.slow

NOISY = """
import logging
import time
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class NoisyAgent(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def say(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        if value == "refuse":
            raise RuntimeError("the reader was refused")
        logging.getLogger("shop.reader").error("the reader says: %s", value)
        ctx.send_event(OutputEvent(output=value))


def wait_for(file):
    ends_s = time.monotonic() + 120
    while not file.exists():
        assert time.monotonic() < ends_s, f"{file} did not come"
        time.sleep(0.05)


class SlowAgent(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def say(event: Event, ctx: RunnerContext) -> None:
        value = InputEvent.from_event(event).input
        begun, logged = Path(__file__).with_name("begun"), Path(__file__).with_name("logged")
        if value == "fire":
            wait_for(begun)
            logging.getLogger("shop.reader").error("the reader says: %s", value)
            logged.touch()
        else:
            begun.touch()
            wait_for(logged)
        ctx.send_event(OutputEvent(output=value))
"""
SCENARIOS = """
version: "1"
name: quiet is allowed
agent: noisy:NoisyAgent
inputs: [{key: a, value: smoke}]
expect: {outputs: [{key: a, value: smoke}], logs: {allow: ["reader says: smoke$"]}}
---
version: "1"
name: loud is not
agent: noisy:NoisyAgent
inputs: [{key: a, value: fire}]
expect: {outputs: [{key: a, value: fire}], logs: {allow: ["reader says: smoke$"]}}
---
version: "1"
name: a failure is its own explanation
agent: noisy:NoisyAgent
inputs: [{key: a, value: refuse}]
expect: {failure: {contains: the reader was refused}}
---
version: "1"
name: too slow
agent: napping:NapAgent
inputs: [{key: a, value: 600}]
expect: {outputs: [{key: a, value: 600}]}
# The operator has to be up by then, on a busy machine too.
within: 15s
"""

SLOW = """
version: "1"
name: it is WORD
agent: noisy:SlowAgent
inputs: [{key: a, value: WORD}]
expect: {outputs: [{key: a, value: WORD}]}
within: 180s
"""


TESTS = """
import pytest


def test_loud(agent_runner):
    evidence = agent_runner.run("noisy:NoisyAgent", [("a", "alarm")])
    assert [output.value for output in evidence.outputs] == ["alarm"]


@pytest.mark.log_allow("reader says: alarm$")
def test_allowed(agent_runner):
    evidence = agent_runner.run("noisy:NoisyAgent", [("a", "alarm")])
    assert [error.line.rpartition(" - ")[2] for error in evidence.log_errors] == ["the reader says: alarm"]


def log(cluster, line):
    with (cluster.directory / "log" / "taskmanager-0.log").open("a") as log:
        log.write(f"2026-01-01 00:00:00,000 ERROR shop.reader [] - the reader says: {line}\\n")


@pytest.fixture
def late(flink_cluster):
    yield
    log(flink_cluster, "late")


def test_cluster_loud(flink_cluster):
    log(flink_cluster, "help")


def test_cluster_loud_at_its_end(late):
    pass


@pytest.mark.log_allow("reader says: help$")
def test_cluster_allowed(flink_cluster):
    log(flink_cluster, "help")


def test_cluster_crashed(flink_cluster):
    (flink_cluster.directory / "hs_err_pid1.log").write_text("SIGSEGV")


def test_cluster_ended(flink_cluster):
    flink_cluster.abandon("a job does not leave it")


def test_cluster_quiet(flink_cluster):
    assert flink_cluster.rest.overview()["taskmanagers"] == 1
"""


def test_an_error_in_the_logs_fails_the_scenario_that_was_running(tmp_path: Path) -> None:
    """Unless it is allowed; a job's own failure needs no permission. Python tests follow the same rule.

    The cluster's log is copied to the scenario or test. A run past its deadline names the dump of
    its threads. A test after one that has ended the cluster gets a new one.
    """
    project = make_project(tmp_path / "project", nap_s=0.1)
    (project / "nap.scenario.yaml").unlink()
    (project / "noisy.py").write_text(NOISY)
    (project / "noise.scenario.yaml").write_text(SCENARIOS)
    (project / "test_noise.py").write_text(TESTS)
    run = start_pytest(project, "--flink-tier=embedded", "-rA")
    run.wait(SESSION_S)
    said = (project / "pytest.out").read_text()
    outcomes = {
        name: word for word, _, name in (line.partition(" noise.scenario.yaml::") for line in said.splitlines())
    }
    assert {
        name.partition("[")[0]: word for name, word in outcomes.items() if "[embedded" in name and word.isupper()
    } == {
        "quiet is allowed": "PASSED",
        "loud is not": "FAILED",
        "a failure is its own explanation": "PASSED",
        "too slow": "FAILED",
    }, said
    assert "PASSED test_noise.py::test_allowed[embedded]" in said
    assert "PASSED test_noise.py::test_cluster_quiet" in said
    assert "ERROR test_noise.py::test_loud[embedded]" in said
    assert sorted(
        line.partition("::")[2].partition(" ")[0] for line in said.splitlines() if line.startswith("ERROR")
    ) == [
        "test_cluster_crashed",
        "test_cluster_loud",
        "test_cluster_loud_at_its_end",
        "test_loud[embedded]",
    ]
    assert '@pytest.mark.log_allow("PATTERN")' in said
    assert "an error was logged in hs_err_pid1.log: the JVM has crashed" in said
    assert "an error was logged in taskmanager-0.log: " in said
    assert "the reader says: fire" in said
    kept = {
        path.parent.parent.parent.name: path.read_text()
        for path in project.rglob("artifacts/noise.scenario*/1/logs/taskmanager-0.log")
    }
    assert len(kept) == 4
    assert [name for name, text in kept.items() if "reader says: fire" in text] == [
        name for name in kept if "loud" in name
    ]
    (dump,) = project.rglob("thread-dump.txt")
    assert f"threads at the deadline: {dump}" in said
    assert "action-execute-operator" in dump.read_text()
    evidence = next(path for path in project.rglob("evidence.json") if "loud-is-not" in str(path))
    assert [
        error["line"].rpartition(" - ")[2] for error in json.loads(evidence.read_text())["evidence"]["log_errors"]
    ] == ["the reader says: fire"]


def test_of_two_concurrent_jobs_only_the_one_that_logged_errors_fails(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", nap_s=0.1)
    (project / "nap.scenario.yaml").unlink()
    (project / "noisy.py").write_text(NOISY)
    (project / "slow.scenario.yaml").write_text("---".join(SLOW.replace("WORD", word) for word in ("fire", "quiet")))
    run = start_pytest(project, "--flink-tier=embedded", "-n2", "-rA", "--flink-rest-auth=on")
    run.wait(SESSION_S)
    said = (project / "pytest.out").read_text()
    assert "PASSED slow.scenario.yaml::it is quiet" in said
    assert "FAILED slow.scenario.yaml::it is fire" in said
    (log,) = project.rglob("artifacts/*quiet*/1/logs/taskmanager-0.log")
    assert "the reader says: fire" in log.read_text(), "both jobs ran at that time"
