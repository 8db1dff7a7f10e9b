"""The keyed operator over a stand-in for Flink; tests/integration has it on real clusters."""

from __future__ import annotations

import json
import sys
from collections import Counter
from types import SimpleNamespace

import pytest
from pyflink.datastream import KeyedProcessFunction
from runtime_agents import Echo, Remembering

from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.network import NetworkClosedError
from flink_agents_runtime.on_flink import operator as operator_module
from flink_agents_runtime.on_flink.limited_operator import with_limit
from flink_agents_runtime.on_flink.metrics import FlinkMetricGroup
from flink_agents_runtime.on_flink.operator import AgentOperator
from flink_agents_runtime.on_flink.stream_operator import StreamOperator
from flink_agents_runtime.plan.build import build_plan

NO_STAMP_MS = -(2**63)
COUNTING = "tests.parity.memory_agents:TypeOfKey"


class Flink:
    """Keyed state, metrics and timers, and how often each was called."""

    def __init__(self) -> None:
        self.key = ""
        self.states: dict[str, bytes] = {}
        self.calls: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.timers: list[int] = []
        self.ends: list[tuple[str, int]] = []
        self.now_ms = 1000
        self.stamp = NO_STAMP_MS

    # As a runtime context.
    def get_state(self, descriptor):
        return self

    def get_metrics_group(self):
        return self

    # As a value state.
    def value(self):
        self.calls["value"] += 1
        return self.states.get(self.key)

    def update(self, value):
        if isinstance(value, bytes):
            self.calls["update"] += 1
            self.states[self.key] = value

    def clear(self):
        self.calls["clear"] += 1
        del self.states[self.key]

    # As a metric group and its metrics.
    def add_group(self, *names):
        return self

    def counter(self, name):
        return Counted(self, name)

    meter = distribution = counter

    # As a context and its timer service.
    def timestamp(self):
        return self.stamp

    def timer_service(self):
        return self

    def get_current_key(self):
        return self.key

    def current_processing_time(self):
        return self.now_ms

    def register_processing_time_timer(self, timestamp):
        self.timers.append(timestamp)

    def register_event_time_timer(self, timestamp):
        self.ends.append((self.key, timestamp))


class Counted:
    def __init__(self, flink: Flink, name: str) -> None:
        self._flink, self._name = flink, name

    def inc(self, n):
        self._flink.calls["metrics"] += 1
        self._flink.counted[self._name] += n

    mark_event = update = inc


class Job:
    """An operator on that Flink, fed one record at a time."""

    def __init__(self, operator: AgentOperator, flink: Flink) -> None:
        self.flink = flink
        self.operator = operator
        self.operator.open(flink)

    def take(self, key: str) -> list[object]:
        self.flink.key = json.dumps(key)
        record = json.dumps({"input": 1, "key": key, "value": {"key": key}})
        return [json.loads(output)["value"] for output in self.operator.process_element(record, self.flink)]

    def fire(self, at_ms: int) -> None:
        self.flink.now_ms = at_ms
        list(self.operator.on_timer(at_ms, self.flink))


@pytest.fixture
def job():
    made: list[Job] = []

    def make(agent: str, flink: Flink | None = None) -> Job:
        plan = build_plan({"agent": agent}, config={})
        made.append(Job(AgentOperator(plan.model_dump_json(serialize_as_any=True), "j"), flink or Flink()))
        return made[-1]

    yield make
    for each in made:
        each.operator.close()


def test_a_key_without_memory_has_no_state_in_flink(job) -> None:
    echo = job(f"runtime_agents:{Echo.__name__}")
    for _ in range(3):
        assert echo.take("a")
        assert echo.take("b")
    assert echo.flink.states == {}
    assert echo.flink.calls["update"] == echo.flink.calls["clear"] == 0


def test_memory_is_in_flinks_state_after_each_record(job) -> None:
    first = job(COUNTING)
    assert [first.take("a")[0]["runs"] for _ in range(3)] == [1, 2, 3]
    after = Flink()
    after.states = dict(first.flink.states)
    assert job(COUNTING, after).take("a")[0]["runs"] == 4


def test_a_cached_key_is_not_read_from_flink_again(job) -> None:
    counting = job(COUNTING)
    assert [counting.take(key)[0]["runs"] for key in "abab"] == [1, 1, 2, 2]
    assert (counting.flink.calls["value"], counting.flink.calls["update"]) == (2, 4)


def test_the_cache_evicts_the_least_recently_used_key(job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_module, "_CACHE_BYTES", 3 * operator_module._OVERHEAD_BYTES)
    counting = job(COUNTING)
    assert [counting.take(key)[0]["runs"] for key in "ababcca"] == [1, 1, 2, 2, 1, 2, 3]
    assert counting.flink.calls["value"] == 4
    assert len(counting.operator._idle) == 2


