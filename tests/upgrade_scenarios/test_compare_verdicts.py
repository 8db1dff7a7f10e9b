"""Versions that are compared on Flink, and one version on several tiers."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.report.tiers_compared import with_tiers_compared
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs
from tests.support.pytest_sessions import REACHED_S, require_nothing_left, start_pytest
from tests.support.review_scenarios import UPSTREAM, reviews
from tests.support.upgrade_runs import checked

pytestmark = pytest.mark.slow

AGENTS = Path(__file__).parents[1] / "support" / "agents"


def test_a_changed_prompt_shows_exactly_the_changed_tool_call_on_flink(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    words = f"compare: {{baseline: {{agent: {UPSTREAM}}}}}\n"
    text = reviews("changed", "tests.support.agents.reviews:BriefReviewAgent", words, tier="embedded")
    run = checked(text, tmp_path, request, agents="reviews.py")
    assert run.validity is Validity.INVALID
    assert [result.check for result in run.results if result.validity is not Validity.VALID] == ["compare"], run.text
    assert run.comparison is not None
    ((key, place, before, after),) = [(row.key, row.place, row.baseline, row.candidate) for row in run.comparison.rows]
    assert (key, place, before, after) == ('"B000YFSR4W"', "args.review", '"arrived wet"', '"wet"')
    assert 'args.review              | "arrived wet"             | "wet"' in run.text


ONCE_WRONG = """\
version: "1"
name: answers
agent: once_wrong:OnceWrongAgent
tiers: [local, embedded]
config: {{runs.directory: {runs}}}
config_extra: true
inputs: [{{key: ada, value: 5}}]
repeat: {{runs: 3, min_pass: 2}}
expect: {{outputs: [{{key: ada, value: 5}}]}}
"""


def test_tiers_are_compared_by_one_run_of_a_repeated_scenario_which_is_named(tmp_path: Path) -> None:
    shutil.copy(AGENTS / "once_wrong.py", tmp_path)
    runs = tmp_path / "runs"
    for directory in (runs, tmp_path / "bin"):
        directory.mkdir()
    (tmp_path / "answers.scenario.yaml").write_text(ONCE_WRONG.format(runs=runs), encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    session = start_pytest(tmp_path, "--flink-tier=local,embedded", "--flink-version=2.2", "--flink-compare-tiers")
    assert session.wait(REACHED_S) == 0, (tmp_path / "pytest.out").read_text()
    said = (tmp_path / "pytest.out").read_text()
    assert "PROMOTE" in said
    assert "flaky: answers.scenario.yaml::answers[local-2.2]: 2 of 3 runs passed; 2 must" in said
    sides = "embedded-2.2.1 run-3 beside local-2.2.1 run-2 (not as expected)"
    assert f"compared: answers: {sides}: 1 of 1 key differ in outputs" in said
    require_nothing_left(tmp_path)


def test_tiers_are_shown_beside_each_other(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    file = Path(__file__).with_name("compare.scenario.yaml")
    loaded = load_file(file, Project(Path(__file__).parents[2]))[0]
    # A run of its own on each tier.
    loaded = replace(loaded, scenario=loaded.scenario.model_copy(update={"compare": None}))
    results = []
    for tier in (Tier.LOCAL, Tier.EMBEDDED):
        run = scenario_runs.checked(request, loaded, tier, tmp_path / tier.value)
        assert run.valid, run.text
        results.append(ItemResult(tier.value, "till", Outcome.PASSED, tier, "2.2.1", evidence=tier.value))
    first, second = with_tiers_compared(results, tmp_path)
    assert first.comparisons == ()
    (comparison,) = second.comparisons
    assert comparison.summary == "identical, 7 keys"
    assert (comparison.baseline, comparison.candidate) == ("local-2.2.1", "embedded-2.2.1")
