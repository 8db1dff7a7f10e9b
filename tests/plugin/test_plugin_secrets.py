"""A secret of the environment leaves the session nowhere: not on the terminal, and in no file of the report."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from plugin_project import Project, lines_of, scenario

SECRET = "s3cr3t-value-123"
# Every form of the secret that the agent puts out, raw last: it is a part of none of the others.
FORMS = (
    SECRET.encode().hex(),
    base64.b64encode(f"user:{SECRET}".encode()).decode()[8:28],
    base64.b64encode(SECRET.encode()).decode()[:20],
    SECRET,
)
LEAKS = f'''
import base64
import json
import logging
import sys

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

SECRET = "{SECRET}"


class Raises(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def call(event: Event, ctx: RunnerContext) -> None:
        raise RuntimeError("refused: " + SECRET)


class Says(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def call(event: Event, ctx: RunnerContext) -> None:
        logging.getLogger("shop").warning("calling with " + SECRET)
        print(SECRET, file=sys.stderr)
        basic = base64.b64encode(("user:" + SECRET).encode()).decode()
        forms = {{"hex": SECRET.encode().hex(), "basic": basic, "base64": base64.b64encode(SECRET.encode()).decode()}}
        nested = json.dumps({{"body": json.dumps({{"pass": SECRET}})}})
        ctx.send_event(OutputEvent(output={{"said": "Bearer " + SECRET, "nested": nested, **forms}}))


class Wants(Agent):
    def __init__(self) -> None:
        raise ValueError("cannot log in with " + SECRET)
'''


def files_of(project: Project) -> list[Path]:
    return [path for path in project.report.rglob("*") if path.is_file()]


def leaks(project: Project) -> list[str]:
    """Return the files of the report that hold a form of the secret."""
    contents = {path: path.read_bytes() for path in files_of(project)}
    return [f"{path.name}: {form}" for path, data in contents.items() for form in FORMS if form.encode() in data]


@pytest.mark.parametrize("name", ["SHOP_API_KEY", "DB_PASS", "SSH_PASSPHRASE"])
def test_a_secret_is_masked_wherever_an_agent_puts_it(project: Project, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.setenv(name, SECRET)
    project.write("leaks.py", LEAKS)
    project.scenarios("x", *(scenario(name.lower(), agent=f"leaks:{name}") for name in ("Raises", "Says", "Wants")))
    result = project.run("--flink-gate")
    assert result.ret == 1
    result.assert_outcomes(failed=3)
    assert [form for form in FORMS if form in lines_of(result)] == []
    assert "refused: ***" in lines_of(result)
    names = {path.name for path in files_of(project)}
    assert names >= {"verdict.json", "junit.xml", "summary.md", "events.jsonl", "evidence.json", "local-worker.log"}
    assert leaks(project) == []


@pytest.mark.slow
def test_a_secret_is_masked_in_the_files_of_a_cluster(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_PASS", SECRET)
    project.write("leaks.py", LEAKS)
    project.scenarios("x", *(scenario(name.lower(), agent=f"leaks:{name}") for name in ("Raises", "Says")))
    result = project.run("--flink-gate", tier="embedded")
    assert result.ret == 1
    assert [form for form in FORMS if form in lines_of(result)] == []
    assert any("taskmanager" in path.name for path in files_of(project))
    assert leaks(project) == []


def test_a_secret_in_a_plain_test_stays_out_of_the_report(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    project.scenarios("x", scenario("right"))
    project.write("test_plain.py", f"def test_plain():\n    raise RuntimeError('refused: {SECRET}')\n")
    project.run("--flink-gate")
    assert leaks(project) == []
    assert "refused: ***" in (project.report / "summary.md").read_text(encoding="utf-8")
