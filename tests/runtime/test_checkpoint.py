"""Snapshots of a key and their restore."""

import io
import pickle

import pytest
from engine_bench import Bench
from runtime_agents import TRACE

from flink_agents_runtime.engine.run import Step
from flink_agents_runtime.engine.state import KeyState


class BuiltinsOnly(pickle.Unpickler):
    """Refuses every class."""

    def find_class(self, module, name):
        raise AssertionError(f"the snapshot names {module}.{name}")


def test_an_action_in_flight_runs_again_from_its_first_line():
    before = Bench("Counting")
    before.settle("x", "y")
    after = before.restored("Counting")
    assert after.settle() is Step.WAITING
    after.executor.run_next()
    assert after.settle() is Step.WAITING
    after.executor.run_next()
    assert after.settle() is Step.IDLE
    assert after.outputs == [1, 2]


def test_finished_durable_calls_replay_after_a_restart():
    before = Bench("TwoCalls")
    before.settle(1)
    before.executor.run_next()
    before.settle()
    after = before.restored("TwoCalls")
    assert after.settle() is Step.WAITING
    assert TRACE == ["begin"]
    after.executor.run_next()
    after.settle()
    assert TRACE == ["begin", ("called", 2)]
    assert after.outputs == [[1, 2]]


def test_waiting_inputs_and_sequence_survive():
    before = Bench("Remembering")
    before.settle("one")
    before.run.offer("two")
    before.run.offer("three")
    before.run.step()
    after = before.restored("Remembering")
    assert after.run.state.busy
    after.settle()
    assert after.outputs == [["two", 2], ["three", 3]]
    assert after.run.state.sequence == 3


def test_the_input_of_a_restored_run_is_known():
    before = Bench("Waiter")
    before.run.offer("x", 42)
    before.settle()
    after = before.restored("Waiter")
    after.settle()
    after.executor.run_next()
    after.settle()
    assert after.timestamps == [42]


def test_a_snapshot_holds_builtins_only():
    bench = Bench("TwoCalls")
    bench.settle(1, 2)
    bench.executor.run_next()
    bench.settle()
    snapshot = bench.run.state.snapshot()
    assert BuiltinsOnly(io.BytesIO(snapshot)).load()[0] == 3
    assert bench.run.state.tasks[0].calls[0].status == "SUCCEEDED"


def test_an_unknown_layout_is_refused():
    with pytest.raises(ValueError, match="layout 99"):
        KeyState.restore(pickle.dumps((99, "whatever")))


def test_an_idle_key_is_small():
    bench = Bench("Echo")
    bench.settle("x")
    state = bench.run.state
    assert (state.current, list(state.tasks), list(state.inputs), state.sensory) == (None, [], [], {})


def test_closing_a_run_closes_its_coroutines():
    bench = Bench("Waiter")
    bench.settle("x")
    bench.run.close()
    assert bench.run.waiting_on == {}
    assert bench.run.state.busy


def test_a_state_of_a_newer_layout_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"layout 4.*reads layout 3.*newer version of pytest-flink-agents"):
        KeyState.restore(pickle.dumps((4, "whatever")))


def test_unfinished_calls_of_an_action_that_is_gone_are_refused():
    before = Bench("TwoCalls")
    before.settle(1)
    with pytest.raises(
        ValueError, match=r"key 'k' has unfinished calls of work, .* no action of that name; it has: echo"
    ):
        before.restored("Echo")


def test_a_finished_run_of_an_action_that_is_gone_is_no_obstacle():
    before = Bench("Remembering")
    before.settle(1)
    after = before.restored("Echo")
    after.settle(2)
    assert after.outputs == [2]
