"""A user's project, on which pytest runs in a process of its own. Not a test module."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest

from flink_testbed.core.clock import wait_until
from flink_testbed.core.directories import cache_root

# A limit for a session, which takes a quiet machine a few seconds.
SESSION_S = 300
# With these a session behaves as on a CI server.
CI_VARIABLES = ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI", "JENKINS_URL")
# Before pytester gives the tests another home: the job environment is not built anew.
CACHE = cache_root()
# An agent that is wrong in its first attempt only.
SETTLING_AGENT = """
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Settles(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        marker = Path(__file__).with_name("settled")
        said = "hi" if marker.exists() else "not yet"
        marker.touch()
        ctx.send_event(OutputEvent(output={"said": said}))
"""
SHOP = """
import os
import time

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Echo(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def echo(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output={"said": InputEvent.from_event(event).input}))


class Refuses(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def charge(event: Event, ctx: RunnerContext) -> None:
        raise RuntimeError("the card was refused")


class Leaves(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def leave(event: Event, ctx: RunnerContext) -> None:
        os._exit(7)


def nap(seconds):
    time.sleep(seconds)


class Sleeper(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    async def doze(event: Event, ctx: RunnerContext) -> None:
        await ctx.durable_execute_async(nap, 20)


class NoAgent:
    pass
"""

# An agent that asks a model for each input.
DESK = """
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def ask(event: Event, ctx: RunnerContext) -> None:
    text = InputEvent.from_event(event).input
    ctx.send_event(ChatRequestEvent(model="model", messages=[ChatMessage(role=MessageRole.USER, content=text)]))


def answer(event: Event, ctx: RunnerContext) -> None:
    ctx.send_event(OutputEvent(output={"said": ChatResponseEvent.from_event(event).response.content}))
"""
DESK_AGENT = """
agents:
  - name: desk
    actions:
      - {name: ask, function: "desk:ask", listen_to: [input]}
      - {name: answer, function: "desk:answer", listen_to: [chat_response]}
    chat_model_connections:
      - {name: server, clazz: ollama}
    chat_model_setups:
      - {name: model, clazz: ollama, connection: server, model: desk-model}
"""


class Project:
    """A project root with the module ``shop``, in which pytest can be run."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.path = pytester.path
        self.write("shop.py", SHOP)
        self.write("pytest.ini", "[pytest]\n")

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def write_desk(self) -> None:
        """Write ``desk.yaml``, whose agent ``desk`` asks a model for each input and sends what it said."""
        self.write("desk.py", DESK)
        self.write("desk.yaml", DESK_AGENT)

    def scenarios(self, file: str, *documents: str) -> Path:
        """Write the file ``<file>.scenario.yaml`` with these documents."""
        return self.write(f"{file}.scenario.yaml", "---\n".join(documents))

    def git(self, *arguments: str) -> None:
        """Run git in the project, which it makes a repository by ``init``."""
        identity = ("-c", "user.name=qa", "-c", "user.email=qa@localhost")
        subprocess.run(["git", *identity, *arguments], cwd=self.path, check=True, capture_output=True)

    def run(self, *arguments: str, tier: str = "local", ends: bool = True, below: str = "") -> pytest.RunResult:
        """Run pytest, in a directory ``below`` the root if there is one, and require that no process is left.

        Those of a session that does not end in order have ten seconds to notice.
        """
        chosen = [f"--flink-tier={tier}"] if tier else []
        os.chdir(self.path / below)
        result = self._pytester.runpytest_subprocess("-W", "error", *chosen, *arguments, timeout=SESSION_S)
        os.chdir(self.path)
        if not ends:
            wait_until(self._ended, what="the end of the session's processes", timeout_s=10)
        assert not self.processes(), "the session left processes behind"
        return result

    def _ended(self) -> tuple[bool | None, str]:
        left = self.processes()
        return (None if left else True), "; ".join(left)

    def processes(self) -> list[str]:
        """Return the command lines of processes that run in the project or name it."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    words = process.cmdline()
                    if process.cwd() == str(self.path) or any(str(self.path) in word for word in words):
                        found.append(" ".join(words))
        return found

    @property
    def report(self) -> Path:
        """The newest run folder."""
        return self.path / "flink-agents-report" / "latest"

    def verdict(self) -> dict[str, Any]:
        """Return the newest run's ``verdict.json``."""
        return dict(json.loads((self.report / "verdict.json").read_text(encoding="utf-8")))


def new_project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return an empty user project that shares the cache of job environments, and no other setting."""
    for name in list(os.environ):
        if name.startswith("FLINK_AGENTS_TEST_") or name in CI_VARIABLES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(CACHE))
    return Project(pytester)


def scenario(name: str, *, agent: str = "shop:Echo", said: str = "hi", more: str = "") -> str:
    """Return a scenario with the input ``hi`` of key ``a``; the agent ``Echo`` replies ``{said: hi}``."""
    return (
        f'version: "1"\nname: {name}\nagent: {agent}\ninputs: [{{key: a, value: hi}}]\n'
        f"expect:\n  outputs:\n    - {{key: a, value: {{said: {said}}}}}\n{more}"
    )


def lines_of(result: pytest.RunResult) -> str:
    """Return the lines of both output streams."""
    return "\n".join([*result.outlines, *result.errlines])
