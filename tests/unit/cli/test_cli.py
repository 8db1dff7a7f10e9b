"""The command line, called in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_flink_agents.cli.main import main

SOUND = """
version: "1"
name: refund
agent: shop.agents:RefundAgent
inputs: [{key: a, value: 1}]
expect: {outputs: []}
"""


def test_explain_a_code(capsys: pytest.CaptureFixture[str]) -> None:
    """Title and text, whatever the letter case."""
    assert main(["explain", "fa410"]) == 0
    assert "Unsupported Flink version" in capsys.readouterr().out


def test_explain_an_unknown_code_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and a hint."""
    assert main(["explain", "FA41"]) == 2
    assert "did you mean FA4" in capsys.readouterr().err


def test_explain_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a code: a line for each."""
    assert main(["explain"]) == 0
    assert len(capsys.readouterr().out.splitlines()) > 20


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """What editors read."""
    assert main(["schema"]) == 0
    assert "properties" in json.loads(capsys.readouterr().out)


def test_list_shows_scenarios_and_problems(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Sound ones on standard output, what is wrong on standard error, exit code 1."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "agents.py").touch()
    (tmp_path / "good.scenario.yaml").write_text(SOUND)
    assert main(["list", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "good.scenario.yaml::refund\n"
    (tmp_path / "bad.scenario.yaml").write_text(SOUND.replace("inputs", "imputs"))
    assert main(["list", str(tmp_path)]) == 1
    assert "bad.scenario.yaml:5:1" in capsys.readouterr().err
