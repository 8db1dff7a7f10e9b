"""The parity cases on each selected tier: one job a case, all on the session's cluster.

On Flink the engine is the session's: ``--flink-engine=upstream``, with a flink-agents that contains
its jars, plays the same cases on upstream's operator. ``tests/parity/known_differences.yaml`` lists
where that one differs.
"""

from __future__ import annotations

import dataclasses

import pytest

from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.vocabulary import Tier
from tests.parity.cases import Case, Seen, judged, load_cases, load_known_differences, problems
from tests.support.runs import run

pytestmark = pytest.mark.slow


def _seen(evidence: Evidence) -> Seen:
    failure = evidence.failure
    return Seen(
        events=[(event.type, event.attributes) for event in evidence.events],
        outputs=[(output.key, output.value) for output in evidence.outputs],
        failure=dataclasses.asdict(failure) if failure else None,
    )


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_a_parity_case_has_its_recorded_history_on_the_tier(
    flink_tier: Tier, case: Case, session_environment, run_request
) -> None:
    request = run_request(case.reference, [])
    journal = request.directory / "journal"
    request = dataclasses.replace(request, config=case.options(journal), inputs=case.records())
    evidence = run(request, session_environment, flink_tier)
    assert evidence.complete, evidence.log_tail
    flink_agents = session_environment.environment.flink_agents_version
    known = [
        entry
        for entry in load_known_differences()
        if (entry.engine, entry.flink_agents, entry.case) == (evidence.engine, flink_agents, case.name)
    ]
    wrong = judged(problems(case, _seen(evidence), journal), known[0] if known else None)
    assert not wrong, f"{flink_tier}, {evidence.engine} engine, flink-agents {flink_agents}: {case.name}\n{wrong}"
