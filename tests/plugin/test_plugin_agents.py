"""Agents that are missing, invalid or failing: each is reported in its own scenario only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plugin_project import Project, lines_of, scenario

GATE = "--flink-gate"
DESK = """\
agents:
  - name: desk
    actions:
      - {name: ask, function: "desk:ask", listen_to: [input]}
      - {name: answer, function: "desk:answer", listen_to: [chat_response]}
    chat_model_connections:
      - {name: server, clazz: ollama, request_timeout: 30}
    chat_model_setups:
      - {name: model, clazz: ollama, connection: server, model: desk-model}
"""
DESK_ACTIONS = """\
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
UNANSWERED = """\
version: "1"
name: unanswered
agent: {yaml: desk.yaml, name: desk}
resources:
  chat_model_connections:
    - {name: server, clazz: ollama, base_url: "${llm.ollama_url}", request_timeout: 30}
llm:
  mode: scripted
  script:
    - {when: {contains: where is my order}, reply: {text: On its way.}}
inputs: [{key: a, value: what is your opening time}]
expect: {outputs: [{key: a, value: {said: On its way.}}]}
within: 20s
"""


@pytest.fixture
def shop(project: Project) -> Project:
    """A project with valid and invalid agents, one scenario each."""
    # So that the job environment looks for it, and not the loader.
    project.write("pytest.ini", "[pytest]\nflink_allowed_packages = shopp\n")
    project.write("breaks.py", "import shop\n\nraise ValueError('no shop today')\n")
    project.write("desk.yaml", DESK)
    project.write("desk.py", DESK_ACTIONS)
    project.scenarios(
        "x",
        scenario("no module", agent="shopp:Echo"),
        scenario("no class", agent="shop:Ecko"),
        scenario("no agent", agent="shop:NoAgent"),
        scenario("breaks", agent="breaks:Echo"),
        scenario("refuses", agent="shop:Refuses"),
        UNANSWERED,
        scenario("sleeps", agent="shop:Sleeper", more="within: 2s\n"),
        scenario("right"),
    )
    return project


# What each of them says: its line first, then what happened, then what helps.
TOLD = {
    "no module": ("x.scenario.yaml:3: FA220: there is no module 'shopp'", "No module named 'shopp'", "pythonpath"),
    "no class": ("x.scenario.yaml:11: FA220: the module 'shop' has no 'Ecko'", "did you mean 'Echo'?"),
    "no agent": ("x.scenario.yaml:19: FA220: shop:NoAgent is not an agent", "a subclass of flink_agents' Agent"),
    "breaks": ("x.scenario.yaml:27: FA220: the module 'breaks' cannot be imported", "ValueError: no shop today"),
    "refuses": (
        "x.scenario.yaml:35: ",
        "the job failed: RuntimeError: the card was refused",
        '  agent shop:Refuses, action charge, key "a", input "hi"',
        "no input is skipped; before that: no output",
    ),
    "unanswered": (
        *("x.scenario.yaml:49: ", "the model got a request that no rule of the script answers"),
        *("where is my order", "what is your opening time"),
    ),
    "sleeps": (
        *(
            "x.scenario.yaml:62: ",
            "the job had not ended after 2 s",
            'still waiting on action doze of key "a" with input "hi"',
        ),
        'what happened to key "a"',
    ),
}


def evidence_folders(project: Project) -> list[Path]:
    """Return the folders that the verdict's reasons for a block name."""
    blocks = [reason for reason in project.verdict()["reasons"] if reason["kind"] == "block"]
    assert blocks
    return [project.report / reason["evidence"] for reason in blocks]


def test_each_invalid_agent_blocks_with_place_code_and_next_step(shop: Project):
    """The report contains no traceback of the plugin, and the scenario after them passes."""
    result = shop.run(GATE)
    text = lines_of(result)
    assert result.ret == 1
    result.assert_outcomes(failed=len(TOLD), passed=1)
    sections = {name: text.partition(f"_ {name}[local-2.2] _")[2].partition("\n____")[0] for name in TOLD}
    for name, wanted in TOLD.items():
        for words in (*wanted, f"again: pytest 'x.scenario.yaml::{name}[local-2.2]'"):
            assert words in sections[name], f"{words!r} not in:\n{sections[name]}"
        assert "pytest_flink_agents" not in sections[name]
    verdict = shop.verdict()
    assert (verdict["verdict"], verdict["counts"]["failed"]) == ("block", len(TOLD))
    for folder in evidence_folders(shop):
        assert (folder / "evidence.json").is_file()


