"""The parity cases without Flink: in the order of arrival, and in orders drawn from seeds."""

import pytest

from flink_agents_runtime.engine.event_text import attributes_of
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import build_plan
from tests.parity.cases import Case, Seen, load_cases, problems

CASES = load_cases()


class Log:
    """An observer that keeps what an event log would tell."""

    def __init__(self):
        self.events = []

    def event_processed(self, key, event_type, event):
        self.events.append((event_type, attributes_of(event)))


def play(case: Case, folder, seed=None) -> list[str]:
    journal, log = folder / f"journal-{seed}", Log()
    plan = build_plan({"agent": case.reference}, config=case.options(journal))
    result = LocalHost(plan, seed=seed, observers=[log]).run(case.records(), deadline_s=60)
    assert result.timed_out_after_s is None, result.unfinished
    failure = result.failure.as_json() if result.failure else None
    return problems(case, Seen(log.events, [tuple(output) for output in result.outputs], failure), journal)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_without_flink(case, tmp_path):
    told = play(case, tmp_path)
    assert not told, "\n".join(told)


@pytest.mark.parametrize("case", [case for case in CASES if not case.gated], ids=lambda case: case.name)
def test_the_history_of_each_key_is_the_same_in_any_order(case, tmp_path):
    told = [f"seed {seed}: {found}" for seed in range(5) for found in play(case, tmp_path, seed)]
    assert not told, "\n".join(told)
