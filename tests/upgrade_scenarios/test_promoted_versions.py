"""A candidate beside a baseline of another Flink, commit, parallelism or mode of Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.current import session_of
from tests.support.team_project import AGENTS, TeamProject, team_project
from tests.upgrade_scenarios.test_blue_green import beside, require_all_served_by_the_baseline, scenario_of

pytestmark = pytest.mark.slow

KIOSKS = (Path(__file__).parents[1] / "support" / "agents" / "kiosks.py").read_text(encoding="utf-8")
SUPPORT, FROM = "tests.support.agents.kiosks", "{agent: kiosks:Kiosk}"


@pytest.fixture(scope="module")
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TeamProject]:
    """A project whose polite kiosk was less polite in its last release."""
    with team_project(session_of(request.config), tmp_path_factory.mktemp("team")) as made:
        kiosks = made.root / "kiosks.py"
        kiosks.write_text(KIOSKS.replace("thank you very much", "thank you"), encoding="utf-8")
        made.release("v1.4.0", AGENTS)
        kiosks.write_text(KIOSKS, encoding="utf-8")
        yield made


def scenario(before: str, options: str, agent: str = "NextKiosk", words: str = "") -> str:
    text = scenario_of(agent, words).replace(SUPPORT, "kiosks")
    return f"{text.replace(FROM, before)}flink_config: {{{options}}}\n"


@pytest.mark.parametrize(
    ("flink", "before", "options", "parallelisms"),
    [
        ("1.20", "parallelism: 2", "python.execution-mode: process", (2, 1)),
        ("2.3", 'flink: "2.2", parallelism: 1', "parallelism.default: 2", (1, 2)),
    ],
)
def test_a_candidate_of_another_flink_and_parallelism_takes_over(
    flink: str, before: str, options: str, parallelisms: tuple[int, int], project: TeamProject, tmp_path: Path
) -> None:
    run = project.checked(scenario(f"{{agent: kiosks:Kiosk, {before}}}", options), tmp_path, flink)
    assert run.valid, run.text
    assert beside(run).served
    assert run.evidence.upgrade is not None
    assert tuple(version.parallelism for version in run.evidence.upgrade.versions) == parallelisms
    counts = sorted((output.input, output.value["number"]) for output in run.evidence.outputs)
    assert counts == [(number, number // 4 + 1) for number in range(60)], "one count for each customer"


def test_the_baseline_runs_the_code_of_its_commit_until_the_candidate_takes_over(
    project: TeamProject, tmp_path: Path
) -> None:
    options = "python.execution-mode: process, parallelism.default: 2"
    words = '  allow: ["outputs[*].value.thanks"]\n'
    text = scenario('{git: v1.4.0, flink: "1.20"}', options, "PoliteKiosk", words)
    run = project.checked(text, tmp_path)
    assert run.valid, run.text
    found = beside(run)
    assert found.served
    polite = {output.input for output in run.evidence.outputs if output.value["thanks"] == "thank you very much"}
    assert polite == set(range(found.offset, 60))


def test_a_candidate_in_another_mode_of_python_is_refused_and_the_baseline_serves_all(
    project: TeamProject, tmp_path: Path
) -> None:
    before = "{flink_config: {python.execution-mode: process}, agent: kiosks:Kiosk}"
    run = project.checked(scenario(before, "python.execution-mode: thread"), tmp_path)
    assert run.validity is Validity.INVALID
    assert "the savepoint was written in process mode of Python, whose state thread mode does not find" in run.text
    assert (beside(run).step, beside(run).served) == ("start", False)
    require_all_served_by_the_baseline(run)