# What an agent does wrong -> what its scenario says of it: the error, and the rule.
WRONGS = {
    "raises": ("ZeroDivisionError: no way",),
    "input event": ("RuntimeError: the action sent an event of type '_input_event', which only the engine may create",),
    "asyncio.sleep": ("RuntimeError: asyncio functions", "Only 'await ctx.durable_execute_async(...)' is supported"),
    "thread, unheeded": ("RuntimeError: the context of action 'do' was used off its thread",),
    "memory of a set": ("TypeError: value at memory path 'x' has type 'set', which is not checkpoint-stable",),
    "no JSON": ("ValidationError: ", "an event travels as JSON, as on Flink: give it JSON values or pydantic models"),
}
POISONED = """\
version: "1"
name: {how}
agent: wrong_agents:Wrong
inputs: [{{key: c, value: 0}}, {{key: a, value: 1}}, {{key: b, value: 2}}, {{key: c, value: "{how}"}}]
expect: {{outputs: [{{key: c, value: 0}}, {{key: a, value: 1}}, {{key: b, value: 2}}, {{key: c, value: never}}]}}
within: {within}
"""


def test_a_failing_input_is_reported_with_agent_action_key_and_kept_outputs(project: Project) -> None:
    project.write(
        "wrong_agents.py", (Path(__file__).parents[1] / "support/agents/wrong_agents.py").read_text(encoding="utf-8")
    )
    hangs = POISONED.format(how="a call that hangs", within="5s")
    project.scenarios("x", *(POISONED.format(how=how, within="60s") for how in WRONGS), hangs)
    result = project.run("-p", "no:unraisableexception", GATE)
    text = lines_of(result)
    result.assert_outcomes(failed=len(WRONGS) + 1)
    for how, words in WRONGS.items():
        section = text.partition(f"_ {how}[local-2.2] _")[2].partition("\n____")[0]
        where = f'  agent wrong_agents:Wrong, action do, key "c", input "{how}"'
        kept = 'before that: 3 outputs, of "c", "a", "b", kept in evidence.json'
        rule = "an action that fails, fails the job, as on Flink: no input is skipped"
        for each in (f"the job failed: {words[0]}", *words, where, rule, kept):
            assert each in section, f"{each!r} not in:\n{section}"
    told = 'still waiting on action do of key "c" with input "a call that hangs" (agent wrong_agents:Wrong)'
    assert told in text
    for folder in evidence_folders(project):
        evidence = json.loads((folder / "evidence.json").read_text(encoding="utf-8"))["evidence"]
        assert [output["value"] for output in evidence["outputs"]] == [0, 1, 2]


REVIEW_SCRIPT = """\
import sys

from flink_agents.api.execution_environment import AgentsExecutionEnvironment
from shop import Echo, Refuses

for agent in sys.argv[1:]:
    env = AgentsExecutionEnvironment.get_execution_environment()
    outputs = env.from_list([{"key": "k", "value": 1}]).apply({"echo": Echo, "refuses": Refuses}[agent]()).to_list()
    env.execute()
    print("printed:", outputs)
"""
SCRIPT_TESTS = """\
import pathlib

import pytest


def test_outputs(agent_script):
    evidence = agent_script("jobs/reviews.py", "echo", "echo")
    assert [output.value for output in evidence.outputs] == [{"said": 1}, {"said": 1}]
    assert [event.type for event in evidence.events] == ["_input_event", "_output_event"] * 2
    assert pathlib.Path(evidence.files["stdout"]).read_text() == "printed: [{'k': {'said': 1}}]\\n" * 2
    assert evidence.job_state == "FINISHED"


def test_failure(agent_script):
    evidence = agent_script("jobs/reviews.py", "echo", "refuses", check=False)
    assert (len(evidence.outputs), evidence.failure.action, evidence.failure.key) == (1, "charge", "k")
    assert evidence.job_state == "FAILED"


def test_missing(agent_script):
    with pytest.raises(FileNotFoundError, match="relative to pytest's root"):
        agent_script("jobs/nowhere.py")
"""


def test_a_users_script_runs_unchanged(project: Project) -> None:
    """Its environments are local ones in the job environment; outputs, events, prints and failures are evidence."""
    project.write("jobs/reviews.py", REVIEW_SCRIPT)
    project.write("test_scripts.py", SCRIPT_TESTS)
    project.write("pytest.ini", "[pytest]\npythonpath = .\n")
    result = project.run("-q")
    assert result.ret == 0, lines_of(result)
    result.assert_outcomes(passed=3)
