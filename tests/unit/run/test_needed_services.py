"""The services that a scenario's run needs: no other one is started for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import cast

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.models.script import Script
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.run.requests import needs_models
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier


class Started:
    """Services whose model server opens channels."""

    class models:
        @staticmethod
        def channel(script: Script, recorder: object) -> AbstractContextManager[str]:
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
    with ScenarioRun(services, loaded, Tier.LOCAL, resolve_flink("2.2"))._models(None) as channel:
        assert (channel is not None) == needed
