import os
import pickle
import threading
import time

import pytest
import runtime_agents
from flink_agents.examples.quickstart.agents.custom_types_and_resources import ProductReview
from runtime_agents import TRACE

from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.handover import Handover, Stop
from flink_agents_runtime.local.held_inputs import HeldInputs, ask_through
from flink_agents_runtime.local.host import LocalHost, Output
from flink_agents_runtime.local.pool import DaemonPool
from flink_agents_runtime.local.unfinished import Unfinished
from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.build import build_plan


@pytest.fixture(autouse=True)
def _fresh():
    TRACE.clear()
    runtime_agents.RELEASE.clear()
    yield
    runtime_agents.RELEASE.set()


def host(agent, *, seed=None, **config):
    return LocalHost(build_plan({"agent": f"runtime_agents:{agent}"}, config=config), seed=seed)


def records(*pairs):
    return [{"key": key, "value": value} for key, value in pairs]


def test_keys_take_turns_in_the_order_of_their_arrival():
    result = host("Echo").run(records(("b", 1), ("a", 2), ("b", 3)))
    assert result.outputs == (Output("b", 1), Output("a", 2), Output("b", 3))
    assert (result.failure, result.timed_out_after_s, result.unfinished) == (None, None, ())


def test_keys_of_different_types_are_different_keys():
    keys = [1, "1", True, ["a"], 1, ["a"]]
    result = host("Remembering").run(records(*((key, "x") for key in keys)))
    runs = [(type(output.key), output.value[1]) for output in result.outputs]
    assert sorted(runs, key=str) == sorted([(int, 1), (int, 2), (str, 1), (bool, 1), (list, 1), (list, 2)], key=str)


def test_memory_at_the_end_is_that_of_each_key_and_absent_without_an_end():
    result = host("Remembering").run(records(("a", "x"), (1, "y"), ("a", "z")))
    assert result.memory == (("a", {"runs": 2}), (1, {"runs": 1}))
    assert host("FailsOnTwo").run(records(("a", 2))).memory == ()


def test_k_and_v_are_short_names_and_a_missing_key_is_unique():
    inputs = [{"k": "a", "v": 1}, {"value": 2}, {"value": 3}]
    first, second = (host("Remembering").run(inputs).outputs for _ in range(2))
    assert [output.value[1] for output in first] == [1, 1, 1]
    assert len({output.key for output in first}) == 3
    assert first[0].key == "a"
    assert first == second


def test_a_record_without_a_value_is_refused_with_its_number():
    with pytest.raises(ValueError, match="input 1 has no 'value'"):
        host("Echo").run([{"value": 1}, {"vlaue": 2}])


def test_a_pydantic_model_as_input_arrives_as_json():
    result = host("Echo").run([{"value": ProductReview(id="1", review="ok")}])
    assert result.outputs[0].value == {"id": "1", "review": "ok"}


def test_async_calls_of_many_keys_overlap():
    """Twenty calls on twenty threads wait for each other, twice."""
    runtime_agents.MEETING[:] = [threading.Barrier(20, timeout=60)]
    result = host("Meeting", **{"num-async-threads": 20}).run(records(*((f"k{n % 20}", n) for n in range(40))))
    assert result.failure is None
    assert len(result.outputs) == 40


def test_a_key_waits_only_for_its_own_calls():
    outputs = []

    def take(output):
        outputs.append(output.key)
        if len(outputs) == 2:
            runtime_agents.RELEASE.set()

    inputs = records(("slow", "wait"), ("quick", 0), ("quick", 0))
    host("Gated", **{"num-async-threads": 4}).run(inputs, on_output=take)
    assert outputs == ["quick", "quick", "slow"]


def test_a_failing_key_ends_the_run_and_earlier_outputs_are_kept():
    result = host("FailsOnTwo").run(records(("a", 1), ("b", 1), ("c", 2), ("a", 3)))
    assert result.outputs == (Output("a", 1), Output("b", 1))
    assert (result.failure.key, result.failure.action, result.failure.input) == ("c", "check", 2)


