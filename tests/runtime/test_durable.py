"""Durable calls and their records."""

import threading

import pytest
from engine_bench import Bench
from runtime_agents import TRACE, failing, traced

from flink_agents_runtime.engine.durable import FAILED, PENDING, SUCCEEDED, DurableCalls


def make(calls, func, *args, reconciler=None):
    """Make one call from its entry to its outcome."""
    call = calls.enter(func, args, {}, reconciler)
    if call.run is None:
        return call.replay()
    try:
        result = call.run()
    except Exception as error:
        call.finish(None, error)
        raise
    call.finish(result, None)
    return result


@pytest.fixture(autouse=True)
def _no_trace():
    TRACE.clear()


def test_a_plain_durable_call_runs_at_once():
    bench = Bench("Durable")
    bench.settle(1)
    assert bench.outputs == [[7, "lost"]]
    assert TRACE == [("called", 7), ("called", "lost")]


def test_a_recorded_call_is_replayed():
    records = []
    make(DurableCalls(records), traced, 1)
    assert make(DurableCalls(records), traced, 1) == 1
    assert TRACE == [("called", 1)]
    assert (records[0].function_id, records[0].status) == ("runtime_agents.traced", SUCCEEDED)


def test_a_recorded_exception_is_raised_again():
    records = []
    for _ in range(2):
        with pytest.raises(LookupError, match="gone"):
            make(DurableCalls(records), failing, "gone")
    assert TRACE == [("called", "gone")]
    assert records[0].status == FAILED


def test_another_call_drops_this_and_later_records():
    records = []
    first = DurableCalls(records)
    for value in (1, 2, 3):
        make(first, traced, value)
    second = DurableCalls(records)
    make(second, traced, 1)
    make(second, traced, 20)
    make(second, traced, 3)
    assert [value for _, value in TRACE] == [1, 2, 3, 20, 3]
    assert len(records) == 3


def test_a_reconciler_answers_for_a_call_left_pending():
    records = []
    DurableCalls(records).enter(traced, (1,), {}, lambda: "reconciled")
    assert [record.status for record in records] == [PENDING]
    for _ in range(2):
        assert make(DurableCalls(records), traced, 1, reconciler=lambda: traced("reconciled")) == "reconciled"
    assert TRACE == [("called", "reconciled")]


def test_a_pending_call_without_reconciler_runs_again():
    """Its outcome is unknown."""
    records = []
    DurableCalls(records).enter(traced, (1,), {}, lambda: "reconciled")
    assert make(DurableCalls(records), traced, 1) == 1
    assert TRACE == [("called", 1)]


def test_what_cannot_be_pickled_ends_the_recording(caplog):
    records = []
    calls = DurableCalls(records)
    make(calls, traced, 1)
    make(calls, threading.Lock)
    make(calls, traced, 3)
    assert [record.function_id for record in records] == ["runtime_agents.traced"]
    assert "cannot be recorded" in caplog.text


def test_equal_arguments_are_the_same_call():
    """Two equal strings may be one object before a restart and two after it."""
    one, two = "".join(["te", "xt"]), "".join(["te", "xt"])
    records = []
    make(DurableCalls(records), traced, [one, one])
    make(DurableCalls(records), traced, [one, two])
    assert len(TRACE) == 1
