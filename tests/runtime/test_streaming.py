import gc
import threading
import time
from collections import Counter
from concurrent.futures import Future
from itertools import count

import pytest
import runtime_agents
from flink_agents.api.events.event import Event

from flink_agents_runtime.engine.context import ActionContext
from flink_agents_runtime.engine.run import KeyRun
from flink_agents_runtime.engine.sealed import SealedEvent
from flink_agents_runtime.engine.state import Task
from flink_agents_runtime.local.collector import raised_gc_threshold
from flink_agents_runtime.local.host import LocalHost, Output
from flink_agents_runtime.local.progress import Progress
from flink_agents_runtime.plan.build import build_plan


def host(agent, *, window=16, seed=None, **config):
    return LocalHost(build_plan({"agent": f"runtime_agents:{agent}"}, config=config), seed=seed, window=window)


def numbered(inputs, keys, seen):
    """That many records, each key in turn; ``seen`` gets the number of each that is asked for."""
    for number in range(inputs):
        seen.append(number)
        yield {"key": f"k{number % keys}", "value": number}


@pytest.mark.parametrize("seed", [None, 3])
def test_the_window_limits_the_inputs_that_are_read_ahead(seed):
    seen, ahead = [], []
    outputs = []

    def take(output):
        outputs.append(output)
        ahead.append(len(seen) - len(outputs))

    result = host("Echo", seed=seed).run(numbered(500, 40, seen), on_output=take)
    assert (len(outputs), result.outputs, result.failure) == (500, (), None)
    assert max(ahead) < 16
    for key in range(40):
        assert [output.value for output in outputs if output.key == f"k{key}"] == list(range(key, 500, 40))


def test_a_window_of_one_runs_one_input_after_the_other():
    inputs = [{"key": key, "value": value} for key, value in (("a", 0.02), ("b", 0), ("c", 0.01), ("b", 0))]
    outputs = host("Slow", window=1, **{"num-async-threads": 4}).run(inputs).outputs
    assert [output.key for output in outputs] == ["a", "b", "c", "b"]
    with pytest.raises(ValueError, match="at least 1, got 0"):
        host("Echo", window=0)


def test_further_inputs_are_read_while_keys_wait_for_calls():
    runtime_agents.MEETING[:] = [threading.Barrier(64, timeout=60)]
    together = host("Meeting", window=64, **{"num-async-threads": 64}).run(
        {"key": f"k{number}", "value": number} for number in range(64)
    )
    assert together.failure is None
    assert len(together.outputs) == 64


def test_equal_seeds_give_equal_orders_beyond_the_window():
    orders = {seed: [host("Echo", seed=seed).run(numbered(200, 10, [])).outputs for _ in range(2)] for seed in range(5)}
    assert all(first == second for first, second in orders.values())
    assert len({first for first, _ in orders.values()}) == 5


def test_a_wrong_record_ends_the_run_after_the_outputs_before_it():
    outputs = []
    inputs = [{"value": number} for number in range(100)] + [{"vlaue": 1}]
    with pytest.raises(ValueError, match="input 100 has no 'value'"):
        host("Echo").run(inputs, on_output=outputs.append)
    assert len(outputs) > 50

    def broken():
        yield {"value": 1}
        raise ConnectionError("the source is gone")

    with pytest.raises(ConnectionError, match="the source is gone"):
        host("Echo").run(broken())


def test_a_missed_deadline_names_an_input_that_was_not_yielded():
    release = threading.Event()

    def hanging():
        yield {"key": "a", "value": 1}
        release.wait(30)

    outputs = []
    result = host("Echo").run(hanging(), deadline_s=0.3, on_output=outputs.append)
    release.set()
    assert result.timed_out_after_s == 0.3
    assert [str(at) for at in result.unfinished] in (
        ["the next input, which the iterable did not yield"],
        ["the next input of key 'a'"],
    )


def test_a_consumer_that_raises_fails_the_run():

    def refuse(output):
        if output.value == 7:
            raise OSError("disk full")

    result = host("Echo").run(numbered(20, 3, []), on_output=refuse)
    assert (result.failure.key, result.failure.input, str(result.failure.original)) == ("k1", 7, "disk full")


KINDS = (KeyRun, ActionContext, SealedEvent, Task, Event, Future, Output)


def census():
    """How many objects of the engine's are alive."""
    gc.collect()
    found = Counter(type(thing) for thing in gc.get_objects())
    return {kind.__name__: found[kind] for kind in KINDS}


@pytest.mark.parametrize(("agent", "inputs"), [("Remembering", 20_000), ("TwoWaiters", 10_000)])
def test_memory_depends_on_the_keys_and_not_on_the_number_of_inputs(agent, inputs):
    taken = []

    def records():
        for number in range(inputs):
            if number in (inputs // 10, inputs - 100):
                taken.append(census())
            yield {"key": f"k{number % 1000}", "value": "x"}

    # What tests before this one left in asyncio's hands, where nobody waits for it.
    before = census()["KeyRun"]
    outputs = count()
    one = host(agent, window=64, **{"num-async-threads": 4})
    result = one.run(records(), on_output=lambda output: next(outputs))
    assert result.failure is None
    early, late = taken
    assert early["KeyRun"] == late["KeyRun"] == before + 1000
    assert {name: late[name] - early[name] for name in late if late[name] > early[name] + 200} == {}


def test_idle_keys_without_memory_are_dropped():
    alive = []

    def records(**key):
        for number in range(50_000):
            if number == 49_000:
                alive.append(census()["KeyRun"])
            yield {"value": number, **key}

    host("Echo").run(records(), on_output=lambda output: None)
    host("Echo").run(records(key="one"), on_output=lambda output: None)
    assert alive[0] < 25_000
    assert alive[1] < 50
    inputs = [{"key": str(number % 12_000), "value": "x"} for number in range(24_000)]
    outputs = host("Remembering").run(inputs).outputs
    assert Counter(output.value[1] for output in outputs) == {1: 12_000, 2: 12_000}


def test_the_gc_threshold_is_raised_for_the_duration_of_a_run():
    before = gc.get_threshold()
    with raised_gc_threshold():
        assert gc.get_threshold()[0] > before[0]
        with raised_gc_threshold():
            pass
        assert gc.get_threshold()[0] > before[0]
    assert gc.get_threshold() == before
    gc.set_threshold(0)
    try:
        with raised_gc_threshold():
            assert gc.get_threshold()[0] == 0
        assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


class Running:
    """A run to be told of."""

    ended, keys_in_flight = 1500, 7


def test_a_long_run_reports_its_progress():
    lines, told = [], threading.Event()

    def tell(line):
        lines.append(line)
        if len(lines) == 2:
            told.set()

    with Progress(Running(), 10_000, tell, first_line_s=0.01):
        assert told.wait(20)
    known = len(lines)
    assert lines[0].startswith("1,500 of 10,000 inputs done after ")
    assert ", 7 keys in flight, " in lines[0]
    assert lines[0].endswith(" inputs/s")
    time.sleep(0.1)
    assert len(lines) == known
    assert Progress(Running(), None, tell, first_line_s=0.01)._of_total == ""


def test_a_short_run_reports_no_progress():
    lines = []
    result = host("Echo").run([{"key": "a", "value": 1}], progress=lines.append)
    assert (len(result.outputs), lines) == (1, [])


def test_hosts_in_two_threads_do_not_share_state():
    found = {}
    threads = [
        threading.Thread(target=lambda name=name: found.update({name: host("Remembering").run(numbered(300, 3, []))}))
        for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found["a"].outputs == found["b"].outputs
