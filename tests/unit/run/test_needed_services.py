"""The services that a scenario's run needs: no other one is started for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import pytest

from flink_testbed.models.script import Script
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.model_source import served_model
from pytest_flink_agents.run.replays import unreplayed_place
from pytest_flink_agents.run.requests import keeps_actions_in_kafka, needs_models, wants_replays
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, Tier


class Started:
    """Services whose model server opens channels."""

    class models:
        @staticmethod
        def channel(script: Script, recorder: object, formats: object, tape: object) -> AbstractContextManager[str]:
            return nullcontext("a channel")


AGENT = "agent: shop:Shop\n"
SETUP = "resources: {chat_model_connections: [{name: c, clazz: openai, api_base_url: '%s', api_key: none}]}\n"


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (AGENT, False),
        (AGENT + SETUP % "http://127.0.0.1:1", False),
        (AGENT + SETUP % "${llm.openai_url}", True),
        (AGENT + "config: {url: '${llm.ollama_url}'}\nconfig_extra: true\n", True),
        (AGENT + "environment: {MODEL: '${llm.anthropic_url}/v1'}\n", True),
        (AGENT + "llm: {mode: scripted, script: [{reply: {text: hi}}]}\n", True),
        ("job: {python: shop.py}\n", True),
    ],
)
def test_the_model_server_is_needed_only_if_the_run_can_know_its_address(
    tmp_path: Path, words: str, needed: bool
) -> None:
    (tmp_path / "shop.py").write_text("class Shop: ...\n")
    file = tmp_path / "x.scenario.yaml"
    file.write_text(f'version: "1"\nname: one\n{words}inputs: [{{key: a, value: 1}}]\nexpect: {{outputs: []}}\n')
    (loaded,) = load_file(file, Project(tmp_path))
    assert needs_models(loaded) == needed
    services = cast(Services, Started())
    with served_model(services, loaded, None) as channel:
        assert (channel is not None) == needed


ENDPOINT = "effects: [{name: pay, route: POST /x%s}]\n"


def is_replayed(settings: Settings, loaded: LoadedScenario, tier: Tier, engine: Engine = Engine.BUNDLED) -> bool:
    return wants_replays(settings, loaded) and not (
        loaded.scenario.obstacle_to_replays or unreplayed_place(tier, engine)
    )


@pytest.mark.parametrize(
    ("words", "option", "replayed"),
    [
        ("", False, False),
        ("", True, True),
        ("always_replay: true\ntiers: [local]\n", False, True),
        ("always_replay: false\n", True, False),
        # What depends on the number of calls before cannot be replayed.
        ("llm: {mode: scripted, script: [{reply: {text: hi}, times: 1}]}\n", True, False),
        ("llm: {mode: scripted, script: [{reply: {text: hi}}]}\n", True, True),
        (ENDPOINT % ", fault: {status: 503, times: 1}", True, False),
        (ENDPOINT % ", fault: {status: 503}", True, True),
        (ENDPOINT % ", reply: {json: {id: '${request.sequence}'}}", True, False),
        (ENDPOINT % ", reply: {json: {id: '${request.json.id}'}}", True, True),
    ],
)
def test_the_option_replays_scenarios_that_can_be(tmp_path: Path, words: str, option: bool, replayed: bool) -> None:
    (tmp_path / "shop.py").write_text("class Shop: ...\n")
    file = tmp_path / "x.scenario.yaml"
    text = f'version: "1"\nname: one\n{AGENT}{words}inputs: [{{key: a, value: 1}}]\nexpect: {{outputs: []}}\n'
    file.write_text(text)
    (loaded,) = load_file(file, Project(tmp_path))
    settings = Settings(tmp_path, (), always_replay=option)
    assert is_replayed(settings, loaded, Tier.LOCAL) == replayed
    assert is_replayed(settings, loaded, Tier.EMBEDDED) == replayed
    assert is_replayed(settings, loaded, Tier.CONTAINER) == replayed
    assert not is_replayed(settings, loaded, Tier.REMOTE)
    assert not is_replayed(settings, loaded, Tier.EMBEDDED, Engine.UPSTREAM)
    if option and not replayed and "always_replay" not in words:
        file.write_text(f"{text}always_replay: true\ntiers: [local]\n")
        with pytest.raises(ScenarioError, match="beside always_replay"):
            load_file(file, Project(tmp_path))


def test_a_failure_and_a_job_are_not_replayed(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("class Shop: ...\n")
    file = tmp_path / "x.scenario.yaml"
    for words, expect in ((AGENT, "{failure: {contains: no}}"), ("job: {python: shop.py}\n", "{outputs: []}")):
        file.write_text(f'version: "1"\nname: one\n{words}inputs: [{{key: a, value: 1}}]\nexpect: {expect}\n')
        (loaded,) = load_file(file, Project(tmp_path))
        assert not is_replayed(Settings(tmp_path, (), always_replay=True), loaded, Tier.LOCAL)


@pytest.mark.parametrize(
    ("words", "expect", "tier", "in_kafka"),
    [
        ("", "{outputs: []}", Tier.LOCAL, True),
        ("always_replay: true\ntiers: [local, embedded]\n", "{outputs: []}", Tier.LOCAL, False),
        ("always_replay: true\ntiers: [local, embedded]\n", "{outputs: []}", Tier.EMBEDDED, True),
        # The records themselves are judged.
        ("always_replay: true\ntiers: [local]\n", "{delivery: {actions: exactly_once}}", Tier.LOCAL, True),
    ],
)
def test_local_replays_keep_the_action_state_in_memory(
    tmp_path: Path, words: str, expect: str, tier: Tier, in_kafka: bool
) -> None:
    (tmp_path / "shop.py").write_text("class Shop: ...\n")
    file = tmp_path / "x.scenario.yaml"
    file.write_text(
        f'version: "1"\nname: one\n{AGENT}{words}config: {{actionStateStoreBackend: kafka}}\n'
        f"inputs: [{{key: a, value: 1}}]\nexpect: {expect}\n"
    )
    (loaded,) = load_file(file, Project(tmp_path))
    assert keeps_actions_in_kafka(Settings(tmp_path, ()), loaded, tier) == in_kafka
