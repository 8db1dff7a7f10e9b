"""Recovery with an action state store in memory, in the local host."""

import pytest
import stored_agents
from crashes import Crash, CrashingStore
from flink_agents.plan.configuration import AgentConfiguration
from runtime_agents import TRACE

from flink_agents_runtime.config.options import OptionError
from flink_agents_runtime.engine import event_text, sealed
from flink_agents_runtime.engine.action_record import (
    ActionRecord,
    Execution,
    Place,
    StoreError,
    key_text,
    position_below,
)
from flink_agents_runtime.engine.expiry import wall_ms
from flink_agents_runtime.engine.state import CallRecord
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.build import build_plan
from flink_agents_runtime.stores.memory import MemoryStore
from flink_agents_runtime.stores.settings import open_store


@pytest.fixture(autouse=True)
def _fresh():
    TRACE.clear()
    stored_agents.CRASH_ON.clear()
    stored_agents.RELEASED.clear()


def attempt(store, agent, *records, crash_on=(), observers=(), now_ms=wall_ms, **config):
    """Run and return the outputs; None where the attempt crashed. What was done in it is in TRACE."""
    TRACE.clear()
    stored_agents.CRASH_ON.clear()
    stored_agents.CRASH_ON.update(crash_on)
    plan = build_plan({"agent": f"stored_agents:{agent}"}, config=config)
    inputs = [{"key": key, "value": value} for key, value in records]
    try:
        result = LocalHost(plan, store=store, observers=observers, now_ms=now_ms).run(inputs)
    except Crash:
        return None
    if result.failure is not None:
        raise result.failure
    return [[output.key, output.value] for output in result.outputs]


def test_completed_actions_are_replayed_and_not_run():
    inputs = [("a", 1), ("a", 2), ("a", 3)]
    store = MemoryStore()
    assert attempt(store, "Counting", *inputs, crash_on=["tell 3"]) is None
    assert TRACE == ["count 1", "tell 1", "count 2", "tell 2", "count 3", "tell 3"]
    assert attempt(store, "Counting", *inputs) == [["a", [1, [1]]], ["a", [2, [1, 2]]], ["a", [3, [1, 2, 3]]]]
    assert TRACE == ["tell 3"]


def test_completed_actions_are_known_again_if_ids_are_drawn(monkeypatch):
    monkeypatch.setattr(event_text, "DRAWS_IDS", True)
    monkeypatch.setattr(sealed, "DRAWS_IDS", True)
    store = MemoryStore()
    assert attempt(store, "Counting", ("a", 1), ("a", 2), crash_on=["tell 2"]) is None
    assert attempt(store, "Counting", ("a", 1), ("a", 2)) == [["a", [1, [1]]], ["a", [2, [1, 2]]]]
    assert TRACE == ["tell 2"]


@pytest.mark.parametrize("point", range(15))
def test_no_completed_action_runs_again_after_a_crash_at_any_point(point):
    """An action without a written record runs again."""
    inputs = [("a", 1), ("a", 2)]
    store = CrashingStore()
    store.begin(point)
    died = attempt(store, "Counting", *inputs, observers=[store]) is None
    assert died
    completed = store.completed
    store.begin(None)
    assert attempt(store, "Counting", *inputs) == [["a", [1, [1]]], ["a", [2, [1, 2]]]]
    assert len(TRACE) == 4 - completed


def test_records_of_keys_of_different_types_are_separate():
    keys = [1, "1", True, None, [1], "user_1", "user_1_2", "", "ä_\u2028"]
    inputs = [(key, str(number)) for number, key in enumerate(keys)]
    store = MemoryStore()
    assert attempt(store, "Counting", *inputs, crash_on=["tell 8"]) is None
    outputs = attempt(store, "Counting", *inputs)
    assert sorted(outputs, key=str) == sorted(([key, [value, [value]]] for key, value in inputs), key=str)
    assert TRACE == ["tell 8"]


def test_replayed_memory_keeps_its_age():
    inputs, ttl = [("a", 1), ("a", 2)], {"short-term-memory.state-ttl.ms": 1000}
    for now, seen in ((5_900, [1, 2]), (6_100, [2])):
        store = MemoryStore()
        assert attempt(store, "Counting", *inputs, crash_on=["count 2"], now_ms=lambda: 5_000, **ttl) is None
        outputs = attempt(store, "Counting", *inputs, now_ms=lambda now=now: now, **ttl)
        assert outputs == [["a", [1, [1]]], ["a", [2, seen]]]


