"""Expiry of short-term memory, with a clock that the test sets."""

import pytest
from engine_bench import Bench

from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import build_plan

TTL_MS = 100
TTL = {"short-term-memory.state-ttl.ms": TTL_MS}
ON_WRITE = {**TTL, "short-term-memory.state-ttl.update-type": "on_create_and_write"}
RETURNED = {**ON_WRITE, "short-term-memory.state-ttl.visibility": "RETURN_EXPIRED_IF_NOT_CLEANED_UP"}


def bench_after(ms, *steps, **options):
    """Return a bench that took the first steps and then waited."""
    bench = Bench("Obeying", **options)
    bench.settle(list(steps))
    bench.now_ms += ms
    bench.outputs.clear()
    return bench


def seen(bench, *steps):
    """Return the values that steps read."""
    bench.settle(list(steps))
    return bench.outputs.pop()


@pytest.mark.parametrize(("ms", "expected"), [(TTL_MS - 1, [1]), (TTL_MS, [None]), (10 * TTL_MS, [None])])
def test_a_value_is_gone_when_its_time_is_over(ms, expected):
    """As in Flink, a value written at t expires at t + ttl."""
    assert seen(bench_after(ms, ("set", "a", 1), **TTL), ("get", "a")) == expected


def test_without_the_option_nothing_expires():
    assert seen(bench_after(10**9, ("set", "a", 1)), ("get", "a")) == [1]


@pytest.mark.parametrize(("options", "expected"), [(TTL, [1]), (ON_WRITE, [None])])
def test_a_read_begins_the_time_anew_where_the_option_says_so(options, expected):
    """ON_READ_AND_WRITE is the default; ON_CREATE_AND_WRITE counts writes only."""
    bench = bench_after(60, ("set", "a", 1), **options)
    assert seen(bench, ("get", "a")) == [1]
    bench.now_ms += 60
    assert seen(bench, ("get", "a")) == expected


def test_a_write_begins_the_time_anew():
    bench = bench_after(60, ("set", "a", 1), **ON_WRITE)
    seen(bench, ("set", "a", 2))
    bench.now_ms += 60
    assert seen(bench, ("get", "a")) == [2]


def test_each_value_has_its_own_time():
    bench = bench_after(60, ("set", "o.a", 1), ("set", "o.b", 1), **ON_WRITE)
    seen(bench, ("set", "o.b", 2))
    bench.now_ms += 60
    assert seen(bench, ("get", "o.a"), ("get", "o.b"), ("has", "o.a"), ("names", "o")) == [None, 2, False, ["b"]]
    bench.now_ms += 60
    assert seen(bench, ("has", "o"), ("get", "o.b")) == [False, None]
    assert set(bench.run.state.short_term) <= {""}


def test_what_has_expired_can_be_read_once_where_the_option_says_so():
    """RETURN_EXPIRED_IF_NOT_CLEANED_UP lets the action that finds the item read it."""
    bench = bench_after(TTL_MS, ("set", "a", 1), **RETURNED)
    assert seen(bench, ("get", "a"), ("get", "a")) == [1, 1]
    assert seen(bench, ("get", "a")) == [None]


def test_an_expired_item_can_be_written_again():
    bench = bench_after(TTL_MS, ("set", "a", 1), **TTL)
    assert seen(bench, ("get", "a"), ("set", "a", 2), ("get", "a")) == [None, 2]
    assert seen(bench, ("get", "a")) == [2]


def test_what_has_expired_is_removed_when_a_run_ends():
    bench = bench_after(TTL_MS, ("set", "o.a", 1), ("set", "b", 1), **TTL)
    seen(bench, ("set", "c", 1))
    assert set(bench.run.state.short_term) == set(bench.run.state.touched) == {"", "c"}
    assert bench.run.state.short_term[""] == {"c": None}
    bench.now_ms += 60
    seen(bench, ("set", "d", 1))
    bench.now_ms += 60
    bench.engine.expiry.sweep(bench.run.state)
    assert bench.run.state.short_term == {"": {"d": None}, "d": (1,)}


def test_a_restart_does_not_make_memory_younger():
    before = bench_after(60, ("set", "a", 1), **TTL)
    for waited, expected in ((30, [1]), (TTL_MS, [None])):
        after = Bench("Obeying", KeyState.restore(before.run.state.snapshot()), **TTL)
        after.now_ms = before.now_ms + waited
        assert seen(after, ("get", "a")) == expected


@pytest.mark.parametrize("options", [TTL, ON_WRITE])
def test_memory_from_before_the_option_begins_to_age(options):
    """A savepoint of a job without expiry loses no memory."""
    before = bench_after(10**6, ("set", "a", 1))
    after = Bench("Obeying", KeyState.restore(before.run.state.snapshot()), **options)
    assert seen(after, ("get", "a")) == [1]
    after.now_ms += TTL_MS
    assert seen(after, ("get", "a")) == [None]
    seen(after, ("set", "b", 1))
    off = Bench("Obeying", KeyState.restore(after.run.state.snapshot()))
    assert off.run.state.touched == {}


def test_a_host_knows_when_to_sweep():
    bench = bench_after(0, ("set", "a", 1), **TTL)
    expiry = bench.engine.expiry
    first = expiry.next_sweep_ms(bench.run.state)
    assert first >= bench.now_ms + TTL_MS
    bench.now_ms += 5
    seen(bench, ("get", "a"))
    assert expiry.next_sweep_ms(bench.run.state) == first
    bench.now_ms = first
    expiry.sweep(bench.run.state)
    assert bench.run.state.short_term == {}
    assert expiry.next_sweep_ms(bench.run.state) is None


def test_sensory_memory_has_no_time():
    assert Bench("Remembering", **TTL).engine.expiry is not None
    bench = Bench("Remembering", **TTL)
    bench.settle("one")
    assert bench.outputs == [["one", 1]]


def test_the_local_host_has_the_clock_too():
    minutes = iter(range(0, 10**9, 60_000))
    plan = build_plan({"agent": "runtime_agents:Obeying"}, config=TTL)
    inputs = [{"key": "k", "value": [["set", "a", 1]]}, {"key": "k", "value": [["get", "a"]]}]
    result = LocalHost(plan, now_ms=lambda: next(minutes)).run(inputs)
    assert [output.value for output in result.outputs] == [[], [None]]
