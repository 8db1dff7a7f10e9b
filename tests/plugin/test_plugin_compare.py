"""Scenarios that are compared with another version of their agent, on the local tier."""

from __future__ import annotations

import json
from pathlib import Path

from plugin_project import Project, lines_of

from tests.support.review_scenarios import UPSTREAM, reviews

BRIEF = "agents:BriefReviewAgent"
AGENTS = Path(__file__).parents[1] / "support" / "agents" / "reviews.py"


def test_a_changed_prompt_shows_exactly_the_changed_tool_call_side_by_side(project: Project) -> None:
    project.write("agents.py", AGENTS.read_text(encoding="utf-8"))
    compare = f"compare:\n  baseline: {{agent: {UPSTREAM}}}\n"
    allowed = f'{compare}  allow: ["tool_calls[*].args.review", "outputs[*].value.reason"]\n'
    same = f"compare: {{baseline: {{agent: {UPSTREAM}}}, allow: [memory.note]}}\n"
    project.scenarios(
        "x",
        reviews("changed", BRIEF, compare),
        reviews("allowed", BRIEF, allowed),
        reviews("unchanged", "agents:SameReviewAgent", same, "  llm: {unused_rules: 1}\n"),
        reviews("not built", BRIEF, compare.replace(UPSTREAM, "agents:NoReviewAgent")),
    )
    result = project.run("--flink-tier=local")
    result.assert_outcomes(passed=2, failed=2)
    lines = lines_of(result)
    difference = [
        'key "B000YFSR4W", tool call 1 notify_shipping_manager',
        'args.review              | "arrived wet"             | "wet"',
        "tokens: 1285 -> 1318",
    ]
    shown = result.outlines
    first = shown.index(difference[0])
    assert shown[first : first + 3] == difference
    assert shown[first - 2] == "                         | baseline                  | candidate"
    assert max(len(line) for line in shown[first - 2 : first + 3]) <= 80
    assert "candidate beside baseline ReviewAnalysisAgent: 1 of 4 keys differ in tool calls" in lines
    assert (
        "compared: allowed: candidate beside baseline ReviewAnalysisAgent: no difference but what is allowed, 4 keys"
        in lines
    )
    assert "allow: outputs[*].value.reason matched nothing" in lines
    assert "compared: unchanged: candidate beside baseline ReviewAnalysisAgent: identical, 4 keys" in lines
    assert "the runs cannot be compared: the baseline could not be built" in lines
    report = json.loads((project.report / "report.json").read_text(encoding="utf-8"))
    outcomes = {one["name"]: one for one in report["results"]}
    assert outcomes["not built"]["outcome"] == "unknown"
    (row,) = outcomes["changed"]["comparisons"][0]["rows"]
    assert row == {
        "key": '"B000YFSR4W"',
        "aspect": "tool calls",
        "record": "tool call 1 notify_shipping_manager",
        "place": "args.review",
        "baseline": '"arrived wet"',
        "candidate": '"wet"',
    }
    cells = [
        "&#34;B000YFSR4W&#34;",
        "tool call 1 notify_shipping_manager",
        "args.review",
        "&#34;arrived wet&#34;",
        "&#34;wet&#34;",
    ]
    page = (project.report / "report.html").read_text(encoding="utf-8")
    assert f'<tr><th scope="row">{cells[0]}</th>{"".join(f"<td>{cell}</td>" for cell in cells[1:])}</tr>' in page
    summary = (project.report / "summary.md").read_text(encoding="utf-8")
    row_text = '| "B000YFSR4W" | tool call 1 notify_shipping_manager | args.review | "arrived wet" | "wet" |'
    assert row_text in summary


SHOP = """
import os

import requests

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Desk(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def refund(event: Event, ctx: RunnerContext) -> None:
        order = InputEvent.from_event(event).input
        total = (ctx.short_term_memory.get("total") or 0) + order["amount"]
        ctx.short_term_memory.set("total", total)
        answer = requests.post(os.environ["SHOP_URL"] + "/refunds", json={"order": order["id"], "fee": FEE}, timeout=10)
        ctx.send_event(OutputEvent(output={"text": TEXT, "status": answer.status_code, "note": order.get("note")}))
"""
REFUNDS = """\
version: "1"
name: {name}
agent: desk:Desk
tiers: [local]
environment: {{SHOP_URL: "${{effects.shop.url}}"}}
effects:
  - {{name: shop, route: POST /refunds, reply: {{status: 201}}}}
inputs:
  - {{from: events.log, where: "eventType == '_input_event'", key: key, value: event.attributes.input}}
compare:
  baseline: {{git: {ref}}}
  allow: {allow}
expect:
  outputs: {{count: 2}}
"""
TOKEN = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF"


def shop(fee: int, text: str) -> str:
    return f"{SHOP}\nFEE, TEXT = {fee}, {text!r}\n"


def test_effects_that_the_last_release_did_not_have_are_held_back(project: Project) -> None:
    def event(kind: str, key: str, **order: object) -> str:
        return json.dumps({"eventType": kind, "key": key, "event": {"attributes": {"input": order}}}) + "\n"

    project.write("desk.py", shop(1, "paid"))
    project.write(
        "events.log",
        event("_input_event", "ada", id="o-1", amount=3)
        + event("_output_event", "ada")
        + event("_input_event", "bob", id="o-2", amount=4, note=f"my key is {TOKEN}"),
    )
    project.git("init", "-q")
    project.git("add", "desk.py")
    project.git("commit", "-q", "-m", "the first release")
    project.git("tag", "v1.4.0")
    project.write("desk.py", shop(2, "refunded"))
    text, body = "outputs[*].value.text", "effects[*].body.fee"
    project.scenarios(
        "x",
        REFUNDS.format(name="held back", ref="v1.4.0", allow=f'["{text}"]'),
        REFUNDS.format(name="allowed", ref="v1.4.0", allow=f'["{text}", "{body}"]'),
        REFUNDS.format(name="mistyped", ref="v1.4", allow="[]"),
    )
    result = project.run("--flink-tier=local")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    assert "FA435: there is no version 'v1.4'" in lines_of(result)
    report = json.loads((project.report / "report.json").read_text(encoding="utf-8"))
    compared = {one["name"]: one["comparisons"] for one in report["results"]}
    assert [
        (row["key"], row["place"], row["baseline"], row["candidate"]) for row in compared["held back"][0]["rows"]
    ] == [
        (f'"{key}"', place, before, after)
        for key in ("ada", "bob")
        for place, before, after in (("body.fee", "1", "2"), ("status", "201", "403"))
    ]
    assert compared["allowed"][0]["rows"] == []
    assert compared["allowed"][0]["allowed"] == [text, body]
    written = [path for path in project.report.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert written == []
