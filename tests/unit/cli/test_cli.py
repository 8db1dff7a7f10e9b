"""The command line, called in process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pytest_flink_agents import __version__
from pytest_flink_agents.cli.main import main

SOUND = """
version: "1"
name: refund
agent: shop.agents:RefundAgent
inputs: [{key: a, value: 1}]
expect: {outputs: []}
"""


def test_explain_prints_title_and_text_of_a_code_in_any_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "fa410"]) == 0
    assert "Unsupported Flink version" in capsys.readouterr().out


def test_explain_an_unknown_code_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "FA41"]) == 2
    assert "did you mean FA4" in capsys.readouterr().err


def test_explain_lists_all_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 20


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_the_schema_of_policies_is_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "policy"]) == 0
    assert "profiles" in json.loads(capsys.readouterr().out)["properties"]


def test_completion_prints_a_script_with_every_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in ("doctor", "explain", "--older-than", "github"))
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert main(["completion", "zsh"]) == 2
    assert "pytest-flink-agents[completion]" in capsys.readouterr().err


def test_init_writes_a_policy_that_lint_accepts_and_overwrites_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init", "policy"]) == 0
    assert main(["lint", "."]) == 0
    assert "1 file: 0 errors, 0 warnings" in capsys.readouterr().out
    policy = tmp_path / "flink-agents-policy.yaml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("require:", "requires:", 1), encoding="utf-8")
    assert main(["init", "policy"]) == 2
    assert "flink-agents-policy.yaml exists and was left as it is" in capsys.readouterr().err
    assert main(["lint", "flink-agents-policy.yaml"]) == 1
    assert 'flink-agents-policy.yaml:8:5: error: FA302: unknown key "requires"' in capsys.readouterr().out


def test_list_shows_scenarios_and_names_files_that_cannot_be_loaded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "agents.py").touch()
    (tmp_path / "good.scenario.yaml").write_text(SOUND)
    assert main(["list", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "good.scenario.yaml::refund\n"
    bad = tmp_path / "bad.scenario.yaml"
    bad.write_text(SOUND.replace("inputs", "imputs"))
    assert main(["list", str(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert f"{bad}: 1 problem, see flink-agents-gate lint {bad}\n" in out
    assert "good.scenario.yaml::refund\n" in out


def test_version_names_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"pytest-flink-agents {__version__}\n"


@pytest.mark.parametrize(
    ("option", "missing"),
    [("--older-than=7", "add --cache"), ("--kafka-properties=tls.properties", "add --kafka-bootstrap=HOST:PORT")],
)
def test_sweep_refuses_an_option_without_the_one_it_belongs_to(
    option: str, missing: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_flink_agents.cli.sweep.command.sweep", lambda **_: (0, "swept"))
    with pytest.raises(SystemExit, match="2"):
        main(["sweep", option])
    assert missing in capsys.readouterr().err


@pytest.mark.parametrize(("options", "days"), [([], None), (["--cache"], 30), (["--cache", "--older-than=0"], 0.0)])
def test_sweep_removes_cache_entries_by_their_age(
    options: list[str], days: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def sweep(*, unused_days: float | None, **_: object) -> tuple[int, str]:
        asked.append(unused_days)
        return 0, ""

    monkeypatch.setattr("pytest_flink_agents.cli.sweep.command.sweep", sweep)
    assert main(["sweep", *options]) == 0
    assert asked == [days]