def test_metrics_are_flushed_by_timer_and_on_close(job) -> None:
    echo = job(f"runtime_agents:{Echo.__name__}")
    for _ in range(50):
        echo.take("a")
    assert echo.flink.calls["metrics"] == 0
    assert len(echo.flink.timers) == 1
    echo.operator._metrics_due_s = 0.0
    echo.fire(echo.flink.timers[0])
    assert echo.flink.counted["numOfEventProcessed"] == 100
    assert len(echo.flink.timers) == 2
    echo.operator._metrics_due_s = 0.0
    echo.fire(echo.flink.timers[1])
    assert len(echo.flink.timers) == 2, "nothing has changed since"
    echo.take("a")
    echo.operator.close()
    assert echo.flink.counted["numOfEventProcessed"] == 102


def test_the_last_metrics_are_written_beside_the_event_log(tmp_path) -> None:
    config = {"baseLogDir": str(tmp_path / "logs")}
    plan = build_plan({"agent": f"runtime_agents:{Echo.__name__}"}, config=config)
    local = LocalHost(plan).run([{"key": "a", "value": 1}]).metrics
    for _ in range(2):
        running = Job(AgentOperator(plan.model_dump_json(serialize_as_any=True), "a job: ü"), Flink())
        running.take("a")
        assert len(list((tmp_path / "logs").glob("metrics-a-job-*.part"))) == 1
        running.operator.close()
    found = [json.loads(path.read_text()) for path in (tmp_path / "logs").glob("metrics-a-job-*.json")]
    assert len(found) == 2
    assert found[0].keys() == local.keys()
    assert found[0]["numOfEventProcessed"] == local["numOfEventProcessed"] == 2
    assert found[0]["inputRunLatencyMs.count"] == local["inputRunLatencyMs.count"] == 1


def test_the_memory_of_a_key_is_written_beside_the_event_log_if_asked_for(tmp_path) -> None:
    plan = build_plan({"agent": f"runtime_agents:{Remembering.__name__}"}, config={"baseLogDir": str(tmp_path)})
    text = plan.model_dump_json(serialize_as_any=True)
    for reports_memory in (False, True):
        running = Job(AgentOperator(text, "a job: ü", reports_memory=reports_memory), Flink())
        for key in ("a", "b", "a"):
            running.take(key)
        running.operator.close()
        files = list(tmp_path.glob("memory-a-job-*.jsonl"))
        assert len(files) == reports_memory
    lines = [json.loads(line) for line in files[0].read_text().splitlines()]
    assert [line["key"] for line in lines] == ["a", "b", "a"]
    assert [line["values"] for line in lines] == [{"runs": 1}, {"runs": 1}, {"runs": 2}]
    assert lines[0]["attempt_ns"] == lines[2]["attempt_ns"] < lines[0]["at_ns"] < lines[1]["at_ns"] < lines[2]["at_ns"]


def test_an_attempt_writes_each_key_that_it_processes_also_one_without_memory(tmp_path) -> None:
    """The values of the attempt before may have expired, or may be of inputs that are processed again."""
    plan = build_plan({"agent": f"runtime_agents:{Echo.__name__}"}, config={"baseLogDir": str(tmp_path)})
    running = Job(AgentOperator(plan.model_dump_json(serialize_as_any=True), "j", reports_memory=True), Flink())
    for key in ("a", "a"):
        running.take(key)
    running.operator.close()
    (line,) = next(iter(tmp_path.glob("memory-j-*.jsonl"))).read_text().splitlines()
    assert (json.loads(line)["key"], json.loads(line)["values"]) == ("a", {})


def fire_the_earliest(operator: AgentOperator, flink: Flink) -> tuple[str, int, list[object]]:
    """As Flink does when every event-time timer is due; returns the timer's key and time, and what its call emitted."""
    key, at_ms = timer = min(flink.ends, key=lambda timer: timer[1])
    flink.ends = [other for other in flink.ends if other != timer]
    flink.key = key
    return key, at_ms, list(operator.on_timer(at_ms, flink))


def test_at_the_end_of_the_input_waiting_keys_take_turns(job) -> None:
    waiting = job("tests.support.agents.napping:NapAgent")
    flink = waiting.flink
    for key in "abc":
        flink.key = json.dumps(key)
        assert not waiting.operator.process_element(json.dumps({"input": 1, "key": key, "value": 2}), flink)
    assert {timestamp for _, timestamp in flink.ends} == {operator_module._END_OF_INPUT_MS}
    seen = [fire_the_earliest(waiting.operator, flink) for _ in range(10)]
    assert not any(outputs for _, _, outputs in seen)
    turns, looks = seen[::2], seen[1::2]
    assert [key for key, _, _ in turns] == [key for key, _, _ in looks]
    assert sorted(key for key, _, _ in turns[:3]) == ['"a"', '"b"', '"c"']
    assert [key for key, _, _ in turns[3:]] == [key for key, _, _ in turns[:2]]
    assert [at - operator_module._END_OF_INPUT_MS for _, at, _ in turns] == [0, 0, 0, 1, 2]
    assert {at for _, at, _ in looks} == {flink.now_ms}