def test_metrics_start_from_zero_in_each_run():
    one = host("Echo")
    one.run(records(("a", 1)))
    assert one.run(records(("a", 1))).metrics["numOfEventProcessed"] == 2


def test_a_deadline_ends_a_run_that_is_stuck_in_an_action():
    began = time.monotonic()
    result = host("Stuck").run(records(("a", 1), ("b", 2)), deadline_s=0.5)
    assert time.monotonic() - began < 25
    assert result.timed_out_after_s == 0.5
    assert result.unfinished == (Unfinished("a", "hang", 1),)


def test_a_missed_deadline_names_the_awaited_actions():
    result = host("Gated").run(records(("a", "wait"), ("b", 0)), deadline_s=1)
    assert result.outputs == (Output("b", 0),)
    assert result.unfinished == (Unfinished("a", "sleep", "wait"),)


def test_a_run_in_time_is_not_timed_out():
    result = host("Echo").run(records(("a", 1)), deadline_s=30)
    assert (result.outputs, result.timed_out_after_s) == ((Output("a", 1),), None)


def interleaving(seed):
    """What the agents did, in order, over three keys."""
    TRACE.clear()
    result = host("TwoWaiters", seed=seed, **{"num-async-threads": 3}).run(records(*((k, 1) for k in "xyz")))
    assert result.failure is None
    return [step for step in TRACE if isinstance(step, str)]


def test_equal_seeds_give_equal_orders_and_others_differ():
    orders = {seed: interleaving(seed) for seed in range(12)}
    assert all(interleaving(seed) == order for seed, order in orders.items())
    assert len({tuple(order) for order in orders.values()}) > 3


def test_a_seeded_run_keeps_the_order_within_a_key():
    for seed in range(10):
        outputs = host("Slow", seed=seed).run(records(*(("ab"[n % 2], n / 1e6) for n in range(8)))).outputs
        for key in "ab":
            values = [output.value for output in outputs if output.key == key]
            assert values == sorted(values)


def test_a_plan_without_threads_is_refused():
    with pytest.raises(PlanError, match="at least 1"):
        host("Slow", **{"num-async-threads": 0})


def test_the_pool_reuses_idle_threads_and_keeps_its_size():
    pool = DaemonPool(2, "test-pool")
    for n in range(5):
        assert pool.submit(lambda value: value + 1, n).result(60) == n + 1
        # The thread is idle a moment after its call has ended.
        assert pool._idle.acquire(timeout=60)
        pool._idle.release()
    assert sum(thread.name.startswith("test-pool") for thread in threading.enumerate()) == 1
    gate = threading.Event()
    futures = [pool.submit(gate.wait, 60) for _ in range(6)]
    assert sum(thread.name.startswith("test-pool") for thread in threading.enumerate()) == 2
    gate.set()
    assert all(future.result(60) for future in futures)
    assert isinstance(pool.submit(int, "x").exception(60), ValueError)
    pool.shutdown()


def test_a_stopped_pool_cancels_queued_calls():
    pool = DaemonPool(1, "stopped-pool")
    gate, started = threading.Event(), threading.Event()
    running = pool.submit(lambda: (started.set(), gate.wait(60)))
    assert started.wait(60)
    queued = pool.submit(int, "1")
    pool.shutdown()
    assert queued.cancelled()
    gate.set()
    assert running.result(60)
    assert all(thread.daemon for thread in threading.enumerate() if thread.name.startswith("stopped-pool"))


