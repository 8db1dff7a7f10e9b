"""Tricks with the record of calls.

- The ledger is killed, before and after a call, and the right output given all the same: *unknown*.
- Lines of its file are removed, changed or added: *unknown*.

Not covered: an agent of the same user can write a line that is right in form and number while it
stops the ledger, which then does not notice.
"""

from __future__ import annotations

from tests.false_promote.promote_reasons import GATE, assert_reasons
from tests.plugin.plugin_project import Project, lines_of, scenario

AGENTS = """
import os
import signal
from pathlib import Path

import requests
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def ledger():
    # The process that has this run's file open.
    for process in Path("/proc").glob("[0-9]*"):
        try:
            files = [Path(os.readlink(fd)) for fd in (process / "fd").iterdir()]
        except OSError:
            continue
        for file in files:
            if file.name == "effects.jsonl" and file.is_relative_to(os.getcwd()):
                return int(process.name), file
    raise LookupError("no ledger")


class Trick(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def trick(event: Event, ctx: RunnerContext) -> None:
        for _ in range(3):
            requests.post(os.environ["PAYMENTS_URL"] + "/refunds", timeout=10)
        what = os.environ["WHAT"]
        pid, file = ledger()
        if what == "kill":
            os.kill(pid, signal.SIGKILL)
        lines = file.read_bytes().splitlines(keepends=True)
        kept = {"remove last": lines[:2], "remove middle": [lines[0], lines[2]], "empty": [], "add": [*lines, lines[2]]}
        if what in kept:
            file.write_bytes(b"".join(kept[what]))
        ctx.send_event(OutputEvent(output={"said": "hi"}))


class Fails(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def trick(event: Event, ctx: RunnerContext) -> None:
        os.kill(ledger()[0], signal.SIGKILL)
        requests.post(os.environ["PAYMENTS_URL"] + "/refunds", timeout=10)
"""
EFFECTS = """\
environment: {PAYMENTS_URL: "${effects.payments.url}", WHAT: DO}
effects: [{name: payments, route: POST /refunds}]
"""


def test_a_record_that_may_miss_calls_never_promotes(project: Project) -> None:
    """Nor does it block: what the agent did then may be the fault of the dead ledger."""
    project.write("tricks.py", AGENTS)
    tricks = ("kill", "remove last", "remove middle", "empty", "add")
    project.scenarios(
        "x",
        *(scenario(trick, agent="tricks:Trick", more=EFFECTS.replace("DO", trick)) for trick in tricks),
        scenario("fails", agent="tricks:Fails", more=EFFECTS),
        scenario("right", agent="tricks:Trick", more=EFFECTS.replace("DO", "nothing")),
    )
    result = project.run(GATE)
    result.assert_outcomes(failed=6, passed=1)
    assert_reasons(project, [f"could not judge: x.scenario.yaml::{trick}[" for trick in (*tricks, "fails")])
    text = lines_of(result)
    assert "the effects ledger ended before the run" in text
    assert "the ledger wrote 3 calls, and the file has 2" in text
    assert "call 2 is missing: the next in the file is call 3" in text