@pytest.mark.parametrize("stamps", [(5, 5, 7), (NO_STAMP_MS, NO_STAMP_MS, NO_STAMP_MS), (9, 3, 2**63 - 1)])
def test_at_the_end_of_the_input_outputs_have_the_time_stamps_of_their_inputs(stamps: tuple[int, ...]) -> None:
    plan = build_plan({"agent": "tests.support.agents.napping:NapAgent"}, config={})
    flink, operator = Flink(), StreamOperator(plan.model_dump_json(serialize_as_any=True), "j")
    operator.open(flink)
    flink.key = "a"
    for number, stamp in enumerate(stamps):
        flink.stamp = stamp
        assert not operator.process_element(0.05 + number / 100, flink)
    emitted = []
    while flink.ends:
        _, at_ms, outputs = fire_the_earliest(operator, flink)
        emitted += [(output, at_ms) for output in outputs]
    operator.close()
    told = [
        flink.now_ms if stamp == NO_STAMP_MS else min(stamp, operator_module._END_OF_INPUT_MS - 1) for stamp in stamps
    ]
    assert emitted == [(0.05 + number / 100, stamp) for number, stamp in enumerate(told)]


class JavaClass:
    """A class of the JVM, as far as the operator uses it; instances record what they are given."""

    def __init__(self, *arguments: object) -> None:
        self.arguments, self.given = arguments, list[object]()

    def __getattr__(self, method: str):
        return lambda *arguments: JavaClass(self, method, *arguments)

    def update(self, value: object) -> None:
        self.given.append(value)

    set = update


class JavaGroup(JavaClass):
    """A group of Flink's metric system."""

    def histogram(self, name: str, metric: JavaClass) -> JavaClass:
        self.given.append(name)
        return metric

    def gauge(self, name: str, metric: JavaClass) -> None:
        self.given.append(name)


@pytest.fixture
def in_jvm(monkeypatch: pytest.MonkeyPatch):
    """A PyFlink group of thread mode that has nothing but Flink's group: Flink must not call Python for a metric."""
    monkeypatch.setitem(sys.modules, "pemja", SimpleNamespace(findClass=lambda name: JavaClass))
    module = "pyflink.fn_execution.metrics.embedded.metric_impl"
    group = type("MetricGroupImpl", (), {"__module__": module, "_metrics": JavaGroup()})()
    monkeypatch.setattr(JavaClass, "getInterfaces", lambda self: [self], raising=False)
    for static in ("genericMethodType", "publicLookup", "asInterfaceInstance"):
        monkeypatch.setattr(JavaClass, static, JavaClass, raising=False)
    return group


def test_in_thread_mode_a_gauge_has_its_value_in_the_jvm(in_jvm) -> None:
    """A call of Python after the job's interpreter has gone kills the TaskManager."""
    gauge = FlinkMetricGroup(lambda: in_jvm).get_gauge("left")
    gauge.update(4.5)
    assert gauge.flush()
    assert not gauge.flush(), "flushed once"
    gauge.update("none")
    assert gauge.flush()
    assert (in_jvm._metrics.given, gauge._flink.given) == (["left"], [4.5, 0])


def test_in_thread_mode_a_histogram_gets_each_value_of_its_window_once(in_jvm) -> None:
    histogram = FlinkMetricGroup(lambda: in_jvm).get_histogram("size", 3)
    for value in (1, 2):
        histogram.update(value)
    assert histogram.flush()
    assert not histogram.flush()
    for value in (3, 4, 5, 6):
        histogram.update(value)
    assert histogram.flush()
    assert (in_jvm._metrics.given, histogram._flink.arguments) == (["size"], (3,))
    assert histogram._flink.given == [1, 2, 4, 5, 6]


def test_a_limited_operator_limits_each_call_and_only_these(tmp_path) -> None:
    """In thread mode other jobs use the same threads."""
    limit = {"scenario": "calls", "allowed": [], "directory": str(tmp_path)}
    operator = with_limit(Dialling(), limit)
    dialled = [operator.open(None), operator.process_element(1, None), operator.on_timer(1, None), operator.close()]
    assert [operator._operator.errors, dialled[1:3]] == [["NetworkClosedError"] * 4, [["out"], ["late"]]]
    sys.audit("socket.connect", None, ("192.0.2.1", 443))
    assert [path.read_text() for path in tmp_path.iterdir()] == ['{"blocked": "192.0.2.1:443"}\n']
    assert with_limit(operator, None) is operator


class Dialling(KeyedProcessFunction):
    """Reports a connection in each of its methods, as a socket does."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def dial(self, answer: object) -> object:
        try:
            sys.audit("socket.connect", None, ("192.0.2.1", 443))
        except NetworkClosedError as error:
            self.errors.append(type(error).__name__)
        return answer

    def open(self, runtime_context) -> None:
        self.dial(None)

    def process_element(self, value, ctx):
        return self.dial(["out"])

    def on_timer(self, timestamp, ctx):
        return self.dial(["late"])

    def close(self) -> None:
        self.dial(None)
