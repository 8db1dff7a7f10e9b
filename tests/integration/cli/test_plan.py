"""``flink-agents-gate plan`` for agents in code, whose plans the job environment creates."""

from __future__ import annotations

import pytest

from pytest_flink_agents.cli.main import main
from pytest_flink_agents.provision.environment import TestEnvironment

pytestmark = pytest.mark.slow


def test_the_plan_of_an_agent_in_code(session_environment: TestEnvironment, capsys: pytest.CaptureFixture[str]) -> None:
    assert session_environment.environment
    assert main(["plan", "show", "scenarios.agents.refunds:RefundAgent"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(
        "plan of scenarios.agents.refunds:RefundAgent, as flink-agents 0.1 to 0.3 writes it, sha"
    )
    assert "  refund: on _input_event call scenarios.agents.refunds:RefundAgent.refund" in lines
    assert main(["plan", "check", "scenarios.agents.refunds:RefundAgent"]) == 0
    assert capsys.readouterr().out == "scenarios.agents.refunds:RefundAgent: 0 errors, 0 warnings\n"


def test_an_agent_that_cannot_be_built_has_no_plan(
    session_environment: TestEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    assert session_environment.environment
    assert main(["plan", "show", "scenarios.agents.refunds:Refund"]) == 2
    assert "did you mean 'RefundAgent'?" in capsys.readouterr().err
