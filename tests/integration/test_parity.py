"""The parity cases on every engine: one job a case, all on the session's cluster.

An engine is a tier's runner with what it needs; one that follows Flink in its own way is added to ENGINES and, where it
is known to differ, to ``tests/parity/known_differences.yaml``.
"""

from __future__ import annotations

import dataclasses

import pytest

from pytest_flink_agents.run.evidence import Evidence
from pytest_flink_agents.run.scenario_run import RUNNERS
from tests.parity.cases import Case, Seen, judged, load_cases, load_known_differences, problems

pytestmark = pytest.mark.slow

ENGINES = {"local": RUNNERS["local"], "bundled": RUNNERS["embedded"]}


def _seen(evidence: Evidence) -> Seen:
    failure = evidence.failure
    return Seen(
        events=[(event.type, event.attributes) for event in evidence.events],
        outputs=[(output.key, output.value) for output in evidence.outputs],
        failure=dataclasses.asdict(failure) if failure else None,
    )


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_case_on_an_engine(engine: str, case: Case, workplace, run_request, tmp_path) -> None:
    """Per key, the events, action executions, memory and outputs are those that were written down for the rule."""
    journal = tmp_path / "journal"
    request = dataclasses.replace(run_request(case.reference, []), config=case.options(journal), inputs=case.records())
    evidence = ENGINES[engine](request, workplace)
    assert evidence.complete, evidence.log_tail
    flink_agents = workplace.environment.flink_agents_version
    known = [
        entry
        for entry in load_known_differences()
        if (entry.engine, entry.flink_agents, entry.case) == (engine, flink_agents, case.name)
    ]
    wrong = judged(problems(case, _seen(evidence), journal), known[0] if known else None)
    assert not wrong, f"{engine}, flink-agents {flink_agents}: {case.name}\n{wrong}"
