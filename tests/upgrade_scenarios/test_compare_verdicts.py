"""Versions that are compared on Flink, and one version on several tiers."""

from __future__ import annotations

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
from tests.support.review_scenarios import UPSTREAM, reviews
from tests.support.upgrade_runs import checked

pytestmark = pytest.mark.slow


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
