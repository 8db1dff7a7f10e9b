"""Cassettes as files, and the words of a scenario about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.core.problem import Problem
from flink_testbed.models.exchange import Answered, Exchange, canonical
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.cassette import (
    Cassette,
    CassetteError,
    asking_words,
    cassette_data,
    changed_words,
    read_cassette,
    with_digests,
)
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.vocabulary import ModelMode

Problems = Callable[[str], list[Problem]]
REQUEST = canonical({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
STREAM = 'data: {"a": 1}\n\ndata: [DONE]\n\n'
EXCHANGES = (
    Exchange("openai", "/v1/chat/completions", REQUEST, Answered(200, "application/json", '{"a": 1}'), 0),
    Exchange("openai", "/v1/chat/completions", REQUEST, Answered(429, "text/event-stream", STREAM, 2.5)),
)


def written(file: Path, **changes: Any) -> Path:
    data = with_digests(cassette_data(Cassette(EXCHANGES, asking_words({"inputs": [1], "name": "x"})))) | changes
    file.write_text(json.dumps(data))
    return file


def test_a_cassette_is_read_as_it_was_written(tmp_path: Path) -> None:
    cassette = read_cassette(written(tmp_path / "c.json"))
    assert cassette.exchanges == EXCHANGES
    assert [one.digest for one in cassette.exchanges] == [one.digest for one in EXCHANGES]
    assert changed_words(cassette, {"inputs": [1], "name": "y", "expect": {}}) == []
    assert changed_words(cassette, {"inputs": [2], "agent": "a"}) == ["agent", "inputs"]


def test_anything_but_a_whole_cassette_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "c.json")
    whole = file.read_bytes()
    data = json.loads(whole)
    edited = json.loads(whole)
    edited["exchanges"][0]["response"]["json"] = {"a": 2}
    added = with_digests({**data, "exchanges": [{**EXCHANGE_WITHOUT_RESPONSE}]})
    cases = [
        (whole[:-20], "the cassette is truncated, or no JSON"),
        (b"", "the cassette is truncated, or no JSON"),
        (b'{"interactions": []}', "this is no cassette"),
        (b"[1]", "this is no cassette"),
        (json.dumps(edited).encode(), "the cassette was changed after it was recorded"),
        (
            json.dumps({**data, "exchanges": data["exchanges"][:1]}).encode(),
            "the cassette was changed after it was recorded",
        ),
        (json.dumps({**data, "more": 1}).encode(), "the cassette was changed after it was recorded"),
        (json.dumps(added).encode(), "an exchange of the cassette cannot be read"),
    ]
    for content, message in cases:
        file.write_bytes(content)
        with pytest.raises(CassetteError, match=message):
            read_cassette(file)
    with pytest.raises(CassetteError, match="cannot be read"):
        read_cassette(tmp_path / "none.json")


EXCHANGE_WITHOUT_RESPONSE = {"wire": "openai", "path": "/v1/chat/completions", "input": None, "request": REQUEST}

REPLAY = "llm: {mode: replay, cassette: c.json}\n"
RECORD = 'llm: {mode: record, cassette: c.json, endpoint: {url: "https://api.example.com"}}\n'
# Words after the sound scenario, and the text of the one problem.
WRONG = [
    (
        REPLAY,
        "x.scenario.yaml:9:31: FA218: no file c.json\n  expected: an existing file\n  seen:     no such file\n"
        "  next:     record it: --llm-mode=record",
    ),
    (
        "llm: {mode: replay}\n",
        "x.scenario.yaml:9:6: FA204: a key is missing in llm\n  expected: cassette beside the mode replay\n"
        "  seen:     a mapping of mode\n  next:     name a file",
    ),
    (
        "llm: {mode: record, cassette: c.json}\n",
        "x.scenario.yaml:9:6: FA204: a key is missing in llm\n  expected: endpoint beside the mode record\n"
        '  seen:     a mapping of mode, cassette\n  next:     write endpoint: {url: https://..., key: "${env.NAME}"}',
    ),
    (
        "llm: {mode: scripted}\n",
        "x.scenario.yaml:9:6: FA204: a key is missing in llm\n  expected: script beside the mode scripted\n"
        "  seen:     a mapping of mode\n  next:     write the rules",
    ),
    (
        "llm: {mode: scripted, script: [{reply: {text: hi}}], cassette: c.json}\n",
        "x.scenario.yaml:9:6: FA203: llm.cassette in the mode scripted\n  expected: the words of one mode\n"
        "  seen:     a mapping of mode, script, cassette\n  next:     remove cassette, or change the mode",
    ),
    (
        'llm: {mode: live, endpoint: {url: "https://api.example.com", key: sk-1}}\nnetwork: open\n',
        "x.scenario.yaml:9:29: FA203: a key in a scenario file\n  expected: ${env.NAME} and nothing else\n"
        "  seen:     a mapping of url, key\n"
        "  next:     write ${env.NAME}, and the name under flink_scenario_env in the ini file",
    ),
    (
        'llm: {mode: live, endpoint: {url: "ftp://api.example.com"}}\nnetwork: open\n',
        "x.scenario.yaml:9:29: FA203: wrong value for llm.endpoint\n"
        "  expected: an address like https://api.example.com, or ${env.NAME}\n  seen:     a mapping of url\n"
        "  next:     it does not begin with http:// or https:// and a host",
    ),
    (
        RECORD,
        "x.scenario.yaml:9:55: FA219: llm.endpoint.url leaves this machine\n"
        "  expected: loopback, or an address in network: none\n  seen:     api.example.com:443\n"
        '  next:     replace it by a placeholder, or write network: ["api.example.com:443"]',
    ),
    (
        'llm: {mode: live, endpoint: {url: "${env.MODEL}"}}\n',
        "x.scenario.yaml:9:35: FA210: unknown placeholder in llm.endpoint.url\n"
        "  expected: one of llm.ollama_url, llm.openai_url, llm.anthropic_url\n  seen:     ${env.MODEL}\n"
        "  next:     add the variable's name to flink_scenario_env in the ini file",
    ),
    (
        'llm: {mode: live, endpoint: {url: "${llm.openai_url}"}}\n',
        "x.scenario.yaml:9:35: FA210: the placeholder ${llm.openai_url} is not replaced here\n"
        "  expected: placeholders only in resources, config, environment, job\n  seen:     llm.endpoint.url\n"
        "  next:     write $${ for a literal ${",
    ),
]


@pytest.mark.parametrize(("added", "text"), WRONG)
def test_the_whole_text_of_a_mistake(added: str, text: str, sound: str, problems: Problems) -> None:
    assert text in [problem.render() for problem in problems(sound + added)]


def test_a_real_model_has_no_rules_that_stay_unused(sound: str, problems: Problems) -> None:
    text = sound.replace("expect:", "expect:\n  llm: {unused_rules: 0}")
    (problem,) = problems(text + RECORD + 'network: ["api.example.com:443"]\n')
    assert problem.next_step == "remove it: a real model has no rules that could stay unused"


def loaded(tmp_path: Path, text: str, **project: Any) -> LoadedScenario:
    file = tmp_path / "x.scenario.yaml"
    file.write_text(text)
    (scenario,) = load_file(file, Project(tmp_path, **project))
    return scenario


def test_a_broken_cassette_is_found_before_anything_starts(tmp_path: Path, sound: str) -> None:
    file = written(tmp_path / "c.json")
    assert loaded(tmp_path, sound + REPLAY).scenario.llm is not None
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ScenarioError) as caught:
        loaded(tmp_path, sound + REPLAY)
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("FA218", "the cassette is truncated, or no JSON: c.json")
    assert problem.next_step == "record it again: --llm-mode=record --llm-overwrite"


def test_the_mode_and_the_directory_of_the_session_decide_which_cassette_must_exist(tmp_path: Path, sound: str) -> None:
    assert loaded(tmp_path, sound + REPLAY, llm_mode=ModelMode.RECORD)
    recording = sound + RECORD + 'network: ["api.example.com:443"]\n'
    assert loaded(tmp_path, recording)
    with pytest.raises(ScenarioError, match="FA218"):
        loaded(tmp_path, recording, llm_mode=ModelMode.REPLAY)
    elsewhere = tmp_path / "cassettes"
    elsewhere.mkdir()
    written(elsewhere / "c.json")
    assert loaded(tmp_path, recording, llm_mode=ModelMode.REPLAY, cassette_dir=elsewhere)


def test_the_agent_itself_may_not_reach_the_models_service(tmp_path: Path, sound: str) -> None:
    network = 'network: ["API.example.com:443", "other.example.com:443"]\n'
    assert loaded(tmp_path, sound + RECORD + network).scenario.allowed_addresses() == ("other.example.com:443",)


def test_a_real_model_cannot_be_asked_again_by_a_replay(tmp_path: Path, sound: str) -> None:
    scenario = loaded(tmp_path, sound + RECORD + "network: open\n").scenario
    assert scenario.obstacle_to_replays == "llm in the mode record"


def test_placeholders_of_an_endpoint_stay_and_those_of_a_script_do_not(tmp_path: Path, sound: str) -> None:
    text = 'llm: {mode: live, endpoint: {url: "${env.MODEL}", key: "${env.MODEL_KEY}"}}\n'
    llm = loaded(tmp_path, sound + text, allowed_env=("MODEL", "MODEL_KEY")).scenario.llm
    assert llm is not None
    assert llm.endpoint is not None
    assert (llm.endpoint.url, llm.endpoint.key, llm.endpoint.address) == ("${env.MODEL}", "${env.MODEL_KEY}", "")
