"""Java tools, actions and models of Python agents on the bundled engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from flink_testbed.core.clock import wait_until
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.run.subject import AgentRefusedError, AllowedNetwork
from pytest_flink_agents.vocabulary import Tier
from tests.bundled_java.conftest import RunJava

pytestmark = [pytest.mark.slow, pytest.mark.cross_language]

TIERS = [Tier.LOCAL, Tier.EMBEDDED]


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the input that calls a tool."""
    return {"tool": tool, "arguments": arguments}


def outputs(evidence: Evidence) -> list[Any]:
    """Return the outputs of a run without a failure."""
    assert evidence.failure is None, evidence.failure
    assert evidence.complete
    return [output.value for output in evidence.outputs]


def failure_of(evidence: Evidence) -> Failure:
    """Return the failure of a run."""
    assert evidence.failure is not None
    return evidence.failure


def jvms() -> list[int]:
    """Return the process ids of JVMs for Java parts that this session has started."""
    return [each.pid for each in psutil.Process().children(recursive=True) if "flinkagents.bridge" in _command(each)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture(autouse=True)
def no_jvm_is_left() -> Iterator[None]:
    """Require that each run has ended its JVM, also a job that failed, whose operator PyFlink does not close."""
    yield
    wait_until(lambda: (None if jvms() else True, str(jvms())), timeout_s=30, what="the end of each JVM")


@pytest.mark.parametrize("tier", TIERS)
def test_a_java_tool_is_called_by_a_python_agent(run_java: RunJava, tier: Tier) -> None:
    evidence = run_java("ToolAgent", call("withTax", amount=3, rate=0.5), call("withTax", amount=1, rate=0), tier=tier)
    assert outputs(evidence) == [{"amount": 3, "gross": 4.5}, {"amount": 1, "gross": 1.0}]
    assert evidence.engine == "bundled"


@pytest.mark.parametrize("tier", TIERS)
def test_a_java_action_has_memory_and_sends_events_to_python(run_java: RunJava, tier: Tier) -> None:
    evidence = run_java("counting", {"item": "tea"}, {"item": "cake"}, tier=tier)
    assert outputs(evidence) == [
        {"item": "tea", "visits": 1, "memory": 1},
        {"item": "cake", "visits": 2, "memory": 2},
    ]
    assert [event.type for event in evidence.events] == ["_input_event", "shop.Visits$Counted", "_output_event"] * 2


def test_a_java_action_gets_the_input_as_upstream_reads_it(run_java: RunJava) -> None:
    value = {"text": "é", "numbers": [1, 2.5, None], "nested": {"on": True}}
    assert outputs(run_java("answering", value)) == [{"java": value}]


def test_values_survive_java_and_keep_their_types(run_java: RunJava) -> None:
    (counts,) = outputs(run_java("values", {}))
    assert counts["wrong"] == []
    assert counts["values"] == 27


def test_values_are_objects_of_the_nearest_java_class(run_java: RunJava) -> None:
    (kinds,) = outputs(run_java("kinds", {}))
    assert [kind.removeprefix("java.") for kind in kinds] == [
        *("lang.Boolean", "lang.Long", "math.BigInteger", "lang.Double", "lang.String", "[B", "math.BigDecimal"),
        *("time.LocalDate", "time.LocalDateTime", "util.ArrayList", "util.LinkedHashMap", "time.OffsetDateTime"),
    ]


def test_a_java_chat_model_asks_for_a_java_tool(run_java: RunJava) -> None:
    evidence = run_java("ChatAgent", "how much?", config={"chat.async": False})
    (answer,) = outputs(evidence)
    assert answer.startswith("hello: ")
    assert "3.0" in answer
    assert "temperature=0.5" in answer


def test_events_arrays_and_resources_cross_the_border(run_java: RunJava) -> None:
    """All in one JVM: an event's id, arrays, an open() that fails once, and two threads that create resources."""
    (found,) = outputs(run_java("bordering", {}, config={"java.call-timeout-ms": 30_000}))
    assert found == {
        "id": True,
        "several": [[1, 2], "NEW", ["x"]],
        "refused": "java.lang.IllegalStateException: not now",
        "then": "opened: true",
        "together": ["opened: true"],
    }


REFUSED = {
    "too large for int": (
        call("withTax", amount=2**31, rate=0.5),
        "parameter 'amount' is 2147483648 (Long), which is no int",
    ),
    "a fraction for int": (
        call("withTax", amount=1.5, rate=0.5),
        "parameter 'amount' is 1.5 (Double), which is no int",
    ),
    "no number": (call("withTax", amount="many", rate=0.5), "parameter 'amount' is many (String), which is no int"),
    "too long for double": (
        call("withTax", amount=1, rate=2**53 + 1),
        "is 9007199254740993 (Long), which is no Double",
    ),
    "missing": (call("withTax", rate=0.5), "needs the parameter 'amount' (int)"),
    "None for int": (call("withTax", amount=None, rate=0.5), "needs the parameter 'amount' (int), and it is None"),
    "no form in Python": (call("odd"), "is of class shop.Prices, which has no form in Python"),
    "nanoseconds": (call("nanos"), "has nanoseconds"),
    "a list for an array": (
        call("total", values=[1, 2]),
        "parameter 'values' is [1, 2] (ArrayList), which is no int[]",
    ),
    "half of a surrogate pair": (call("halved"), "JavaError: java.lang.IllegalStateException: half ? of it"),
    "unknown class": (call("unknown class"), "needs the class shop.Price, which no jar has"),
    "unknown method": (call("unknown method"), "no public method shop.Prices.echo[int]; known: echo[java.lang.Object]"),
    "not static": (call("not static"), "the method is not static"),
    "without annotation": (call("without annotation"), "must be annotated with @Tool"),
    "unknown class of the API": (
        call("unknown class of the API"),
        "there are three ways out: install a flink-agents that holds its jars",
    ),
}


def test_what_does_not_fit_is_refused_by_name(run_java: RunJava) -> None:
    values, words = zip(*REFUSED.values(), strict=True)
    wrong = [
        (name, seen)
        for name, word, seen in zip(REFUSED, words, outputs(run_java("refusing", *values)), strict=True)
        if word not in seen
    ]
    assert wrong == []


@pytest.mark.parametrize("tier", TIERS)
def test_an_exception_in_java_has_both_stack_traces(run_java: RunJava, tier: Tier) -> None:
    failure = failure_of(run_java("ToolAgent", call("fail", reason="sold out"), tier=tier))
    assert (failure.type, failure.action) == ("JavaError", "call")
    assert "java.lang.IllegalStateException: no price: sold out" in failure.message
    assert "at shop.Prices.fail(Prices.java:" in failure.traceback
    assert "Caused by: java.lang.ArithmeticException: the inner one" in failure.traceback
    assert "agents.py" in failure.traceback


def test_an_exception_in_python_passes_through_java(run_java: RunJava) -> None:
    failure = failure_of(run_java("misusing", {}))
    assert "memory path 'value' holds a value" in failure.traceback
    assert "at shop.Visits.misuse(Visits.java:" in failure.traceback


def test_what_a_java_action_cannot_use_is_named(run_java: RunJava) -> None:
    message = failure_of(run_java("unsupported", {})).message
    assert "the bundled engine has no getActionMetricGroup() in the context of a Java action" in message


def test_a_call_that_does_not_return_fails_at_its_deadline(run_java: RunJava) -> None:
    failure = failure_of(run_java("ToolAgent", call("sleep", ms=60_000), config={"java.call-timeout-ms": 2_000}))
    assert failure.type == "JavaTimeoutError"
    assert "did not return within 2 s" in failure.message
    assert "shop.Prices.sleep(Prices.java:" in failure.traceback


def test_many_calls_leave_the_memory_of_both_processes_as_it_is(run_java: RunJava) -> None:
    batches = outputs(run_java("measuring", *[{"calls": 2_000}] * 5))
    for process in ("python", "java"):
        growth = batches[-1][f"{process}_mib"] - batches[1][f"{process}_mib"]
        assert growth < 8, [batch[f"{process}_mib"] for batch in batches]
    assert len({batch["pid"] for batch in batches}) == 1
    assert not psutil.pid_exists(batches[0]["pid"])


def test_a_jvm_that_the_agent_ends_fails_the_action(run_java: RunJava) -> None:
    assert "the JVM ended with exit code 3 during" in failure_of(run_java("ToolAgent", call("exit", code=3))).message


@pytest.mark.parametrize("tier", TIERS)
def test_an_action_that_does_not_exist_refuses_the_agent(run_java: RunJava, tier: Tier) -> None:
    with pytest.raises(AgentRefusedError, match=r"shop.Visits.counts\[.*known: answer\["):
        run_java("missing_action", {}, tier=tier)


def test_without_upstreams_jars_the_three_ways_out_are_named(run_java: RunJava, shop_jar: Any) -> None:
    with pytest.raises(AgentRefusedError) as refused:
        run_java("counting", {}, class_path=[shop_jar])
    for way in ("--flink-agents", "java.class-path", "upstream's engine"):
        assert way in str(refused.value)


def test_a_jar_that_does_not_exist_is_named(run_java: RunJava, api_jar: Any) -> None:
    with pytest.raises(AgentRefusedError, match=r"a jar of the option java.class-path does not exist(?s:.*)no\.jar"):
        run_java("ToolAgent", {}, class_path=[api_jar, api_jar.with_name("no.jar")])


def test_a_closed_network_refuses_java_which_is_not_watched(run_java: RunJava) -> None:
    evidence = run_java("ToolAgent", call("echo", value=1), network=AllowedNetwork("shop"))
    assert (
        "the network of scenario 'shop' is closed, and connections of Java are not watched"
        in failure_of(evidence).message
    )
