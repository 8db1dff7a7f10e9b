"""Record a model and replay it, in whole sessions; a model server of the test plays the vendor."""

from __future__ import annotations

import json

import pytest
from plugin_project import Project, lines_of

from flink_testbed.models.server import ModelServer

SCENARIO = """\
version: "1"
name: NAME
agent: {yaml: desk.yaml, name: desk}
resources:
  chat_model_connections:
    - {name: server, clazz: ollama, base_url: "${llm.ollama_url}"}
llm:
  mode: replay
  cassette: cassettes/desk.json
  endpoint: {url: "${env.MODEL_URL}", key: "${env.MODEL_KEY}"}
inputs: [{key: a, value: TEXT}]
expect:
  outputs: [{key: a, value: {said: On its way.}}]
  tokens: {total: {max: 9}}
"""


def test_a_recorded_model_answers_without_the_real_one(project: Project, monkeypatch: pytest.MonkeyPatch):
    """The recording is inconclusive, its replay passes, and another request is shown beside the recorded one."""
    project.write("pytest.ini", "[pytest]\nflink_scenario_env = MODEL_URL MODEL_KEY\n")
    project.write_desk()
    right = SCENARIO.replace("NAME", "right").replace("TEXT", "where is my order")
    project.scenarios("x", right)
    rules = [{"reply": {"text": "On its way."}, "usage": {"prompt_tokens": 4, "completion_tokens": 3}}]
    with ModelServer() as vendor, vendor.channel(rules) as channel:
        monkeypatch.setenv("MODEL_URL", channel.ollama_url)
        monkeypatch.setenv("MODEL_KEY", "a-key-of-the-vendor")
        recording = project.run("--llm-mode=record", "--flink-gate")
        recorded = channel.calls
    recording.assert_outcomes(passed=1)
    assert recording.ret == 10
    assert "models" in [reason["rule"] for reason in project.verdict()["reasons"]]
    assert [call.messages[-1]["content"] for call in recorded] == ["where is my order"]
    cassette = (project.path / "cassettes/desk.json").read_text(encoding="utf-8")
    assert len(json.loads(cassette)["exchanges"]) == 1
    assert "a-key-of-the-vendor" not in cassette

    monkeypatch.delenv("MODEL_URL")
    monkeypatch.delenv("MODEL_KEY")
    project.scenarios("x", right, SCENARIO.replace("NAME", "changed").replace("TEXT", "where is my parcel"))
    replayed = project.run()
    replayed.assert_outcomes(passed=1, failed=1)
    shown = lines_of(replayed)
    assert "the model got a request that the cassette does not have" in shown
    assert 'recorded "where is my order", asked "where is my parcel"' in shown
    assert "since the recording the scenario has changed in inputs" in shown
