"""The record of a session: results of phases and attempts, and records of several processes made one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_flink_agents.gate import ItemResult, Outcome, Selection
from pytest_flink_agents.identity import Identity
from pytest_flink_agents.session_record import SessionRecord
from pytest_flink_agents.vocabulary import Promise, Standing, Tier

REFUND, ORDER = "s.yaml::refund[embedded-2.2]", "s.yaml::order[local-2.2]"


def result(outcome: Outcome, node_id: str = REFUND, **fields: Any) -> ItemResult:
    return ItemResult(node_id, "refund", outcome, **{"tier": Tier.EMBEDDED, "message": f"it {outcome}", **fields})


def record(*results: ItemResult, **fields: Any) -> SessionRecord:
    made = SessionRecord(**fields)
    for each in results:
        made = made.with_result(each)
    return made


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (Outcome.PASSED, Outcome.NOT_RUN, Outcome.NOT_RUN),
        (Outcome.WAIVED, Outcome.NOT_RUN, Outcome.NOT_RUN),
        (Outcome.SKIPPED, Outcome.FAILED, Outcome.FAILED),
        (Outcome.FAILED, Outcome.NOT_RUN, Outcome.FAILED),
        (Outcome.FAILED, Outcome.PASSED, Outcome.FAILED),
        (Outcome.UNKNOWN, Outcome.PASSED, Outcome.UNKNOWN),
        (Outcome.NOT_RUN, Outcome.PASSED, Outcome.NOT_RUN),
    ],
)
def test_a_later_phase_never_makes_an_attempt_better(first: Outcome, second: Outcome, counts: Outcome) -> None:
    (kept,) = record(result(first), result(second)).attempts
    assert kept.outcome is counts


def test_attempts_and_items_do_not_replace_each_other() -> None:
    phases = (
        result(Outcome.PASSED),
        result(Outcome.PASSED, ORDER),
        result(Outcome.FAILED, attempt=2),
        result(Outcome.NOT_RUN, ORDER),
    )
    seen = [(each.node_id, each.attempt, each.outcome) for each in record(*phases).attempts]
    assert seen == [(REFUND, 1, Outcome.PASSED), (ORDER, 1, Outcome.NOT_RUN), (REFUND, 2, Outcome.FAILED)]


def test_a_record_is_not_changed_by_a_result_added_to_it() -> None:
    before = record(result(Outcome.PASSED))
    before.with_result(result(Outcome.FAILED))
    assert [each.outcome for each in before.attempts] == [Outcome.PASSED]


@pytest.mark.parametrize(
    ("outcomes", "counts"),
    [
        ((Outcome.FAILED, Outcome.PASSED), Outcome.FLAKY),
        ((Outcome.UNKNOWN, Outcome.PASSED), Outcome.FLAKY),
        ((Outcome.NOT_RUN, Outcome.PASSED), Outcome.FLAKY),
        ((Outcome.NOT_RUN, Outcome.FAILED), Outcome.FAILED),
        ((Outcome.PASSED, Outcome.PASSED), Outcome.PASSED),
    ],
)
def test_a_pass_in_another_attempt_makes_nothing_good(outcomes: tuple[Outcome, ...], counts: Outcome) -> None:
    attempts = [result(outcome, attempt=number) for number, outcome in enumerate(outcomes, start=1)]
    (merged,) = record(*attempts).results()
    assert merged.outcome is counts


def test_an_attempt_whose_teardown_failed_is_not_made_good_by_a_rerun() -> None:
    phases = result(Outcome.PASSED), result(Outcome.NOT_RUN), result(Outcome.PASSED, attempt=2)
    (merged,) = record(*phases).results()
    assert merged.outcome is Outcome.FLAKY


def test_a_selected_item_that_never_started_is_not_run() -> None:
    selected = {node_id: result(Outcome.NOT_RUN, node_id, message="never started") for node_id in (REFUND, ORDER)}
    results = record(result(Outcome.PASSED), selected=selected).results()
    assert [(each.node_id, each.outcome) for each in results] == [(REFUND, Outcome.PASSED), (ORDER, Outcome.NOT_RUN)]


def test_merged_records_hold_what_either_process_knows() -> None:
    controller = record(
        result(Outcome.PASSED),
        selected={REFUND: result(Outcome.NOT_RUN), ORDER: result(Outcome.NOT_RUN, ORDER)},
        selection=Selection(deselected=2, limits=("a.yaml on the command line",)),
        identity=Identity(scenarios={"s.yaml": "1"}, subjects={"shop.py": "1"}),
        facts={"2.2.1 python": "3.12"},
        leaks=("process 1",),
        editable=frozenset({"/lib"}),
    )
    worker = record(
        result(Outcome.FAILED, ORDER),
        selected={ORDER: result(Outcome.NOT_RUN, ORDER, severity="warn")},
        selection=Selection(deselected=2, uncollected=("x_scenario.yaml",)),
        identity=Identity(scenarios={"t.yaml": "2"}, subjects={"shop.py": "1"}, parts={"engine": "3"}),
        facts={"kafka": "3.9"},
        leaks=("process 2",),
        editable=frozenset({"/tools"}),
    )
    merged = controller.merge(worker)
    assert [each.outcome for each in merged.results()] == [Outcome.PASSED, Outcome.FAILED]
    assert merged.selected[ORDER].severity == "warn", "the worker knows the scenario, the controller only its name"
    assert merged.selection == Selection(2, ("a.yaml on the command line",), ("x_scenario.yaml",))
    both = {"s.yaml": "1", "t.yaml": "2"}
    assert merged.identity == Identity(scenarios=both, subjects={"shop.py": "1"}, parts={"engine": "3"})
    assert merged.facts == {"2.2.1 python": "3.12", "kafka": "3.9"}
    assert merged.leaks == ("process 1", "process 2")
    assert merged.editable == {"/lib", "/tools"}


def test_a_workers_pass_does_not_replace_a_failure_that_the_controller_recorded() -> None:
    crashed = record(result(Outcome.NOT_RUN, message="the worker has died"))
    (merged,) = crashed.merge(record(result(Outcome.PASSED))).results()
    assert merged.message == "the worker has died"


def test_a_record_survives_being_sent_as_plain_data() -> None:
    sent = record(
        result(Outcome.FLAKY, duration_s=1.5, promises=(Promise("live again", Standing.BROKEN, "it is gone"),)),
        result(Outcome.PASSED, ORDER, tier=None),
        selected={ORDER: result(Outcome.NOT_RUN, ORDER)},
        selection=Selection(1, ("a",), ("b",), ("c",)),
        identity=Identity({"shop.py": "1"}, {"s.yaml": "2"}, {"config.yaml": "3"}, {"engine": "4"}),
        facts={"kafka": "3.9"},
        leaks=("process 1",),
        editable=frozenset({"/lib"}),
    )
    assert SessionRecord.from_data(json.loads(json.dumps(sent.as_data()))) == sent
    assert SessionRecord.from_data(SessionRecord().as_data()) == SessionRecord()