def held_inputs(inputs, releases):
    """Return the inputs that are released by outputs: {number: (key, value)}."""
    return HeldInputs(
        {number: inputs[number] for number in releases},
        lambda key, value: [number for number, output in releases.items() if output == (key, value)],
    )


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_a_held_input_is_sent_after_its_output_and_keeps_its_number(seed):
    inputs = records(("a", 1), ("a", 2), ("b", 3), ("a", 4))
    held = held_inputs(inputs, {1: ("b", 3), 3: ("a", 2)})
    result = host("Echo", seed=seed).run(inputs, held=held)
    outputs = list(zip(result.numbers, (output.value for output in result.outputs), strict=True))
    assert [pair for pair in outputs if pair[1] in (3, 2, 4)] == [(2, 3), (1, 2), (3, 4)]
    assert sorted(outputs) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert len(held) == 0


def test_a_run_ends_without_the_inputs_that_nothing_released():
    inputs = records(("a", 1), ("a", 2))
    held = held_inputs(inputs, {1: ("a", "never")})
    result = host("Echo").run(inputs, held=held, deadline_s=60)
    assert result.outputs == (Output("a", 1),)
    assert result.timed_out_after_s is None
    assert 1 in held


def test_more_held_inputs_than_fit_into_the_window_do_not_stop_the_reading():
    inputs = records(*(("a", number) for number in range(40)))
    held = held_inputs(inputs, {number: ("a", number - 1 if number > 1 else 39) for number in range(1, 20)})
    result = LocalHost(build_plan({"agent": "runtime_agents:Echo"}, config={}), window=4).run(inputs, held=held)
    assert [output.value for output in result.outputs] == [0, *range(20, 40), *range(1, 20)]


def test_the_harness_is_asked_through_pipes(tmp_path):
    outputs, replies = tmp_path / "outputs", tmp_path / "replies"
    ends = []
    for pipe in (outputs, replies):
        os.mkfifo(pipe)
        ends.append(os.open(pipe, os.O_RDWR))
    ask = ask_through(outputs, replies)
    os.write(ends[1], b"[3, 4]\n[]\n")
    assert ask("a", {"said": "hi"}) == [3, 4]
    assert ask(7, None) == []
    assert os.read(ends[0], 1000) == b'["a", {"said": "hi"}]\n[7, null]\n'


def test_a_later_version_begins_with_the_states_and_the_unread_inputs_of_the_one_before():
    inputs = records(("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5))
    before = host("Remembering").run(inputs, stop=Stop(2))
    assert [output.value[1] for output in before.outputs] == [1, 1]
    assert before.handover is not None
    after = host("Remembering").run(inputs[before.handover.first :], handover=before.handover)
    assert (after.restored, after.handover) == (2, None)
    assert sorted((output.key, output.value[1]) for output in after.outputs) == [("a", 2), ("a", 3), ("b", 2)]
    assert sorted([*before.numbers, *after.numbers]) == [0, 1, 2, 3, 4]


def test_a_version_stops_between_runs_and_with_the_calls_that_wait():
    inputs = records(("a", 1), ("b", 2))
    stopped = host("Remembering").run(inputs, stop=Stop(1))
    assert stopped.handover is not None
    states = [KeyState.restore(state) for state in stopped.handover.states.values()]
    assert [(state.current, list(state.tasks)) for state in states] == [(None, [])] * len(states)


def test_a_version_that_keeps_no_state_ends_what_it_has_read():
    inputs = records(("a", 1), ("a", 2), ("b", 3), ("a", 4))
    stopped = host("Remembering").run(inputs, stop=Stop(1, keeps_states=False))
    assert stopped.handover is not None
    assert not stopped.handover.states
    assert sorted(stopped.numbers) == list(range(stopped.handover.first)), "no input that was read is lost"


def test_a_run_that_ends_before_its_outputs_come_hands_nothing_over():
    assert host("Remembering").run(records(("a", 1)), stop=Stop(5)).handover is None


def test_a_state_that_does_not_fit_is_refused():
    newer = Handover({'"a"': pickle.dumps((99, "whatever"))})
    with pytest.raises(PlanError, match="cannot go on with the state of the version before"):
        host("Echo").run(records(("a", 1)), handover=newer)