def test_equal_events_of_one_action_are_two_executions():
    store = CrashingStore()
    store.begin(None)
    assert attempt(store, "Twins", ("a", "x")) == [["a", 1], ["a", 2]]
    assert TRACE == ["x", "x"]
    # The call of the first twin is recorded, its execution too, the second twin has begun.
    made = []
    for point in range(20):
        store = CrashingStore()
        store.begin(point)
        if attempt(store, "Twins", ("a", "x"), observers=[store]) is not None:
            break
        recorded = sum(store.recorded.values())
        store.begin(None)
        assert attempt(store, "Twins", ("a", "x")) == [["a", 1], ["a", 2]], point
        assert len(TRACE) == 2 - recorded, point
        made.append(len(TRACE))
    assert set(made) == {0, 1, 2}


def test_a_key_with_another_input_drops_its_later_records():
    store = MemoryStore()
    before = [("a", 1), ("b", 10), ("a", 2), ("b", 20), ("a", 3), ("b", 30), ("a", 4), ("c", 0)]
    assert attempt(store, "Counting", *before, crash_on=["tell 4"]) is None
    after = [("a", 1), ("b", 10), ("a", 7), ("b", 20), ("a", 3), ("b", 30)]
    outputs = attempt(store, "Counting", *after, crash_on=["tell 3"])
    assert outputs is None
    assert TRACE == ["count 7", "tell 7", "count 3", "tell 3"]
    outputs = attempt(store, "Counting", *after)
    assert TRACE == ["tell 3"]
    assert [value for key, value in outputs if key == "a"] == [[1, [1]], [7, [1, 7]], [3, [1, 7, 3]]]
    assert [value for key, value in outputs if key == "b"] == [[10, [10]], [20, [10, 20]], [30, [10, 20, 30]]]


def test_a_pending_call_runs_its_reconciler_after_a_crash():
    store = MemoryStore()
    assert attempt(store, "Paying", ("a", 5), crash_on=["pay 5"]) is None
    assert attempt(store, "Paying", ("a", 5)) == [["a", ["reserve 5", "was 5 paid?", "thank 5"]]]
    assert TRACE == ["was 5 paid?", "thank 5"]


def test_a_reconciler_runs_again_after_a_crash_in_it():
    store = MemoryStore()
    attempt(store, "Paying", ("a", 5), crash_on=["pay 5"])
    attempt(store, "Paying", ("a", 5), crash_on=["was 5 paid?"])
    attempt(store, "Paying", ("a", 5))
    assert TRACE == ["was 5 paid?", "thank 5"]


def test_completed_async_actions_are_replayed_in_the_order_they_ended():
    inputs = [("a", 1), ("a", "tell")]
    whole, replayed = CrashingStore(), 0
    whole.begin(None)
    assert attempt(whole, "Racing", *inputs, observers=[whole]) == [["a", "quick"], ["a", "slow"], ["a", "slow"]]
    for point in range(whole.points):
        stored_agents.RELEASED.clear()
        store = CrashingStore()
        store.begin(point)
        assert attempt(store, "Racing", *inputs, observers=[store]) is None
        if store.completed < 3:  # the two, and "tell" that had nothing to do
            continue
        replayed += 1
        store.begin(None)
        assert attempt(store, "Racing", *inputs) == [["a", "quick"], ["a", "slow"], ["a", "slow"]], point
    assert replayed > 3


class Full(MemoryStore):
    """A store that is out of order."""

    def put(self, execution, record):
        raise StoreError("no space left")


@pytest.mark.parametrize(
    ("agent", "value", "message"),
    [
        ("Counting", 1, "record of action 'count' cannot be written: no space left"),
        ("Swallowing", "text", "record of action 'swallow' cannot be written: no space left"),
        ("Swallowing", "lock", r"the outcome of _thread.allocate_lock cannot be recorded \(cannot pickle"),
    ],
)
def test_an_outcome_that_cannot_be_recorded_fails_the_action(agent, value, message):
    store = MemoryStore() if value == "lock" else Full()
    with pytest.raises(Exception, match=message):
        attempt(store, agent, ("a", value))


def test_a_finished_run_leaves_no_records():
    store = MemoryStore()
    for _ in range(2):
        assert attempt(store, "Counting", ("a", 1)) == [["a", [1, [1]]]]
        assert TRACE == ["count 1", "tell 1"]


def test_a_run_after_a_failure_replays_the_completed_actions():
    store = MemoryStore()
    with pytest.raises(Exception, match="two"):
        attempt_of("runtime_agents:FailsOnTwo", store, [1, 2])
    store.rebuild()
    assert store.left_keys() == {'"k"'}
    assert [record.completed for record in store.get('"k"', 1).values()] == [True]


