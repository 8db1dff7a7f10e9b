"""The parity cases on upstream's own operator: flink-agents 0.1.1 on Flink 1.20.

Each agent is written a second time, for the API of 0.1.
"""

from __future__ import annotations

import dataclasses
import re

import pytest

from pytest_flink_agents.evidence.model import Event, Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.parity.cases import Case, Seen, judged, load_cases, load_known_differences, load_not_applicable, problems
from tests.support.runs import run

pytestmark = pytest.mark.slow

RELEASE = "0.1.1"
NOT_APPLICABLE = {entry.case: entry.why for entry in load_not_applicable() if entry.flink_agents == RELEASE}
KNOWN = {entry.case: entry for entry in load_known_differences() if entry.flink_agents == RELEASE}


def _type(event: Event) -> str:
    """Return the event's type in 0.3, from its class in 0.1; built-in types begin with ``_``."""
    module, dot, name = event.type.rpartition(".")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return f"_{words}" if module.startswith("flink_agents.") else words if dot else event.type


# A failure tells a function: the one of the built-in chat action, or the tool that its own tool action called.
ACTIONS = {"process_chat_request_or_tool_response": "chat_model_action", "double": "tool_call_action"}


def _seen(case: Case, evidence: Evidence) -> Seen:
    failure = dataclasses.asdict(evidence.failure) if evidence.failure else None
    if failure and case.fails:
        # What fails in upstream's operator does not tell its key.
        failure |= {"key": case.fails.key, "action": ACTIONS.get(failure["action"], failure["action"])}
    return Seen(
        events=[(_type(event), {**event.attributes, "key": event.key}) for event in evidence.events],
        outputs=[(output.key, output.value) for output in evidence.outputs],
        failure=failure,
    )


def _played(case: Case) -> object:
    """Return the case, skipped with the reason if 0.1.1 cannot express it."""
    why = NOT_APPLICABLE.get(case.name)
    skip = [pytest.mark.skip(reason=f"not applicable: flink-agents {RELEASE}: {why}")] if why else []
    return pytest.param(case, id=case.name, marks=skip)


@pytest.mark.parametrize("case", [_played(case) for case in load_cases()])
def test_a_parity_case_has_its_recorded_history_on_upstreams_operator(
    case: Case, upstream: TestEnvironment, run_request, tmp_path
) -> None:
    """A case with a known difference must still differ."""
    journal = tmp_path / "journal"
    request = dataclasses.replace(
        run_request(case.reference_of_0_1, [], within_s=60), config=case.options(journal), inputs=case.records()
    )
    evidence = run(request, upstream)
    assert (evidence.engine, evidence.complete) == ("upstream", True), evidence.log_tail
    wrong = judged(problems(case, _seen(case, evidence), journal), KNOWN.get(case.name))
    assert not wrong, f"upstream engine, flink-agents {RELEASE}: {case.name}\n{wrong}"
