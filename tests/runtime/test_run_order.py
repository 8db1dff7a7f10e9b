"""The order of inputs, events, actions and awaits of one key."""

import pytest
from engine_bench import Bench
from flink_agents.api.events.event import Event
from runtime_agents import TRACE

from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.engine.run import Step


def test_actions_run_breadth_first_in_plan_order():
    bench = Bench("Tree")
    assert bench.settle(1) is Step.IDLE
    assert TRACE == ["left", "right", "left_leaf", "right_leaf", "deep_leaf"]


def test_an_event_without_listener_is_processed_and_ignored():
    bench = Bench("Tree")
    bench.settle(1)
    types = [event_type for _, event_type in bench.events.seen]
    assert types == ["_input_event", "from_left", "from_right", "nobody_listens", "deep"]


def test_one_step_is_one_action():
    bench = Bench("Tree")
    bench.run.offer(1)
    steps = [bench.run.step() for _ in range(5)]
    assert steps == [Step.PROGRESSED] * 4 + [Step.IDLE]
    assert bench.run.step() is Step.IDLE


def test_an_input_waits_for_the_run_before_it():
    bench = Bench("Waiter")
    assert bench.settle("one", "two") is Step.WAITING
    assert ("begin", "two") not in TRACE
    bench.executor.run_next()
    assert bench.settle() is Step.WAITING
    assert TRACE.index(("end", "one")) < TRACE.index(("begin", "two"))
    bench.executor.run_next()
    assert bench.settle() is Step.IDLE
    assert bench.outputs == ["one", "two"]
    assert bench.run.state.sequence == 2


def test_what_is_sent_before_an_await_is_processed_at_once():
    bench = Bench("Waiter")
    assert bench.settle("x") is Step.WAITING
    assert TRACE == [("begin", "x"), ("before", "x")]


def test_an_async_call_is_submitted_when_it_is_awaited():
    bench = Bench("TwoCalls")
    bench.settle(1)
    assert len(bench.executor.jobs) == 1
    bench.executor.run_next()
    bench.settle()
    bench.executor.run_next()
    assert bench.settle() is Step.IDLE
    assert bench.outputs == [[1, 2]]


def test_an_unfinished_action_goes_to_the_tail():
    bench = Bench("TwoWaiters")
    assert bench.settle(1) is Step.WAITING
    assert TRACE == ["c done"]
    assert [task.action for task in bench.run.state.tasks] == ["a", "b"]
    bench.executor.run_next(1)
    assert bench.settle() is Step.WAITING
    assert TRACE == ["c done", ("called", "b"), "b done"]


def test_an_action_whose_call_is_over_comes_last_all_the_same():
    bench = Bench("TwoWaiters")
    bench.run.offer(1)
    bench.run.step()
    bench.executor.run_next()
    assert bench.settle() is Step.WAITING
    assert [step for step in TRACE if isinstance(step, str)] == ["c done", "a done"]


def test_waiting_on_has_each_future_with_its_action():
    bench = Bench("TwoWaiters")
    bench.settle(1)
    futures = [future for future, _ in bench.executor.jobs]
    assert bench.run.waiting_on == dict(zip(futures, ["a", "b"], strict=True))


def test_waiting_costs_no_step_of_the_action():
    bench = Bench("Waiter")
    bench.settle("x")
    TRACE.clear()
    assert [bench.run.step() for _ in range(3)] == [Step.WAITING] * 3
    assert not TRACE


def test_events_reach_actions_as_base_events_after_json():
    bench = Bench("Payload")
    bench.settle(1)
    assert TRACE[0] is Event
    assert bench.outputs == [{"pair": [1, 2], "named": {"1": "one"}}]


def test_output_is_decided_by_type():
    """An OutputEvent of another type is no output."""
    bench = Bench("Impostor")
    bench.settle(1)
    assert bench.outputs == []
    assert bench.events.seen[-1] == ("k", "impostor")


def test_an_input_that_triggers_nothing_does_not_block_the_next():
    bench = Bench("Deaf")
    assert bench.settle(1, 2, 3) is Step.IDLE
    assert bench.events.seen == [("k", "_input_event")] * 3
    assert bench.run.state.sequence == 3
    assert not bench.run.state.busy


def test_the_time_stamp_of_the_input_goes_to_its_outputs():
    bench = Bench("Echo")
    bench.run.offer("a", 17)
    bench.run.offer("b")
    bench.settle()
    assert list(zip(bench.outputs, bench.timestamps, strict=True)) == [("a", 17), ("b", None)]


def test_a_bare_yield_is_asked_again():
    bench = Bench("Asyncio")
    assert bench.settle("pass") is Step.IDLE
    assert bench.outputs == ["passed"]


@pytest.mark.parametrize("how", ["sleep", "task", "future"])
def test_asyncio_is_refused_with_upstreams_words(how):
    bench = Bench("Asyncio")
    with pytest.raises(ActionFailure) as caught:
        bench.settle(how)
    assert isinstance(caught.value.original, RuntimeError)
    assert "Only 'await ctx.durable_execute_async(...)' is supported" in str(caught.value.original)


@pytest.mark.parametrize(
    ("how", "kind", "text"),
    [
        ("not json", TypeError, "'bad' cannot be sent"),
        ("no event", TypeError, "takes an Event, not dict"),
        ("no output", ValueError, "without the attribute 'output'"),
        ("not awaited", TypeError, "did not await"),
        ("missing resource", KeyError, "nowhere"),
        ("reconciler", TypeError, "without arguments"),
        ("exit", SystemExit, "3"),
    ],
)
def test_wrong_actions_fail_with_a_reason(how, kind, text):
    with pytest.raises(ActionFailure) as caught:
        Bench("Wrong").settle(how)
    assert isinstance(caught.value.original, kind)
    assert text in str(caught.value.original)


def test_a_failure_tells_action_key_input_and_place():
    with pytest.raises(ActionFailure) as caught:
        Bench("Wrong").settle("raise")
    failure = caught.value
    assert (failure.action, failure.key, failure.input) == ("do", "k", "raise")
    assert isinstance(failure.original, ZeroDivisionError)
    assert failure.__cause__ is failure.original
    assert "runtime_agents.py" in failure.traceback_text
    assert "engine/run.py" not in failure.traceback_text
    assert failure.as_json()["type"] == "ZeroDivisionError"


def test_an_input_that_is_not_json_is_refused():
    """The offer fails and queues nothing."""
    bench = Bench("Echo")
    with pytest.raises(TypeError, match="input of key 'k' cannot be written as JSON"):
        bench.run.offer(object())
    assert not bench.run.state.busy