def attempt_of(agent, store, values):
    result = LocalHost(build_plan({"agent": agent}, config={}), store=store).run(
        [{"key": "k", "value": value} for value in values]
    )
    if result.failure is not None:
        raise result.failure


def test_a_record_is_equal_after_serialisation():
    values = {"a": (None,), "b": ([1, 2**70, -0.0, 1e300, "ä\u2028\ud800", {"x": [True]}],), "": {"a": None, "b": None}}
    calls = (CallRecord("m.f", "00", "SUCCEEDED", b"\x00\xff"), CallRecord("m.g", "01", "PENDING"))
    for record in (
        ActionRecord("i", "e", calls),
        ActionRecord(
            "i",
            "e",
            (),
            completed=True,
            rank=3,
            sent=(("t", "{}"),),
            sensory=values,
            short_term={"x": {}},
            touched={"x": 2**41},
        ),
    ):
        again = ActionRecord.from_bytes(record.to_bytes())
        assert again == record
        assert [type(item) for item in again.sensory.values()] == [type(item) for item in record.sensory.values()]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"taskEvent":{}}', b'{"layout":1}', b"\xff"])
def test_a_foreign_record_is_refused(content):
    with pytest.raises(StoreError, match="not an action record"):
        ActionRecord.from_bytes(content)


def test_a_record_of_another_layout_is_refused():
    with pytest.raises(StoreError, match="layout 7"):
        ActionRecord.from_bytes(b'{"layout":7}')


def test_identities_are_unique_and_stable_across_versions():
    """The texts are fixed: a version that changed them would not find older records."""
    assert [key_text(key) for key in (1, "1", True, "user_1", {"b": 1, "a": "ä"})] == [
        "1",
        '"1"',
        "true",
        '"user_1"',
        '{"a": "\\u00e4", "b": 1}',
    ]
    assert position_below(Place("", "a"), 0) == "b3d9e56cd148fc581d900a6c7fc64f12"
    places = [Place("", "a"), Place("", "b"), Place("a", "")]
    positions = {position_below(place, index) for place in places for index in range(3)}
    assert len(positions) == 9


def test_a_memory_store_reads_from_a_marker_and_drops_and_prunes():
    store = MemoryStore()
    executions = [Execution(key, sequence, Place("", "act")) for key in "ab" for sequence in (1, 2, 3)]
    for execution in executions[:3]:
        store.put(execution, ActionRecord("i", "e"))
    marker = store.marker()
    for execution in executions[3:]:
        store.put(execution, ActionRecord("i", "e"))
    assert store.left_keys() == frozenset()
    store.rebuild(marker)
    assert store.left_keys() == {"b"}
    store.rebuild()
    store.prune("a", 1)
    store.drop("b", 3)
    for _ in range(2):
        assert {key: [n for n in (1, 2, 3) if store.get(key, n)] for key in "ab"} == {"a": [2, 3], "b": [1, 2]}
        store.rebuild()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"actionStateStoreBackend": "kafak"}, "cannot be 'kafak': expected one of kafka, fluss"),
        ({"actionStateStoreBackend": ""}, "cannot be ''"),
        ({"actionStateStoreBackend": "Fluss"}, "Fluss action state store.*use kafka"),
        ({"actionStateStoreBackend": "kafka"}, "needs a topic.*kafkaActionStateTopic"),
        ({"actionStateStoreBackend": "KAFKA", "kafkaActionStateTopic": ""}, "needs a topic"),
    ],
)
def test_options_that_name_no_usable_store_are_refused(options, message):
    """The host refuses them too; upstream runs without a store if the name is misspelt."""
    with pytest.raises((PlanError, OptionError), match=message):
        open_store(AgentConfiguration(options), "job")
    plan = build_plan({"agent": "stored_agents:Counting"}, config={})
    plan.config = AgentConfiguration(options)
    with pytest.raises((PlanError, OptionError), match=message):
        LocalHost(plan)


def test_no_store_is_opened_without_the_option():
    assert open_store(AgentConfiguration({}), "job") is None


def test_a_broker_that_does_not_answer_is_an_error():
    from flink_agents_runtime.stores.kafka import KafkaStore
    from flink_agents_runtime.stores.kafka_topic import KafkaTopic

    with pytest.raises(StoreError, match=r"topic 't' at 127\.0\.0\.1:1"):
        KafkaStore(KafkaTopic("127.0.0.1:1", "t", 1, 1), "job", answer_s=1)
