"""The agent that flink-agents ships, unmodified but for its tool, on the local and the embedded tier."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

from pytest_flink_agents.current import session_of
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def judged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, CheckedRun]:
    """The results of the quickstart scenario by tier."""
    session = session_of(request.config)
    (loaded,) = load_file(ROOT / "scenarios" / "quickstart.scenario.yaml", Project(ROOT))
    return {
        tier.value: ScenarioRun(session.services, loaded, tier, session.releases[0]).run_and_check(
            tmp_path_factory.mktemp(tier.value), lambda seed: "again"
        )
        for tier in (Tier.LOCAL, Tier.EMBEDDED)
    }


def outputs_by_key(evidence: Evidence) -> dict[object, list[object]]:
    found = defaultdict(list)
    for output in evidence.outputs:
        found[output.key].append(output.value)
    return dict(found)


def test_the_quickstart_has_the_same_outputs_on_both_tiers(judged: dict[str, CheckedRun]) -> None:
    assert judged["local"].valid, judged["local"].text
    assert judged["embedded"].valid, judged["embedded"].text
    local, embedded = (outputs_by_key(judged[tier].evidence) for tier in ("local", "embedded"))
    assert local == embedded
    assert sum(map(len, local.values())) == 6


@pytest.mark.parametrize("tier", ["local", "embedded"])
def test_the_tool_is_called_and_its_result_sent_to_the_model(judged: dict[str, CheckedRun], tier: str) -> None:
    evidence = judged[tier].evidence
    types = [event.type for event in evidence.events if event.key == "B000YFSR4W"]
    assert types.count("_tool_request_event") == types.count("_tool_response_event") == 1
    (request,) = (event for event in evidence.events if event.type == "_tool_request_event")
    assert request.attributes["tool_calls"][0]["function"]["name"] == "notify_shipping_manager"
    assert [call.messages[-1]["role"] for call in evidence.model_calls].count("tool") == 1
    assert len(evidence.model_calls) == 7
