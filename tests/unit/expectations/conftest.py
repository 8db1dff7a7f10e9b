"""A scenario with the expectations of a test, judged on evidence that the test makes up."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.run.expectations import NO_PRICES, stated_checks
from pytest_flink_agents.run.judgement import explained, judged
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.vocabulary import ModelPrice

MESSAGES = Path(__file__).parent / "messages"
_SCENARIO = """\
version: "1"
name: refund is approved once
agent: shop.agents:RefundAgent
network: open
{more}inputs:
  - {{key: c-1, value: {{order: o-1, amount: 20}}}}
  - {{key: c-2, value: {{order: o-2, amount: 5}}}}
expect:
{expect}"""


@dataclass(frozen=True, slots=True)
class Stated:
    """Loads scenarios with given expectations, and judges evidence by them."""

    directory: Path

    def load(self, expect: str, more: str = "") -> LoadedScenario:
        """Return the scenario with the lines below ``expect``; ``more`` are lines of the top level."""
        file = self.directory / "x.scenario.yaml"
        text = _SCENARIO.format(expect=textwrap.indent(textwrap.dedent(expect).strip("\n"), "  ") + "\n", more=more)
        file.write_text(text, encoding="utf-8")
        (loaded,) = load_file(file, Project(self.directory))
        return loaded

    def problems(self, expect: str, more: str = "") -> list[tuple[str, str]]:
        """Return code and message of each mistake."""
        with pytest.raises(ScenarioError) as caught:
            self.load(expect, more)
        return [(problem.code, problem.message) for problem in caught.value.problems]

    def checks(self, expect: str, evidence: Evidence, more: str = "") -> dict[str, CheckResult]:
        """Return the results of the stated expectations alone, by check."""
        return {name: check() for name, check in stated_checks(self.load(expect, more), evidence).items()}

    def result(self, check: str, expect: str, evidence: Evidence, more: str = "") -> CheckResult:
        """Return the result of one check."""
        return next(one for one in judged(self.load(expect, more), evidence) if one.check == check)

    def validity(self, check: str, expect: str, evidence: Evidence, more: str = "") -> Validity:
        """Return the validity of one check."""
        return self.result(check, expect, evidence, more).validity

    def passes(self, expect: str, evidence: Evidence, more: str = "") -> None:
        """Require that every check is valid."""
        results = judged(self.load(expect, more), evidence)
        assert [one for one in results if one.validity is not Validity.VALID] == []

    def fails(
        self,
        name: str,
        expect: str,
        evidence: Evidence,
        more: str = "",
        prices: Mapping[str, ModelPrice] = NO_PRICES,
    ) -> None:
        """Require that the word ``name`` is invalid, and its message the reviewed one.

        ``UPDATE_MESSAGES=1`` writes the files anew, to be reviewed.
        """
        loaded = self.load(expect, more)
        results = judged(loaded, evidence, prices=prices)
        assert Validity.INVALID in {one.validity for one in results}
        text = explained(loaded, evidence, results, "pytest x.scenario.yaml", Redactor({}), "evidence.json")
        file = MESSAGES / f"{name}.txt"
        if os.environ.get("UPDATE_MESSAGES"):
            file.write_text(text + "\n", encoding="utf-8")
        assert text + "\n" == file.read_text(encoding="utf-8")


@pytest.fixture
def stated(tmp_path: Path) -> Stated:
    """Scenarios in a project with the agent that they name."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "shop/agents.py").write_text("class RefundAgent: ...\n")
    return Stated(tmp_path)
