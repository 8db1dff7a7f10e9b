"""A secret of the environment leaves the session nowhere: not on the terminal, and in no file of the report."""

from __future__ import annotations

import pytest
from plugin_project import Project, lines_of, scenario

SECRET = "s3cr3t-value-123"
LEAKS = f'''
import logging
import sys

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Raises(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def call(event: Event, ctx: RunnerContext) -> None:
        raise RuntimeError("refused: {SECRET}")


class Says(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def call(event: Event, ctx: RunnerContext) -> None:
        logging.getLogger("shop").warning("calling with {SECRET}")
        print("{SECRET}", file=sys.stderr)
        ctx.send_event(OutputEvent(output={{"said": "Bearer {SECRET}"}}))


class Wants(Agent):
    def __init__(self) -> None:
        raise ValueError("cannot log in with {SECRET}")
'''


def test_a_secret_is_masked_wherever_an_agent_puts_it(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    project.write("leaks.py", LEAKS)
    project.scenarios("x", *(scenario(name.lower(), agent=f"leaks:{name}") for name in ("Raises", "Says", "Wants")))
    result = project.run("--flink-gate")
    assert result.ret == 1
    result.assert_outcomes(failed=3)
    assert SECRET not in lines_of(result)
    assert "refused: ***" in lines_of(result)
    files = [path for path in project.report.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert names >= {"verdict.json", "junit.xml", "summary.md", "events.jsonl", "evidence.json", "local-worker.log"}
    leaks = [path.name for path in files if SECRET.encode() in path.read_bytes()]
    assert leaks == []
    assert "calling with ***" in next(project.report.rglob("local-worker.log")).read_text(encoding="utf-8")


def test_a_secret_in_a_plain_test_stays_out_of_the_report(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    project.scenarios("x", scenario("right"))
    project.write("test_plain.py", f"def test_plain():\n    raise RuntimeError('refused: {SECRET}')\n")
    project.run("--flink-gate")
    files = [path for path in project.report.rglob("*") if path.is_file()]
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []
    assert "refused: ***" in (project.report / "summary.md").read_text(encoding="utf-8")
