"""One scenario file through the whole gate: an agent with its action state store is promoted, without it blocked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCENARIO = Path(__file__).with_name("payment.scenario.yaml")
STORE = "actionStateStoreBackend: kafka, "
AGENT_HERE = "tests.support.agents.in_dialect:Paying"
AGENT = Path(__file__).parents[1] / "support" / "agents" / "paying.py"
GATE_S = 400


def gate(project: Path, scenario: str) -> tuple[int, str, dict[str, object]]:
    """Run the gate on one scenario in a project of its own; return exit code, output and verdict."""
    project.joinpath("pytest.ini").write_text("[pytest]\n")
    project.joinpath("paying.py").write_text(AGENT.read_text())
    assert AGENT_HERE in scenario
    project.joinpath("payment.scenario.yaml").write_text(scenario.replace(AGENT_HERE, "paying:Paying"))
    options = ["--flink-gate", "--flink-version=2.2", "--flink-tier=embedded"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=project, capture_output=True, text=True, timeout=GATE_S
    )
    verdict = json.loads((project / "flink-agents-report" / "latest" / "verdict.json").read_text())
    return ended.returncode, ended.stdout, verdict


@pytest.mark.parametrize("store", [True, False], ids=["with its store", "without"])
def test_the_gate_promotes_a_payment_with_a_store_and_blocks_one_without(store: bool, tmp_path: Path) -> None:
    scenario = SCENARIO.read_text().split("---\n")[0]
    assert STORE in scenario
    code, output, verdict = gate(tmp_path, scenario if store else scenario.replace(STORE, ""))
    assert (code, verdict["verdict"]) == ((0, "promote") if store else (1, "block")), output
    twice = (
        'the effect payments happened twice for key "c-1": input 0 led to call 1 (POST /refunds) before the step '
        '"kill taskmanager" and call 2 (POST /refunds) after it'
    )
    assert (twice in output) is not store, output
