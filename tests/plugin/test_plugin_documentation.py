"""The tutorial, the README's scenario and the examples of Python tests, run as a reader would run them."""

from __future__ import annotations

import pytest
from plugin_project import Project

from tests.support.documentation import blocks

# What the examples of Python tests name: an agent that fails without an amount, one that calls a service, a desk, a script.
ORDERS = """\
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class OrderAgent(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def book(event: Event, ctx: RunnerContext) -> None:
        order = InputEvent.from_event(event).input
        price = order["amount"] + 2
        total = (ctx.short_term_memory.get("total") or 0) + price
        ctx.short_term_memory.set("total", total)
        ctx.send_event(OutputEvent(output={"item": order["item"], "price": price, "total": total}))
"""
BOOKINGS = """\
import json
import os
import urllib.request

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class BookingAgent(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def book(event: Event, ctx: RunnerContext) -> None:
        purchase = InputEvent.from_event(event).input
        request = urllib.request.Request(os.environ["LEDGER_URL"] + "/bookings", json.dumps(purchase).encode())
        with urllib.request.urlopen(request) as answer:
            ctx.send_event(OutputEvent(output=json.load(answer)))
"""
DESK = """\
agents:
  - name: desk
    actions:
      - {name: ask, function: "shop.desk:ask", listen_to: [input]}
      - {name: answer, function: "shop.desk:answer", listen_to: [chat_response]}
    chat_model_connections:
      - {name: server, clazz: ollama}
    chat_model_setups:
      - {name: model, clazz: ollama, connection: server, model: any}
"""
DESK_ACTIONS = """\
from flink_agents.api.chat_message import ChatMessage, MessageRole
from flink_agents.api.events.chat_event import ChatRequestEvent, ChatResponseEvent
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


def ask(event: Event, ctx: RunnerContext) -> None:
    message = ChatMessage(role=MessageRole.USER, content=InputEvent.from_event(event).input["text"])
    ctx.send_event(ChatRequestEvent(model="model", messages=[message]))


def answer(event: Event, ctx: RunnerContext) -> None:
    ctx.send_event(OutputEvent(output={"answer": ChatResponseEvent.from_event(event).response.content}))
"""
REVIEWS = """\
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from flink_agents.api.runner_context import RunnerContext


class Scores(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def score(event: Event, ctx: RunnerContext) -> None:
        ctx.send_event(OutputEvent(output={"score": InputEvent.from_event(event).input}))


environment = AgentsExecutionEnvironment.get_execution_environment()
environment.from_list([{"key": "a", "value": 4}, {"key": "a", "value": 2}]).apply(Scores()).to_list()
environment.execute()
"""
# Fixtures of examples that need Flink, Kafka or upstream's jars.
REAL_PARTS = ("flink_cluster", "kafka_", "timeline=", "cross_language")


@pytest.fixture
def tutorial(project: Project) -> Project:
    """The files that the tutorial has its reader write."""
    (project.path / "shop.py").unlink()
    project.write("shop/__init__.py", "")
    for language in ("python", "yaml"):
        block = next(b for b in blocks(language) if b.document == "docs/how-to/first-scenario.md" and b.title)
        project.write(block.title, block.text)
    return project


def test_the_tutorial_and_the_readme_pass(tutorial: Project) -> None:
    tutorial.write("readme.scenario.yaml", next(b.text for b in blocks("yaml") if b.document == "README.md"))
    tutorial.run().assert_outcomes(passed=2)


def test_the_tutorials_wrong_total_fails_as_shown(tutorial: Project) -> None:
    file = tutorial.path / "till.scenario.yaml"
    tutorial.write(file.name, file.read_text(encoding="utf-8").replace("total: 7", "total: 8"))
    result = tutorial.run()
    shown = next(b.text for b in blocks("text") if b.document == "docs/how-to/first-scenario.md")
    assert shown.strip() in result.stdout.str()


def test_examples_of_python_tests_pass(tutorial: Project) -> None:
    tutorial.write("shop/orders.py", ORDERS)
    tutorial.write("shop/bookings.py", BOOKINGS)
    tutorial.write("shop/desk.py", DESK_ACTIONS)
    tutorial.write("agents/desk.yaml", DESK)
    tutorial.write("jobs/reviews.py", REVIEWS)
    (tutorial.path / "till.scenario.yaml").unlink()
    examples = [
        block.text
        for block in blocks("python")
        if block.document in ("docs/python.md", "docs/how-to/logs-and-metrics.md")
        and "def test_" in block.text
        and not any(part in block.text for part in REAL_PARTS)
    ]
    for number, example in enumerate(examples):
        tutorial.write(f"test_example_{number}.py", example)
    assert len(examples) >= 7
    tutorial.run().assert_outcomes(passed=len(examples))
